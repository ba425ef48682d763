"""A problem set, read from its source notebook: which cell is what, and what students get of it.

The source notebook has the solutions between `### BEGIN SOLUTION` and `### END SOLUTION`, and the hidden
tests between marks of the same kind: nbgrader's form, which `nbgrader generate_assignment` turns into the
release.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

SOURCES = Path(__file__).resolve().parent.parent / "source"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = {"code": "# YOUR CODE HERE\nraise NotImplementedError()", "markdown": "YOUR ANSWER HERE"}


def role(cell: NotebookNode) -> NotebookNode:
    """What nbgrader knows of a cell: `grade_id`, `grade`, `solution`, `locked`, `points`."""
    return cell.metadata.get("nbgrader", NotebookNode())


def is_hidden(cell: NotebookNode) -> bool:
    """Whether a cell holds hidden tests."""
    return cell.cell_type == "code" and bool(role(cell).get("grade"))


def is_answer(cell: NotebookNode) -> bool:
    """Whether a student writes it."""
    return bool(role(cell).get("solution"))


def is_explanation(cell: NotebookNode) -> bool:
    """Whether a person gives its points."""
    return is_answer(cell) and bool(role(cell).get("grade"))


def task_of(grade_id: str) -> str:
    """The task that a cell belongs to, by its name.

    >>> task_of("same-padding-hidden-2"), task_of("same-padding-public"), task_of("same-padding")
    ('same-padding', 'same-padding', 'same-padding')
    """
    return re.sub(r"-(public|hidden(-\d+)?)$", "", grade_id)


class ProblemSet(NamedTuple):
    """A source notebook; it travels to other machines as this text."""

    name: str
    source: str

    @classmethod
    def read(cls, name: str, folder: Path = SOURCES) -> ProblemSet:
        """ValueError, with the names there are, if there is no such problem set."""
        file = folder / name / f"{name}.ipynb"
        if not file.is_file():
            raise ValueError(f"there is no problem set {name!r}, only {', '.join(names(folder)) or 'none'}")
        return cls(name, file.read_text(encoding="utf-8"))

    def notebook(self) -> NotebookNode:
        return nbformat.reads(self.source, as_version=4)

    def cells(self) -> dict[str, NotebookNode]:
        """Its cells by their names, in order."""
        return {role(cell).grade_id: cell for cell in self.notebook().cells}

    def points(self) -> dict[str, float]:
        """The points of every graded cell."""
        return {name: float(role(cell).points) for name, cell in self.cells().items() if role(cell).grade}

    def tasks(self) -> dict[str, float]:
        """The points of every task."""
        found: dict[str, float] = {}
        for name, points in self.points().items():
            found[task_of(name)] = found.get(task_of(name), 0.0) + points
        return found


def names(folder: Path = SOURCES) -> list[str]:
    """The problem sets there are."""
    return sorted(file.stem for file in folder.glob("*/*.ipynb") if file.stem == file.parent.name)


# --- what students get --------------------------------------------------------------------------


def released(cell: NotebookNode) -> str:
    """The text of a cell as students get it."""
    text = without(cell.source, BEGIN_HIDDEN, END_HIDDEN)
    return without(text, BEGIN_SOLUTION, END_SOLUTION, STUB[cell.cell_type]) if is_answer(cell) else text


def without(text: str, begin: str, end: str, instead: str | None = None) -> str:
    """A text without the lines between two marks; in their place another text, as far to the right.

    >>> without("def f():\\n    # BEGIN\\n    return 1\\n    # END", "# BEGIN", "# END", "raise")
    'def f():\\n    raise'
    """
    lines, inside = [], False
    for line in text.split("\n"):
        if begin in line:
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + each for each in (instead or "").split("\n")] if instead is not None else []
        elif end in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def defined_names(source: str) -> set[str]:
    """The names that a code cell defines at its outermost level; none if it isn't Python.

    >>> sorted(defined_names("def f(): pass\\na = b, c = 1, 2\\nx.y = 3"))
    ['a', 'b', 'c', 'f']
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return set()
    found = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets if isinstance(node, ast.Assign | ast.AnnAssign) else ():
            parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            found |= {part.id for part in parts if isinstance(part, ast.Name)}
    return found
