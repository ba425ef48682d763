"""The chapters in JupyterLab: they open, Run All Cells finishes, and the outputs are there."""

from __future__ import annotations

import nbformat
import pytest
from conftest import ROOT, Lab

from nbproof import settings

TRAINED = settings.load(ROOT).slow  # the numbers of the chapters that train networks
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
QUICK = [file.name for file in CHAPTERS if file.name[:2] not in TRAINED]

# For each cell of code, the kinds of its outputs. A picture must have arrived.
OUTPUTS = """[...document.querySelectorAll(".jp-Notebook .jp-CodeCell")].map(cell => {
    const pictures = [...cell.querySelectorAll(".jp-OutputArea .jp-RenderedImage img")]
    const text = cell.querySelector(".jp-OutputArea .jp-RenderedText") ? ["text"] : []
    return pictures.some(picture => picture.naturalWidth > 50) ? [...text, "picture"] : text
})"""


def kinds(output: nbformat.NotebookNode) -> set[str]:
    data = output.get("data", {"text/plain": ""})
    return {"picture"} if "image/png" in data else {"text"}


@pytest.mark.parametrize(("name", "patience"), [*((name, 300) for name in QUICK), ("07_lenet.ipynb", 1800)])
def test_a_chapter_runs(name: str, patience: int, lab: Lab) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    page = lab.open(name)
    assert not page.locator(".jp-OutputArea-output").count()
    lab.run_all(patience)
    stored = [sorted(set().union(*map(kinds, cell.outputs)), reverse=True) for cell in cells]
    assert page.evaluate(OUTPUTS) == stored
    page.locator(".jp-RenderedImage img").first.scroll_into_view_if_needed()
    page.screenshot(path=ROOT / "build" / "screenshots" / f"lab-{name[:2]}.png")
