"""The closing page: every fact, mistake, question and number has a section, a cell in it, and a test."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import index
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
ROWS = {row.label: row for row in index.rows(PAGE)}
# mistakes, formulas, worked examples, questions of the lectures, reference numbers
COUNTS = {"M": 13, "F": 18, "C": 23, "Q": 22, "R": 18}
LABELS = [f"{kind}{number}" for kind, last in COUNTS.items() for number in range(1, last + 1)]


def test_every_row_is_there_once():
    assert Counter(row.label for row in index.rows(PAGE)) == Counter(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_a_row_is_shown_by_cells_and_held_by_tests(label):
    where = index.targets(PAGE)
    assert index.flaws(ROWS[label], where, ROOT / "notebooks", ROOT / "tests") == []


def test_every_section_at_the_end_of_the_page_is_used():
    assert set(index.targets(PAGE)) == {section for row in ROWS.values() for section in row.places}


# --- that the checks see what they should -------------------------------------------------------

GOOD = """
| label | fact | where | test |
|---|---|---|---|
| F1 | 28 pixels give 24: `[[0, 8], [6, 8]]` | [1.1] `size`, [1.2] `code` | `test_a.py::test_size` |

[1.1]: 01_one.ipynb#1.1-How-large?
[1.2]: 01_one.ipynb#1.2-Why-Conv2d?
"""


@pytest.fixture
def book(tmp_path):
    cells = [
        new_markdown_cell("# 1. One", id="title"),
        new_markdown_cell("## 1.1 How large?", id="words"),
        new_code_cell("n = 28", id="size", outputs=[new_output("stream", text="24\n")]),
        new_markdown_cell("### A closer look\n\n## 1.2 Why `Conv2d`?", id="more"),
        new_code_cell("corr2d(X, K)", id="code"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_one.ipynb")
    source = "@cases([[0, 8],\n    [6, 8]])\ndef test_size():\n    pass\n\n\ndef size():\n    return 1998\n"
    (tmp_path / "test_a.py").write_text(source, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("", "", []),
        ("[1.1] `size`, [1.2] `code`", "", ["names no section", "has 28", "has 24"]),
        ("[1.1] `size`", "`size`", ["[] leads to no chapter", "has 28", "has 24"]),
        (", [1.2] `code`", ", [1.2]", ["[1.2] names no cell"]),
        ("[1.2] `code`", "[1.3] `code`", ["[1.3] leads to no chapter"]),
        ("[1.2]: 01_one", "[1.2]: 02_two", ["[1.2] leads to no chapter"]),
        ("`code`", "`cod`", ["no code cell `cod`"]),
        ("`code`", "`more`", ["no code cell `more`"]),
        ("`code`", "`code`, `size`", ["`size` isn't under 1.2-Why-Conv2d?"]),
        ("1.2-Why", "1.3-Why", ["`code` isn't under 1.3-Why-Conv2d?"]),
        ("1.2-Why-Conv2d?", "A-closer-look", ["`code` isn't under A-closer-look"]),
        ("1.2-Why-Conv2d?", "1.-One", ["`code` isn't under 1.-One"]),
        ("`test_a.py::test_size`", "", ["names no test", "has [[0, 8], [6, 8]]"]),
        ("::test_size", "::test_sizes", ["no test `test_a.py::test_sizes`", "has [[0, 8], [6, 8]]"]),
        ("::test_size", "::size", ["no test `test_a.py::size`", "has [[0, 8], [6, 8]]"]),
        ("test_a.py", "test_b.py", ["no test `test_b.py::test_size`", "has [[0, 8], [6, 8]]"]),
        ("28", "29", ["has 29"]),
        ("give 24", "give 1998", ["has 1998"]),  # it stands in the file, but not in the test
        ("8], [6", "9], [6", ["has [[0, 9], [6, 8]]"]),
    ],
)
def test_a_row_that_promises_too_much_is_found(book, old, new, wrong):
    page = GOOD.replace(old, new)
    assert (page == GOOD) == (not wrong)
    (row,) = index.rows(page)
    found = index.flaws(row, index.targets(page), book, book)
    assert len(found) == len(wrong)
    assert all(any(part in flaw for flaw in found) for part in wrong)


MISTAKE = "**M1. `n = 28` gives 25.** It gives 24. (Shown in [1.1] `size`; held by `test_a.py::test_size`.)"


def test_a_mistake_is_a_row_and_what_lacks_a_part_is_none(book):
    (row,) = index.rows(MISTAKE)
    assert row[0] == "M1" and row[2:] == ({"1.1": ["size"]}, ["test_a.py::test_size"])
    assert index.flaws(row, index.targets(GOOD), book, book) == ["no cell or test has 25"]
    for part in ("Shown in ", "; held by", "M1. ", "| `test_a.py::test_size` "):
        assert index.rows(GOOD.replace(part, "") if part in GOOD else MISTAKE.replace(part, "")) == []
