"""Write what students get of each problem set: `make assignments`."""

from __future__ import annotations

import ast
from pathlib import Path

from grading import gradebook
from grading.expected import expectations_in
from grading.mend import read
from grading.problem_set import BEGIN_HIDDEN, BEGIN_SOLUTION, ProblemSet, is_hidden, released, without


def release_all(course: Path, sets: list[ProblemSet]) -> int:
    """Release them all, and look whether anything leaks; 1 if it does."""
    for problem_set in sets:
        check_tests(problem_set)
        made = gradebook.release(course, problem_set)
        if found := leaks(problem_set, made.read_bytes()):
            made.unlink()
            raise RuntimeError(f"{problem_set.name} isn't released, it would show: {'; '.join(found)}")
        print(f"{problem_set.name}: {made}")
    return 0


def check_tests(problem_set: ProblemSet) -> None:
    """Raise unless every cell of hidden tests has an expectation that the grader can make wrong."""
    for name, cell in problem_set.cells().items():
        calls = expectations_in(ast.parse(cell.source)) if is_hidden(cell) else None
        if calls == [] or any(len(call.args) != 3 for call in calls or ()):
            raise ValueError(
                f"{problem_set.name}, {name}: hidden tests need `expect(got, wanted, why)`, all three by "
                "position, at least once: the grader makes one wrong to see that the cell can fail"
            )


def secrets(problem_set: ProblemSet) -> dict[str, list[str]]:
    """The lines of each cell that students must not have: of solutions, rubrics and hidden tests."""
    found = {}
    for name, cell in problem_set.cells().items():
        public = without(cell.source, BEGIN_SOLUTION, "### END SOLUTION")
        public = without(public, BEGIN_HIDDEN, "### END HIDDEN TESTS")
        shown = {line.strip() for line in public.splitlines()}
        lines = [line.strip() for line in cell.source.splitlines()]
        found[name] = [line for line in lines if line and line not in shown and not line.startswith("### ")]
    return {name: lines for name, lines in found.items() if lines}


def leaks(problem_set: ProblemSet, text: bytes) -> list[str]:
    """What a notebook shows that students must not have: cells with lines of their own secrets, outputs."""
    notebook = read(text)
    hidden, found = secrets(problem_set), []
    everywhere = "\n".join(cell.source for cell in notebook)
    for name, lines in hidden.items():
        shown = [line for line in lines if len(line) > 12 and line in everywhere]
        found += [f"{name}: {line[:60]}" for line in shown if not _is_public(problem_set, line)]
    found += [f"{cell.get('id', '?')}: an output" for cell in notebook if cell.get("outputs")]
    found += [f"a mark of nbgrader's: {mark}" for mark in ("### BEGIN", "### END") if mark in everywhere]
    return found


def _is_public(problem_set: ProblemSet, line: str) -> bool:
    """Whether a line also stands where everybody may read it, such as `total = 0` in an example."""
    return any(line in released(cell) for cell in problem_set.cells().values())
