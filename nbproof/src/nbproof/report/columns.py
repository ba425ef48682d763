"""Text in columns: two texts side by side, around the line where they part, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

WIDTH = 50  # characters of a column; longer lines are folded
CONTEXT = 3  # lines before and after the one that differs


def side_by_side(stored: str, new: str, line: int = 1) -> str:
    """Lines near `line`, which is marked, with their numbers.

    >>> print(side_by_side("loss 0.5\\ndone", "loss 0.7\\ndone", line=1))
           stored   | new
    >    1 loss 0.5 | loss 0.7
         2 done     | done
    """
    rows = list(zip_longest(stored.splitlines() or ["(nothing)"], new.splitlines() or ["(nothing)"]))
    first = max(0, line - 1 - CONTEXT)
    shown = rows[first : line + CONTEXT]
    left = [fold(a) for a, _ in shown]
    width = max(len(part) for parts in [*left, ["stored"]] for part in parts)
    table = [f"       {'stored':<{width}} | new"]
    for number, (parts, (_, b)) in enumerate(zip(left, shown, strict=True), start=first + 1):
        mark = ">" if number == line else " "
        for row, (x, y) in enumerate(zip_longest(parts, fold(b), fillvalue="")):
            head = f"{mark} {number:4}" if row == 0 else " " * 6
            table.append(f"{head} {x:<{width}} | {y}".rstrip())
    if len(rows) > line + CONTEXT:
        table.append(f"       ... and {len(rows) - line - CONTEXT} more lines")
    return "\n".join(table)


def fold(line: str | None) -> list[str]:
    """A line in pieces of at most WIDTH characters; one empty piece for a line that isn't there."""
    line = (line or "").expandtabs(4)
    return [line[at : at + WIDTH] for at in range(0, len(line), WIDTH)] or [""]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in lines of Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
