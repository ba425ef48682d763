"""A problem set of two tasks and an explanation, small enough to read: for the tests of the grader."""

from __future__ import annotations

import nbformat
from grading.problem_set import ProblemSet
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SETUP = "import numpy as np\n\nfrom d2lmini.course import expect"
SHIFT = '''def shift(x, by):
    """The row `x`, shifted to the right, zeros from the left."""
    ### BEGIN SOLUTION
    return [0] * by + list(x)[: len(x) - by]
    ### END SOLUTION'''
SIZE = """### BEGIN SOLUTION
size = (4, 2)
### END SOLUTION"""
EXPLAIN = """Why are kernels odd?

### BEGIN SOLUTION
They have a middle.

**Rubric.** 5 points for the middle.
### END SOLUTION"""


def hidden(points: int, *lines: str) -> str:
    body = "\n".join(lines)
    return f"# {points} points.\n### BEGIN HIDDEN TESTS\n{body}\n### END HIDDEN TESTS"


def cell(name: str, source: str, points: int | None = None, solution: bool = False) -> NotebookNode:
    """A cell with nbgrader's words for what it is."""
    kind = "markdown" if name.startswith("explain") else "code"
    made = (new_markdown_cell if kind == "markdown" else new_code_cell)(source)
    made.id = name
    made.metadata.nbgrader = NotebookNode(
        schema_version=3,
        grade_id=name,
        grade=points is not None,
        solution=solution,
        locked=not solution,
        task=False,
        cell_type=kind,
    )
    if points is not None:
        made.metadata.nbgrader.points = points
    return made


def tiny() -> ProblemSet:
    """100 points: 40 and 20 for `shift`, 30 for `size`, 10 for an explanation."""
    cells = [
        cell("setup", SETUP),
        cell("shift", SHIFT, solution=True),
        cell(
            "shift-public",
            'expect(shift([1, 2, 3], 1), [0, 1, 2], "to the right; [2, 3, 0] is left")',
        ),
        cell(
            "shift-hidden",
            hidden(
                40,
                "for by in (0, 2):",
                '    expect(shift([1, 2, 3], by), ([0] * by + [1, 2, 3])[:3], f"a shift by {by}")',
                'expect(shift([5], 1), [0], "a row of one")',
            ),
            points=40,
        ),
        cell(
            "shift-hidden-2",
            hidden(
                20,
                "x = [1, 2]",
                "shift(x, 1)",
                'expect(x, [1, 2], "the input stays as it was")',
                'expect(shift((1, 2), 2), [0, 0], "a tuple")',
            ),
            points=20,
        ),
        cell("size", SIZE, solution=True),
        cell("size-public", 'expect(len(size), 2, "two numbers: height, then width")'),
        cell(
            "size-hidden",
            hidden(30, 'expect(size[0], 4, "the height")', 'expect(size[1], 2, "the width")'),
            points=30,
        ),
        cell("explain-odd", EXPLAIN, points=10, solution=True),
    ]
    return ProblemSet("tiny", nbformat.writes(new_notebook(cells=cells)))
