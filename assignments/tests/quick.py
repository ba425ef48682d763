"""Judge an answer at once, in this process: for the tables of hundreds of answers, all of them our own."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import signal
from collections.abc import Iterator
from typing import Any

from grading.expected import BEGINNING, SOLVED, Expected, first_difference, without_expected
from grading.problem_set import ProblemSet, is_hidden, role
from nbformat import NotebookNode

SECONDS = 20


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """TimeoutError after so many seconds."""

    def late(*_: object) -> None:
        raise TimeoutError(f"{seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(source: str, name: str, names: dict[str, Any]) -> None:
    with time_limit(SECONDS), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, name, "exec"), names)


@functools.cache
def expected_of(problem_set: ProblemSet) -> dict[str, list[Expected]]:
    """What the hidden tests expect, by the solution."""
    names, found = {"__name__": "__main__"}, {}
    for cell in sorted(code_of(problem_set), key=is_hidden):
        run((BEGINNING + SOLVED) * is_hidden(cell) + cell.source, cell.id, names)
        if is_hidden(cell):
            found[cell.id] = [Expected(*each) for each in zip(as_json(names), names["_whys"], strict=True)]
    return found


def as_json(names: dict[str, Any]) -> list[Any]:
    return json.loads(json.dumps(names["_kept"]))


def code_of(problem_set: ProblemSet) -> list[NotebookNode]:
    return [cell for cell in problem_set.notebook().cells if cell.cell_type == "code"]


def errors_of(problem_set: ProblemSet, answers: dict[str, str]) -> dict[str, str]:
    """{cell: error} after the cells with these answers, and then the hidden tests, have run."""
    names, errors = {"__name__": "__main__"}, {}
    for cell in sorted(code_of(problem_set), key=is_hidden):
        name = role(cell).grade_id
        source = without_expected(cell.source) if is_hidden(cell) else answers.get(name, cell.source)
        try:
            run(source, name, names)
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"
        if is_hidden(cell):
            difference = first_difference(as_json(names), expected_of(problem_set)[name])
            if difference and name not in errors:
                errors[name] = f"Unexpected: {difference[1]}"
    return errors


def points_of(problem_set: ProblemSet, answers: dict[str, str]) -> dict[str, float]:
    """The points of each cell of hidden tests."""
    errors = errors_of(problem_set, answers)
    points = problem_set.points()
    return {name: points[name] * (name not in errors) for name in points if "-hidden" in name}
