"""The chapters' prose: its numbers are printed by a cell or cited, its links and sections exist."""

from __future__ import annotations

from pathlib import Path

import nbformat
import prose
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbproof.notebooks.select import number, select
from nbproof.settings import load
from prose import Place

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = select(load(ROOT))
CITATIONS = prose.citations((ROOT / "tests" / "citations.txt").read_text(encoding="utf-8"))
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), ROOT / "tests" / "bands.md"]


def name(path: Path) -> str:
    return path.stem


# --- the chapters and the pages beside them -----------------------------------------------------


@pytest.fixture(scope="module")
def book():
    return {path: nbformat.read(path, as_version=4) for path in CHAPTERS}


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_a_chapters_numbers_are_printed_or_cited(book, path):
    cells = [cell for cell in book[path].cells if cell.cell_type == "code"]
    if all(cell.execution_count is None for cell in cells):
        pytest.skip(f"{path.name} was never run: there is nothing to hold its numbers to")
    cited = [cited for chapter, cited, _ in CITATIONS if chapter == number(path)]
    places, texts = prose.markdown_cells(book[path]), list(prose.printed_texts(book[path]))
    wrong = prose.unprinted(places, texts, cited)
    assert not wrong, "print it in a cell, mend it, or cite it in tests/citations.txt"
    needless = [each for each in cited if each not in {n for _, n in prose.unprinted(places, texts)}]
    assert not needless, "these are printed, or no longer in the chapter: take them from tests/citations.txt"


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_a_chapters_links_lead_somewhere(book, path):
    assert prose.broken_links(prose.markdown_cells(book[path]), path, ROOT) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_the_sections_and_exercises_a_chapter_names_exist(book, path):
    texts = (place.text for notebook in book.values() for place in prose.markdown_cells(notebook))
    assert prose.missing_sections(prose.markdown_cells(book[path]), prose.sections(texts)) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pages_links_lead_somewhere(path):
    place = Place(path.name, path.read_text(encoding="utf-8"))
    assert prose.broken_links([place], path, ROOT) == []


# --- that the checks see what they should -------------------------------------------------------

PICTURE = new_output("display_data", {"image/png": "", "text/plain": "<Figure size 640x480 with 1 Axes>"})
OUTPUTS = nbformat.v4.new_notebook(
    cells=[
        new_code_cell(outputs=[new_output("stream", text="61,706 weights, loss 2.303\n")]),
        new_code_cell(outputs=[new_output("execute_result", {"text/plain": "(224, 112)"})]),
        new_code_cell(outputs=[new_output("error", ename="ValueError", evalue="only 418 left")]),
        new_code_cell(outputs=[PICTURE]),
    ]
)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("61 706, 61,706, 61706 and $61{,}706$ and $61\\,706$ weights", []),
        ("61 707 weights", ["61 707"]),
        ("61,707 and 61707", ["61,707", "61707"]),
        ("sizes 224, 112, 56", []),
        ("sizes 224, 113, 56", ["113"]),
        ("sizes 224 112 and 224 113", ["224 113"]),
        ("a loss of 2.303", []),
        ("a loss of 2.302.", ["2.302"]),
        ("only 418 left", []),
        ("97 of 99, 0.05, 0.50", []),  # two digits are free
        ("0.501", ["0.501"]),
        ("100 classes", ["100"]),
        ("`torch.zeros(333)` and $n = 334$", ["333", "334"]),
        ("In 1998 LeCun; (Xiao, 2017), since 2015.", []),
        ("In 1598 pixels; 1998 pixels; in 1998 of 2500 cases", ["1598", "1998", "2500"]),
        ("## 3.11 What\n\nsections 3.11 and 3.12, exercise 6.10", []),
        ("3.11 is a number", ["3.11"]),
        ("[text](https://example.org/1234) arXiv:1708.07747 https://example.org/777", []),
        ("[777](a.ipynb)", ["777"]),
        ("<summary>Solution</summary> 912 weights", ["912"]),
        ("VGG111 and conv2d", []),
    ],
)
def test_numbers_that_no_cell_printed_are_found(text, wrong):
    found = prose.unprinted([Place("cell", text)], prose.printed_texts(OUTPUTS))
    assert found == [Place("cell", number) for number in wrong]


def test_a_picture_prints_nothing():
    cell = new_code_cell(outputs=[PICTURE])
    assert list(prose.printed_texts(nbformat.v4.new_notebook(cells=[cell]))) == []


def test_the_bytes_of_a_sound_print_nothing():
    html = '<audio controls><source src="data:audio/wav;base64,UklG/417+928==" /></audio> of 300 Hz'
    cell = new_code_cell(outputs=[new_output("execute_result", {"text/html": html})])
    printed = list(prose.printed_texts(nbformat.v4.new_notebook(cells=[cell])))
    assert prose.unprinted([Place("cell", "417, 928, 300 Hz")], printed) == [
        Place("cell", "417"),
        Place("cell", "928"),
    ]


def test_citations_stand_for_a_cell():
    text = "# remark\n\n07 83.5 Xiao and others, 2017\n"
    assert prose.citations(text) == [("07", "83.5", "Xiao and others, 2017")]
    assert prose.unprinted([Place("cell", "83.5 %, 83.6 %")], [], ["83.5"]) == [Place("cell", "83.6")]


@pytest.fixture
def folder(tmp_path):
    """A book of two chapters and a README."""
    (tmp_path / "notebooks").mkdir()
    first = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1. One\n\n## 1.2 Why (not)?")])
    nbformat.write(first, tmp_path / "notebooks" / "01_one.ipynb")
    (tmp_path / "README.md").write_text("# The book\n\n## Two commands, no more\n", encoding="utf-8")
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[one](01_one.ipynb), [why](01_one.ipynb#1.2-Why-(not)?)", ""),
        ("[one](01_one.ipynb#1.2-Why)", "no such heading"),
        ("[two](02_two.ipynb)", "no such file"),
        ("[readme](../README.md#two-commands-no-more)", ""),
        ("[readme](../README.md#three-commands)", "no such heading"),
        ("[here](#1.2-Why-(not)?)", ""),
        ("[here](#1.3-Why)", "no such heading"),
        ("![a picture](missing.png)", "no such file"),
        ("<img src='missing.png'>", "no such file"),
        ("[out](../../etc)", "out of the repository"),
        ("[out](/etc)", "out of the repository"),
        ("[web](https://example.org/a#b), [mail](mailto:a@b.c)", ""),
        ("`[a](b)`, $f[i](j)$\n\n```\n[c](d)\n```", ""),
    ],
)
def test_broken_links_are_found(folder, text, wrong):
    found = prose.broken_links([Place("cell", text)], folder / "notebooks" / "01_one.ipynb", folder)
    assert len(found) == bool(wrong)
    assert wrong in "".join(found)


def test_missing_sections_are_found():
    known = prose.sections(["## 2.1 Why?", "### 2.10 How?", "**Exercise 2.3 (predict).**", "2.7"])
    assert known == {"section 2.1", "section 2.10", "exercise 2.3"}
    text = "Section 2.1, sections 2.10 and 2.7, exercise 2.3, Exercise 2.1"
    assert prose.missing_sections([Place("cell", text)], known) == [
        Place("cell", "section 2.7"),
        Place("cell", "exercise 2.1"),
    ]
