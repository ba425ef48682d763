"""A folder of hand-ins becomes marks, feedback and a summary; interrupted, it goes on; nothing leaks."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import nbformat
import pytest
from grading import batch, gradebook
from grading.answers import as_bytes, hand_in
from grading.attacks import attacks
from grading.batch import Batch, belongs_to, find, grade, workers
from grading.box import Limits
from grading.gradebook import HandIn
from grading.problem_set import ProblemSet
from grading.release import leaks, release_all
from grading.store import Results, from_text, key_of, to_text
from tiny import tiny

PS = tiny()
LIMITS = Limits(cell_seconds=4)
CLASS = {
    "Zoë 王": as_bytes(hand_in(PS)),
    "Ann [1]": as_bytes(hand_in(PS, solved=False)),
    "=cmd": as_bytes(hand_in(PS, {"size": "size = (2, 4)"})),
    "no notebook": b"no notebook",
    "mallory": next(each.hand_in for each in attacks(PS) if "expect that" in each.what),
}
SECRET = ("a row of one", "by in (0, 2)", "the input stays")


def write_class(folder: Path, hand_ins: dict[str, bytes]) -> Path:
    for name, content in hand_ins.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "tiny.ipynb").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def graded(boxes: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("graded class")
    write_class(root / "hand-ins", CLASS)
    (root / "hand-ins" / "empty").mkdir()
    assert grade(root / "hand-ins", root / "course", [PS], jobs=2, limits=LIMITS) == 1, "one isn't graded"
    return root


def rows(course: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (course / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return {(row["student"], row["task"]): row for row in csv.DictReader(file)}


def test_everybody_has_marks(graded: Path) -> None:
    found = rows(graded / "course")
    totals = {student: row["points"] for (student, task), row in found.items() if task == "all"}
    assert totals == {"Zoë 王": "90", "Ann [1]": "0", "'=cmd": "60", "no notebook": "0", "mallory": "0"}
    assert found["Zoë 王", "all"]["to be graded by hand"] == "explain-odd"
    assert found["Ann [1]", "all"]["to be graded by hand"] == ""
    assert found["'=cmd", "size"]["points"] == "0" and found["'=cmd", "shift"]["points"] == "60"


def test_the_summary_names_those_who_need_a_person(graded: Path) -> None:
    page = (graded / "course" / "summary.html").read_text(encoding="utf-8")
    for text in (
        "mallory",
        "suspected tampering",
        "no notebook",
        "there is no notebook in the folder",
        "empty",
    ):
        assert text in page
    assert "UNSAFE" not in page and "data:image/png;base64," in page and "Zoë" not in page


def test_there_is_a_page_for_each_student_without_hidden_tests(graded: Path) -> None:
    pages = {file.parent.parent.name: file for file in (graded / "course" / "feedback").rglob("tiny.html")}
    assert sorted(pages) == sorted(map(gradebook.student_id, CLASS))
    for file in pages.values():
        page = file.read_text(encoding="utf-8")
        assert "Hidden" in page or "hidden" in page
        assert not any(secret in page for secret in SECRET[:2]) and "They have a middle" not in page.replace(
            "They have a middle.",
            "" if file.parent.parent.name in ("Zoë 王", "=cmd") else "They have a middle.",
        )
    assert "not passed: the height" in pages["=cmd"].read_text(encoding="utf-8")


def test_a_second_call_runs_nothing_again(graded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = graded / "course"
    before = {file: file.stat().st_mtime_ns for file in course.rglob("*.ipynb")}
    monkeypatch.setattr(batch, "run", lambda *_: pytest.fail("it runs again"))
    assert grade(graded / "hand-ins", course, [PS], jobs=1, limits=LIMITS) == 1
    assert {file: file.stat().st_mtime_ns for file in course.rglob("*.ipynb")} == before


def test_marks_given_by_hand_outlive_a_new_hand_in(graded: Path) -> None:
    from nbgrader.api import Gradebook

    course = graded / "course"
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", gradebook.COURSE_ID) as book:
        grade_of = book.find_grade("explain-odd", "tiny", "tiny", "Zoë 王")
        grade_of.manual_score, grade_of.needs_manual_grade = 7, False
        book.db.commit()
    file = graded / "hand-ins" / "Zoë 王" / "tiny.ipynb"
    file.write_bytes(as_bytes(hand_in(PS, {"size": "size = (4, 3)"})))
    grade(graded / "hand-ins", course, [PS], jobs=1, limits=LIMITS)
    row = rows(course)["Zoë 王", "all"]
    assert row["points"] == "67", "60 for shift, 0 for size, 7 by hand"
    page = course / "feedback" / "Zoë 王" / "tiny" / "tiny.html"
    assert "67.0 / 100.0" in page.read_text(encoding="utf-8")

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", gradebook.COURSE_ID) as book:
        book.find_grade("explain-odd", "tiny", "tiny", "Zoë 王").manual_score = 9
        book.db.commit()
    grade(graded / "hand-ins", course, [PS], jobs=1, limits=LIMITS)
    assert rows(course)["Zoë 王", "all"]["points"] == "69"
    assert "69.0 / 100.0" in page.read_text(encoding="utf-8"), "marks by hand come into the feedback"


def test_what_nbgrader_has_collected_stays_as_it_is(boxes: None, tmp_path: Path) -> None:
    file = tmp_path / "submitted" / "Ada" / "tiny" / "tiny.ipynb"
    file.parent.mkdir(parents=True)
    notebook = hand_in(PS)
    notebook.cells = notebook.cells[:-2]
    file.write_bytes(as_bytes(notebook))
    for _ in range(2):
        assert grade(tmp_path / "submitted", tmp_path, [PS], jobs=1, limits=LIMITS) == 0
        assert file.read_bytes() == as_bytes(notebook)
    assert rows(tmp_path)["Ada", "all"]["points"] == "90"


def test_a_hand_in_after_the_due_date_is_late(boxes: None, tmp_path: Path) -> None:
    from nbgrader.api import Gradebook

    write_class(tmp_path / "in", {"late": CLASS["Zoë 王"], "early": CLASS["Zoë 王"]})
    for name, day in (("late", 3), ("early", 1)):
        (tmp_path / "in" / name / "timestamp.txt").write_text(f"2026-11-0{day} 12:00:00.000000 UTC")
    course = tmp_path / "course"
    course.mkdir()
    penalty = "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    (course / "nbgrader_config.py").write_text(penalty)
    gradebook.release(course, PS)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", gradebook.COURSE_ID) as book:
        book.update_or_create_assignment("tiny", duedate="2026-11-02 00:00:00 UTC")
    assert grade(tmp_path / "in", course, [PS], jobs=2, limits=LIMITS) == 0
    totals = {name: row["points"] for (name, task), row in rows(course).items() if task == "all"}
    assert totals == {"late": "0", "early": "90"}

    (tmp_path / "in" / "late" / "timestamp.txt").unlink()
    (tmp_path / "in" / "early" / "timestamp.txt").write_text("2026-11-03 12:00:00.000000 UTC")
    assert grade(tmp_path / "in", course, [PS], jobs=2, limits=LIMITS) == 0
    totals = {name: row["points"] for (name, task), row in rows(course).items() if task == "all"}
    assert totals == {"late": "90", "early": "0"}, "the times were put right"


def test_a_changed_problem_set_with_graded_hand_ins_is_refused(graded: Path) -> None:
    notebook = PS.notebook()
    notebook.cells = [cell for cell in notebook.cells if "size" not in cell.id]
    other = PS._replace(source=nbformat.writes(notebook))
    with pytest.raises(RuntimeError, match="nbgrader can't release tiny: .*submissions associated"):
        gradebook.release(graded / "course", other)


def test_interrupted_it_goes_on_where_it_was(
    boxes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    students = {f"s{count}": CLASS["Zoë 王"] for count in range(3)}
    write_class(tmp_path / "in", students)
    keep, kept = Results.keep, []

    def keep_two(self: Results, student: str, key: str, text: str) -> None:
        if len(kept) == 2:
            raise KeyboardInterrupt
        kept.append(student)
        keep(self, student, key, text)

    monkeypatch.setattr(Results, "keep", keep_two)
    with pytest.raises(KeyboardInterrupt):
        grade(tmp_path / "in", tmp_path / "course", [PS], jobs=1, limits=LIMITS)
    assert len(list((tmp_path / "course" / "results" / "tiny").glob("*.json"))) == 2
    monkeypatch.setattr(Results, "keep", lambda *args: (kept.append(args[1]), keep(*args)))
    assert grade(tmp_path / "in", tmp_path / "course", [PS], jobs=1, limits=LIMITS) == 0
    assert sorted(kept) == ["s0", "s1", "s2"]
    totals = [row["points"] for (_, task), row in rows(tmp_path / "course").items() if task == "all"]
    assert totals == ["90", "90", "90"]


def test_without_a_box_it_refuses_and_unsafe_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    write_class(tmp_path / "in", {"Ada": CLASS["Zoë 王"]})
    with pytest.raises(SystemExit, match="programs by strangers.*bwrap is missing.*UNSAFE=1"):
        grade(tmp_path / "in", tmp_path / "course", [PS], jobs=1)
    assert not (tmp_path / "course").exists()
    monkeypatch.undo()
    assert grade(tmp_path / "in", tmp_path / "course", [PS], jobs=1, unsafe=True, limits=LIMITS) == 0
    assert "without a box" in (tmp_path / "course" / "summary.html").read_text(encoding="utf-8")


def test_hand_ins_are_found_by_name_or_by_their_cells(tmp_path: Path) -> None:
    for place in ("a/tiny.ipynb", "b/tiny/tiny.ipynb", "c/Copy of tiny (1).ipynb"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(CLASS["Zoë 王"])
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "shopping.ipynb").write_text(json.dumps({"cells": [], "nbformat": 4, "metadata": {}}))
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "tiny.ipynb").write_bytes(CLASS["Zoë 王"])
    (tmp_path / "e" / "tiny-old.ipynb").write_bytes(CLASS["Zoë 王"])
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("no folder")
    (found,), problems = find(
        tmp_path, [PS, PS._replace(name="other", source=PS.source.replace('"', '"'))][:1]
    )
    assert [each.student for each in found.hand_ins] == ["a", "b", "c", "e"]
    assert [(each.name, each.reason.partition(" is ")[0]) for each in problems] == [
        ("d", "shopping.ipynb"),
        ("e", "tiny-old.ipynb"),
    ]
    with pytest.raises(ValueError, match="is no folder"):
        find(tmp_path / "nowhere", [PS])


def test_the_notebook_that_is_named_as_the_set_and_lies_above_others_is_graded(tmp_path: Path) -> None:
    for place in ("old/tiny.ipynb", "a copy.ipynb", "tiny.ipynb"):
        (tmp_path / "in" / "Ada" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / "Ada" / place).write_bytes(CLASS["Zoë 王"])
    (found,), problems = find(tmp_path / "in", [PS])
    assert [each.file for each in found.hand_ins] == [tmp_path / "in" / "Ada" / "tiny.ipynb"]
    assert [each.reason for each in problems] == [
        "old/tiny.ipynb is a second hand-in of tiny; tiny.ipynb was graded",
        "a copy.ipynb is a second hand-in of tiny; tiny.ipynb was graded",
    ]


def test_what_programs_leave_behind_is_no_hand_in(tmp_path: Path) -> None:
    for place in ("tiny.ipynb", "__MACOSX/._tiny.ipynb", "._tiny.ipynb", ".ipynb_checkpoints/tiny.ipynb"):
        (tmp_path / "Ada" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "Ada" / place).write_bytes(CLASS["Zoë 王"] if place == "tiny.ipynb" else b"\0\5\26\7")
    (found,), problems = find(tmp_path, [PS])
    assert problems == [] and found.hand_ins[0].file == tmp_path / "Ada" / "tiny.ipynb"


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_class(tmp_path, {"Ada": CLASS["Zoë 王"]})
    monkeypatch.setattr("os.access", lambda place, how: False)
    found, problems = find(tmp_path, [PS])
    assert found == [] and problems[0].reason == "tiny.ipynb can't be read: permission denied"


NAMES = (
    "x" * 250,
    "王" * 80,
    "two\nlines",
    "{0} {x}",
    "%s",
    "'; DROP TABLE",
    "-1+cmd",
    os.fsdecode(b"M\xfcller"),
)


def test_no_name_stops_the_batch(boxes: None, tmp_path: Path) -> None:
    write_class(tmp_path / "in", dict.fromkeys(NAMES, CLASS["Zoë 王"]))
    assert grade(tmp_path / "in", tmp_path / "course", [PS], jobs=2, limits=LIMITS) == 0
    totals = {name: row["points"] for (name, task), row in rows(tmp_path / "course").items() if task == "all"}
    assert len(totals) == len(NAMES) and set(totals.values()) == {"90"}
    assert "M\\xfcller" in totals and "'-1+cmd" in totals
    assert len(list((tmp_path / "course" / "feedback").rglob("tiny.html"))) == len(NAMES)


def test_two_commands_do_not_grade_into_one_folder(tmp_path: Path) -> None:
    write_class(tmp_path / "in", {"Ada": CLASS["Zoë 王"]})
    with (
        batch.alone_in(tmp_path / "course"),
        pytest.raises(RuntimeError, match="another command is grading into .*course"),
    ):
        grade(tmp_path / "in", tmp_path / "course", [PS], unsafe=True)


def test_a_release_that_was_interrupted_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = gradebook.release(tmp_path, PS)
    other = PS._replace(source=PS.source.replace("two numbers", "2 numbers"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("grading.gradebook.GenerateAssignment.start", stop)
        with pytest.raises(KeyboardInterrupt):
            gradebook.release(tmp_path, other)
    assert "2 numbers" in gradebook.release(tmp_path, other).read_text(encoding="utf-8") and made.is_file()


def test_a_gradebook_that_is_lost_is_no_new_one(tmp_path: Path) -> None:
    gradebook.release(tmp_path, PS)
    (tmp_path / "gradebook.db").unlink()
    with pytest.raises(
        RuntimeError, match="doesn't know tiny, .* is another one, or lost. .*remove .*release"
    ):
        gradebook.due(tmp_path, PS)


def test_a_hand_in_that_nbgrader_cant_take_stops_no_other(
    boxes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbgrader.preprocessors import SaveAutoGrades

    write_class(tmp_path / "in", {"Ada": CLASS["Zoë 王"], "Bob": CLASS["=cmd"]})
    save = SaveAutoGrades.preprocess

    def fail_for_ada(self: object, notebook: object, resources: dict) -> object:
        if resources["nbgrader"]["student"] == "Ada":
            raise ZeroDivisionError("of Ada's making")
        return save(self, notebook, resources)

    with monkeypatch.context() as patch:
        patch.setattr(SaveAutoGrades, "preprocess", fail_for_ada)
        assert grade(tmp_path / "in", tmp_path / "course", [PS], jobs=2, limits=LIMITS) == 1
    assert rows(tmp_path / "course")["Bob", "all"]["points"] == "60"
    assert "of Ada's making" in (tmp_path / "course" / "summary.html").read_text(encoding="utf-8").replace(
        "&#x27;", "'"
    )
    assert grade(tmp_path / "in", tmp_path / "course", [PS], jobs=2, limits=LIMITS) == 0
    assert rows(tmp_path / "course")["Ada", "all"]["points"] == "90"


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(CLASS["Zoë 王"])
    (tmp_path / "in" / "Eve").mkdir(parents=True)
    (tmp_path / "in" / "Eve" / "tiny.ipynb").symlink_to(secret)
    (tmp_path / "in" / "Mallory").symlink_to(tmp_path)
    (tmp_path / "in" / "Bob").mkdir()
    (tmp_path / "in" / "Bob" / "tiny.ipynb").symlink_to(tmp_path / "nowhere")
    found, problems = find(tmp_path / "in", [PS])
    assert found == [] and {each.name for each in problems} == {"Bob", "Eve", "Mallory"}
    assert all("is a link, which is not followed" in each.reason for each in problems)


def test_a_notebook_of_another_set_is_not_taken_for_this_one(tmp_path: Path) -> None:
    from grading.problem_set import names

    sets = {name: ProblemSet.read(name) for name in names()}
    for name, problem_set in sets.items():
        file = tmp_path / f"renamed {name}.ipynb"
        file.write_bytes(as_bytes(hand_in(problem_set)))
        assert belongs_to(file, list(sets.values())) == name
        assert all(belongs_to(file, [other]) is None for key, other in sets.items() if key != name)


def test_a_timestamp_that_is_none_counts_as_in_time(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "timestamp.txt").write_text("yesterday, I think")
    given = HandIn("a", "a", tmp_path / "tiny.ipynb")
    assert gradebook.timestamp(given) == "" and "holds no date" in capsys.readouterr().err
    (tmp_path / "timestamp.txt").write_text("2027-03-01 22:10:00.000000 UTC\n")
    assert gradebook.timestamp(given) == "2027-03-01 22:10:00.000000 UTC"


def test_a_file_of_no_problem_set(tmp_path: Path) -> None:
    file = tmp_path / "x.ipynb"
    file.write_bytes(b"junk")
    assert belongs_to(file, [PS]) == "tiny" and belongs_to(file, [PS, PS._replace(name="b")]) is None


def test_a_result_survives_the_disk(boxes: None, tmp_path: Path) -> None:
    from grading.marking import mark
    from grading.sandbox import plain_kernel

    marked = mark(PS, CLASS["=cmd"], LIMITS, plain_kernel)
    assert from_text(to_text(marked)) == marked
    results = Results(tmp_path, PS)
    results.keep("a", "key", to_text(marked))
    assert results["a"] == marked and results.has("a", "key") and not results.has("a", "other")
    results.file("a").write_text("{ half")
    assert not results.has("a", "key") and not results.has("b", "key")
    assert key_of(PS, b"1") != key_of(PS, b"2") != key_of(PS._replace(source="x"), b"2")


def test_hidden_tests_that_cant_fail_are_not_released(tmp_path: Path) -> None:
    for line in ("assert size == (4, 2)", "expect(size[0], 4, why='the height')"):
        notebook = PS.notebook()
        (tests,) = [cell for cell in notebook.cells if cell.id == "size-hidden"]
        tests.source = f"# 30 points.\n### BEGIN HIDDEN TESTS\n{line}\n### END HIDDEN TESTS"
        with pytest.raises(ValueError, match="tiny, size-hidden: hidden tests need `expect"):
            release_all(tmp_path, [PS._replace(source=nbformat.writes(notebook))])


def test_releases_hold_no_solution_and_no_hidden_test(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert release_all(tmp_path / "out", [PS]) == 0
    made = tmp_path / "out" / "release" / "tiny" / "tiny.ipynb"
    released = made.read_bytes()
    assert leaks(PS, released) == []
    assert b"raise NotImplementedError()" in released and b"YOUR ANSWER HERE" in released
    notebook = nbformat.reads(released.decode(), as_version=4)
    for cell in notebook.cells:
        leaky = nbformat.from_dict(json.loads(released))
        place = next(each for each in leaky.cells if each.id == cell.id)
        place.source = PS.cells()[cell.id].source
        if cell.id in ("shift", "shift-hidden", "shift-hidden-2", "size-hidden", "explain-odd"):
            assert leaks(PS, as_bytes(leaky)), cell.id


@pytest.mark.full
def test_every_attack_gains_nothing_and_harms_nothing(boxes: None, tmp_path: Path) -> None:
    all_attacks = {each.what: each.hand_in for each in attacks(PS)}
    write_class(tmp_path / "in", all_attacks | {"an honest student": CLASS["Zoë 王"]})
    treasure = tmp_path / "treasure.db"
    treasure.write_text("gradebook")
    handed_in = {file: file.read_bytes() for file in (tmp_path / "in").rglob("*.ipynb")}
    assert grade(tmp_path / "in", tmp_path / "course", [PS], jobs=2, limits=LIMITS) == 0
    totals = {name: row["points"] for (name, task), row in rows(tmp_path / "course").items() if task == "all"}
    assert totals.pop("an honest student") == "90"
    assert len(totals) >= 12 and set(totals.values()) == {"0"}, {k: v for k, v in totals.items() if v != "0"}
    assert treasure.read_text() == "gradebook"
    assert {file: file.read_bytes() for file in (tmp_path / "in").rglob("*.ipynb")} == handed_in
    for file in (tmp_path / "course" / "autograded").rglob("*.ipynb"):
        cells = nbformat.read(file, 4).cells
        said = "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", ()))
        assert "FOUND" not in said, file


@pytest.mark.full
def test_a_worker_that_dies_and_one_that_is_slow_lose_nothing(
    boxes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = as_bytes(hand_in(PS, {"size": "import time\ntime.sleep(3)\nsize = (4, 2)"}))
    students = {f"s{count}": slow if count == 1 else CLASS["Zoë 王"] for count in range(8)}
    write_class(tmp_path / "in", students)
    files = [HandIn(name, name, tmp_path / "in" / name / "tiny.ipynb") for name in students]
    results, kept = Results(tmp_path / "course", PS), []
    keep = Results.keep
    with workers(None, 2) as client:

        def keep_and_kill(self: Results, student: str, key: str, text: str) -> None:
            if not kept:
                client.run(
                    lambda: __import__("os")._exit(1), workers=list(client.nthreads())[:1], on_error="ignore"
                )
            kept.append(student)
            keep(self, student, key, text)

        monkeypatch.setattr(Results, "keep", keep_and_kill)
        problems = batch.run(Batch(PS, files), {}, results, client, LIMITS)
    assert problems == [] and sorted(kept) == sorted(students), "each is graded, and once"


@pytest.mark.full
def test_a_scheduler_elsewhere_gets_the_work(boxes: None, tmp_path: Path) -> None:
    write_class(tmp_path / "in", {"Ada": CLASS["Zoë 王"], "Bob": CLASS["=cmd"]})
    with workers(None, 2) as client:
        address = client.scheduler.address
        assert grade(tmp_path / "in", tmp_path / "course", [PS], scheduler=address, limits=LIMITS) == 0
    totals = {name: row["points"] for (name, task), row in rows(tmp_path / "course").items() if task == "all"}
    assert totals == {"Ada": "90", "Bob": "60"}
