"""Changes of what a notebook stores, one at a time, each with the item that must fail first."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

from nbformat import NotebookNode

from nbproof.compare import figures, kinds
from nbproof.compare.difference import LARGEST_SHARE, NUMBER, Tolerance, last_place, pixels, png
from nbproof.compare.outputs import values
from nbproof.notebooks.file import code_cells
from nbproof.settings import Settings

TENTH = "a number moved by a tenth of its tolerance"
INTEGER_TRAINED = "an integer that training gives changed"
HARMLESS = (TENTH, INTEGER_TRAINED)  # these must pass
INTEGER = re.compile(r"(?<![\w.])(?<!\d[eE][-+])\d+(?!\.?\d|\w)")  # not an exponent, which has a tolerance
WORD = re.compile(r"[A-Za-z]{3,}")
PNG = "image/png"

Edit = Callable[[NotebookNode, NotebookNode], Any]  # of the copy and its cell
Record = list[tuple[str, list[dict[str, Any]]]]  # source and outputs of each code cell


class Change(NamedTuple):
    """What is edited at a cell, and the item that must then fail first ("": none may)."""

    cell: str
    fails_at: str
    edit: Edit

    def of(self, notebook: NotebookNode) -> NotebookNode:
        """A changed copy."""
        copy = deepcopy(notebook)
        self.edit(copy, cell_of(copy, self.cell))
        return copy


def changes(
    original: NotebookNode, plain: Record, curves: Record, labels: Record, settings: Settings
) -> dict[str, list[Change]]:
    """Changes of one notebook by their kinds, of each kind as many as are drawn from a notebook at most.

    The records have its figures as they are, and with a change in each.
    """
    cells = code_cells(original)
    kind = {cell.id: kinds.of(cell, {"skip": False, "check": True}, settings) for cell in cells}
    exact = [cell for cell in cells if kind[cell.id].name != "statistical"]
    trained = [cell for cell in cells if kind[cell.id].name == "statistical"]
    free = [cell for cell in trained if "integers" in kind[cell.id].trained]
    held = [cell for cell in trained if cell not in free]
    full = [cell for cell in cells if cell.outputs]
    form = "hygiene" if settings.hygiene else ""  # without, only what a cell shows is compared
    counted = cells if settings.hygiene else []
    errors = [cell for cell in cells if any(o.output_type == "error" for o in cell.outputs)]

    def moved_by(tolerances: float) -> Callable[[str, NotebookNode], str]:
        return lambda text, cell: moved(text, tolerances, kind[cell.id].tolerance)

    def last_digit(text: str, cell: NotebookNode) -> str:
        return last_digit_changed(text, kind[cell.id].tolerance)

    found: dict[str, tuple[int, Iterable[Change]]] = {
        "a number moved by ten tolerances": (12, rewrites(exact, NUMBER, moved_by(10))),
        TENTH: (12, harmless(rewrites(cells, NUMBER, moved_by(0.1)))),
        "a small number's last digit changed, more than 1 %": (6, rewrites(exact, NUMBER, last_digit)),
        "a result of training moved by 0.3": (
            6,
            rewrites(trained, NUMBER, moved_by(1.5)),
        ),  # its tolerance is 0.2
        "an integer changed by one": (6, rewrites(exact, INTEGER, one_more)),
        "an integer beside a result of training changed by one": (6, rewrites(held, INTEGER, one_more)),
        INTEGER_TRAINED: (6, harmless(rewrites(free, INTEGER, one_more))),
        "a word changed": (5, rewrites(cells, WORD, lambda text, _: text[:-1] + "~")),
        "an output deleted": (4, at_each(full, lambda copy, cell: cell.outputs.pop())),
        "an output doubled": (4, at_each(full, lambda copy, cell: cell.outputs.append(cell.outputs[-1]))),
        "an output moved": (4, at_each([c for c in full if c is not cells[-1]], move_output)),
        "a count cleared": (2, at_each(cells, lambda _, cell: cell.update(execution_count=None), form)),
        "a cell removed": (2, at_each(counted, lambda copy, cell: copy.cells.remove(cell), form)),
        "two pictures swapped": (3, swaps([cell for cell in exact if pictures(cell)])),
        "a curve moved by 2 %": (9, redrawn(cells, exact, plain, curves)),
        "a label of a figure changed": (9, redrawn(cells, exact, plain, labels)),
        "a word in a figure of training changed": (6, reworded(trained, kind)),
        "a figure of training cut by a fifth": (3, at_each(filter(pictures, trained), cut)),
        "another error type": (3, at_each(errors, lambda _, cell: cell.outputs[-1].update(ename="OSError"))),
        "another error text": (3, at_each(errors, lambda _, cell: cell.outputs[-1].update(evalue="no"))),
    }
    drawn = {}
    for name, (most, places) in found.items():
        all_there_are = list(places)
        drawn[name] = random.Random(name).sample(all_there_are, min(most, len(all_there_are)))
    return drawn


def cell_of(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def at_each(cells: Iterable[NotebookNode], edit: Edit, fails_at: str = "") -> list[Change]:
    return [Change(cell.id, fails_at or cell.id, edit) for cell in cells]


# --- text -------------------------------------------------------------------------------------------


def rewrites(
    cells: Iterable[NotebookNode], pattern: re.Pattern, new: Callable[[str, NotebookNode], str]
) -> Iterator[Change]:
    """For every match of a pattern in a text, the edit that puts `new(match, cell)` there."""
    for cell in cells:
        for index, output in enumerate(cell.outputs):
            for at, (table, key, name) in enumerate(values(output)):
                if name not in ("stdout", "stderr") and not name.startswith("text/"):
                    continue
                for match in pattern.finditer(text := table[key]):
                    changed = text[: match.start()] + new(match[0], cell) + text[match.end() :]
                    if changed != text:
                        yield Change(cell.id, cell.id, partial(rewrite, index, at, changed))


def rewrite(index: int, at: int, text: str, copy: NotebookNode, cell: NotebookNode) -> None:
    """Give one of an output's values another text."""
    table, key, _ = list(values(cell.outputs[index]))[at]
    table[key] = text


def harmless(found: Iterable[Change]) -> Iterator[Change]:
    return (change._replace(fails_at="") for change in found)


def one_more(integer: str, cell: NotebookNode) -> str:
    return str(int(integer) + 1)


def last_digit_changed(number: str, tolerance: Tolerance) -> str:
    """A number of few digits that isn't 0, with its last decimal one more; any other one as it is."""
    size, decimals = abs(float(number)), len(number.partition(".")[2])
    few = 10.0**-decimals > max(LARGEST_SHARE * size, 2 * (tolerance.atol + tolerance.rtol * size))
    if size == 0 or not few or "e" in number.lower():
        return number
    return f"{float(number) + 10.0**-decimals:.{decimals}f}"


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


def reworded(cells: Iterable[NotebookNode], kind: Mapping[str, kinds.Kind]) -> Iterator[Change]:
    """For every title, label and legend that a figure's description has, the edit of its last letter."""
    for cell in cells:
        for index, output in enumerate(cell.outputs):
            described = output.get("data", {}).get(figures.TYPE, {"axes": []})
            for number, axes in enumerate(described["axes"]):
                for name in ("title", "x", "y", "legend"):
                    if name in axes and (name != "title" or "titles" not in kind[cell.id].trained):
                        yield Change(cell.id, cell.id, partial(reword, index, number, name))


def reword(index: int, number: int, name: str, copy: NotebookNode, cell: NotebookNode) -> None:
    axes = cell.outputs[index].data[figures.TYPE]["axes"][number]
    axes[name] = [*axes[name][:-1], "~"] if isinstance(axes[name], list) else axes[name][:-1] + "~"


def swaps(cells: list[NotebookNode]) -> Iterator[Change]:
    """For two neighbouring figures, the edit that swaps them."""
    for first, second in zip(cells, cells[1:], strict=False):
        yield Change(first.id, first.id, partial(swap, second.id))


def swap(other: str, copy: NotebookNode, cell: NotebookNode) -> None:
    a, b = pictures(cell)[0].data, pictures(cell_of(copy, other))[0].data
    a[PNG], b[PNG] = b[PNG], a[PNG]


def redrawn(
    cells: list[NotebookNode], compared: list[NotebookNode], plain: Record, changed: Record
) -> Iterator[Change]:
    """For every figure that the change has altered, the edit that stores the altered one."""
    for cell, (_, before), (_, after) in zip(cells, plain, changed, strict=True):
        for index, (a, b) in enumerate(zip(before, after, strict=True)):
            old, new = (x.get("data", {}).get(PNG, "") for x in (a, b))
            if old != new and cell in compared:
                yield Change(cell.id, cell.id, partial(redraw, index, new))


def redraw(index: int, picture: str, copy: NotebookNode, cell: NotebookNode) -> None:
    cell.outputs[index].data[PNG] = picture
