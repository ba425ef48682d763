"""Flaws of a notebook's file, each found with its cell and its mend."""

from pathlib import Path

import nbformat
import pytest
from golden_notebooks import code, printed, raised, value
from nbformat.v4 import new_markdown_cell

from nbproof.notebooks.file import METADATA, clean
from nbproof.notebooks.hygiene import Hygiene, is_name
from nbproof.settings import Settings

TAGS = ("setup", "exercise", "solution")
BOOK = Settings(Path("book"), hygiene=True, headline="headline", tags=TAGS, update="make update")


def flaws(notebook, size=0):
    return Hygiene(BOOK).of(notebook, size)


def notebook():
    """A clean notebook, as its JSON."""
    cells = [
        new_markdown_cell("# 1. Title", id="title"),
        code("setup", "import math", tags=["setup"]),
        code("result", "print('one')", printed("one\n"), count=2, tags=["headline"]),
        code("error", "1 / 0", raised("ZeroDivisionError", "division by zero"), count=3,
             tags=["raises-exception"]),
        new_markdown_cell("Why?", id="ex1", metadata={"tags": ["exercise"]}),
        code("ex1-solution", "2", value("2"), count=4, tags=["solution"]),
    ]  # fmt: skip
    cells[-1].metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
    made = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    made.nbformat_minor = 5
    return made


def changed(path, new):
    """The clean notebook with one place changed; `path` leads to it."""
    made = notebook()
    *way, last = path
    place = made
    for step in way:
        place = place[step]
    if new is None and last in place:
        del place[last]
    else:
        place[last] = new
    return made


def test_a_clean_notebook_has_no_flaw():
    assert flaws(notebook(), 1000) == []
    lines = changed(("cells", 2, "outputs", 0, "text"), ["on", "e\n"])  # as files have it
    assert flaws(lines) == []


UPDATE = "make update"
STDERR = nbformat.v4.new_output("stream", name="stderr", text=["W: no\n"])


@pytest.mark.parametrize(
    ("path", "new", "cell", "says", "mend"),
    [
        (("nbformat",), 3, "", "isn't a notebook of format 4", "convert"),
        (("nbformat_minor",), 4, "", "format is 4.4", UPDATE),
        (("metadata", "kernelspec", "name"), "conda-env", "", "metadata.kernelspec", UPDATE),
        (("metadata", "kernelspec"), None, "", "metadata.kernelspec is null", UPDATE),
        (("metadata", "language_info", "version"), "3.11.2", "", "metadata.language_info", UPDATE),
        (("metadata", "colab"), {}, "", "metadata.colab", UPDATE),
        (("cells", 2, "metadata", "tags"), [], "", "0 cells are tagged headline", "tag the one"),
        (("cells", 1, "metadata", "tags"), ["headline"], "", "2 cells are tagged headline", "tag the one"),
        (("cells", 1, "id"), None, "number 2", "no id", "name it"),
        (("cells", 1, "id"), "title", "title", "2 cells have this id", "its own"),
        (("cells", 1, "id"), "3f2a9c1b", "3f2a9c1b", "says nothing", "name it"),
        (("cells", 0, "id"), "My_Title", "My_Title", "says nothing", "name it"),
        (("cells", 1, "metadata", "tags"), ["nbval-skip-compare"], "setup", "'nbval-skip-compare' is unknown",
         "the tags are headline, setup"),
        (("cells", 1, "metadata", "tags"), ["setup", "setup"], "setup", "stands twice", "delete"),
        (("cells", 1, "metadata", "tags"), "setup", "setup", "metadata.tags is", "make it a list"),
        (("cells", 1, "metadata", "vscode"), {}, "setup", "an editor left metadata.vscode", UPDATE),
        (("cells", 0, "metadata", "execution"), {}, "title", "an editor left", UPDATE),
        (("cells", 1, "metadata", "mood"), 1, "setup", "metadata.mood is unknown", "delete"),
        (("cells", 5, "metadata", "jupyter", "hidden"), True, "ex1-solution", "jupyter.hidden", "delete"),
        (("cells", 0, "metadata", "nbproof"), {}, "title", "isn't code", "delete"),
        (("cells", 1, "execution_count"), None, "setup", "never run", UPDATE),
        (("cells", 2, "execution_count"), 7, "result", "count is 7, not 2", UPDATE),
        (("cells", 1, "source"), " \n", "setup", "it is empty", UPDATE),
        (("cells", 1, "outputs"), [STDERR], "setup", "stderr", "mend the warning"),
        (("cells", 2, "outputs", 0, "text"), ["in\n", "/home/ada/book/x\n"], "result", "absolute path",
         "print the name"),
        (("cells", 2, "outputs", 0, "text"), "<f at 0x7fe5f4ac7390>", "result", "address", "semicolon"),
        (("cells", 2, "outputs", 0, "name"), 5, "", "isn't a valid notebook", ""),
    ],
)  # fmt: skip
def test_a_flaw_is_found_with_its_cell_and_its_mend(path, new, cell, says, mend):
    found = flaws(changed(path, new))
    flaw = next((flaw for flaw in found if says in flaw.what), None)
    assert flaw, found
    assert flaw.cell == cell
    assert mend in str(flaw)
    if says not in ("it is empty", "2 cells have this id"):
        assert len(found) == 1


def test_a_file_may_be_too_large():
    (flaw,) = flaws(notebook(), 2_000_000)
    assert str(flaw) == "it has 2,000,000 bytes, more than 1,000,000 (draw fewer or smaller figures)"


def test_later_counts_are_off_too_and_arent_listed():
    made = notebook()
    for cell in made.cells[1:4]:
        cell.execution_count += 1
    assert [flaw.cell for flaw in flaws(made)] == ["setup"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"nbformat": 4, "cells": [1]}', '{"nbformat": 4, "cel'])
def test_what_is_no_notebook_is_no_crash(tmp_path, text):
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    assert Hygiene(BOOK).of_file(path)


def test_update_mends_what_it_says_it_mends():
    made = notebook()
    made.metadata["colab"] = {}
    made.metadata["kernelspec"]["name"] = "conda-env"
    made["nbformat_minor"] = 4
    made.cells[1].metadata["execution"] = {}
    clean(made)
    assert flaws(made) == []


@pytest.mark.parametrize(
    ("cell_id", "readable"),
    [
        ("corner-visits", True), ("ex1-solution", True), ("facade", True), ("b41ff3a8", False),
        ("3d", False), ("Cell 3", False), ("d3b07384-d113-4ec6-a7d0-1c0d5d1f6c11", False), ("x" * 41, False),
    ],
)  # fmt: skip
def test_readable_ids(cell_id, readable):
    assert is_name(cell_id) == readable


def test_only_the_books_own_notebooks_are_held_to_it(tmp_path):
    book = Settings(tmp_path / "book")
    assert book.is_own(tmp_path / "book" / "notebooks" / "01_a.ipynb")
    assert not book.is_own(tmp_path / "book" / "build" / "01_a.ipynb")
    assert not book.is_own(tmp_path / "01_a.ipynb")
