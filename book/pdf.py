"""Print the book into build/book.pdf: `make pdf`.

Sphinx writes the chapters and what is behind them as a single page, and Chromium prints it when its formulas
are set. Problem sets and the package's documentation stay on the site.
"""

from __future__ import annotations

import re
import shutil
import sys

from prepare import ROOT, prepare
from sphinx.application import Sphinx

sys.path.append(str(ROOT / "browser"))

from chromium import chromium  # noqa: E402

SOURCE, PAGE, CACHE = (ROOT / "build" / name for name in ("pdf-source", "pdf-page", "pdf-cache"))
PDF = ROOT / "build" / "book.pdf"

# What the front page says of the site, and what it says on paper.
ON_THE_SITE = r"Hints and solutions are folded;.*?from the repository\."
ON_PAPER = (
    "Hints and solutions stand below their questions; try first. To run a chapter yourself, open its "
    "notebook, which is in the repository beside the package `d2lmini`."
)
ORDER = """```{toctree}
:glob:
index
[0-9][0-9]_*
closing
bands
glossary
references
```
"""
SETTINGS = {
    "root_doc": "book",
    "html_theme": "basic",
    "html_theme_options": {},
    "html_sidebars": {"**": []},
    "html_css_files": ["print.css"],
    "pygments_style": "a11y-high-contrast-light",
    "exclude_patterns": ["api", "ps*.ipynb", "problem_sets.md", "package.md"],
}
# A chapter's cell has a name that another chapter's may have too, where the links of the closing page lead.
LINKS = """() => {
    for (const link of document.querySelectorAll('a[href*=".html#cell-"]')) {
        const [chapter, name] = link.getAttribute("href").split(".html#")
        const here = document.getElementById(`document-${chapter}`).nextElementSibling
        const cell = here.querySelector(`#${name}, #document-${chapter}-${name}`)
        cell.id = `document-${chapter}-${name}`
        link.setAttribute("href", `#${cell.id}`)
    }
}"""
UNFOLD = "document.querySelectorAll('details').forEach(fold => fold.open = true)"
FOOTER = """<div style="width: 100%; text-align: center; font: 8pt sans-serif; color: #555">
<span class="pageNumber"></span></div>"""


def main() -> int:
    prepare(SOURCE)
    index = SOURCE / "index.md"
    text, changes = re.subn(ON_THE_SITE, ON_PAPER, index.read_text(encoding="utf-8"), flags=re.DOTALL)
    if changes != 1:
        raise ValueError(f"{index.name} no longer has the sentence that the PDF replaces: {ON_THE_SITE}")
    index.write_text(text.partition("```{toctree}")[0], encoding="utf-8")
    (SOURCE / "book.md").write_text(ORDER, encoding="utf-8")
    shutil.rmtree(PAGE, ignore_errors=True)
    sphinx = Sphinx(
        SOURCE,
        ROOT / "book",
        PAGE,
        CACHE,
        "singlehtml",
        confoverrides=SETTINGS,
        status=None,
        freshenv=True,
        warningiserror=True,
    )
    sphinx.build()
    print_page()
    return sphinx.statuscode


def print_page() -> None:
    """Print the page when MathJax is done, with everything unfolded, and its headings as bookmarks."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto((PAGE / "book.html").as_uri())
        page.evaluate("window.MathJax.startup.promise")
        page.evaluate(LINKS)
        page.evaluate(UNFOLD)
        page.pdf(
            path=PDF,
            format="A4",
            margin={"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            print_background=True,
            outline=True,
            tagged=True,
        )


if __name__ == "__main__":
    sys.exit(main())
