"""The book as a PDF: every chapter is in it, with bookmarks, and no link leads into this machine."""

from __future__ import annotations

import re

import nbformat
import pytest
from conftest import ROOT
from pypdf import PdfReader

PDF = ROOT / "build" / "book.pdf"
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def bare(text: str) -> str:
    """A text without blanks, which a PDF puts where it likes."""
    return re.sub(r"\s", "", text)


@pytest.fixture(scope="module")
def pdf() -> PdfReader:
    assert PDF.is_file(), "there is no PDF yet: make pdf"
    return PdfReader(PDF)


def test_every_chapter_begins_on_a_page_of_its_own(pdf: PdfReader) -> None:
    assert 150 < len(pdf.pages) < 400
    bookmarks = [mark for mark in pdf.outline if not isinstance(mark, list)]
    first = {bare(mark.title): pdf.get_destination_page_number(mark) for mark in bookmarks}
    for file in CHAPTERS:
        title = bare(nbformat.read(file, as_version=4).cells[0].source.splitlines()[0].removeprefix("# "))
        assert bare(pdf.pages[first[title]].extract_text()).startswith(title)
    assert len(set(first.values())) == len(first) == len(CHAPTERS) + 5  # the front, and what is behind them


def test_formulas_are_set(pdf: PdfReader) -> None:
    text = "".join(page.extract_text() for page in pdf.pages[18:30])  # of chapter 2; all would take a minute
    assert "n\N{PRIME} = n + 2p" in text and "n' = n + 2p" not in text and r"\lfloor" not in text


def test_links_lead_into_the_book_or_to_the_web(pdf: PdfReader) -> None:
    links = [link.get_object() for page in pdf.pages for link in page.get("/Annots") or []]
    inside = [link for link in links if "/Dest" in link]
    addresses = [str(link["/A"]["/URI"]) for link in links if "/A" in link]
    assert len(inside) > 500
    assert not [address for address in addresses if not address.startswith("https://")]
