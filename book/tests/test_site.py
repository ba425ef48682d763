"""The site that `make book` has built: it asks nobody else, its links are right, no solution is in it."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from prepare import ROOT, ProblemSet, chapter, names, problem_set

SITE = ROOT / "build" / "book"
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
OUTSIDE = re.compile(r"(https?:)?//", re.IGNORECASE)

# What makes a browser load something, in a style sheet and in a script.
STYLES = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
SCRIPTS = re.compile(r"""(?:\bfetch|\bimport|importScripts|\.open)\(\s*(?:["']GET["'],\s*)?["'`]([^"'`]+)"""
                     r"""|\.(?:src|href)\s*=\s*["'`]([^"'`]+)""")  # fmt: skip


class Page(HTMLParser):
    """The links of a page, the addresses it loads by itself, its ids, and its visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        self.loaded += [values[name] for name in ("src", "data", "poster", "action") if name in values]
        self.loaded += [each.split()[0] for each in values.get("srcset", "").split(",") if each.strip()]
        self.loaded += addresses(STYLES, values.get("style", ""))
        if "href" in values:
            (self.links if tag == "a" else self.loaded).append(values["href"])

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.loaded += addresses(SCRIPTS, data)
        elif self.inside == "style":
            self.loaded += addresses(STYLES, data)
        else:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def addresses(pattern: re.Pattern[str], text: str) -> list[str]:
    return [next(filter(None, found)) for found in pattern.findall(text)]


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    assert SITE.is_dir(), "there is no site yet: make book"
    found = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(SITE.rglob("*.html"))}
    return {file: page for file, page in found.items() if "_static" not in file.parts}


# --- no request leaves the site -----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/x.css">',
        '<img srcset="a.png 1x, https://example.org/b.png 2x">',
        '<p style="background: url(https://example.org/b.png)">',
        "<style>@import 'https://example.org/x.css';</style>",
        "<script>fetch('https://example.org')</script>",
        "<script>image.src = 'https://example.org/x.png'</script>",
    ],
)
def test_a_request_to_another_site_would_be_noticed(text: str) -> None:
    assert any(OUTSIDE.match(address) for address in Page(text).loaded)


def test_no_page_asks_another_site(pages: dict[Path, Page]) -> None:
    found = {(file.name, address) for file, page in pages.items() for address in page.loaded}
    assert len(found) > 500
    assert not {(name, address) for name, address in found if OUTSIDE.match(address)}


@pytest.mark.parametrize(("suffix", "pattern"), [("css", STYLES), ("js", SCRIPTS)])
def test_no_style_sheet_or_script_asks_another_site(suffix: str, pattern: re.Pattern[str]) -> None:
    files = list(SITE.rglob(f"*.{suffix}"))
    found = [(file.name, each) for file in files for each in addresses(pattern, file.read_text("utf-8"))]
    assert files and not [each for each in found if OUTSIDE.match(each[1])]


# --- links --------------------------------------------------------------------------------------


def test_every_link_and_picture_is_there(pages: dict[Path, Page]) -> None:
    wrong = set()
    for file, page in pages.items():
        for address in {*page.links, *page.loaded}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            lost = target in pages and parts.fragment and unquote(parts.fragment) not in pages[target].ids
            if not target.exists() or lost:
                wrong.add((file.relative_to(SITE).as_posix(), address))
    assert not wrong


def test_every_chapter_is_there_and_leads_on(pages: dict[Path, Page]) -> None:
    names = [file.stem for file in CHAPTERS]
    for before, name, after in zip(["index", *names], names, [*names[1:], "closing"], strict=False):
        links = set(pages[SITE / f"{name}.html"].links)
        assert {f"{before}.html", f"{after}.html", f"_sources/{name}.ipynb"} <= links
        assert re.search(r"Reading takes about|minutes to read", pages[SITE / f"{name}.html"].text)


def test_the_closing_page_leads_to_the_cells_it_names(pages: dict[Path, Page]) -> None:
    assert sum("#cell-" in link for link in pages[SITE / "closing.html"].links) > 200


def test_a_chapter_is_downloaded_as_it_is() -> None:
    for file in CHAPTERS:
        assert (SITE / "_sources" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("file", CHAPTERS, ids=lambda file: file.stem)
def test_a_page_shows_the_stored_outputs(file: Path, pages: dict[Path, Page]) -> None:
    """Each printed line, and as many pictures."""
    page = pages[SITE / f"{file.stem}.html"]
    notebook = nbformat.read(file, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = [line for output in outputs for line in output.get("text", "").splitlines()]
    assert lines and not [line for line in lines if line.rstrip() not in page.text]
    shown = [output.get("data", {}) for output in outputs]
    figures = sum("image/png" in data or "d2l-watch" in data.get("text/html", "") for data in shown)
    assert len([name for name in page.ids if name.startswith("figure-")]) == figures


def test_the_text_names_the_figures_it_speaks_of(pages: dict[Path, Page]) -> None:
    links = [link for file in CHAPTERS for link in pages[SITE / f"{file.stem}.html"].links]
    assert sum(link.startswith("#figure-") for link in links) > 30


def test_solutions_are_folded() -> None:
    for file in CHAPTERS:
        solutions = [c for c in chapter(file).cells if "solution" in c.metadata.get("tags", [])]
        assert all("hide-cell" in c.metadata.tags for c in solutions if c.cell_type == "code")
        assert all(c.source.startswith("<details>") for c in solutions if c.cell_type == "markdown")


# --- problem sets -------------------------------------------------------------------------------


def secrets(source: ProblemSet) -> set[str]:
    """The lines between nbgrader's marks, of solutions, rubrics and hidden tests, that aren't outside."""
    inside, outside = set(), set()
    for cell in source.notebook().cells:
        secret = False
        for line in map(str.strip, cell.source.splitlines()):
            secret = (secret or line.startswith("### BEGIN")) and not line.startswith("### END")
            (inside if secret else outside).add(line)
    return {line for line in inside - outside if len(line) > 12 and not line.startswith("### ")}


@pytest.mark.parametrize("name", names())
def test_no_solution_and_no_hidden_test_is_on_the_site(name: str, pages: dict[Path, Page]) -> None:
    source = ProblemSet.read(name)
    hidden = secrets(source)
    public = problem_set(source)
    assert len(hidden) > 50 and not any(cell.get("outputs") for cell in public.cells)
    notebook = nbformat.read(SITE / "_sources" / f"{name}.ipynb", as_version=4)
    assert notebook.cells == public.cells
    downloaded = {line.strip() for cell in notebook.cells for line in cell.source.splitlines()}
    assert not hidden & downloaded
    for file in (SITE / f"{name}.html", SITE / "searchindex.js"):
        text = html.unescape(pages[file].text if file in pages else file.read_text(encoding="utf-8"))
        assert "### BEGIN" not in text and "### END" not in text
        shown = {" ".join(line.split()) for line in text.splitlines()}
        assert not [line for line in hidden if " ".join(line.split()) in shown]


def test_the_source_of_a_problem_set_is_nowhere_on_the_site() -> None:
    marks = (b"### BEGIN HIDDEN TESTS", b"### BEGIN SOLUTION")
    files = [file for file in SITE.rglob("*") if file.suffix in (".html", ".ipynb", ".js", ".md")]
    assert not [file.name for file in files if any(mark in file.read_bytes() for mark in marks)]


@pytest.mark.parametrize("text", ["### BEGIN HIDDEN TEST\nexpect(f(2), 4, '')", "### END SOLUTION"])
def test_a_mark_that_is_misspelt_or_alone_stops_the_build(text: str) -> None:
    cell = nbformat.v4.new_code_cell(text, metadata={"nbgrader": {"grade_id": "f"}})
    source = ProblemSet("ps0", nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    with pytest.raises(ValueError, match="a mark of nbgrader's is left"):
        problem_set(source)


# --- glossary, references, size -----------------------------------------------------------------


def words_of_the_chapters() -> str:
    cells = [cell for file in CHAPTERS for cell in nbformat.read(file, as_version=4).cells]
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_every_chinese_word_of_the_chapters_is_in_the_glossary() -> None:
    glossary = (ROOT / "book" / "glossary.txt").read_text(encoding="utf-8")
    words = set(re.findall(r"[一-鿿]+", words_of_the_chapters()))
    assert len(words) > 70 and not [word for word in words if word not in glossary]


def test_every_term_of_the_glossary_is_in_a_chapter(pages: dict[Path, Page]) -> None:
    assert "Chapter ." not in pages[SITE / "glossary.html"].text


def test_every_work_is_named_in_a_chapter_or_a_docstring() -> None:
    references = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    first = re.findall(r"author = \{(?:van den )?([^,]+),", references)
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "d2lmini").rglob("*.py"))
    text = words_of_the_chapters() + code
    assert first and not [name for name in first if name not in text]


def test_the_chapters_lead_to_the_works_they_name(pages: dict[Path, Page]) -> None:
    links = [link for file in CHAPTERS for link in pages[SITE / f"{file.stem}.html"].links]
    assert len({link for link in links if link.startswith("references.html#")}) >= 12


def test_formulas_are_set_by_the_sites_own_mathjax(pages: dict[Path, Page]) -> None:
    (script,) = {each for each in pages[SITE / "03_stride.html"].loaded if "mathjax" in each}
    assert (SITE / urlsplit(script).path).is_file()


def test_the_site_is_small() -> None:
    assert sum(file.stat().st_size for file in SITE.rglob("*") if file.is_file()) < 30e6
