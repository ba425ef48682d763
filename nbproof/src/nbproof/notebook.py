"""A notebook's file: read it, know its cells, clean it, and find what a reader would stumble over.

Only a book's own notebooks are held to a form, and only if its settings say so (`hygiene`). What can be
mended safely is mended when outputs are stored.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.validator import iter_validate
from nbval.plugin import metadata_tags

from nbproof import outputs
from nbproof.settings import Settings

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
JUPYTER = ("source_hidden", "outputs_hidden")

# What editors leave in a cell's metadata; a reader loses nothing with it.
EDITOR_METADATA = (
    "ExecuteTime", "autoscroll", "colab", "collapsed", "deletable", "editable", "execution", "id", "outputId",
    "papermill", "pycharm", "scrolled", "slideshow", "trusted", "vscode",
)  # fmt: skip

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
        why = str(error).partition("\n")[0][:200]
        raise Unreadable(f"{path.name} can't be read as a notebook: {why}") from None


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


def is_name(cell_id: str) -> bool:
    """Whether a cell's id is a name (`corner-visits`), not an editor's random one."""
    return bool(_SLUG.fullmatch(cell_id)) and len(cell_id) <= 40 and not _RANDOM.fullmatch(cell_id)


# --- hygiene ------------------------------------------------------------------------------------


class Flaw(NamedTuple):
    """What is wrong, where (a cell's id, or nothing for the file), and how it is mended."""

    cell: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        where = f"cell {self.cell}: " if self.cell else ""
        return where + self.what + (f" ({self.mend})" if self.mend else "")


class Hygiene:
    """Finds the flaws of a notebook's file by a book's settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mends = f"`{settings.update}` mends it"
        own = (settings.headline,) if settings.headline else ()
        self.tags = (*own, *settings.tags, "raises-exception", "nbval-ignore-output")
        self.metadata = {"tags": list, settings.key: dict, "jupyter": dict}

    def of_file(self, path: Path) -> list[Flaw]:
        """The flaws of a file."""
        content = path.read_bytes()
        try:
            return self.of(json.loads(content), len(content))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return [Flaw("", f"it can't be read as a notebook: {error}")]

    def of(self, notebook: dict[str, Any], size: int = 0) -> list[Flaw]:
        """The flaws of a notebook as its JSON has it, not as nbformat would repair it."""
        if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
            mend = "convert it: jupyter nbconvert --to notebook"
            return [Flaw("", "it isn't a notebook of format 4", mend)]
        found = list(self._of_whole(notebook, size))
        cells = notebook.get("cells", [])
        names = [cell.get("id") or f"number {number}" for number, cell in enumerate(cells, start=1)]
        found += self._of_ids(cells, names)
        for cell, name in zip(cells, names, strict=True):
            found += (Flaw(name, *rest) for rest in self._of_cell(cell))
        found += self._of_counts(cells, names)
        if not found:
            errors = iter_validate(notebook)
            found = [Flaw("", f"it isn't a valid notebook: {e.message[:200]}") for e in errors]
        return found

    def _of_whole(self, notebook: dict[str, Any], size: int) -> Iterator[Flaw]:
        if size > self.settings.largest:
            what = f"it has {size:,} bytes, more than {self.settings.largest:,}"
            yield Flaw("", what, "draw fewer or smaller figures")
        if notebook.get("nbformat_minor", 0) < 5:
            yield Flaw("", f"its format is 4.{notebook.get('nbformat_minor')}, not 4.5", self.mends)
        metadata = notebook.get("metadata", {})
        for key in sorted(metadata.keys() | METADATA.keys()):
            if metadata.get(key) != METADATA.get(key):
                wanted = json.dumps(METADATA[key]) if key in METADATA else "none"
                yield Flaw("", f"its metadata.{key} is {_short(metadata.get(key))}, not {wanted}", self.mends)
        if tag := self.settings.headline:
            tagged = sum(tag in tags_of(cell) for cell in notebook.get("cells", []))
            if tagged != 1:
                yield Flaw("", f"{tagged} cells are tagged {tag}", "tag the one that prints the result")

    def _of_ids(self, cells: list[dict[str, Any]], names: list[str]) -> Iterator[Flaw]:
        times = Counter(names)
        for cell, name in zip(cells, names, strict=True):
            if not cell.get("id"):
                yield Flaw(name, "it has no id", "name it in a few words: corner-visits")
            elif times[name] > 1:
                yield Flaw(name, f"{times[name]} cells have this id", "give each its own")
                times[name] = 0  # say it once
            elif not is_name(name):
                yield Flaw(name, "its id says nothing", "name it in a few words: corner-visits")

    def _of_cell(self, cell: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        metadata = cell.get("metadata", {})
        for key in sorted(metadata):
            kind = self.metadata.get(key)
            if key in EDITOR_METADATA:
                yield f"an editor left metadata.{key}", self.mends
            elif kind is None:
                yield f"its metadata.{key} is unknown", "delete it"
            elif not isinstance(metadata[key], kind):
                yield f"its metadata.{key} is {_short(metadata[key])}", f"make it a {kind.__name__}"
        tags = tags_of(cell)
        for tag in sorted({str(tag) for tag in tags} - {*self.tags, *metadata_tags}):
            yield f"its tag {tag!r} is unknown", f"the tags are {', '.join(self.tags)}"
        if len(tags) != len(set(map(str, tags))):
            yield "a tag stands twice", "delete one"
        jupyter = metadata.get("jupyter", {})
        if isinstance(jupyter, dict) and (unknown := sorted(set(jupyter) - set(JUPYTER))):
            yield f"its metadata.jupyter.{unknown[0]} is unknown", "delete it"
        if cell.get("cell_type") == "code":
            yield from ((flaw,) for flaw in outputs.flaws(map(_joined, cell.get("outputs", []))))
        elif self.settings.key in metadata:
            yield f"it has metadata.{self.settings.key}, but isn't code", "delete it"

    def _of_counts(self, cells: list[dict[str, Any]], names: list[str]) -> Iterator[Flaw]:
        """Every cell with code was run, in the order of the file, by one kernel from its start."""
        count = 0
        for cell, name in zip(cells, names, strict=True):
            if cell.get("cell_type") != "code":
                continue
            stored, source = cell.get("execution_count"), _text(cell.get("source", ""))
            if not source.strip():
                if stored is not None or cell.get("outputs"):
                    yield Flaw(name, "it is empty, but has a count or outputs", self.mends)
                continue
            count += 1
            if stored is None:
                yield Flaw(name, "it was never run", self.mends)
            elif stored != count:
                yield Flaw(name, f"its count is {stored}, not {count}", self.mends)
                return  # the later ones are off as well


def _joined(output: dict[str, Any]) -> dict[str, Any]:
    """An output with its texts in one piece, where the file may have a list of lines."""
    joined = output | {"text": _text(output["text"])} if "text" in output else dict(output)
    if "data" in output:
        joined["data"] = {mime: _text(value) for mime, value in output["data"].items()}
    return joined


def _text(value: Any) -> Any:
    return "".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
