"""The figures to watch and the playground, in a browser: they move, and what they compute is right."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect

from d2lmini import corr2d, watch
from d2lmini.watch.page import words
from d2lmini.watch.playground import picture
from d2lmini.watch.scene import Scene, to_text

X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
NEGATIVE = torch.arange(16).reshape(4, 4) - 16
SCENES = {
    "padding, stride and dilation": watch.corr2d(X, K, padding=2, stride=(1, 2), dilation=(2, 1)),
    "channels": watch.corr2d(torch.stack([X, -X]), torch.stack([torch.stack([K, K - 2])] * 2)),
    "max": watch.pool2d(NEGATIVE, 3, padding=1, stride=2),
    "average": watch.pool2d(X, 2, "avg", stride=1),
    "back": watch.pool2d_backward(X, K, 2, stride=1),
    "transposed": watch.conv_transpose2d(K - 2, K, stride=2, padding=1),
    "field": watch.receptive_field(7, [(3,), (3, 2, 1)]),
}
WEIGHTS = (torch.arange(25).reshape(5, 5) * 7 % 11 - 5) / 2  # negative ones and halves among them
GRID = list(product((1, 4, 7, 10), range(1, 6), range(5), range(1, 5), range(1, 4)))  # n, k, p, s, d


def shown(page: Page, figure: object) -> Locator:
    """A page with one figure, as a notebook's output would hold it."""
    html = figure._repr_mimebundle_()["text/html"]
    page.set_content(f'<!doctype html><html lang="en"><meta charset="utf-8"><body>{html}</body></html>')
    return page.locator("figure.d2l-watch")


@pytest.fixture
def page(chromium: Browser):
    context = chromium.new_context()
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda fault: errors.append(fault))  # a bound method of a list is refused
    yield page
    context.close()
    assert not errors


def said(scene: Scene, step: int) -> list[str]:
    """What each panel should say at a step."""
    return [words(panel, texts) for panel, texts in zip(scene.panels, scene.texts(step), strict=True)]


@pytest.mark.parametrize("name", SCENES)
def test_every_step_shows_what_the_scene_says(page, name):
    scene = SCENES[name]
    figure = shown(page, scene)
    for number, step in enumerate(scene.steps):
        expect(figure.locator("figcaption")).to_have_text(step.say)
        expect(figure.locator(".count")).to_have_text(f"step {number + 1} of {len(scene.steps)}")
        panels = figure.locator("svg").all()
        assert [panel.get_attribute("aria-label") for panel in panels] == said(scene, number)
        for i, panel in enumerate(panels):
            frames = {*step.lit.get(i, ()), *step.picked.get(i, ())}
            assert panel.locator("rect.lit, rect.picked").count() == len(frames)
        if number + 1 < len(scene.steps):
            figure.get_by_role("button", name="Next").click()
    expect(figure.get_by_role("button", name="Next")).to_be_disabled()


def test_keys_alone_step_through_a_figure(page):
    figure = shown(page, SCENES["average"])
    page.keyboard.press("Tab")  # Back is disabled, so this is Play
    expect(figure.get_by_role("button", name="Play")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(figure.locator(".count")).to_have_text("step 2 of 4")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Next
    expect(figure.locator(".count")).to_have_text("step 3 of 4")
    page.keyboard.press("Tab")
    expect(figure.get_by_role("slider")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(figure.locator(".count")).to_have_text("step 2 of 4")


def test_it_plays_to_the_end_and_stops(page):
    figure = shown(page, SCENES["average"])
    figure.get_by_role("button", name="Play").click()
    expect(figure.get_by_role("button", name="Stop")).to_be_visible()
    expect(figure.locator(".count")).to_have_text("step 4 of 4", timeout=30_000)
    expect(figure.get_by_role("button", name="Play")).to_be_visible()


def test_nothing_moves_by_itself_for_readers_who_asked_for_that(chromium):
    with chromium.new_context(reduced_motion="reduce") as context:
        figure = shown(context.new_page(), SCENES["average"])
        expect(figure.get_by_role("button", name="Play")).to_be_hidden()
        expect(figure.get_by_role("button", name="Next")).to_be_visible()


def test_without_scripts_there_are_pictures(chromium):
    with chromium.new_context(java_script_enabled=False) as context:
        figure = shown(context.new_page(), SCENES["max"])
        for image in figure.locator("img").all():
            box = image.bounding_box()
            assert box is not None and box["width"] > 60 and box["height"] > 60  # drawn, not broken


# --- the playground -----------------------------------------------------------------------------

# Sets every setting as a reader does, goes to the last step, and tells what stands there.
TRY_ALL = """grid => {
    const figure = document.querySelector("figure.d2l-watch");
    const change = (input, value) => {
        input.value = value;
        input.dispatchEvent(new Event("input"));
    };
    return grid.map(values => {
        values.forEach((value, i) => change(figure.querySelector(`input[name=${"nkpsd"[i]}]`), value));
        if (figure.querySelector(".reason")) return { reason: figure.querySelector(".reason").textContent };
        const slider = figure.querySelector("input[type=range]");
        change(slider, slider.max);
        return {
            formula: figure.querySelector(".sizes").textContent,
            steps: Number(slider.max) + 1,
            output: [...figure.querySelectorAll("svg")].at(-1).getAttribute("aria-label"),
            crossed: figure.querySelectorAll("path.cross").length,
        };
    });
}"""


def by_the_package(n: int, k: int, p: int, s: int, d: int) -> torch.Tensor | None:
    """The output that the package computes; None where a setting is impossible."""
    reach = d * (k - 1) + 1
    if reach > n + 2 * p:
        return None
    stretched = torch.zeros(reach, reach)
    stretched[::d, ::d] = WEIGHTS[:k, :k]
    framed = torch.zeros(n + 2 * p, n + 2 * p)
    framed[p : p + n, p : p + n] = picture(n)
    return corr2d(framed, stretched)[::s, ::s]


def unread(n: int, k: int, p: int, s: int, d: int, size: int) -> int:
    """Pixels of the picture that no window reads."""
    read = {i * s + a * d - p for i in range(size) for a in range(k)} & set(range(n))
    return n * n - len(read) ** 2


def test_the_playground_computes_what_the_package_computes(page):
    figure = shown(page, watch.playground(n=10, kernel_size=5, padding=4))
    for row, column in product(range(5), range(5)):
        field = figure.get_by_label(f"weight in row {row}, column {column}")
        field.fill(str(WEIGHTS[row, column].item()))
    found = page.evaluate(TRY_ALL, GRID)
    possible = 0
    for setting, there in zip(GRID, found, strict=True):
        expected = by_the_package(*setting)
        if expected is None:
            n, k, p, _, d = setting
            assert f"reaches over {d * (k - 1) + 1} pixels" in there["reason"], setting
            assert f"has only {n + 2 * p}" in there["reason"], setting
            continue
        possible += 1
        size = len(expected)
        rows = "; ".join(" ".join(to_text(value) for value in row) for row in expected)
        assert there["output"] == f"output: {rows}", setting
        assert there["steps"] == size * size, setting
        assert f"⌋ + 1 = {size}." in there["formula"], setting
        assert there["crossed"] == unread(*setting, size), setting
    assert possible >= 300 and len(GRID) - possible >= 100


def test_what_is_no_setting_is_refused_with_the_reason(page):
    figure = shown(page, watch.playground())
    figure.get_by_label("s (stride)").fill("0")
    expect(figure.locator(".reason")).to_have_text("s (stride) must be an integer from 1 to 4 here.")
    expect(figure.locator(".panels")).to_be_hidden()
    figure.get_by_label("s (stride)").fill("1")
    expect(figure.locator(".reason")).to_have_count(0)
    expect(figure.locator(".panels")).to_be_visible()
    expect(figure.locator(".sizes")).to_contain_text("= 8.")


def test_a_setting_changed_while_it_plays_stops_the_old_scene(page):
    figure = shown(page, watch.playground())
    figure.get_by_role("button", name="Play").click()
    figure.get_by_label("p (padding)").fill("0")
    expect(figure.get_by_role("button", name="Play")).to_be_visible()
    sentence = figure.locator("figcaption").text_content()
    page.wait_for_timeout(1500)  # a timer that went on would have taken a step
    expect(figure.locator("figcaption")).to_have_text(sentence)


def test_a_playground_starts_with_the_scene_that_its_pictures_show(page):
    playground = watch.playground(n=6, kernel_size=2, padding=1, stride=3)
    figure = shown(page, playground)
    for number in range(len(playground.scene.steps)):
        labels = [panel.get_attribute("aria-label") for panel in figure.locator("svg").all()]
        assert labels == said(playground.scene, number)
        expect(figure.locator("figcaption")).to_have_text(playground.scene.steps[number].say)
        if number + 1 < len(playground.scene.steps):
            figure.get_by_role("button", name="Next").click()
