"""The commands of the course, from the outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from grading import mutate
from grading.__main__ import main
from grading.answers import Answer, as_bytes, hand_in, read
from grading.attacks import attacks
from grading.bench import hand_ins
from grading.box import Limits
from grading.check import check
from grading.example import HOSTILE, NAMES, make
from grading.example import hand_ins as class_of
from grading.marking import Runner
from grading.mutate import Outcome, figures, judge_all
from grading.problem_set import ProblemSet, is_answer, is_hidden, names, role
from grading.release import leaks, release_all
from grading.sandbox import plain_kernel
from tiny import tiny

PS = tiny()
SETS = [ProblemSet.read(name) for name in names()]


def test_a_student_sees_which_public_tests_pass(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "tiny.ipynb"
    own = hand_in(PS, {"size": "size = (4,)", "explain-odd": "They have a middle."})
    file.write_bytes(as_bytes(own))
    assert check(file, [PS]) == 1
    said = capsys.readouterr().out
    assert "shift (60 points): public tests passed" in said
    assert "size (30 points): public tests NOT passed" in said
    assert "two numbers: height, then width" in said and "expected: 2" in said
    assert "explain-odd (10 points): answered; a person will read it" in said
    assert "Not checked: the hidden tests" in said

    file.write_bytes(as_bytes(hand_in(PS)))
    assert check(file, [PS]) == 0


def test_a_student_sees_what_is_out_of_form(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "tiny.ipynb"
    notebook = hand_in(PS, solved=False)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "size-public"]
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    file.write_bytes(as_bytes(notebook))
    assert check(file, [PS]) == 1
    said = capsys.readouterr().out
    assert "explain-odd (10 points): NOT answered yet" in said
    assert "a cell of your own: ZeroDivisionError: division by zero" in said
    assert "note: cells are missing: size-public" in said
    with pytest.raises(ValueError, match="there is no file"):
        check(tmp_path / "none.ipynb", [PS])


@pytest.mark.parametrize("problem_set", SETS, ids=lambda each: each.name)
def test_a_release_leaks_nothing_opens_runs_and_shows_the_placeholders(
    problem_set: ProblemSet, tmp_path: Path
) -> None:
    assert release_all(tmp_path, [problem_set]) == 0
    file = tmp_path / "release" / problem_set.name / f"{problem_set.name}.ipynb"
    assert leaks(problem_set, file.read_bytes()) == []
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    with Runner(code, Limits(cell_seconds=60), plain_kernel) as runner:
        runner.run_all()
    assert runner.findings == []
    for cell in code:
        errors = [output.ename for output in cell.outputs if output.output_type == "error"]
        is_stub = is_answer(cell) and "def " not in cell.source
        if is_stub:
            assert errors == ["NotImplementedError"], cell.id
        elif role(cell).grade_id.endswith("-public"):
            assert errors, cell.id
        elif is_hidden(cell):
            assert errors == [] and cell.source.startswith("# "), cell.id


def test_a_solution_that_a_release_would_show_is_found() -> None:
    for problem_set in SETS:
        assert leaks(problem_set, as_bytes(hand_in(problem_set)))


def test_a_class_of_thirty(tmp_path: Path) -> None:
    problem_set = SETS[0]
    assert make(tmp_path / "class", SETS) == 0
    files = sorted((tmp_path / "class").rglob("*.ipynb"))
    assert len(files) == len(NAMES) == 30
    assert len({file.read_bytes() for file in files}) >= 25
    known = {attack.what: attack.hand_in for attack in attacks(problem_set)}
    made = set(class_of(problem_set))
    assert all(known[what] in made for what in HOSTILE)
    with pytest.raises(ValueError, match="isn't empty"):
        make(tmp_path / "class", SETS)


def test_an_unknown_problem_set_is_an_error_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["release", str(tmp_path), "--set", "ps9"]) == 1
    assert capsys.readouterr().err == (
        "grading release: there is no problem set 'ps9', only ps1, ps2, ps3, ps4\n"
    )
    assert main(["grade", str(tmp_path / "nowhere"), str(tmp_path / "course")]) == 1
    assert "nowhere is no folder" in capsys.readouterr().err


def test_the_commands_have_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "grading", "--help"], capture_output=True, text=True, check=True
    )
    assert "grade a folder of hand-ins" in done.stdout


def test_answers_that_are_not_marked_as_they_should_be_are_named() -> None:
    wrong = Answer("size", "swapped", "size = (2, 4)", {"size-hidden": 0})
    right = Answer("size", "a list", "size = [4, 2]", {})
    full = {"shift-hidden": 40.0, "shift-hidden-2": 20.0, "size-hidden": 30.0}
    lost = full | {"size-hidden": 0.0}
    outcomes = [
        Outcome("tiny", wrong, lost, wrong.points(PS)),
        Outcome("tiny", wrong, full, wrong.points(PS)),
        Outcome("tiny", wrong, lost | {"shift-hidden": 0.0}, wrong.points(PS)),
        Outcome("tiny", right, full, right.points(PS)),
    ]
    assert figures(outcomes) == {
        "wrong answers": 3,
        "that lost what they should, and nothing else": 1,
        "unusual right answers": 1,
        "with all points": 1,
        "survivors": [
            "tiny size, swapped: got {'size-hidden': 30.0}",
            "tiny size, swapped: got {'shift-hidden': 0.0}",
        ],
    }


def test_some_answers_of_the_tables_through_the_whole_grader(boxes: None) -> None:
    chosen = {each.name: [read(each)[0], read(each)[-1]] for each in SETS}
    outcomes = judge_all(SETS, 2, chosen)
    assert len(outcomes) == 2 * len(SETS) and all(outcome.as_wanted for outcome in outcomes), [
        str(outcome) for outcome in outcomes if not outcome.as_wanted
    ]


@pytest.mark.full
def test_all_answers_of_the_tables_through_the_whole_grader(boxes: None) -> None:
    assert mutate.mutate(SETS, None, 2) == 0


def test_the_bench_has_hand_ins_of_every_kind() -> None:
    made = hand_ins(SETS[0], 50)
    assert len(made) == 50 and len(set(made)) > 30


@pytest.mark.full
def test_the_example_class_gets_the_marks_it_should(boxes: None, tmp_path: Path) -> None:
    from grading.batch import grade
    from grading.gradebook import scores

    problem_set = SETS[0]
    make(tmp_path / "class", [problem_set])
    assert grade(tmp_path / "class", tmp_path / "course", [problem_set]) == 0
    found = scores(tmp_path / "course", problem_set)
    everything = sum(points for name, points in problem_set.points().items() if "-hidden" in name)
    assert len(found) == 30 and found["Ada Lovelace"].total == everything
    hostile = NAMES[-len(HOSTILE) :]
    assert {name: found[name].total for name in hostile} == dict.fromkeys(hostile, 0)
