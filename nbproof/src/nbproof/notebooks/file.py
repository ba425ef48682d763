"""A notebook's file: read it, know its cells, and clean it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.corpus.words import generate_corpus_id

from nbproof.settings import SettingsError

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# What editors leave in a cell's metadata; a reader loses nothing with it.
EDITOR_METADATA = (
    "ExecuteTime", "autoscroll", "colab", "collapsed", "deletable", "editable", "execution", "id", "outputId",
    "papermill", "pycharm", "scrolled", "slideshow", "trusted", "vscode",
)  # fmt: skip

# What nbformat raises of a file that is no notebook.
UNREADABLE = (nbformat.ValidationError, ValueError, KeyError, TypeError, AttributeError, OSError)


def read(path: Path) -> NotebookNode:
    """A notebook in today's format; SettingsError if it is half-written or something else."""
    try:
        return nbformat.read(path, as_version=4)
    except UNREADABLE as error:
        why = str(error).partition("\n")[0][:200]
        raise SettingsError(f"{path.name} can't be read as a notebook: {why}") from None


def text_of(notebook: NotebookNode) -> bytes:
    """A notebook as its file has it."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode("utf-8")


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def tags_of(cell: dict[str, Any]) -> list[str]:
    """A cell's tags; none if they are no list."""
    tags = cell.get("metadata", {}).get("tags", [])
    return tags if isinstance(tags, list) else []


def marks_of(cell: dict[str, Any], key: str) -> dict[str, Any]:
    """A cell's promises, which stand in its metadata under the book's key; none if they are no table."""
    marks = cell.get("metadata", {}).get(key, {})
    return marks if isinstance(marks, dict) else {}


def headline(notebook: NotebookNode, tag: str) -> str:
    """What the cell with a tag printed, on one line."""
    for cell in code_cells(notebook):
        if tag in tags_of(cell):
            printed = (o.text for o in cell.outputs if o.output_type == "stream")
            return " | ".join("".join(printed).strip().splitlines())
    return ""


def clean(notebook: NotebookNode) -> None:
    """The metadata every notebook of a book has, and none of an editor's; no outputs of empty cells."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, max(5, notebook.nbformat_minor)
    for cell in notebook.cells:
        for key in EDITOR_METADATA:
            cell.metadata.pop(key, None)
        if cell.cell_type == "code" and not cell.source.strip():
            cell.outputs, cell.execution_count = [], None
        cell.setdefault("id", generate_corpus_id())  # which formats before 4.5 don't have
