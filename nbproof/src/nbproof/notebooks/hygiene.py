"""What a reader would stumble over in a notebook's file; it's held to one form if the book's settings say so.

What can be mended safely is mended when outputs are stored.
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
from nbformat.v4.rwbase import rejoin_lines
from nbformat.validator import iter_validate
from nbval.plugin import metadata_tags

from nbproof.compare import outputs
from nbproof.notebooks.file import EDITOR_METADATA, METADATA, UNREADABLE, tags_of
from nbproof.settings import Settings

JUPYTER = ("source_hidden", "outputs_hidden")  # keys of a cell's metadata.jupyter
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_RANDOM = re.compile(r"(?=.*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*")


def is_name(cell_id: str) -> bool:
    """Whether a cell's id is a name (`corner-visits`), not an editor's random one."""
    return bool(_SLUG.fullmatch(cell_id)) and len(cell_id) <= 40 and not _RANDOM.fullmatch(cell_id)


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
        try:
            content = path.read_bytes()
            return self.of(nbformat.from_dict(json.loads(content)), len(content))
        except UNREADABLE as error:
            return [Flaw("", f"it can't be read as a notebook: {error}")]

    def of(self, notebook: NotebookNode, size: int = 0) -> list[Flaw]:
        """The flaws of a notebook as its JSON has it, not as nbformat would repair it."""
        if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
            mend = "convert it: jupyter nbconvert --to notebook"
            return [Flaw("", "it isn't a notebook of format 4", mend)]
        cells = rejoin_lines(notebook).cells
        found = list(self._of_whole(notebook, size))
        names = [cell.get("id") or f"number {number}" for number, cell in enumerate(cells, start=1)]
        found += self._of_ids(cells, names)
        for cell, name in zip(cells, names, strict=True):
            found += (Flaw(name, *rest) for rest in self._of_cell(cell))
        found += self._of_counts(cells, names)
        if not found:
            errors = iter_validate(notebook)
            found = [Flaw("", f"it isn't a valid notebook: {e.message[:200]}") for e in errors]
        return found

    def _of_whole(self, notebook: NotebookNode, size: int) -> Iterator[Flaw]:
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
            tagged = sum(tag in tags_of(cell) for cell in notebook.cells)
            if tagged != 1:
                yield Flaw("", f"{tagged} cells are tagged {tag}", "tag the one that prints the result")

    def _of_ids(self, cells: list[NotebookNode], names: list[str]) -> Iterator[Flaw]:
        times = Counter(names)
        for cell, name in zip(cells, names, strict=True):
            if not cell.get("id"):
                yield Flaw(name, "it has no id", "name it in a few words: corner-visits")
            elif times[name] > 1:
                yield Flaw(name, f"{times[name]} cells have this id", "give each its own")
                times[name] = 0  # say it once
            elif not is_name(name):
                yield Flaw(name, "its id says nothing", "name it in a few words: corner-visits")

    def _of_cell(self, cell: NotebookNode) -> Iterator[tuple[str, ...]]:
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
            yield from ((flaw,) for flaw in outputs.flaws(cell.get("outputs", [])))
        elif self.settings.key in metadata:
            yield f"it has metadata.{self.settings.key}, but isn't code", "delete it"

    def _of_counts(self, cells: list[NotebookNode], names: list[str]) -> Iterator[Flaw]:
        """Every cell with code was run, in the order of the file, by one kernel from its start."""
        count = 0
        for cell, name in zip(cells, names, strict=True):
            if cell.get("cell_type") != "code":
                continue
            stored = cell.get("execution_count")
            if not cell.source.strip():
                if stored is not None or cell.get("outputs"):
                    yield Flaw(name, "it is empty, but has a count or outputs", self.mends)
                continue
            count += 1
            if stored is None:
                yield Flaw(name, "it was never run", self.mends)
            elif stored != count:
                yield Flaw(name, f"its count is {stored}, not {count}", self.mends)
                return  # the later ones are off as well


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
