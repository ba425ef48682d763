"""Changed copies of a chapter, each with one change in what is stored, and the item that must fail first."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from nbformat import NotebookNode
from notebook_plugin import kinds
from notebook_plugin.compare import NUMBER, Tolerance, last_place
from recording import code_cells

HARMLESS = "a number moved by a tenth of its tolerance"
PER_CHAPTER = {  # how many of each kind are drawn from a chapter, at most
    "a number moved by ten tolerances": 12,
    HARMLESS: 12,
    "a result of training moved by 0.3": 6,
    "an integer changed by one": 6,
    "a word changed": 5,
    "an output deleted": 4,
    "an output doubled": 4,
    "an output moved": 4,
    "a count cleared": 2,
    "a cell removed": 2,
    "two pictures swapped": 3,
    "a curve moved by 2 %": 9,
    "a label of a figure changed": 9,
    "another error type": 3,
    "another error text": 3,
}
INTEGER = re.compile(r"(?<![\w.])\d+(?!\.?\d|\w)")
WORD = re.compile(r"[A-Za-z]{3,}")
PNG = "image/png"

Edit = Callable[[NotebookNode, NotebookNode], Any]  # of the copy and its cell
Record = list[tuple[str, list[dict[str, Any]]]]  # source and outputs of each code cell


class Change(NamedTuple):
    """A copy with one change of a kind at a cell, and the item that must fail first ("": none may)."""

    kind: str
    cell: str
    notebook: NotebookNode
    fails_at: str


class Place(NamedTuple):
    """Where an edit may be made: at a cell, with the item that must then fail first."""

    cell: str
    fails_at: str
    edit: Edit


def changes(chapter: NotebookNode, plain: Record, curves: Record, labels: Record) -> Iterator[Change]:
    """All changes of one chapter; the records have its figures as they are, and with a change in each."""
    cells = code_cells(chapter)
    exact = [cell for cell in cells if kind_of(cell).name != "statistical"]
    trained = [cell for cell in cells if kind_of(cell).name == "statistical"]
    full = [cell for cell in cells if cell.outputs]
    errors = [cell for cell in cells if any(o.output_type == "error" for o in cell.outputs)]
    compared = {cell.id for cell in exact}
    places = {
        "a number moved by ten tolerances": numbers(exact, 10, fails=True),
        HARMLESS: numbers(cells, 0.1, fails=False),
        "a result of training moved by 0.3": numbers(trained, 1.5, fails=True),  # its tolerance is 0.2
        "an integer changed by one": rewrites(exact, INTEGER, lambda text: str(int(text) + 1)),
        "a word changed": rewrites(cells, WORD, lambda text: text[:-1] + "~"),
        "an output deleted": at_each(full, lambda copy, cell: cell.outputs.pop()),
        "an output doubled": at_each(
            full, lambda copy, cell: cell.outputs.append(deepcopy(cell.outputs[-1]))
        ),
        "an output moved": at_each([c for c in full if c is not cells[-1]], move_output),
        "a count cleared": at_each(cells, lambda copy, cell: cell.update(execution_count=None), "hygiene"),
        "a cell removed": at_each(cells, lambda copy, cell: copy.cells.remove(cell), "hygiene"),
        "two pictures swapped": swaps([cell for cell in exact if pictures(cell)]),
        "a curve moved by 2 %": redrawn(cells, plain, curves, compared),
        "a label of a figure changed": redrawn(cells, plain, labels, compared),
        "another error type": at_each(errors, lambda copy, cell: cell.outputs[-1].update(ename="OSError")),
        "another error text": at_each(errors, lambda copy, cell: cell.outputs[-1].update(evalue="no")),
    }
    for kind, found in places.items():
        drawn = random.Random(kind)
        found = list(found)
        for place in drawn.sample(found, min(PER_CHAPTER[kind], len(found))):
            copy = deepcopy(chapter)
            place.edit(copy, cell_of(copy, place.cell))
            yield Change(kind, place.cell, copy, place.fails_at)


def kind_of(cell: NotebookNode) -> kinds.Kind:
    return kinds.of(cell, {"skip": False, "check": True})


def cell_of(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def at_each(cells: Iterable[NotebookNode], edit: Edit, fails_at: str = "") -> list[Place]:
    return [Place(cell.id, fails_at or cell.id, edit) for cell in cells]


# --- text -------------------------------------------------------------------------------------------


def texts(cell: NotebookNode) -> Iterator[tuple[int, str, str]]:
    """A cell's printed and shown texts: (number of the output, mime type or nothing, text)."""
    for index, output in enumerate(cell.outputs):
        if output.output_type == "stream":
            yield index, "", output.text
        elif output.output_type != "error":
            yield from ((index, mime, text) for mime, text in output.data.items() if mime.startswith("text/"))


def rewrite(index: int, mime: str, text: str) -> Edit:
    """An edit that gives an output another text."""

    def edit(copy: NotebookNode, cell: NotebookNode) -> None:
        if mime:
            cell.outputs[index].data[mime] = text
        else:
            cell.outputs[index].text = text

    return edit


def rewrites(
    cells: Iterable[NotebookNode], pattern: re.Pattern, new: Callable[[str], str]
) -> Iterator[Place]:
    """For every match of a pattern in a text, the edit that puts `new(match)` in its place."""
    for cell in cells:
        for index, mime, text in texts(cell):
            for match in pattern.finditer(text):
                changed = text[: match.start()] + new(match[0]) + text[match.end() :]
                yield Place(cell.id, cell.id, rewrite(index, mime, changed))


def numbers(cells: Iterable[NotebookNode], tolerances: float, fails: bool) -> Iterator[Place]:
    """For every number with a point, the edit that moves it by so many of its cell's tolerances."""
    for cell in cells:
        tolerance = kind_of(cell).tolerance
        for place in rewrites([cell], NUMBER, lambda text, t=tolerance: moved(text, tolerances, t)):
            yield place if fails else place._replace(fails_at="")


def moved(number: str, tolerances: float, tolerance: Tolerance) -> str:
    """A printed number, moved up by so many tolerances, with as many decimals as that needs.

    >>> moved("0.5", 10, Tolerance()), moved("0.1234", 10, Tolerance()), moved("0.1234", 0.1, Tolerance())
    ('0.5000501', '0.1244', '0.12341')
    """
    x, unit = float(number), last_place(number)
    by_size = tolerance.atol + tolerance.rtol * abs(x)
    step = tolerances * max(by_size, unit)
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if by_size >= unit:
        decimals = max(decimals, math.ceil(-math.log10(step)) + 2 + int(exponent or 0))
    elif tolerances < 1:
        decimals += 1
    return f"{x + step:.{decimals}{'e' if exponent else 'f'}}"


# --- outputs and figures ------------------------------------------------------------------------------


def move_output(copy: NotebookNode, cell: NotebookNode) -> None:
    """Turn the order of a cell's outputs round; a single one goes to the next cell."""
    if len(cell.outputs) > 1:
        cell.outputs.reverse()
        return
    later = copy.cells[copy.cells.index(cell) + 1 :]
    target = next(other for other in later if other.cell_type == "code" and other.source.strip())
    target.outputs.insert(0, cell.outputs.pop())


def pictures(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.outputs if PNG in output.get("data", {})]


def swaps(cells: list[NotebookNode]) -> Iterator[Place]:
    """For two neighbouring figures, the edit that swaps them."""
    for first, second in zip(cells, cells[1:], strict=False):

        def edit(copy: NotebookNode, cell: NotebookNode, other: str = second.id) -> None:
            a, b = pictures(cell)[0].data, pictures(cell_of(copy, other))[0].data
            a[PNG], b[PNG] = b[PNG], a[PNG]

        yield Place(first.id, first.id, edit)


def redrawn(cells: list[NotebookNode], plain: Record, changed: Record, compared: set[str]) -> Iterator[Place]:
    """For every figure that the change has altered, the edit that stores the altered one."""
    for cell, (_, before), (_, after) in zip(cells, plain, changed, strict=True):
        for index, (a, b) in enumerate(zip(before, after, strict=True)):
            old, new = (x.get("data", {}).get(PNG, "") for x in (a, b))
            if old == new or cell.id not in compared:
                continue

            def edit(copy: NotebookNode, cell: NotebookNode, index: int = index, new: str = new) -> None:
                cell.outputs[index].data[PNG] = new

            yield Place(cell.id, cell.id, edit)
