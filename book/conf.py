"""Sphinx's settings for the web edition."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # web.py, and the d2lmini of this folder

project = "Convolutional networks, from the first window to VGG"
author = "the d2lmini authors"
copyright = "the d2lmini authors. Text and figures: CC BY 4.0, code: MIT"
html_title = "Convolutional networks"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
    "web",
]

# The chapters are shown with the outputs that the tests have compared.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # the default loads two scripts from elsewhere
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
mathjax_path = "mathjax/tex-chtml.js"  # web.py copies it there

autodoc_typehints = "signature"
autodoc_preserve_defaults = True
suppress_warnings = ["ref.python"]  # a field that is called type, beside the type that is called type
default_role = "code"  # the docstrings write `padding`, as the chapters do

bibtex_bibfiles = [str(HERE / "references.bib")]
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "sphinx_book_theme"
html_static_path = [str(HERE / "static")]
html_css_files = ["book.css"]
html_favicon = str(HERE / "static" / "favicon.svg")  # or every browser asks for one and gets an error
html_copy_source = True
html_show_sourcelink = True
html_context = {"default_mode": "auto"}  # the reader's system says whether pages are dark
html_theme_options = {
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the sidebar has the search
    "show_toc_level": 2,
}
