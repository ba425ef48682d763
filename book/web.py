"""A Sphinx extension: numbers for formulas, addresses for cells, MathJax from this site, notebooks as they are."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
MATHJAX = ["tex-chtml.js", "output/chtml/fonts", "a11y/assistive-mml.js", "input/tex/extensions"]


def number_formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Number the displayed formulas of chapter 7 (7.1), (7.2), … and let a link lead to each."""
    chapter = re.match(r"(\d\d)_", app.env.docname)
    if chapter is None:
        return
    for count, formula in enumerate(doctree.findall(nodes.math_block), 1):
        number = f"{int(chapter[1])}.{count}"
        formula["number"], formula["ids"] = number, [f"formula-{number}"]


def copy_files(app: Sphinx, problem: Exception | None) -> None:
    """Put beside the pages what they load and offer: MathJax with its fonts, the chapters' own notebooks."""
    if problem is not None or app.builder.format != "html":
        return
    package = find_spec("sphinx-mathjax-offline")  # only a carrier: all of its files are 24 MB
    source = Path(package.submodule_search_locations[0]) / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source / name, target / name)
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, Path(app.outdir) / "_sources")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", number_formulas)
    app.connect("build-finished", copy_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
