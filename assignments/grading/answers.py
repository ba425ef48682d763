"""The table of answers: wrong ones with the marks they get, and unusual ones that are right.

`answers/NAME.toml` has for every task what students really write. The tests grade all of them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from grading.problem_set import (
    BEGIN_SOLUTION,
    END_SOLUTION,
    ProblemSet,
    is_answer,
    is_hidden,
    released,
    role,
    task_of,
)

ANSWERS = Path(__file__).resolve().parent.parent / "answers"


class Answer(NamedTuple):
    """One answer to one task."""

    cell: str  # the cell it stands in
    what: str  # such as "height and width swapped"
    source: str
    marks: dict[str, float]  # of the cells of hidden tests that don't give all points; {} if it is right

    @property
    def is_right(self) -> bool:
        return not self.marks

    def points(self, problem_set: ProblemSet) -> dict[str, float]:
        """What each cell of hidden tests gives for it, and for right answers elsewhere."""
        hidden = {name: points for name, points in problem_set.points().items() if "-hidden" in name}
        return hidden | {name: float(points) for name, points in self.marks.items()}


def read(problem_set: ProblemSet, folder: Path = ANSWERS) -> list[Answer]:
    """The answers of a problem set; ValueError if one names a cell that there isn't."""
    entries = tomllib.loads((folder / f"{problem_set.name}.toml").read_text(encoding="utf-8"))["answer"]
    cells, found = problem_set.cells(), []
    for entry in entries:
        unknown = {entry["cell"], *entry.get("marks", {})} - set(cells)
        if unknown or bool(entry.get("right")) == bool(entry.get("marks")):
            raise ValueError(
                f"{problem_set.name}.toml, {entry['what']!r}: unknown cells or no marks: {unknown}"
            )
        if any(task_of(name) != entry["cell"] for name in entry.get("marks", {})):
            raise ValueError(f"{problem_set.name}.toml, {entry['what']!r}: marks of another task")
        found.append(Answer(entry["cell"], entry["what"], entry["source"], entry.get("marks", {})))
    return found


def hand_in(
    problem_set: ProblemSet, answers: dict[str, str] | None = None, solved: bool = True
) -> NotebookNode:
    """What a student hands in: the release with these answers; the others are the solutions, or blank."""
    notebook = problem_set.notebook()
    for cell in notebook.cells:
        given = (answers or {}).get(role(cell).grade_id)
        if given is not None:
            cell.source = given
        elif is_hidden(cell) or not (solved and is_answer(cell)):
            cell.source = released(cell)
        else:
            marks = (BEGIN_SOLUTION, END_SOLUTION)
            cell.source = "\n".join(line for line in cell.source.split("\n") if line.strip() not in marks)
    return notebook


def as_bytes(notebook: NotebookNode) -> bytes:
    """A notebook as a file holds it."""
    return nbformat.writes(notebook).encode()
