"""Figures to watch: every number in a scene against torch, and what a page holds."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import tensors

from d2lmini import watch
from d2lmini.watch.page import to_script
from d2lmini.watch.picture import draw_panel
from d2lmini.watch.scene import Panel, Scene, Step, to_number

X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
SCENES = {
    "corr2d": watch.corr2d(X, K, padding=1),
    "channels": watch.corr2d(torch.stack([X, X]), torch.stack([torch.stack([K, K])] * 3)),
    "max": watch.pool2d(X, 3, padding=1, stride=1),
    "backward": watch.pool2d_backward(X, K, 2, stride=1),
    "transposed": watch.conv_transpose2d(K, K, stride=2),
    "field": watch.receptive_field(7, [(3,), (3, 2, 1)]),
    "playground": watch.playground(),
}


def numbers(texts: list[str]) -> list[float]:
    return [to_number(text) for text in texts]


def last_texts(scene: Scene) -> list[list[str]]:
    """What stands in the panels at the end."""
    return scene.texts(len(scene.steps) - 1)


def panels(scene: Scene, start: str) -> list[int]:
    """The panels whose names begin so."""
    return [i for i, panel in enumerate(scene.panels) if panel.name.startswith(start)]


def integers(*shape: int) -> st.SearchStrategy[torch.Tensor]:
    return tensors(*shape, dtype=torch.int64)


@given(st.data())
def test_cross_correlation_shows_what_torch_computes(data):
    H, W, kh, kw = (data.draw(st.integers(1, n)) for n in (6, 6, 3, 3))
    ci, co, p, s, d = (
        data.draw(st.integers(low, high)) for low, high in ((1, 3), (1, 2), (0, 2), (1, 3), (1, 2))
    )
    assume(d * (kh - 1) < H + 2 * p and d * (kw - 1) < W + 2 * p)
    X, K = data.draw(integers(ci, H, W)), data.draw(integers(co, ci, kh, kw))
    scene = watch.corr2d(X, K, padding=p, stride=s, dilation=d)
    expected = F.conv2d(X[None].double(), K.double(), None, s, p, d)[0]
    outputs, products = panels(scene, "output"), panels(scene, "products")
    assert len(scene.steps) == expected.numel()
    for value, number in zip(expected.flatten(), range(len(scene.steps)), strict=True):
        texts, step = scene.texts(number), scene.steps[number]
        below = sum(sum(numbers(texts[panel])) for panel in products)
        assert below == value
        assert all(len(step.lit[c]) == kh * kw for c in range(ci))
        assert to_number(step.say.split("= ")[-1]) == value
    shown = [numbers(last_texts(scene)[panel]) for panel in outputs]
    assert shown == expected.flatten(1).tolist()


@given(st.data())
def test_a_pixel_is_crossed_out_when_its_gradient_is_zero(data):
    n, k, p, s, d = (
        data.draw(st.integers(low, high)) for low, high in ((1, 8), (1, 3), (0, 2), (1, 4), (1, 2))
    )
    assume(d * (k - 1) < n + 2 * p)
    scene = watch.corr2d(torch.ones(n, n), torch.ones(k, k), padding=p, stride=s, dilation=d)
    pixels = torch.ones(1, 1, n, n, requires_grad=True)
    F.conv2d(pixels, torch.ones(1, 1, k, k), None, s, p, d).sum().backward()
    unread = F.pad(pixels.grad[0, 0] == 0, [p] * 4).flatten().nonzero().flatten().tolist()
    assert list(scene.panels[0].crossed) == unread


@given(st.data())
def test_pooling_shows_what_torch_computes(data):
    n, k, s = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    p = data.draw(st.integers(0, k // 2))
    X = data.draw(integers(n, n))
    assume(k <= n)
    for mode, torchs in (("max", F.max_pool2d), ("avg", F.avg_pool2d)):
        scene = watch.pool2d(X, k, mode, padding=p, stride=s)
        expected = torchs(X[None].double(), k, s, p)[0].flatten()
        shown = torch.tensor(numbers(last_texts(scene)[1])).double()
        torch.testing.assert_close(shown, expected, rtol=0, atol=5.1e-4)  # three digits of a fraction


def test_height_and_width_may_have_settings_of_their_own():
    scene = watch.corr2d(X, K, padding=(1, 0), stride=(3, 2), dilation=(2, 1))
    expected = F.conv2d(X[None, None], K[None, None], None, (3, 2), (1, 0), (2, 1))
    assert numbers(last_texts(scene)[-1]) == expected.flatten().tolist()
    assert scene.steps[0].lit[0] == [0, 1, 6, 7]


def test_the_padding_of_a_max_may_be_shown_as_the_zero_that_spoils_it():
    X = torch.full((2, 2), -5)
    right, wrong = (watch.pool2d(X, 3, padding=1, stride=1, fill=fill) for fill in (None, 0.0))
    assert right.texts(3)[1] == ["−5"] * 4 and right.texts(3)[0][0] == "−∞"
    assert wrong.texts(3)[1] == ["0"] * 4 and wrong.texts(3)[0][0] == "0"


def test_the_largest_of_a_window_is_picked():
    scene = watch.pool2d(torch.tensor([[1, 5, 2], [0, 3, 9]]), 2, stride=1)
    assert [step.picked for step in scene.steps] == [{0: [1]}, {0: [5]}]


@given(st.data())
def test_the_way_back_through_pooling_is_autograds(data):
    n, k, s = data.draw(st.integers(3, 6)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    X = data.draw(integers(n, n))
    for mode, torchs in (("max", F.max_pool2d), ("avg", F.avg_pool2d)):
        pixels = X.double().requires_grad_()
        Y = torchs(pixels[None], k, s)[0]
        G = data.draw(integers(*Y.shape))
        Y.backward(G.double())
        scene = watch.pool2d_backward(X, G, k, mode, s)
        shown = torch.tensor(numbers(last_texts(scene)[2])).double()
        torch.testing.assert_close(shown, pixels.grad.flatten(), rtol=0, atol=5.1e-4)


@given(st.data())
def test_a_transposed_convolution_shows_what_torch_computes(data):
    H, W, kh, kw, s = (data.draw(st.integers(1, 3)) for _ in range(5))
    p = data.draw(st.integers(0, 1))
    assume((H - 1) * s + kh > 2 * p and (W - 1) * s + kw > 2 * p)
    X, K = data.draw(integers(H, W)), data.draw(integers(kh, kw))
    scene = watch.conv_transpose2d(X, K, padding=p, stride=s)
    full = F.conv_transpose2d(X[None, None].double(), K[None, None].double(), stride=s)[0, 0]
    inside = F.conv_transpose2d(X[None, None].double(), K[None, None].double(), stride=s, padding=p)[0, 0]
    texts = last_texts(scene)[3]
    assert numbers(texts) == full.flatten().tolist()
    kept = [to_number(text) for cell, text in enumerate(texts) if not scene.panels[3].is_padding(cell)]
    assert kept == inside.flatten().tolist()


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 1)), min_size=1, max_size=3))
def test_a_receptive_field_is_the_gradient_of_one_pixel(layers):
    n = 7
    sizes = [n]
    for k, s, p in layers:
        sizes.append((sizes[-1] + 2 * p - k) // s + 1)
    assume(min(sizes) >= 1)
    scene = watch.receptive_field(n, layers)
    assert len(scene.steps) == sizes[-1] ** 2
    for number in (0, len(scene.steps) - 1):
        pixels = torch.zeros(1, 1, n, n, dtype=torch.float64, requires_grad=True)
        Y = pixels
        for k, s, p in layers:
            Y = F.conv2d(Y, torch.ones(1, 1, k, k, dtype=torch.float64), stride=s, padding=p)
        Y.flatten()[number].backward()
        shown = [to_number(text or "0") for text in scene.texts(number)[0]]
        assert shown == pixels.grad.flatten().tolist()


def test_the_sentence_names_the_pixels_that_are_seen():
    scene = watch.receptive_field(6, [(3, 2, 1)])
    assert scene.steps[0].say.endswith("sees rows 0 to 1, columns 0 to 1 of the input: 4 pixels")
    assert scene.steps[-1].say.endswith("sees rows 3 to 5, columns 3 to 5 of the input: 9 pixels")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: watch.corr2d(X, K.double()), "`X` (torch.int64) and `K` (torch.float64) must have"),
        (lambda: watch.corr2d(torch.stack([X, X]), K), "`X` has 2 channels but `K`"),
        (lambda: watch.corr2d(K, X), "the kernel reaches over 3 pixels"),
        (lambda: watch.corr2d(X, K, stride=0), "`stride` (=0) must be at least 1."),
        (lambda: watch.pool2d(X, 2, mode="mean"), "`mode` (='mean') must be"),
        (
            lambda: watch.pool2d_backward(X, X, 2),
            "`G` must have the shape of the output, (1, 1), got (3, 3).",
        ),
        (lambda: watch.conv_transpose2d(K, K, padding=2), "the output would have"),
        (lambda: watch.receptive_field(7, []), "`layers` must name at least one layer"),
        (lambda: watch.playground(n=11), "`n` (=11) must be at most 10"),
        (lambda: watch.playground(n=1, kernel_size=4, padding=0), "the kernel reaches over 4 pixels"),
        (lambda: Scene("empty", [], []), "a scene needs a panel and a step, got 0 panels and 0 steps."),
        (lambda: Scene("", [Panel("a", [["1"], []])], [Step("")]), "the rows of panel 'a' must be"),
        (lambda: Scene("", [Panel("a", [["1"]])], [Step("", lit={0: [1]})]), "step 0 names cells [1]"),
    ],
)
def test_what_cannot_be_shown_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call()


@pytest.mark.parametrize("name", SCENES)
def test_a_figure_is_small_the_same_every_time_and_asks_for_nothing(name):
    shown = SCENES[name]._repr_mimebundle_()
    assert shown == SCENES[name]._repr_mimebundle_()
    html = shown["text/html"]
    assert len(html.encode()) < 60_000
    addresses = set(re.findall(r"https?://[^\s'\"<>]+", html))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which nobody asks for
    assert not re.search(r"\bid=", html)


@pytest.mark.parametrize("name", SCENES)
def test_every_panel_has_a_drawing_with_words_where_no_script_runs(name):
    scene = SCENES[name].scene if name == "playground" else SCENES[name]
    before_the_script = SCENES[name]._repr_mimebundle_()["text/html"].split("<style>")[0]
    drawings = re.findall(r'<img alt="([^"]+)" src="data:image/svg\+xml,([^"]+)">', before_the_script)
    assert [alt.split(":")[0] for alt, _ in drawings] == [panel.name for panel in scene.panels]
    last = last_texts(scene)
    for panel, texts, (_, address) in zip(scene.panels, last, drawings, strict=True):
        drawn = ElementTree.fromstring(address.replace("%23", "#").replace("%22", '"').replace("%25", "%"))
        written = [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
        assert written[0] == panel.name
        assert panel.passing or written[1:] == texts


def test_a_drawing_of_all_panels_is_an_svg():
    svg = SCENES["corr2d"]._repr_mimebundle_()["image/svg+xml"]
    assert len(ElementTree.fromstring(svg)) == 1 + len(SCENES["corr2d"].panels)  # the title, and each panel


def test_the_cells_of_a_panel_stand_in_its_rows_and_columns():
    svg = draw_panel(Panel("wide", [["1", "2", "3"], ["4", "5", "6"]]), list("123456"), (6, False))
    rects = [rect for rect in ElementTree.fromstring(svg) if rect.tag.endswith("rect")]
    places = [(float(rect.get("y")), float(rect.get("x"))) for rect in rects]
    rows, columns = (sorted({place[axis] for place in places}) for axis in (0, 1))
    assert places == [(row, column) for row in rows for column in columns] and len(columns) == 3
    assert {b - a for some in (rows, columns) for a, b in pairwise(some)} == {float(rects[0].get("width"))}


def test_a_scale_is_of_what_is_shown():
    scene = Scene(
        "x", [Panel("in", [["9", "1"]])], [Step("", write={0: {0: "2"}}), Step("", write={0: {1: "−3"}})]
    )
    assert scene.scales() == [(3, True)]


def test_data_can_not_end_the_script_it_stands_in():
    text = to_script({"title": "</script><b>"})
    assert "<" not in text and json.loads(text) == {"title": "</script><b>"}
