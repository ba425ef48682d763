"""The chapters in JupyterLab: they open, Run All Cells finishes, and the outputs are there."""

from __future__ import annotations

import nbformat
import pytest
from conftest import ROOT, Lab
from nbproof.notebooks.select import select
from playwright.sync_api import Locator, expect

from nbproof import settings

QUICK = [file.name for file in select(settings.load(ROOT), fast=True)]  # the chapters that train nothing

# For each cell of code, the kinds of its outputs. A picture must have arrived.
OUTPUTS = """[...document.querySelectorAll(".jp-Notebook .jp-CodeCell")].map(cell => {
    const area = selector => [...cell.querySelectorAll(`.jp-OutputArea ${selector}`)];
    return [
        ...area(".jp-RenderedText").slice(0, 1).map(() => "text"),
        ...(area(".jp-RenderedImage img").some(picture => picture.naturalWidth > 50) ? ["picture"] : []),
        ...area("figure.d2l-watch button").slice(0, 1).map(() => "figure to watch"),
    ];
})"""


def kinds(output: nbformat.NotebookNode) -> set[str]:
    data = output.get("data", {"text/plain": ""})
    if "d2l-watch" in data.get("text/html", ""):
        return {"figure to watch"}
    return {"picture"} if "image/png" in data else {"text"}


@pytest.mark.parametrize(("name", "patience"), [*((name, 300) for name in QUICK), ("07_lenet.ipynb", 1800)])
def test_a_chapter_runs(name: str, patience: int, lab: Lab) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    page = lab.open(name)
    assert not page.locator(".jp-OutputArea-output").count()
    lab.run_all(patience)
    stored = [set().union(*map(kinds, cell.outputs)) for cell in cells]
    assert list(map(set, page.evaluate(OUTPUTS))) == stored
    for figure in page.locator("figure.d2l-watch").all():
        step_and_change(figure)
    page.locator(".jp-RenderedImage img").first.scroll_into_view_if_needed()
    page.screenshot(path=ROOT / "build" / "screenshots" / f"lab-{name[:2]}.png")


def step_and_change(figure: Locator) -> None:
    """Step through a figure by its button and by the keyboard; in a playground, change a setting."""
    expect(figure.locator(".count")).to_contain_text("step 1 of")
    figure.get_by_role("button", name="Next").click()
    expect(figure.locator(".count")).to_contain_text("step 2 of")
    figure.get_by_role("slider").press("ArrowRight")
    expect(figure.locator(".count")).to_contain_text("step 3 of")
    padding = figure.get_by_label("p (padding)")
    if padding.count():
        padding.fill("1")
        expect(figure.locator(".sizes")).to_contain_text("= 4.")
        padding.fill("9")
        expect(figure.locator(".reason")).to_contain_text("must be an integer from 0 to 4")
