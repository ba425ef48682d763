"""The form of a chapter's file: which metadata and tags it may have, how its cells are named.

The pytest plugin reports what departs from it, and `make update` mends what can be mended safely.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
TAGS = (
    "setup",  # the imports
    "headline",  # the one cell that prints the chapter's result
    "exercise",
    "hint",
    "solution",
    "hide-input",
    "raises-exception",
    "nbval-ignore-output",
)
CELL_METADATA = {"tags": list, "d2lmini": dict, "jupyter": dict}
JUPYTER = ("source_hidden", "outputs_hidden")

# What editors leave in a cell's metadata; a reader loses nothing with it.
EDITOR_METADATA = (
    "ExecuteTime",
    "autoscroll",
    "colab",
    "collapsed",
    "deletable",
    "editable",
    "execution",
    "id",
    "outputId",
    "papermill",
    "pycharm",
    "scrolled",
    "slideshow",
    "trusted",
    "vscode",
)

_SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_RANDOM = re.compile(r"(?=.*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*")


# What nbformat raises of a file that is no notebook.
UNREADABLE = (nbformat.ValidationError, ValueError, KeyError, TypeError, AttributeError)


class Unreadable(Exception):
    """A file that is no notebook; the message says why."""


def read(path: Path) -> NotebookNode:
    """A notebook in today's format; Unreadable if it is half-written or something else."""
    try:
        return nbformat.read(path, as_version=4)
    except UNREADABLE as error:
        why = str(error).partition("\n")[0][:100]
        raise Unreadable(f"it can't be read as a notebook: {why}") from None


def is_readable(cell_id: str) -> bool:
    """Whether a cell's id is a name (`corner-visits`), not an editor's random one."""
    return bool(_SLUG.fullmatch(cell_id)) and len(cell_id) <= 40 and not _RANDOM.fullmatch(cell_id)


def clean_metadata(notebook: NotebookNode) -> None:
    """The metadata every chapter has, and none of an editor's."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, max(5, notebook.nbformat_minor)
    for cell in notebook.cells:
        for key in EDITOR_METADATA:
            cell.metadata.pop(key, None)


def tags_of(cell: dict[str, Any]) -> list[str]:
    """A cell's tags; none if they are no list."""
    tags = cell.get("metadata", {}).get("tags", [])
    return tags if isinstance(tags, list) else []
