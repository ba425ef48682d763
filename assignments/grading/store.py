"""What has run, on disk: one file for each hand-in, written wholly or not at all, and read one at a time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nbformat
from nbproof.files import write_atomically

from grading.marking import Marked, Verdict
from grading.mend import Finding
from grading.problem_set import ProblemSet


def key_of(problem_set: ProblemSet, hand_in: bytes) -> str:
    """Changes when the hand-in or the problem set does: then it runs again."""
    state = hashlib.sha256(problem_set.source.encode())
    state.update(hand_in)
    return state.hexdigest()


def to_text(marked: Marked) -> str:
    """A marked hand-in as JSON, which travels between machines too."""
    content = {
        "notebook": nbformat.writes(marked.notebook),
        "verdicts": {name: verdict._asdict() for name, verdict in marked.verdicts.items()},
        "findings": [finding._asdict() for finding in marked.findings],
        "seconds": marked.seconds,
    }
    return json.dumps(content, ensure_ascii=False)


def from_text(text: str) -> Marked:
    content = json.loads(text)
    return Marked(
        nbformat.reads(content["notebook"], as_version=4),
        {name: Verdict(**verdict) for name, verdict in content["verdicts"].items()},
        [Finding(**finding) for finding in content["findings"]],
        content["seconds"],
    )


class Results:
    """The hand-ins of one problem set that have run, in a folder."""

    def __init__(self, course: Path, problem_set: ProblemSet) -> None:
        self.folder = course / "results" / problem_set.name
        self.folder.mkdir(parents=True, exist_ok=True)

    def file(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def keep(self, student: str, key: str, text: str) -> None:
        content = json.dumps({"key": key, "marked": text}, ensure_ascii=False)
        write_atomically(self.file(student), content.encode())

    def note(self, student: str, what: str) -> str:
        """What was noted of a student's hand-in; empty if nothing was."""
        file = self.folder / f"{student}.{what}"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def set_note(self, student: str, what: str, text: str) -> None:
        if self.note(student, what) != text:
            write_atomically(self.folder / f"{student}.{what}", text.encode())

    def has(self, student: str, key: str) -> bool:
        """Whether this very hand-in has run; a file that is damaged counts as none."""
        try:
            return json.loads(self.file(student).read_text(encoding="utf-8"))["key"] == key
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def __getitem__(self, student: str) -> Marked:
        return from_text(json.loads(self.file(student).read_text(encoding="utf-8"))["marked"])
