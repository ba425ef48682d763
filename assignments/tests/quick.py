"""Judge an answer at once, in this process: for the tables of hundreds of answers, all of them our own."""

from __future__ import annotations

import contextlib
import io
import signal
from collections.abc import Iterator

from grading.problem_set import ProblemSet, is_hidden, role

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


def errors_of(problem_set: ProblemSet, answers: dict[str, str]) -> dict[str, str]:
    """{cell: error} after the cells with these answers, and then the hidden tests, have run."""
    cells = [cell for cell in problem_set.notebook().cells if cell.cell_type == "code"]
    names, errors = {"__name__": "__main__"}, {}
    for cell in [c for c in cells if not is_hidden(c)] + [c for c in cells if is_hidden(c)]:
        name = role(cell).grade_id
        try:
            with time_limit(SECONDS), contextlib.redirect_stdout(io.StringIO()):
                exec(compile(answers.get(name, cell.source), name, "exec"), names)
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"
    return errors


def points_of(problem_set: ProblemSet, answers: dict[str, str]) -> dict[str, float]:
    """The points of each cell of hidden tests."""
    errors = errors_of(problem_set, answers)
    points = problem_set.points()
    return {name: points[name] * (name not in errors) for name in points if "-hidden" in name}
