"""What must hold of each problem set: its form, its points, its tests, and the marks that answers get."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from grading import answers
from grading.expected import expectations_in
from grading.marking import with_wrong_expectation
from grading.problem_set import (
    BEGIN_HIDDEN,
    END_HIDDEN,
    ProblemSet,
    is_answer,
    is_explanation,
    is_hidden,
    names,
    released,
    role,
)
from quick import errors_of, points_of

from d2lmini.course import Unexpected, expect

SETS = [ProblemSet.read(name) for name in names()]
each_set = pytest.mark.parametrize("problem_set", SETS, ids=lambda each: each.name)
ANSWERS = [(each, answer) for each in SETS for answer in answers.read(each)]


def test_there_are_four() -> None:
    assert names() == ["ps1", "ps2", "ps3", "ps4"]
    with pytest.raises(ValueError, match="there is no problem set 'ps9', only ps1, ps2"):
        ProblemSet.read("ps9")


@each_set
def test_a_set_has_a_hundred_points_in_five_to_eight_tasks_of_three_kinds(problem_set: ProblemSet) -> None:
    tasks = problem_set.tasks()
    assert sum(tasks.values()) == 100
    cells = problem_set.notebook().cells
    headings = [cell for cell in cells if cell.cell_type == "markdown" and cell.source.startswith("## Task ")]
    assert 5 <= len(headings) <= 8
    assert any(map(is_explanation, cells)), "none is graded by a person"
    sources = [cell.source for cell in cells if is_answer(cell) and cell.cell_type == "code"]
    assert any("def " in source for source in sources), "none is implemented"
    assert any("def " not in source for source in sources), "none is predicted"


@each_set
def test_every_cell_has_its_role(problem_set: ProblemSet) -> None:
    cells = problem_set.notebook().cells
    for cell in cells:
        mine = role(cell)
        assert mine.grade_id == cell.id and mine.cell_type == cell.cell_type, cell.id
        assert mine.locked == (not is_answer(cell)), cell.id
        if is_hidden(cell):
            lines = cell.source.splitlines()
            assert lines[0].startswith("# ") and lines[1] == BEGIN_HIDDEN and lines[-1] == END_HIDDEN, cell.id
        if is_explanation(cell):
            assert "Rubric" in cell.source and "Rubric" not in released(cell), cell.id
    assert len({cell.id for cell in cells}) == len(cells)


@each_set
def test_only_expect_judges_and_every_expectation_can_fail(problem_set: ProblemSet) -> None:
    for name, cell in problem_set.cells().items():
        if not is_hidden(cell):
            continue
        tree = ast.parse(cell.source)
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert | ast.Try | ast.Raise)], (
            name
        )
        calls = expectations_in(tree)
        assert len(calls) >= 2, name
        for call in calls:
            assert len(call.args) == 3, name
        solved = {"expect": expect, "__name__": "__main__"}
        for other in problem_set.notebook().cells:
            if other.cell_type == "code" and not is_hidden(other):
                exec(other.source, solved)
        for which in range(len(calls)):
            with pytest.raises(Unexpected):
                exec(with_wrong_expectation(cell.source, which), dict(solved))


@each_set
def test_the_solution_passes_and_a_blank_notebook_gets_nothing(problem_set: ProblemSet) -> None:
    assert errors_of(problem_set, {}) == {}
    blank = {name: released(cell) for name, cell in problem_set.cells().items() if is_answer(cell)}
    errors = errors_of(problem_set, blank)
    assert not any(points_of(problem_set, blank).values())
    assert [name for name in problem_set.cells() if name.endswith("-public") and name not in errors] == []


@each_set
def test_there_are_five_typical_mistakes_for_every_task(problem_set: ProblemSet) -> None:
    table = answers.read(problem_set)
    wrong = Counter(answer.cell for answer in table if not answer.is_right)
    right = Counter(answer.cell for answer in table if answer.is_right)
    for name, cell in problem_set.cells().items():
        if is_answer(cell) and cell.cell_type == "code":
            assert wrong[name] >= 5 and right[name] >= 1, name


@pytest.mark.parametrize(
    ("problem_set", "answer"), ANSWERS, ids=[f"{each.name}-{a.cell}-{a.what}"[:80] for each, a in ANSWERS]
)
def test_an_answer_gets_the_marks_of_the_table(problem_set: ProblemSet, answer: answers.Answer) -> None:
    assert points_of(problem_set, {answer.cell: answer.source}) == answer.points(problem_set)
