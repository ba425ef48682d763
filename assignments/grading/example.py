"""A class of thirty hand-ins to try the grading on: right, blank, wrong, damaged and hostile ones."""

from __future__ import annotations

import json
from pathlib import Path

from nbformat import NotebookNode

from grading import answers as table
from grading.answers import as_bytes, hand_in
from grading.attacks import attacks
from grading.problem_set import ProblemSet, is_answer, role

NAMES = (
    "Ada Lovelace", "Zoë Krüger", "李 明", "王芳", "Иван Петров", "Ngô Bảo Châu", "María José",
    "O'Brien, Pat", "Søren Aa.", "محمد علي", "देवी शर्मा", "山田 花子", "김민수", "Łukasz", "anna-lena",
    "Bob [2nd try]", "c.d.e", "Élodie", "Fatima", "Giorgos Παπ", "Hana", "Ibrahim", "Jo", "Kofi", "Lea",
    "Mia", "Noah", "Olu", "Pía", "Quinn",
)  # fmt: skip
HOSTILE = (
    "endless loop",
    "exit",
    "gigabytes of output",
    "an expect that expects nothing",
    "equal to everything",
    "edited tests",
    "deleting files",
)


def make(folder: Path, sets: list[ProblemSet]) -> int:
    """Write them into a folder that is empty or not there: ValueError if it isn't."""
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} isn't empty")
    problem_set = sets[0]
    made = hand_ins(problem_set)
    for name, content in zip(NAMES, made, strict=True):
        file = folder / name / f"{problem_set.name}.ipynb"
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    print(f"{len(made)} hand-ins of {problem_set.name} are in {folder}")
    return 0


def hand_ins(problem_set: ProblemSet) -> list[bytes]:
    """As many as there are names: right, blank, wrong, unusual but right, out of form, hostile."""
    known = table.read(problem_set)
    wrong = [answer for answer in known if not answer.is_right][::5][:11]
    right = [answer for answer in known if answer.is_right][:4]
    notebooks = [hand_in(problem_set), hand_in(problem_set), hand_in(problem_set, solved=False)]
    notebooks += [hand_in(problem_set, {each.cell: each.source}) for each in (*wrong, *right)]
    notebooks += [without_names(problem_set), without_tests(problem_set), doubled(problem_set)]
    found = [as_bytes(notebook) for notebook in notebooks]
    found.append(b"this is no notebook")
    hostile = {attack.what: attack.hand_in for attack in attacks(problem_set)}
    found += [hostile[what] for what in HOSTILE]
    return (found + [json.dumps({}).encode()] * len(NAMES))[: len(NAMES)]


def without_names(problem_set: ProblemSet) -> NotebookNode:
    """As another editor saves it: without nbgrader's metadata, and with other names of cells."""
    notebook = hand_in(problem_set)
    for count, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = NotebookNode(), f"cell-{count}"
    return notebook


def without_tests(problem_set: ProblemSet) -> NotebookNode:
    """With nothing but the answers."""
    notebook = hand_in(problem_set)
    notebook.cells = [cell for cell in notebook.cells if is_answer(cell) or role(cell).grade_id == "setup"]
    return notebook


def doubled(problem_set: ProblemSet) -> NotebookNode:
    """Every answer copied, the copies first, and blank."""
    notebook, blank = hand_in(problem_set), hand_in(problem_set, solved=False)
    copies = [cell for cell in blank.cells if is_answer(cell)]
    for count, cell in enumerate(copies):
        cell.id = f"copy-{count}"
    notebook.cells = [*copies, *notebook.cells]
    return notebook
