"""A Sphinx extension: numbers for figures and formulas, addresses for cells, MathJax from this site."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
# What a page can ask for; all of MathJax's files would be 24 MB.
MATHJAX = ["tex-chtml.js", "output/chtml/fonts", "a11y", "input/tex/extensions"]


def number(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Number what a page shows; the single page of the PDF holds all chapters."""
    for part in list(doctree.findall(addnodes.start_of_file)):
        number_chapter(part, part["docname"])
    number_chapter(doctree, docname)


def number_chapter(doctree: nodes.Element, docname: str) -> None:
    """Number the figures and the displayed formulas of chapter 7 from 7.1, and let links lead there."""
    if not (match := re.match(r"(\d\d)_", docname)):
        return
    chapter, figures = int(match[1]), 0
    for count, formula in enumerate(doctree.findall(nodes.math_block), 1):
        formula["number"], formula["ids"] = f"{chapter}.{count}", [f"formula-{chapter}-{count}"]
    drawn = ""  # the figures of the last cell of code, while nothing was said of them
    for part in list(doctree.findall()):
        if isinstance(part, nodes.container) and part.get("nb_element") == "cell_code":
            metadata = part["cell_metadata"]
            part["ids"].append(f"cell-{metadata['id']}")
            shown = list(part.findall(is_figure))
            for node, words in zip(shown, metadata.get("figures", []), strict=True):
                figures += 1
                wrap_figure(node, f"{chapter}.{figures}", words, metadata["id"])
            drawn = f"{chapter}.{figures}" if len(shown) == 1 else ""
        elif isinstance(part, nodes.paragraph) and drawn and part.parent.get("nb_element") is None:
            refer(part, drawn)
            drawn = ""


def is_figure(node: nodes.Node) -> bool:
    """Whether something in a cell's output is a picture, or a figure to watch."""
    return isinstance(node, nodes.image) or (isinstance(node, nodes.raw) and "d2l-watch" in node.astext())


def wrap_figure(node: nodes.Element, number: str, words: str, cell: str) -> None:
    """Put a picture into a figure with a number, a caption, and the name of the cell that drew it."""
    if isinstance(node, nodes.image):
        node["alt"] = (
            f"Figure {number}: {words}" if words else f"Figure {number}; the text says what it shows"
        )
    figure = nodes.figure(ids=[f"figure-{number.replace('.', '-')}"])
    node.replace_self(figure)
    said = f"Figure {number}: {words} (cell " if words else f"Figure {number} (cell "
    figure += [node, nodes.caption("", "", nodes.Text(said), nodes.literal(text=cell), nodes.Text(")"))]


def refer(paragraph: nodes.paragraph, number: str) -> None:
    """Let a paragraph that begins with "The figure" name the figure before it, with a link."""
    first = paragraph[0]
    if isinstance(first, nodes.Text) and first.startswith("The figure "):
        link = nodes.reference("", f"Figure {number}", refuri=f"#figure-{number.replace('.', '-')}")
        first.parent.replace(first, [link, nodes.Text(first.removeprefix("The figure"))])


def literal(line: str) -> str:
    """A docstring's line in which the stars and bars of arithmetic are what they are.

    >>> print(literal("`n * s` pixels of *each* map, shape (n, *kernel_size), and 1 - |c - j|"))
    `n * s` pixels of *each* map, shape (n, \\*kernel_size), and 1 - \\|c - j\\|
    """
    kept = r"\\.|`[^`]*`|(?<![\w'(])\*(?![\s*])[^*]*[^\s*]\*(?![\w'])"
    return re.sub(rf"{kept}|([*|])", lambda match: f"\\{match[0]}" if match[1] else match[0], line)


def escape(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Autodoc reads reStructuredText; the docstrings are plain text."""
    inside = False
    for place, line in enumerate(lines):
        inside = bool(line.strip()) and (inside or line.lstrip().startswith(">>>"))
        if not inside:
            lines[place] = literal(line)


def skip(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """A reader looks for what a module does, not for what refuses its arguments."""
    return True if name.startswith("check_") else None


def name_for_readers_aloud(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Say what the theme and docutils leave unsaid: what an arrow unfolds, what a list is of."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')
    sidebar = context.get("generate_toctree_html")  # which the PDF hasn't

    def named(*args: Any, **options: Any) -> str:
        return re.sub(
            r"(<a [^>]*>([^<]*)</a><details[^>]*><summary)>",
            r'\1 aria-label="Pages: \2">',
            str(sidebar(*args, **options)),
        )

    context["generate_toctree_html"] = named


def quote_articles(app: Sphinx, pagename: str, *context: Any) -> None:
    """Let the search page alone load what corrects its quotations."""
    if pagename == "search":
        app.add_js_file("search.js")


def copy_files(app: Sphinx, problem: Exception | None) -> None:
    """Put beside the pages what they load and offer: MathJax with its fonts, the chapters' own notebooks."""
    if problem is not None or app.builder.format != "html":
        return
    package = find_spec("sphinx-mathjax-offline")  # as an extension it would copy everything
    source = Path(package.submodule_search_locations[0]) / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source / name, target / name)
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, Path(app.outdir) / "_sources")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-resolved", number)
    app.connect("autodoc-process-docstring", escape)
    app.connect("autodoc-skip-member", skip)
    app.connect("html-page-context", name_for_readers_aloud, priority=900)  # after the theme
    app.connect("html-page-context", quote_articles)
    app.connect("build-finished", copy_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
