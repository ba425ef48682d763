"""A hand-in is put back into form, whatever was done to it, and what a person should know is said."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from grading.answers import as_bytes, hand_in
from grading.mend import MOST_BYTES, MOST_CELLS, content_of, mend
from grading.problem_set import is_answer, released, role
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from tiny import tiny

PS = tiny()
ANSWER = "size = (1, 2)"


def mended(notebook: NotebookNode | bytes) -> tuple[dict[str, str], list[str]]:
    """The text of each cell of the set, in order, and what was found."""
    content = notebook if isinstance(notebook, bytes) else as_bytes(notebook)
    result = mend(PS, content)
    nbformat.validate(result.notebook)
    named = [cell for cell in result.notebook.cells if role(cell).get("grade_id")]
    assert sorted(role(cell).grade_id for cell in named) == sorted(PS.cells()), "every cell once"
    for cell in named:
        mine = PS.cells()[role(cell).grade_id]
        assert role(cell) == role(mine) and cell.cell_type == mine.cell_type
        assert is_answer(mine) or cell.source == mine.source, "tests come from the source notebook"
    return {role(cell).grade_id: cell.source for cell in named}, [found.text for found in result.findings]


def find(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.get("id") == name)


def test_a_hand_in_in_form_stays_as_it_is() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    sources, findings = mended(notebook)
    assert sources["size"] == ANSWER and list(sources) == list(PS.cells()) and findings == []


def test_cells_that_are_missing_come_back_in_their_place() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    notebook.cells = [cell for cell in notebook.cells if cell.id in ("shift", "size")]
    sources, findings = mended(notebook)
    assert list(sources) == list(PS.cells()) and sources["size"] == ANSWER
    missing = "setup, shift-public, shift-hidden, shift-hidden-2, size-public, size-hidden, explain-odd"
    assert findings == [f"cells are missing: {missing}"]


def test_a_missing_answer_is_blank() -> None:
    notebook = hand_in(PS)
    notebook.cells.remove(find(notebook, "size"))
    sources, findings = mended(notebook)
    assert sources["size"] == released(PS.cells()["size"]) and findings == ["cells are missing: size"]


def test_of_copies_the_last_that_is_written_counts() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    blank = find(hand_in(PS, solved=False), "size")
    blank.id = "copy"
    notebook.cells.append(blank)
    sources, findings = mended(notebook)
    assert sources["size"] == ANSWER and findings == []

    other = find(hand_in(PS, {"size": "size = (3, 3)"}), "size")
    other.id = "copy-2"
    notebook.cells.append(other)
    sources, findings = mended(notebook)
    assert sources["size"] == "size = (3, 3)" and findings == [
        "size: there are 2 answers; the last one counts"
    ]


def test_cells_that_lost_their_names_are_known_by_what_they_define() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    for count, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"c{count}", NotebookNode()
    sources, findings = mended(notebook)
    assert sources["size"] == ANSWER and "return" in sources["shift"]
    assert "size: found by what it defines, without its name" in findings


def test_retagged_cells_get_their_roles_back() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    for cell in notebook.cells:
        cell.metadata.nbgrader.update(grade=True, points=1000, solution=False, locked=False)
    find(notebook, "size-hidden").metadata.nbgrader.grade_id = "no such name"
    sources, findings = mended(notebook)
    assert sources["size"] == ANSWER and findings == []


def test_changed_tests_are_replaced_and_reported() -> None:
    notebook = hand_in(PS)
    find(notebook, "size-hidden").source = "pass"
    find(notebook, "setup").source = "import numpy as np"
    _, findings = mended(notebook)
    assert findings == [
        "changed, so those handed out are used: size-hidden",
        "changed, so those handed out are used: setup",
    ]


def test_moved_cells_stay_where_the_student_put_them() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    notebook.cells = notebook.cells[::-1]
    sources, findings = mended(notebook)
    assert list(sources) == list(PS.cells())[::-1] and findings == []


def test_own_cells_are_kept_without_what_they_say_of_themselves() -> None:
    notebook = hand_in(PS)
    notebook.cells.insert(1, new_code_cell("mine = 1", metadata={"nbgrader": {"grade": True, "points": 50}}))
    notebook.cells.insert(2, new_markdown_cell("words"))
    result = mend(PS, as_bytes(notebook))
    own = [cell for cell in result.notebook.cells if not role(cell).get("grade_id")]
    assert [(cell.cell_type, cell.source, dict(cell.metadata)) for cell in own] == [
        ("code", "mine = 1", {}),
        ("markdown", "words", {}),
    ]


def test_an_answer_that_became_text_is_code_again() -> None:
    notebook = hand_in(PS, {"size": ANSWER})
    place = notebook.cells.index(find(notebook, "size"))
    text = new_markdown_cell(ANSWER, metadata=notebook.cells[place].metadata)
    text.id = "size"
    notebook.cells[place] = text
    assert mended(notebook)[0]["size"] == ANSWER


def test_half_a_character_costs_nothing() -> None:
    content = as_bytes(hand_in(PS, {"size": f"# XX\n{ANSWER}"})).replace(b"XX", b"\\ud83d")
    sources, findings = mended(content)
    assert sources["size"] == f"# ?\n{ANSWER}" and findings == []


def test_no_more_is_read_of_a_file_than_shows_that_it_is_too_long(tmp_path: Path) -> None:
    file = tmp_path / "large.ipynb"
    with file.open("wb") as large:
        large.truncate(10**12)
    content = content_of(file)
    assert len(content) == MOST_BYTES + 1
    assert mended(content)[1] == ["the file can't be read: it has more than 20,000,000 bytes"]


def test_an_older_format_is_read() -> None:
    notebook = nbformat.convert(hand_in(PS, {"size": ANSWER}), 3)
    content = json.dumps(notebook).encode()
    assert mended(content)[0]["size"] == ANSWER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no notebook",
        b"{}",
        b"[]",
        b"null",
        b'{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b'{"cells": [3], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b"\xff\xfe\x00",
        json.dumps(
            {
                "cells": [{"cell_type": "code", "source": "1"}] * (MOST_CELLS + 1),
                "nbformat": 4,
                "metadata": {},
            }
        ).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_no_notebook_counts_as_blank_and_says_so(content: bytes) -> None:
    sources, findings = mended(content)
    assert sources["size"] == released(PS.cells()["size"])
    assert len(findings) == 1 and findings[0].startswith("the file can't be read: it ")
