"""Changed copies of a notebook, each with one change in what is stored, and the item that must fail first."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from nbformat import NotebookNode

from nbproof import figures, kinds
from nbproof.compare import LARGEST_SHARE, NUMBER, Tolerance, last_place, pixels, png
from nbproof.notebook import code_cells
from nbproof.settings import Settings

TENTH, INTEGER_TRAINED = (
    "a number moved by a tenth of its tolerance",
    "an integer that training gives changed",
)
HARMLESS = (TENTH, INTEGER_TRAINED)  # these must pass
PER_NOTEBOOK = {  # how many of each kind are drawn from a notebook, at most
    "a number moved by ten tolerances": 12,
    TENTH: 12,
    "a small number's last digit changed, more than 1 %": 6,
    "a result of training moved by 0.3": 6,
    "an integer changed by one": 6,
    "an integer beside a result of training changed by one": 6,
    INTEGER_TRAINED: 6,
    "a word changed": 5,
    "an output deleted": 4,
    "an output doubled": 4,
    "an output moved": 4,
    "a count cleared": 2,
    "a cell removed": 2,
    "two pictures swapped": 3,
    "a curve moved by 2 %": 9,
    "a label of a figure changed": 9,
    "a word in a figure of training changed": 6,
    "a figure of training cut by a fifth": 3,
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


def changes(
    original: NotebookNode, plain: Record, curves: Record, labels: Record, settings: Settings
) -> Iterator[Change]:
    """All changes of one notebook; the records have its figures as they are, and with a change in each."""
    cells = code_cells(original)
    kind = {cell.id: kinds.of(cell, {"skip": False, "check": True}, settings) for cell in cells}
    exact = [cell for cell in cells if kind[cell.id].name != "statistical"]
    trained = [cell for cell in cells if kind[cell.id].name == "statistical"]
    free = [cell for cell in trained if "integers" in kind[cell.id].trained]
    held = [cell for cell in trained if cell not in free]
    tolerance = {name: of_cell.tolerance for name, of_cell in kind.items()}
    full = [cell for cell in cells if cell.outputs]
    errors = [cell for cell in cells if any(o.output_type == "error" for o in cell.outputs)]
    compared = {cell.id for cell in exact}
    places = {
        "a number moved by ten tolerances": numbers(exact, 10, tolerance),
        TENTH: harmless(numbers(cells, 0.1, tolerance)),
        "a small number's last digit changed, more than 1 %": last_digits(exact, tolerance),
        "a result of training moved by 0.3": numbers(trained, 1.5, tolerance),  # its tolerance is 0.2
        "an integer changed by one": rewrites(exact, INTEGER, one_more),
        "an integer beside a result of training changed by one": rewrites(held, INTEGER, one_more),
        INTEGER_TRAINED: harmless(rewrites(free, INTEGER, one_more)),
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
        "a word in a figure of training changed": reworded(trained, kind),
        "a figure of training cut by a fifth": at_each(filter(pictures, trained), cut),
        "another error type": at_each(errors, lambda copy, cell: cell.outputs[-1].update(ename="OSError")),
        "another error text": at_each(errors, lambda copy, cell: cell.outputs[-1].update(evalue="no")),
    }
    for what, found in places.items():
        drawn = random.Random(what)
        found = list(found)
        for place in drawn.sample(found, min(PER_NOTEBOOK[what], len(found))):
            copy = deepcopy(original)
            place.edit(copy, cell_of(copy, place.cell))
            yield Change(what, place.cell, copy, place.fails_at)


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
                if changed != text:
                    yield Place(cell.id, cell.id, rewrite(index, mime, changed))


def numbers(
    cells: Iterable[NotebookNode], tolerances: float, tolerance: Mapping[str, Tolerance]
) -> Iterator[Place]:
    """For every number with a point, the edit that moves it by so many of its cell's tolerances."""
    for cell in cells:
        yield from rewrites([cell], NUMBER, lambda text, t=tolerance[cell.id]: moved(text, tolerances, t))


def harmless(places: Iterable[Place]) -> Iterator[Place]:
    return (place._replace(fails_at="") for place in places)


def one_more(integer: str) -> str:
    return str(int(integer) + 1)


def last_digits(cells: Iterable[NotebookNode], tolerance: Mapping[str, Tolerance]) -> Iterator[Place]:
    """For every number of few digits that isn't 0, the edit that makes its last decimal one more."""
    for cell in cells:

        def edited(text: str, t: Tolerance = tolerance[cell.id]) -> str:
            size, decimals = abs(float(text)), len(text.partition(".")[2])
            few = 10.0**-decimals > max(LARGEST_SHARE * size, 2 * (t.atol + t.rtol * size))
            changed = size > 0 and few and "e" not in text.lower()
            return f"{float(text) + 10.0**-decimals:.{decimals}f}" if changed else text

        yield from rewrites([cell], NUMBER, edited)


def moved(number: str, tolerances: float, tolerance: Tolerance) -> str:
    """A printed number, moved up by so many tolerances, with as many decimals as that needs.

    >>> moved("0.5", 10, Tolerance()), moved("0.1234", 10, Tolerance()), moved("0.1234", 0.1, Tolerance())
    ('0.5000501', '0.1244', '0.12341')
    """
    x = float(number)
    unit = min(last_place(number), LARGEST_SHARE * abs(x))
    by_size = tolerance.atol + tolerance.rtol * abs(x)
    step = tolerances * max(by_size, unit)
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if by_size >= unit:
        decimals = max(decimals, math.ceil(-math.log10(step)) + 2 + int(exponent or 0))
    else:
        if tolerances < 1:  # one unit of a further place, which is all that such a place may be off by
            step = 10.0 ** math.floor(math.log10(step) + 1e-9)
        decimals = max(decimals, math.ceil(-math.log10(step) - 1e-9) + int(exponent or 0))
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


def cut(copy: NotebookNode, cell: NotebookNode) -> None:
    """Take a fifth off the width of a cell's first picture."""
    data = pictures(cell)[0].data
    levels = pixels(data[PNG])
    data[PNG] = png(levels[:, : round(0.8 * levels.shape[1])])


def reworded(cells: Iterable[NotebookNode], kind: Mapping[str, kinds.Kind]) -> Iterator[Place]:
    """For every title, label and legend that a figure's description has, the edit of its last letter."""
    for cell in cells:
        for index, output in enumerate(cell.outputs):
            described = output.get("data", {}).get(figures.TYPE, {"axes": []})
            for number, axes in enumerate(described["axes"]):
                for name in ("title", "x", "y", "legend"):
                    if name not in axes or (name == "title" and "titles" in kind[cell.id].trained):
                        continue

                    def edit(_: Any, cell: NotebookNode, at: tuple = (index, number, name)) -> None:
                        axes = cell.outputs[at[0]].data[figures.TYPE]["axes"][at[1]]
                        old = axes[at[2]]
                        axes[at[2]] = [*old[:-1], "~"] if isinstance(old, list) else old[:-1] + "~"

                    yield Place(cell.id, cell.id, edit)


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
