"""What a reader of the file, of its changes or of its outputs would stumble over.

Only the repository's own notebooks are held to it; one from elsewhere is merely compared. It is an
item of its own before a notebook's cells, which lists every fault with its cell and its mend.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import form
import outputs
import pytest
from nbformat.validator import iter_validate

LARGEST = 1_000_000  # bytes of a file; a chapter with twenty figures has a third of it
UPDATE = "`make update` mends it"


class Fault(NamedTuple):
    """What is wrong, where (a cell's id, or nothing for the file), and how it is mended."""

    cell: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        where = f"cell {self.cell}: " if self.cell else ""
        return where + self.what + (f" ({self.mend})" if self.mend else "")


def faults(notebook: dict[str, Any], size: int = 0) -> list[Fault]:
    """All faults of a notebook as its JSON has it, not as nbformat would repair it."""
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        return [Fault("", "it isn't a notebook of format 4", "convert it: jupyter nbconvert --to notebook")]
    found = list(_of_file(notebook, size))
    cells = notebook.get("cells", [])
    names = [cell.get("id") or f"number {number}" for number, cell in enumerate(cells, start=1)]
    found += _of_ids(cells, names)
    for cell, name in zip(cells, names, strict=True):
        found += (Fault(name, *rest) for rest in _of_cell(cell))
    found += _of_counts(cells, names)
    if not found:
        found = [Fault("", f"it isn't a valid notebook: {e.message[:200]}") for e in iter_validate(notebook)]
    return found


def faults_of_file(path: Path) -> list[Fault]:
    content = path.read_bytes()
    try:
        return faults(json.loads(content), len(content))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return [Fault("", f"it can't be read as a notebook: {error}")]


def _of_file(notebook: dict[str, Any], size: int) -> Iterator[Fault]:
    if size > LARGEST:
        yield Fault("", f"it has {size:,} bytes, more than {LARGEST:,}", "draw fewer or smaller figures")
    if notebook.get("nbformat_minor", 0) < 5:
        yield Fault("", f"its format is 4.{notebook.get('nbformat_minor')}, not 4.5", UPDATE)
    metadata = notebook.get("metadata", {})
    for key in sorted(metadata.keys() | form.METADATA.keys()):
        if metadata.get(key) != form.METADATA.get(key):
            wanted = json.dumps(form.METADATA[key]) if key in form.METADATA else "none"
            yield Fault("", f"its metadata.{key} is {_short(metadata.get(key))}, not {wanted}", UPDATE)
    headlines = sum("headline" in form.tags_of(cell) for cell in notebook.get("cells", []))
    if headlines != 1:
        yield Fault("", f"{headlines} cells are tagged headline", "tag the one that prints the result")


def _of_ids(cells: list[dict[str, Any]], names: list[str]) -> Iterator[Fault]:
    times = Counter(names)
    for cell, name in zip(cells, names, strict=True):
        if not cell.get("id"):
            yield Fault(name, "it has no id", "name it in a few words: corner-visits")
        elif times[name] > 1:
            yield Fault(name, f"{times[name]} cells have this id", "give each its own")
            times[name] = 0  # say it once
        elif not form.is_readable(name):
            yield Fault(name, "its id says nothing", "name it in a few words: corner-visits")


def _of_cell(cell: dict[str, Any]) -> Iterator[tuple[str, str] | tuple[str]]:
    metadata = cell.get("metadata", {})
    for key in sorted(metadata):
        kind = form.CELL_METADATA.get(key)
        if key in form.EDITOR_METADATA:
            yield f"an editor left metadata.{key}", UPDATE
        elif kind is None:
            yield f"its metadata.{key} is unknown", "delete it"
        elif not isinstance(metadata[key], kind):
            yield f"its metadata.{key} is {_short(metadata[key])}", f"make it a {kind.__name__}"
    tags = form.tags_of(cell)
    for tag in sorted({str(tag) for tag in tags} - set(form.TAGS)):
        yield f"its tag {tag!r} is unknown", f"the tags are {', '.join(form.TAGS)}"
    if len(tags) != len(set(map(str, tags))):
        yield "a tag stands twice", "delete one"
    jupyter = metadata.get("jupyter", {})
    if isinstance(jupyter, dict) and (unknown := sorted(set(jupyter) - set(form.JUPYTER))):
        yield f"its metadata.jupyter.{unknown[0]} is unknown", "delete it"
    if cell.get("cell_type") == "code":
        yield from ((fault,) for fault in outputs.faults(map(_joined, cell.get("outputs", []))))
    elif "d2lmini" in metadata:
        yield "it has metadata.d2lmini, but isn't code", "delete it"


def _of_counts(cells: list[dict[str, Any]], names: list[str]) -> Iterator[Fault]:
    """Every cell with code was run, in the order of the file, by one kernel from its start."""
    count = 0
    for cell, name in zip(cells, names, strict=True):
        if cell.get("cell_type") != "code":
            continue
        stored, source = cell.get("execution_count"), _text(cell.get("source", ""))
        if not source.strip():
            if stored is not None or cell.get("outputs"):
                yield Fault(name, "it is empty, but has a count or outputs", UPDATE)
            continue
        count += 1
        if stored is None:
            yield Fault(name, "it was never run", UPDATE)
        elif stored != count:
            yield Fault(name, f"its count is {stored}, not {count}", UPDATE)
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


def is_own(path: Path, config: pytest.Config) -> bool:
    """Whether a notebook belongs to the repository: it is in there, and not a built copy."""
    root = config.rootpath.resolve()
    inside = path.resolve()
    return inside.is_relative_to(root) and not inside.is_relative_to(root / "build")


class HygieneFile(pytest.File):
    """A notebook's file beside nbval's, because nbval's starts a kernel for its items."""

    def collect(self) -> Iterator[pytest.Item]:
        yield Hygiene.from_parent(self, name="hygiene")


class Hygiene(pytest.Item):
    """Fails with the list of all faults of a notebook."""

    def runtest(self) -> None:
        if found := faults_of_file(self.path):
            pytest.fail("\n".join(f"{self.path.name}, {fault}" for fault in found), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}, hygiene"
