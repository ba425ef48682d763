"""bands.json and its page hold what the chapters assert of training, and every band counts."""

from __future__ import annotations

from pathlib import Path

import nbformat
import prose
import pytest
from nbproof.bands import measure

from nbproof import files, settings

HERE = Path(__file__).parent
BOOK = settings.load(HERE.parent)
CHAPTERS = measure.of_book(BOOK)
STORED = files.read(BOOK.path("bands"))
NAMES = [(chapter, name) for chapter, found in CHAPTERS.items() for name in found]


@pytest.mark.parametrize(("chapter", "name"), NAMES)
def test_a_band_counts(chapter, name):
    """It was measured as it stands, right results lie inside with room, and a wrong one doesn't."""
    measured = STORED["bands"].get(chapter, {}).get(name, {})
    assert not measure.flaws(BOOK, CHAPTERS[chapter][name], measured)


def test_what_no_chapter_measures_any_more_is_gone():
    assert {(chapter, name) for chapter, found in STORED["bands"].items() for name in found} == set(NAMES)


def test_the_page_shows_the_stored_bands():
    page = (HERE / "bands.md").read_text(encoding="utf-8")
    assert page == measure.page(BOOK, STORED), "python -m nbproof bands --page writes it again"
    titles = [prose.github_anchor(title) for title in prose.headings(page)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("chapter", "name"), NAMES)
def test_a_chapter_links_to_what_it_measures(chapter, name):
    notebook = nbformat.read(HERE.parent / "notebooks" / f"{chapter}.ipynb", as_version=4)
    links = [link for place in prose.markdown_cells(notebook) for link in prose.links(place.text)]
    assert f"../tests/bands.md#{prose.github_anchor(measure.heading(chapter, name))}" in links
