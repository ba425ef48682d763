"""The course folder, which is nbgrader's own: gradebook, releases, hand-ins, graded copies, feedback.

Nothing here is a grader of ours. nbgrader makes the releases, reads the marks off the notebooks that
`marking` has run, keeps them, adds what a person gives by hand, and writes the feedback.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    GetGrades,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from nbgrader.utils import parse_utc
from nbproof.files import write_atomically
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from grading.answers import as_bytes
from grading.marking import HIDDEN_FAILED, Verdict
from grading.problem_set import ProblemSet, is_hidden, released, role
from grading.store import Results

COURSE_ID = "d2lmini"
MOST_OF_NAME = 128  # bytes of an id: nbgrader's tables take so many characters
MENDED = "mended"  # what nbgrader grades: its folder "submitted" may be where the hand-ins themselves are


def config(course: Path) -> Config:
    """nbgrader's settings for a course folder; a file nbgrader_config.py in it may say more."""
    settings = Config()
    if (course / "nbgrader_config.py").is_file():
        from traitlets.config.loader import PyFileConfigLoader

        settings = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    settings.CourseDirectory.root = str(course)
    settings.CourseDirectory.submitted_directory = MENDED
    settings.CourseDirectory.setdefault("course_id", COURSE_ID)
    return settings


@contextmanager
def nbgrader_at_work() -> Iterator[list[str]]:
    """For nbgrader's converters: what they log as errors, in place of hundreds of lines on the screen.

    A new gradebook needs the program alembic, which nbgrader looks for on the path only.
    """
    said: list[str] = []
    programs, path = str(Path(sys.executable).parent), os.environ.get("PATH", "")
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = f"{programs}{os.pathsep}{path}"

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, keep = logging.getLogger("traitlets"), Keep(logging.ERROR)
    before = logger.propagate, logger.level
    logger.addHandler(keep)
    logger.propagate, logger.level = False, logging.ERROR
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
            yield said
    finally:
        logger.removeHandler(keep)
        logger.propagate, logger.level = before


def reason_in(said: list[str]) -> str:
    """The last line of the first traceback that nbgrader has logged."""
    lines = next((text.strip().splitlines() for text in said if "Traceback" in text), [""])
    return lines[-1]


def directory(course: Path, problem_set: str, settings: Config) -> CourseDirectory:
    found = CourseDirectory(config=settings)
    found.assignment_id = problem_set
    return found


# --- releases -----------------------------------------------------------------------------------


def release(course: Path, problem_set: ProblemSet) -> Path:
    """Put a problem set into the gradebook, and write what students get: the file.

    RuntimeError, with nbgrader's reason, where hand-ins have been graded by another form of it.
    """
    source = course / "source" / problem_set.name / f"{problem_set.name}.ipynb"
    made = course / "release" / problem_set.name / source.name
    if made.is_file() and source.is_file() and source.read_text(encoding="utf-8") == problem_set.source:
        return made
    made.unlink(missing_ok=True)  # first: whoever is stopped on the way, or refused, must begin again
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(problem_set.source, encoding="utf-8")
    settings = config(course)
    converter = GenerateAssignment(coursedir=directory(course, problem_set.name, settings), config=settings)
    converter.force = True
    _start(converter, f"release {problem_set.name}")
    return made


# --- marks --------------------------------------------------------------------------------------


def student_id(name: str) -> str:
    """The name of a folder as nbgrader's id, whose converters take some characters for patterns.

    A long name is cut, because nbgrader's tables and the names of files have an end; it stays unmistakable.

    >>> student_id("Zoë 王"), student_id("a[1]*")
    ('Zoë 王', 'a%5B1%5D%2A')
    >>> student_id(" b "), student_id("a\\nb"), student_id(os.fsdecode(b"M\\xfcller"))
    ('%20b%20', 'a%0Ab', 'M%FCller')
    >>> student_id("王" * 80)[36:]
    '王王~60d00f1f8ef3'
    """
    ends = len(name) - len(name.lstrip()), len(name.rstrip())
    quoted = "".join(
        quote(os.fsencode(each), safe="") if _is_special(each) or not ends[0] <= place < ends[1] else each
        for place, each in enumerate(name)
    )
    if len(quoted.encode()) <= MOST_OF_NAME:
        return quoted
    start = quoted.encode()[: MOST_OF_NAME - 13].decode("utf-8", "ignore")
    return f"{start}~{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"


def _is_special(character: str) -> bool:
    """Whether nbgrader can't have a character in an id: patterns, control characters, bytes of no letter."""
    return character in '[]*?+%/\\"{}' or unicodedata.category(character) in ("Cc", "Cs")


def readable(name: str) -> str:
    """A name of a file for people; a byte that is no letter in UTF-8 is written as a number.

    >>> readable("Zoë 王"), readable(os.fsdecode(b"M\\xfcller"))
    ('Zoë 王', 'M\\\\xfcller')
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


class HandIn(NamedTuple):
    """A file that somebody has handed in."""

    student: str  # nbgrader's id
    name: str  # as the folder says it
    file: Path


def record(
    course: Path, problem_set: ProblemSet, hand_ins: dict[str, HandIn], results: Results
) -> dict[str, str]:
    """Let nbgrader read the marks of some students, {id: hand-in}, and keep them: {id: why it couldn't}.

    What was entered by hand stays. A file timestamp.txt beside a hand-in says when it came, as in nbgrader.
    """
    settings, name = config(course), problem_set.name
    stamps = {student: timestamp(hand_in) for student, hand_in in hand_ins.items()}
    for student in hand_ins:
        place = course / MENDED / student / name
        place.mkdir(parents=True, exist_ok=True)
        write_atomically(place / f"{name}.ipynb", as_bytes(results[student].notebook))
        (place / "timestamp.txt").unlink(missing_ok=True)
        if stamps[student]:
            write_atomically(place / "timestamp.txt", stamps[student].encode())
        shutil.rmtree(course / "autograded" / student / name, ignore_errors=True)
    with opened(settings) as book:
        for student, hand_in in hand_ins.items():
            book.update_or_create_student(student, last_name=hand_in.name[:MOST_OF_NAME])
            if not stamps[student]:
                _forget_timestamp(book, name, student)

    class Outputs(NbGraderPreprocessor):
        """Stands where nbgrader would run the notebook: it has run, in a box."""

        def preprocess(self, notebook: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
            ran = results[resources["nbgrader"]["student"]].notebook
            outputs = {cell.id: cell.outputs for cell in ran.cells if cell.cell_type == "code"}
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs = outputs[cell.id]
            return notebook, resources

    converter = Autograde(coursedir=directory(course, name, settings), config=settings)
    converter.autograde_preprocessors = [
        Outputs,
        LimitOutput,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    try:
        _start(converter, f"grade {name}")
    except RuntimeError as error:  # after the others have been graded
        made = {
            each for each in hand_ins if (course / "autograded" / each / name / f"{name}.ipynb").is_file()
        }
        if not made:
            raise
        return {student: str(error) for student in hand_ins if student not in made}
    return {}


def _forget_timestamp(book: Gradebook, problem_set: str, student: str) -> None:
    """nbgrader keeps the date of an earlier hand-in when the new one has none."""
    with contextlib.suppress(MissingEntry):
        book.find_submission(problem_set, student).timestamp = None
        book.db.commit()


def _start(converter: Any, what: str) -> None:
    with nbgrader_at_work() as said:
        try:
            converter.start()
        except (Exception, SystemExit) as error:
            raise RuntimeError(f"nbgrader can't {what}: {reason_in(said) or error}") from error


def timestamp(hand_in: HandIn) -> str:
    """When it came, by a file timestamp.txt beside it; empty if there is none, or one that holds no date."""
    file = hand_in.file.parent / "timestamp.txt"
    if not file.is_file() or file.is_symlink():
        return ""
    with file.open(encoding="utf-8", errors="replace") as opened_file:
        text = opened_file.read(100).strip()
    try:
        parse_utc(text)
    except Exception as error:  # of dateutil, in many kinds
        print(f"grade: {file} holds no date ({error}); the hand-in counts as in time", file=sys.stderr)
        return ""
    return text


def opened(settings: Config) -> Gradebook:
    """The gradebook that the settings name."""
    place = CourseDirectory(config=settings)
    return Gradebook(place.db_url, place.course_id)


def due(course: Path, problem_set: ProblemSet) -> str:
    """When a problem set is due; empty if nobody has said so. RuntimeError if it isn't known."""
    with opened(config(course)) as book:
        try:
            return str(book.find_assignment(problem_set.name).duedate or "")
        except MissingEntry:
            raise RuntimeError(
                f"the gradebook doesn't know {problem_set.name}, which was released into {course}: it "
                f"is another one, or lost. Bring it back, or remove {course / 'release'} to begin a new one "
                "without the points that were given by hand"
            ) from None


class Score(NamedTuple):
    """What the gradebook has of one student and problem set."""

    cells: dict[str, float]  # the points of each graded cell
    by_hand: list[str]  # the cells that a person must still grade
    total: float  # with the penalty for being late


def scores(course: Path, problem_set: ProblemSet) -> dict[str, Score]:
    """{student: score} of all that have handed in."""
    settings, found = config(course), {}
    with opened(settings) as book:
        try:
            submissions = book.assignment_submissions(problem_set.name)
        except MissingEntry:
            return {}
        for submission in submissions:
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            found[submission.student.id] = Score(
                {grade.name: grade.score for grade in grades},
                [grade.name for grade in grades if grade.needs_manual_grade],
                submission.score - (submission.late_submission_penalty or 0.0),
            )
    return found


# --- feedback -----------------------------------------------------------------------------------


def feedback(course: Path, problem_set: ProblemSet, verdicts: Callable[[str], dict[str, Verdict]]) -> None:
    """Let nbgrader write a page for each student, without a word of the hidden tests."""
    settings, name = config(course), problem_set.name

    class Censor(NbGraderPreprocessor):
        def preprocess(self, notebook: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
            told = verdicts(resources["nbgrader"]["student"])
            for cell in notebook.cells:
                censor(cell, told)
            return notebook, resources

    converter = GenerateFeedback(coursedir=directory(course, name, settings), config=settings)
    converter.preprocessors = [GetGrades, Censor, CSSHTMLHeaderPreprocessor]
    converter.force = True
    _start(converter, f"write the feedback on {name}")


def censor(cell: NotebookNode, told: dict[str, Verdict]) -> None:
    """Make a cell of hidden tests what the student had of it, and below it only what may be told."""
    if not is_hidden(cell):
        return
    cell.source = released(cell)
    verdict = told.get(role(cell).grade_id, Verdict(False, HIDDEN_FAILED))
    text = "all hidden tests passed" if verdict.passed else f"not passed: {verdict.why or HIDDEN_FAILED}"
    cell.outputs = [NotebookNode(output_type="stream", name="stdout", text=f"{text}\n")]
