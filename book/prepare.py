"""What the site is built from: chapters, problem sets and pages, copied and changed where the web needs it.

The notebooks stay as they are. Everything that differs on the site is in this file: the tags that fold a
solution, the captions of figures, and the links that lead to a page here and to a file in the repository.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import nbformat
from myst_parser.slugs import github_slugify
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "book" / "pages"
sys.path.insert(0, str(ROOT / "assignments"))  # so that the book needs nothing else of the course

from grading.problem_set import ProblemSet, names, released  # noqa: E402

LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
DEFINITION = re.compile(r"^(?P<name>\[[^\]]+\]): (?P<target>\S+)$", re.MULTILINE)
UNSEEN = "An id isn't on the screen; search for it in the notebook's file."
CITATION = re.compile(
    r"(?P<first>[A-Z][a-z]+)(?:, [A-Z]\w+)*(?: (?:&|and) \w+)?"
    r"(?:, (?P<year>\d{4})| \((?P<in_brackets>\d{4})\))"
)
FIGURE = "application/vnd.nbproof.figure+json"  # what nbproof compares of a figure
MARKS = ("### BEGIN", "### END")


def prepare(target: Path) -> None:
    """Write everything that Sphinx reads into an empty folder."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(PAGES, target)
    chapters = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    for file in chapters:
        nbformat.write(chapter(file), target / file.name)
    closing = with_cells(page(ROOT / "notebooks" / "README.md"), chapters)
    (target / "closing.md").write_text(closing, encoding="utf-8")
    (target / "glossary.md").write_text(glossary(chapters), encoding="utf-8")
    (target / "bands.md").write_text(page(ROOT / "tests" / "bands.md"), encoding="utf-8")
    shutil.copy(ROOT / "docs" / "windows.png", target)
    index = target / "index.md"
    index.write_text(index.read_text(encoding="utf-8").replace("CHAPTERS", table(), 1), encoding="utf-8")
    for name in names():
        nbformat.write(problem_set(ProblemSet.read(name)), target / f"{name}.ipynb")
    (target / "api").mkdir()
    for module in modules():
        (target / "api" / f"{module}.md").write_text(api(module), encoding="utf-8")


# --- links --------------------------------------------------------------------------------------


def on_the_site(target: str, folder: str) -> str | None:
    """Where a link of a file in a folder of the repository leads on the site; None if to no page of it.

    >>> on_the_site("07_lenet.ipynb#7.4-LeNet,-layer-by-layer", "notebooks")
    '07_lenet.ipynb#74-lenet-layer-by-layer'
    >>> on_the_site("../tests/bands.md#07_lenet-mlp", "notebooks")
    'bands.md#07_lenet-mlp'
    >>> on_the_site("../tools/choose.py", "notebooks")  # nowhere
    """
    if re.match(r"https?://|#", target):
        return target
    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(folder, path))
    pages = {"notebooks/README.md": "closing.md", "tests/bands.md": "bands.md"}
    found = pages.get(path)
    if re.fullmatch(r"notebooks/\d\d_\w+\.ipynb", path):
        found = posixpath.basename(path)
    anchor = f"#{github_slugify(anchor)}" if anchor else ""
    return found and found + anchor


def with_links(text: str, folder: str) -> str:
    """A Markdown text whose links lead to pages of the site; those to other files become plain words.

    >>> with_links("[LeNet](07_lenet.ipynb), [all runs](../tests/bands.json)", "notebooks")
    '[LeNet](07_lenet.ipynb), all runs'
    """

    def link(match: re.Match[str]) -> str:
        target = on_the_site(match["target"], folder)
        return f"[{match['text']}]({target})" if target else match["text"]

    def definition(match: re.Match[str]) -> str:
        return f"{match['name']}: {on_the_site(match['target'], folder)}"

    return DEFINITION.sub(definition, LINK.sub(link, text))


def page(file: Path) -> str:
    """A Markdown file of the repository, as a page."""
    return with_links(file.read_text(encoding="utf-8"), file.parent.relative_to(ROOT).as_posix())


def with_cells(text: str, chapters: list[Path]) -> str:
    """The closing page, with a link from each cell that it names to the place where web.py puts that cell."""
    if UNSEEN not in text:
        raise ValueError(f"notebooks/README.md no longer says what the site replaces: {UNSEEN}")
    text = text.replace(UNSEEN, "Each leads to its cell.")
    there = {}
    for file in chapters:
        cells = nbformat.read(file, as_version=4).cells
        there[int(file.name[:2])] = file.stem, {cell.id for cell in cells if cell.cell_type == "code"}

    def place(match: re.Match[str]) -> str:
        page, ids = there[int(match["chapter"])]

        def link(cell: re.Match[str]) -> str:
            name = cell[1]
            return f'<a href="{page}.html#cell-{name}"><code>{name}</code></a>' if name in ids else cell[0]

        return match["section"] + re.sub(r"`([a-z0-9-]+)`", link, match["cells"])

    section = r"(?P<section>\[(?P<chapter>\d+)(?:\.\d+| exercises)\] )"
    return re.sub(section + r"(?P<cells>`[a-z0-9-]+`(?:, `[a-z0-9-]+`)*)", place, text)


def with_citations(text: str, works: set[str]) -> str:
    """A text with a link to the bibliography behind each work that it names with a year.

    >>> with_citations("(Glorot & Bengio, 2010); and Ioffe & Szegedy (2015) too", {"ioffe2015"})
    '(Glorot & Bengio, 2010); and Ioffe & Szegedy (2015) {cite}`ioffe2015` too'
    """

    def cite(match: re.Match[str]) -> str:
        key = match["first"].lower() + (match["year"] or match["in_brackets"])
        return f"{match[0]} {{cite}}`{key}`" if key in works else match[0]

    return CITATION.sub(cite, text)


def table() -> str:
    """The README's table of the chapters."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = text.partition("\n## The chapters\n")[2].strip().split("\n\n")[0]
    lines = re.sub(r"(?<=\d) (?=min|s\b)", "\N{NO-BREAK SPACE}", lines)
    return with_links(lines, ".")


def glossary(chapters: list[Path]) -> str:
    """The glossary as a page: each term in English and Chinese, and the chapters that introduce it."""
    texts = {}
    for file in chapters:
        cells = nbformat.read(file, as_version=4).cells
        texts[file.name] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    lines = ["# Glossary 术语表", "", "```{glossary}"]
    for line in (ROOT / "book" / "glossary.txt").read_text(encoding="utf-8").splitlines():
        english, chinese, meaning = line.split(" | ")
        found = [
            name for name, text in texts.items() if re.search(rf"(?<![一-鿿]){chinese}(?![一-鿿])", text)
        ]
        links = ", ".join(f"[{int(name[:2])}]({name})" for name in found)
        lines += [f"{english} {chinese}", f"  {meaning}. Chapter {links}.", ""]
    return "\n".join([*lines, "```", ""])


# --- notebooks ----------------------------------------------------------------------------------


def chapter(file: Path) -> NotebookNode:
    """A chapter with its stored outputs, as myst-nb wants it."""
    notebook = nbformat.read(file, as_version=4)
    works = set(re.findall(r"@\w+\{(\w+),", (ROOT / "book" / "references.bib").read_text(encoding="utf-8")))
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            cell.source = with_citations(with_links(cell.source, "notebooks"), works)
            continue
        cell.metadata["id"] = cell.id  # for web.py, which no longer sees the cell
        if "solution" in tags:
            tags.append("hide-cell")
            cell.metadata["mystnb"] = {f"code_prompt_{what}": "The code, run" for what in ("show", "hide")}
        cell.metadata["figures"] = figures_of(cell)
        for output in cell.outputs:
            output.get("data", {}).pop(FIGURE, None)
    return notebook


def figures_of(cell: NotebookNode) -> list[str]:
    """For each figure that a cell shows, its words in one line: the titles of its parts, or its own."""
    found = []
    for data in (output.get("data", {}) for output in cell.outputs):
        if FIGURE in data:
            titles = [axes.get("title", "") for axes in data[FIGURE]["axes"]]
            found.append("; ".join(dict.fromkeys(filter(None, titles))))
        elif (html := data.get("text/html", "")) and "d2l-watch" in html:
            found.append(unescape(re.search('aria-label="([^"]+)"', html)[1]))
        elif "image/png" in data:
            found.append("")
    return found


def problem_set(source: ProblemSet) -> NotebookNode:
    """A problem set as students get it, without solutions, hidden tests and outputs.

    ValueError if a mark of theirs is left, which says that one of them is, too.
    """
    notebook = source.notebook()
    for cell in notebook.cells:
        cell.source = released(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if any(mark in cell.source for mark in MARKS):
            raise ValueError(f"{source.name}, {cell.id}: a mark of nbgrader's is left in the released text")
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    return notebook


# --- the package --------------------------------------------------------------------------------


def modules() -> Iterator[str]:
    """The public modules of d2lmini, `conv` or `scratch.conv`."""
    for file in sorted((ROOT / "d2lmini").rglob("*.py")):
        if not file.name.startswith("_"):
            yield ".".join(file.relative_to(ROOT / "d2lmini").with_suffix("").parts)


def api(module: str) -> str:
    """The page of a module, from its docstrings."""
    name = f"d2lmini.{module}"
    directive = f".. automodule:: {name}\n   :members:\n   :member-order: bysource\n"
    return f"# {name}\n\n```{{eval-rst}}\n{directive}```\n"
