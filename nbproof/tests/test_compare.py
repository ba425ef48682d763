"""Comparing outputs: order, numbers within their tolerance, pictures."""

import base64
import io

import numpy as np
import pytest
from golden_notebooks import printed, raised, shown
from nbformat.v4 import new_output
from PIL import Image

from nbproof.compare import figures, kinds
from nbproof.compare.difference import Tolerance, first_difference, text_difference, worst_tile

TOLERANCE = Tolerance()


def drawn(picture):
    return shown({"image/png": picture, "text/plain": "<Figure>"})


def resized(width):
    how = {"metadata": {"image/png": {"width": width}}} if width else {}
    return shown({"image/png": png(np.zeros((4, 4)))}, **how)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("0.30000000000000004", "0.3000000000000001"),
        ("loss 2.302586", "loss 2.302585"),
        ("tensor([-0.0000,  0.5000])", "tensor([0.0000, 0.5000])"),
        ("0.1234", "0.1235"),  # one unit of the last of four decimals: rounding
        ("1.2345e-02", "1.2346e-02"),
        ("1.0e5 s", "100000.1 s"),
        ("accuracy: 0.9000001.", "accuracy: 0.9."),
        ("[1., 2.]", "[1., 2.000001]"),
    ],
)
def test_numbers_that_agree(stored, new):
    assert text_difference(stored, new, TOLERANCE) is None
    assert text_difference(new, stored, TOLERANCE) is None


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("61706", "61707"),  # integers are exact
        ("torch.Size([28, 28])", "torch.Size([28, 29])"),
        ("28x28", "28x29"),
        ("1000000. of them", "1000001. of them"),  # whole numbers are exact too, in arrays and sentences
        ("0.5", "0.6"),
        ("0.79", "0.80"),
        ("lr 0.0001", "lr 0.0002"),  # a unit of the last place is 100 %
        ("0.0000", "0.0001"),
        ("0.0099", "0.0100"),
        ("7.88e+374", "1.0"),  # too large for a float: letter by letter
        ("2.5", "1.23456E+400"),
        ("color: #6e7781", "color: #1e9999"),
        ("color: #0e1111", "color: #0e2222"),
        ("0.1234", "0.1236"),
        ("12.5 ms", "12.5 s"),  # units too
        ("2.13.0", "2.13.1"),  # a version is no number
        ("1.5", "-1.5"),
        ("1.5", "1.5 1.5"),
        ("1.5\n", "1.5\n2.5\n"),
        ("1.0", "1"),
        ("1.5e3", "1.5e4"),
        ("inf 1.5", "nan 1.5"),
        ("  a", "    a"),  # blanks count where no number stands
        ("", "\n"),
    ],
)
def test_texts_that_differ(stored, new):
    assert text_difference(stored, new, TOLERANCE) is not None
    assert text_difference(new, stored, TOLERANCE) is not None


def test_a_tolerance_of_ones_own():
    assert text_difference("0.5", "0.504", Tolerance(rtol=1e-2)) is None
    assert text_difference("0.5", "0.504", Tolerance(rtol=1e-3)) is not None


def test_the_difference_names_the_line_the_number_and_both_sides():
    difference = text_difference("a\nb 0.5", "a\nb 0.7", TOLERANCE)
    assert str(difference).splitlines() == [
        "line 2: 0.5 became 0.7 (rtol 1e-05, atol 1e-08)",
        "",
        "       stored | new",
        "     1 a      | a",
        ">    2 b 0.5  | b 0.7",
    ]


PICTURE = np.add.outer(np.arange(40), np.arange(60)) + 50
NOISE = np.random.default_rng(0).integers(-1, 2, PICTURE.shape)
PATCH = np.zeros_like(PICTURE)
PATCH[10:14, 20:24] = 100


@pytest.mark.parametrize(
    ("new", "same"),
    [
        (PICTURE, True),
        (PICTURE + NOISE, True),
        (PICTURE + PATCH, False),
        (PICTURE[:-1], False),
        (PICTURE.T, False),
    ],
    ids=["same", "noise", "patch", "one row less", "transposed"],
)
def test_pictures(new, same):
    difference = first_difference([drawn(png(PICTURE))], [drawn(png(new))], TOLERANCE)
    assert (difference is None) == same


PRINTED, DRAWN = printed("1\n"), drawn(png(PICTURE))


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ([PRINTED, DRAWN], [DRAWN, PRINTED]),
        ([PRINTED, DRAWN, PRINTED], [PRINTED, PRINTED, DRAWN]),
        ([PRINTED, DRAWN], [PRINTED]),
        ([PRINTED], [PRINTED, DRAWN]),
        ([DRAWN], [DRAWN, DRAWN]),
        ([DRAWN], [shown({"text/plain": "<Figure>"})]),
        ([PRINTED], [printed("1\n", name="stderr")]),
        ([PRINTED], [new_output("execute_result", {"text/plain": "1"})]),
        ([shown({"text/html": "<b>1</b>"})], [shown({"text/html": "<b>2</b>"})]),
        ([shown({"image/svg+xml": "<a/>"})], [shown({"image/svg+xml": "<b/>"})]),
        ([shown({"application/json": {"a": 1}})], [shown({"application/json": {"a": 2}})]),
        ([raised("ValueError", "no")], [raised("TypeError", "no")]),
        ([raised("ValueError", "no")], [raised("ValueError", "yes")]),
    ],
)  # fmt: skip
def test_outputs_that_differ(stored, new):
    assert first_difference(stored, new, TOLERANCE) is not None
    assert first_difference(stored, stored, TOLERANCE) is None


def test_what_is_new_on_stderr_is_told():
    difference = first_difference([PRINTED], [PRINTED, printed("data.gz is damaged\n", "stderr")], TOLERANCE)
    assert "stderr: data.gz is damaged" in str(difference)


def figure(title="epoch 3", lines=2, legend=("train", "test"), size=(40, 60)):
    described = {"axes": [{"title": title, "legend": list(legend), "lines": lines}]}
    return shown({"image/png": png(PICTURE[: size[0], : size[1]]), figures.TYPE: described})


@pytest.mark.parametrize(
    ("stored", "new", "trained", "same"),
    [
        ([printed("epoch 5: 0.647\n")], [printed("epoch 5: 0.447\n")], (), True),
        ([printed("epoch 5: 0.647\n")], [printed("epoch 5: 0.446\n")], (), False),
        ([printed("epochs: 5, then 0.647\n")], [printed("epochs: 12, then 0.601\n")], (), False),
        ([printed("epochs: 5, then 0.647\n")], [printed("epochs: 12, then 0.601\n")], ["integers"], True),
        ([printed("best epoch:  9")], [printed("best epoch: 10")], ["integers"], True),
        (
            [printed("it moved by -3 at epoch 7.")],
            [printed("it moved by 2 at epoch 12.")],
            ["integers"],
            True,
        ),
        ([printed("after  3 of  0.5")], [printed("after 12 of 0.9")], ["integers"], False),
        ([printed("1e5 of #6e7781")], [printed("7e9 of #6e7781")], ["integers"], False),
        ([resized(60)], [resized(61)], [], True),  # the size follows from the pixels
        ([resized(60)], [resized(None)], [], False),
        ([printed("61,706 weights")], [printed("61,707 weights")], (), False),
        ([PRINTED, DRAWN], [PRINTED, drawn(png(255 - PICTURE))], (), True),
        ([DRAWN], [drawn(png(PICTURE[:30]))], (), False),
        ([figure()], [figure(size=(38, 57))], (), True),  # its ticks have other digits
        ([figure()], [figure(legend=["train", "text"])], ["integers", "titles"], False),
        ([figure()], [figure(lines=3)], ["integers", "titles"], False),
        ([figure()], [figure(title="epoch 4")], ["integers"], False),
        ([figure()], [figure(title="Shirt?")], ["titles"], True),
        ([printed("worst: Shirt\n")], [printed("worst: Coat\n")], ["integers"], False),
        ([PRINTED, DRAWN], [DRAWN, PRINTED], (), False),
        ([PRINTED, DRAWN], [PRINTED], (), False),
        ([printed("1\n")], [printed("1.0\n")], ["integers"], False),
        ([printed("0.9\n")], [printed("nan\n")], (), False),
    ],
)
def test_what_a_band_leaves_to_compare(stored, new, trained, same):
    kind = kinds.Kind("statistical", kinds.STATISTICAL, trained=frozenset(trained))
    assert (first_difference(stored, new, kind.tolerance, kind.seen) is None) == same
    assert first_difference(stored, stored, kind.tolerance, kind.seen) is None


def test_all_words_of_a_figure_are_described():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    assert figures.describe(figure) == {"axes": []}
    figure.suptitle("Both")
    axes = figure.add_subplot(xlabel="epoch", title="b")
    axes.set_title("a", loc="left")
    axes.plot([1, 2])
    described = {"title": "a | b", "x": "epoch", "lines": 1}
    assert figures.describe(figure) == {"axes": [described], "title": "Both"}


def test_the_worst_tile_is_found_wherever_it_is():
    a = np.zeros((37, 50, 3))
    for row, column, size in ((0, 0, 256), (36, 49, 5 * 2), (20, 33, 16 * 16)):
        b = a.copy()
        b[row, column] = 30
        assert worst_tile(a, b) == pytest.approx(30 / size**0.5)
    assert worst_tile(a, a) == 0
