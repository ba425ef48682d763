"""The figures: sizes, panels, colours and their limits, what is written where."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from d2lmini import plot
from d2lmini.plot import (
    show_confusion,
    show_curves,
    show_image,
    show_images,
    show_matrix,
    show_rows,
    show_signed,
    show_steps,
)

TABLE = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 8.0]])  # 2 x 3: rows aren't columns


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def image_of(ax: Axes) -> tuple[list, str, tuple[float, float]]:
    """The one image of a panel: its values, its colours, and their limits."""
    (image,) = ax.images
    return image.get_array().tolist(), image.get_cmap().name, image.get_clim()


def texts_of(ax: Axes) -> dict[tuple[float, float], str]:
    """{(x, y): what is written there}; all of it in the middle of its place."""
    assert all((text.get_ha(), text.get_va()) == ("center", "center") for text in ax.texts)
    return {text.get_position(): text.get_text() for text in ax.texts}


def grid_of(figure: Figure) -> tuple[int, int]:
    return figure.axes[0].get_gridspec().get_geometry()


def size_of(ax: Axes) -> list[float]:
    return ax.figure.get_size_inches().tolist()


@pytest.mark.parametrize("image", [TABLE, TABLE[None], TABLE.numpy(), TABLE.clone().requires_grad_()])
def test_an_image_is_grey_from_its_smallest_to_its_largest(image):
    ax = show_image(image, "shoe")
    assert image_of(ax) == (TABLE.tolist(), "gray", (0, 8))  # small is black
    assert size_of(ax) == [2.5, 2.5] and ax.get_title() == "shoe"
    assert ax.get_xticks().size == ax.get_yticks().size == 0
    assert to_hex(ax.images[0].get_cmap()(0.0)) == "#000000"


def test_what_is_no_picture_of_one_channel_stays_as_it_is():
    for shape in ((3, 4), (2, 3, 4), (1, 4), (1, 1, 3, 4)):
        assert plot.to_numpy(torch.zeros(shape)).shape == shape


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: show_image(TABLE, ax=ax),
        lambda ax: show_matrix(TABLE, ax=ax),
        lambda ax: show_signed(TABLE, ax=ax),
        lambda ax: show_curves({"a": [1.0]}, ax=ax),
        lambda ax: show_confusion(TABLE.int(), ["x", "y"], ax=ax),
    ],
)
def test_axes_that_are_given_are_drawn_on(draw):
    figure, ax = plt.subplots()
    assert draw(ax) is ax and len(ax.images) + len(ax.lines) == 1
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("count", "columns", "grid", "titled", "plain"),
    [
        (5, 3, (2, 3), [3.6, 3.0], [3.6, 2.52]),
        (3, 8, (1, 3), [3.6, 1.5], [3.6, 1.26]),
        (8, 4, (2, 4), [4.8, 3.0], [4.8, 2.52]),
    ],
)
def test_images_stand_in_rows(count, columns, grid, titled, plain):
    images = torch.arange(count * 4.0).reshape(count, 1, 2, 2)
    names = [f"image {i}" for i in range(count)]
    figure = show_images(images, names, columns)
    assert grid_of(figure) == grid
    for i, ax in enumerate(figure.axes):
        assert not ax.axison
        if i < count:
            assert image_of(ax)[:2] == (images[i, 0].tolist(), "gray")
        else:
            assert not ax.images
        assert ax.get_title() == (names[i] if i < count else "")
    assert figure.axes[0].title.get_fontsize() == 8
    assert_allclose(figure.get_size_inches(), titled)
    without = show_images(images, columns=columns)
    assert_allclose(without.get_size_inches(), plain)
    assert {ax.get_title() for ax in without.axes} == {""}
    assert_allclose(show_images(images, columns=columns, scale=2.4).get_size_inches(), 2 * np.array(plain))


def test_eight_images_stand_in_a_row():
    assert grid_of(show_images(torch.zeros(1, 2, 2))) == (1, 1)
    assert grid_of(show_images(torch.zeros(8, 2, 2))) == (1, 8)
    assert grid_of(show_images(torch.zeros(9, 2, 2))) == (2, 8)


def test_a_matrix_shows_its_numbers_on_pale_grey():
    ax = show_matrix(TABLE, "numbers", fmt=".1f")
    values, colours, limits = image_of(ax)
    assert (values, colours) == (TABLE.tolist(), "gray")
    assert_allclose(limits, (-12, 8.8))  # span 8: half as much again below, a tenth above
    assert texts_of(ax) == {(j, i): f"{TABLE[i, j]:.1f}" for i in range(2) for j in range(3)}
    assert {text.get_color() for text in ax.texts} == {"black"}
    assert_allclose(size_of(ax), [1.8, 1.5])
    assert_allclose(ax.get_xticks(), [-0.5, 0.5, 1.5, 2.5])  # lines between the cells
    assert_allclose(ax.get_yticks(), [-0.5, 0.5, 1.5])
    lines = [*ax.get_xgridlines(), *ax.get_ygridlines()]
    assert {(line.get_color(), line.get_linewidth(), line.get_visible()) for line in lines} == {
        ("white", 1, True)
    }
    assert {tick.tick1line.get_markersize() for tick in ax.xaxis.get_major_ticks()} == {0}
    assert not any(label.get_text() for label in (*ax.get_xticklabels(), *ax.get_yticklabels()))
    assert not any(spine.get_visible() for spine in ax.spines.values())
    assert ax.get_title() == "numbers" and not ax.patches


def test_a_matrix_of_one_value_has_limits_too():
    low, high = image_of(show_matrix(torch.full((2, 2), 3.0)))[2]
    assert low < 3 < high < 3.001 and low > 2.999
    low, high = image_of(show_matrix(torch.zeros(2, 2), signed=True))[2]
    assert -1e-11 < low < 0 < high < 1e-11
    assert image_of(show_signed(torch.zeros(2, 2)))[2] == (-1e-12, 1e-12)


def test_signed_numbers_are_red_and_blue_about_zero():
    values = torch.tensor([[-4.0, 1.0, 2.0]])
    assert image_of(show_matrix(values, signed=True)) == (values.tolist(), "RdBu_r", (-8, 8))
    assert image_of(show_signed(values, "k")) == (values.tolist(), "RdBu_r", (-4, 4))
    ax = show_signed(values, "k", limit=2.0)
    assert image_of(ax)[2] == (-2, 2) and ax.get_title() == "k"
    assert size_of(ax) == [2.5, 2.5] and ax.get_xticks().size == ax.get_yticks().size == 0
    red, _, _, _ = ax.images[0].get_cmap()(0.9)
    assert red > 0.6  # what is positive


def test_a_window_is_framed():
    ax = show_matrix(torch.zeros(4, 5), highlight=(1, 2, 3, 2))
    below, above = ax.patches
    for frame in (below, above):
        assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((1.5, 0.5), 2, 3)
        assert (frame.get_fill(), frame.get_zorder(), frame.get_clip_on()) == (False, 3, False)
    assert (to_hex(below.get_edgecolor()), below.get_linewidth()) == ("#000000", 5)
    assert (to_hex(above.get_edgecolor()), above.get_linewidth()) == (to_hex("tab:orange"), 3)


BYTES = (10 * TABLE).byte()
WIDE = torch.linspace(-8, 6, 24).reshape(3, 8)  # one pixel wider than what gets dashes


def test_rows_have_their_names_on_the_left_and_titles_above():
    figure = show_rows({"drawn": [BYTES, TABLE - 2, WIDE], "trained": [None, TABLE, WIDE]}, ["a", "b", "c"])
    assert grid_of(figure) == (2, 3)
    assert_allclose(figure.get_size_inches(), [3.3, 2.3])
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "", "", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["drawn", "", "", "trained", "", ""]
    assert {ax.title.get_fontsize() for ax in figure.axes[:3]} == {8}
    assert figure.axes[0].yaxis.label.get_fontsize() == 8
    assert all(ax.get_xticks().size == ax.get_yticks().size == 0 for ax in figure.axes)


def test_bytes_are_grey_and_floats_are_signed():
    figure = show_rows({"": [BYTES[None], (TABLE - 2)[None]], "none": [None, WIDE]}, scale=2)
    image, small, empty, wide = figure.axes
    assert image_of(image) == (BYTES.tolist(), "gray", (0, 80))
    assert image_of(small) == ((TABLE - 2).tolist(), "RdBu_r", (-6, 6))
    assert image_of(wide)[1:] == ("RdBu_r", (-8, 8))  # a scale of its own
    assert not empty.images and not any(spine.get_visible() for spine in empty.spines.values())
    assert all(spine.get_visible() for ax in (image, small, wide) for spine in ax.spines.values())
    assert_allclose(figure.get_size_inches(), [4.3, 4.3])


def test_rows_may_share_one_scale():
    figure = show_rows({"": [TABLE - 2, WIDE]}, limit=2.5)
    assert [image_of(ax)[2] for ax in figure.axes] == [(-2.5, 2.5)] * 2


def test_negative_numbers_of_small_pictures_have_a_dash():
    figure = show_rows({"": [TABLE - 2, TABLE, WIDE, WIDE[:, 1:], BYTES]})
    (dashes,), (none,), wide, (seven,), grey = (ax.lines for ax in figure.axes)
    assert dashes.get_xydata().tolist() == [[0, 0], [1, 0]]  # x, y of −2 and −1; 0 is not negative
    assert (dashes.get_marker(), dashes.get_linestyle(), dashes.get_color()) == ("_", "None", "black")
    assert dashes.get_markersize() == 4
    assert none.get_xydata().size == 0 and not wide and not grey
    assert len(seven.get_xydata()) == (WIDE[:, 1:] < 0).sum()


def test_steps_have_cells_of_one_size():
    """Two steps of 3 + 1 columns: half an inch a cell, 0.8 inches beside each."""
    figure = show_steps([("input", TABLE), ("kernel", TABLE[:1, :1])], fmt=".2f", signed=True)
    assert_allclose(figure.get_size_inches(), [0.5 * 4 + 1.6, 0.5 * 2 + 0.6])
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("input", "kernel")
    assert image_of(left)[1:] == ("RdBu_r", (-16, 16))
    assert texts_of(left)[(2, 1)] == "8.00" and texts_of(right) == {(0, 0): "0.00"}
    assert left.get_ylim() == (1.5, -0.5) and right.get_ylim() == (1, -1)  # two rows high, both
    assert left.get_subplotspec().get_gridspec().get_width_ratios() == [3, 1]
    plain = show_steps([("", TABLE)]).axes[0]
    assert image_of(plain)[1] == "gray" and texts_of(plain)[(2, 1)] == "8"


def test_many_steps_are_nine_inches_wide():
    figure = show_steps([("", torch.zeros(3, 10))] * 4)
    assert_allclose(figure.get_size_inches(), [9, 3 * (9 - 3.2) / 40 + 0.6])


@pytest.mark.parametrize("length", [1, 2, 7])
def test_curves_begin_at_one_and_differ_without_colour(length):
    curves = {f"curve {i}": [i + 0.1 * j for j in range(length)] for i in range(36)}
    ax = show_curves(curves, ylabel="loss")
    assert len(ax.lines) == 36
    for line, (name, values) in zip(ax.lines, curves.items(), strict=True):
        assert (list(line.get_xdata()), list(line.get_ydata())) == (list(range(1, length + 1)), values)
        assert (line.get_label(), line.get_marker()) == (name, "o" if length == 1 else "")
    assert [line.get_linestyle() for line in ax.lines[:5]] == ["-", "--", "-.", ":", "-"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss") and size_of(ax) == [4.5, 3]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(curves)
    assert length == 1 or all(tick == int(tick) for tick in ax.get_xticks())
    assert {line.get_alpha() for line in ax.get_xgridlines()} == {0.3}


def test_no_curves_need_no_legend():
    ax = show_curves({"empty": []}, xlabel="step")
    assert ax.lines[0].get_marker() == "" and ax.get_xlabel() == "step"
    assert show_curves({}).get_legend() is None


def test_a_confusion_matrix_has_the_truth_in_its_rows():
    counts = torch.tensor([[90, 10], [0, 99]])
    ax = show_confusion(counts, ["coat", "shirt"])
    values, colours, limits = image_of(ax)
    assert_allclose(values, np.log1p(counts.numpy()))
    assert colours == "Greys"
    assert_allclose(limits, (0, 1.6 * np.log(100)))
    assert texts_of(ax) == {(0, 0): "90", (1, 0): "10", (0, 1): "0", (1, 1): "99"}
    assert {text.get_fontsize() for text in ax.texts} == {8} and size_of(ax) == [6.5, 6]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    for axis, turned in ((ax.xaxis, (45, "right")), (ax.yaxis, (0, "right"))):
        assert axis.get_ticklocs().tolist() == [0, 1]
        for label, name in zip(axis.get_ticklabels(), ("coat", "shirt"), strict=True):
            assert (label.get_text(), label.get_fontsize()) == (name, 8)
            assert (label.get_rotation(), label.get_ha()) == turned


def test_samples_stand_over_their_counts():
    counts, bright = torch.tensor([[90, 10], [0, 99]]), torch.full((1, 5, 4), 7.0)
    ax = show_confusion(counts, ["coat", "shirt"], {(0, 1): bright, (1, 1): 2 * bright})
    assert_allclose(size_of(ax), [8, 7.9])
    heat, pictures = ax.images
    assert_allclose(heat.get_array(), np.log1p(counts.numpy()))
    assert texts_of(ax) == {(0, 0.38): "90", (1, 0.38): "10", (0, 1.38): "0", (1, 1.38): "99"}
    assert pictures.get_cmap().name == "gray" and pictures.get_extent() == [-0.5, 1.5, 1.5, -0.5]
    drawn = np.ma.filled(pictures.get_array(), np.nan)  # cells of 7 x 7 pixels
    assert drawn.shape == (14, 14)
    for row, column, level in ((0, 1, 7), (1, 1, 14)):
        cell = drawn[7 * row : 7 * row + 7, 7 * column : 7 * column + 7]
        assert (cell[0:5, 1:5] == level).all() and np.isfinite(cell).sum() == 20
    assert np.isfinite(drawn).sum() == 40  # the other cells, and the room for the counts, show what is below


COLOURS = torch.stack([torch.zeros(5, 4), torch.full((5, 4), 0.5), torch.full((5, 4), 2.0)])  # (3, 5, 4)


def test_colours_are_drawn_with_the_channels_last():
    drawn = show_image(COLOURS).images[0].get_array()
    assert drawn.shape == (5, 4, 3) and drawn[0, 0].tolist() == [0, 0.5, 1]
    drawn = show_image((COLOURS * 200).long()).images[0].get_array()
    assert drawn.dtype == np.uint8 and drawn[0, 0].tolist() == [0, 100, 255]
    figure = show_images(torch.stack([COLOURS, COLOURS]), ["a", "b"])
    assert [ax.images[0].get_array().shape for ax in figure.axes] == [(5, 4, 3)] * 2


@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16, torch.float16, torch.uint8, torch.bool])
def test_every_dtype_is_drawn(dtype):
    values = torch.tensor([[0, 1], [1, 1]]).to(dtype)
    show_image(values)
    show_matrix(values)
    assert show_signed(values).images[0].get_clim() == (-1, 1)


def test_the_lowest_byte_is_as_far_from_zero_as_it_is():
    values = torch.full((2, 2), -128, dtype=torch.int8)
    assert show_signed(values).images[0].get_clim() == (-128, 128)
    assert show_matrix(values, signed=True).images[0].get_clim() == (-256, 256)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: show_images(torch.zeros(3, 4, 4), ["a"]), r"`titles` \(1\) .* images \(3\)"),
        (lambda: show_images(torch.zeros(1, 4, 4), ["a", "b"]), r"`titles` \(2\)"),
        (lambda: show_rows({"": torch.zeros(3, 4, 4)}, ["a"]), r"`titles` \(1\) .* images \(3\)"),
        (lambda: show_rows({"a": [TABLE], "b": [TABLE, TABLE]}), r"same number of pictures, got \[1, 2\]"),
        (lambda: show_images(torch.zeros(0, 4, 4)), "at least one image"),
        (lambda: show_rows({"": []}), "at least one image"),
        (lambda: show_rows({}), "at least one image"),
        (lambda: show_rows({"": torch.zeros(1, 2, 4, 4)}), r"got \(2, 4, 4\)"),
        (lambda: show_images(torch.zeros(1, 2, 4, 4)), r"got shape \(2, 4, 4\)"),
        (lambda: show_confusion(TABLE, [], {(0, 0): torch.zeros(2, 4, 4)}), r"got \(2, 4, 4\)"),
        (
            lambda: show_confusion(TABLE, [], {(0, 0): TABLE, (0, 1): TABLE[:1]}),
            r"one shape, got \[\(1, 3\), \(2, 3\)\]",
        ),
        (lambda: show_steps([]), "at least one image"),
        (lambda: show_image(torch.zeros(4, 4, 3)), r"\(3, H, W\), got shape \(4, 4, 3\)"),
        (lambda: show_image(torch.zeros(4)), r"got shape \(4,\)"),
        (lambda: show_matrix(torch.zeros(3, 4, 4)), r"\(H, W\), or \(1, H, W\), got \(3, 4, 4\)"),
        (lambda: show_signed(torch.zeros(2, 4, 4)), r"got \(2, 4, 4\)"),
    ],
)
def test_what_cant_be_drawn_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
