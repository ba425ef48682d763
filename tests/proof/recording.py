"""Run a chapter for real and write down what its cells give, with its figures as they are or changed."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import outputs
from kernels import ChapterClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

# What runs before the chapter's first cell: every figure is changed when it is drawn.
CHANGED = """
from matplotlib.backend_bases import FigureCanvasBase
def _move_a_curve(figure):
    lines = [(ax, line) for ax in figure.axes for line in ax.get_lines() if len(line.get_xdata()) > 2]
    if lines:
        ax, line = lines[len(lines) // 2]
        low, high = ax.get_ylim()
        line.set_ydata([y + 0.02 * (high - low) for y in line.get_ydata()])
        ax.set_ylim(low, high)
def _change_a_label(figure):
    texts = [text for ax in figure.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts)]
    texts += [text for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]
    texts = [text for text in texts if text.get_text()[-1:].isalnum() and text.get_visible()]
    if texts:
        text = texts[len(texts) // 2]
        last = text.get_text()[-1]
        text.set_text(text.get_text()[:-1] + ("3" if last in "178" else "8" if last.isdigit() else "x"))
def _draw(self, *args, draw=FigureCanvasBase.print_figure, **settings):
    {change}(self.figure)
    return draw(self, *args, **settings)
FigureCanvasBase.print_figure = _draw
"""
CURVE, LABEL = (CHANGED.replace("{change}", name) for name in ("_move_a_curve", "_change_a_label"))


def record(path: Path, before: str = "") -> list[tuple[str, list[dict[str, Any]]]]:
    """Run a chapter's cells, after the code `before`; the source and the outputs of each."""
    notebook = nbformat.read(path, as_version=4)
    cells = code_cells(notebook)
    notebook.cells = [new_code_cell(before), *deepcopy(cells)]
    client = ChapterClient(notebook, timeout=900)
    with client.kernel(path.parent):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return [(cell.source, outputs.normalise(cell.outputs, 1)) for cell in notebook.cells[1:]]


def stored(path: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """The same from the stored outputs, for a chapter that takes minutes to run."""
    return [(cell.source, cell.outputs) for cell in code_cells(nbformat.read(path, as_version=4))]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
