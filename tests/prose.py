"""What Markdown claims: numbers that a cell must have printed, links and sections that must exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

SIGNIFICANT = 3  # digits, from which on a number must be printed by a cell
FIRST_YEAR, LAST_YEAR = 1940, 2029

_SEPARATOR = r"(?:[ \u00a0\u2009\u202f]|,|\{,\}|\\,)"  # of thousands: 61 706, 61,706, $61{,}706$
_NUMBER = re.compile(
    rf"(?<![\w.])\d{{1,3}}(?:{_SEPARATOR}\d{{3}})+(?![\d])(?:\.\d+)?|(?<![\w.])\d+(?:\.\d+)?"
)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_MATH = re.compile(r"\$[^$]*\$")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()\s]*\))?)(?:\s+\"[^\"]*\")?\)")
_HTML_LINK = re.compile(r"""(?:href|src)=["']([^"']+)["']""")
_DATA = re.compile(r"data:[\w/+.-]+;base64,[\w+/=]*")  # a sound in HTML: its bytes say nothing in words
_WEB = re.compile(r"[a-z]+:|//")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_REFERENCE = re.compile(
    r"\b([Ss]ection|[Ee]xercise)s? (\d+\.\d+(?:(?:, | and | or | to |, and |–|-)\d+\.\d+)*)"
)
_SECTION = re.compile(r"\d+\.\d+")
_YEAR = re.compile(r"(?:\b(?:[Ii]n|[Ss]ince|of|from|until|before|after) |[,(] ?)(\d{4})(?=[),.;:\s]|$)")


class Place(NamedTuple):
    """A cell's id and its Markdown; of a file, its name and its text."""

    name: str
    text: str


# --- numbers ------------------------------------------------------------------------------------


def markdown_cells(notebook: NotebookNode) -> list[Place]:
    return [Place(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "markdown"]


def printed_texts(notebook: NotebookNode) -> Iterator[str]:
    """Everything that the code cells' stored outputs say in words; no picture's description."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                yield output.text
            elif output.output_type == "error":
                yield output.evalue
            elif not any(mime.startswith("image/") for mime in output.data):
                yield from (_DATA.sub("", text) for text in output.data.values() if isinstance(text, str))


def numbers(text: str) -> list[str]:
    """All numbers, without their separators of thousands.

    >>> numbers("61 706, 61,706 or $61{,}706$ weights; 224, 112, 56; 0.883 of 28x28")
    ['61706', '61706', '61706', '224', '112', '56', '0.883', '28']
    """
    return [plain(match[0]) for match in _NUMBER.finditer(text)]


def plain(number: str) -> str:
    return re.sub(_SEPARATOR, "", number)


def significant_digits(number: str) -> int:
    """
    >>> [significant_digits(n) for n in ("0.05", "224", "0.883", "100", "28")]
    [1, 3, 3, 3, 2]
    """
    return len(number.replace(".", "").lstrip("0"))


def claims(text: str) -> list[str]:
    """The numbers of Markdown, as it writes them, that a cell must have printed.

    Not those of a link's target, of a section's number, or a year (`in 1998`, `(LeCun, 1998)`).
    """
    text = _LINK.sub(lambda m: m[0].replace(m[1], ""), text)
    text = re.sub(r"https?://\S+|arXiv:\S+", "", text)
    text = _REFERENCE.sub("", text)
    text = re.sub(r"(?m)^(#{1,6} +)\d+\.\d+", r"\1", text)
    text = _YEAR.sub(lambda m: "" if FIRST_YEAR <= int(m[1]) <= LAST_YEAR else m[0], text)
    found = (match[0] for match in _NUMBER.finditer(text))
    return [number for number in found if significant_digits(plain(number)) >= SIGNIFICANT]


def unprinted(places: Iterable[Place], printed: Iterable[str], cited: Iterable[str] = ()) -> list[Place]:
    """The claims that are in no printed text and aren't cited: (cell, number)."""
    known = set(cited)
    for text in printed:
        known.update(numbers(text))
        known.update(re.findall(r"\d+(?:\.\d+)?", text))
    found = []
    for place in places:
        for number in claims(place.text):
            pieces = re.findall(r"\d+(?:\.\d+)?", number)  # "224 112" may be two numbers
            if plain(number) not in known and not (len(pieces) > 1 and known.issuperset(pieces)):
                found.append(Place(place.name, number))
    return found


def citations(text: str) -> list[tuple[str, str, str]]:
    """The lines of tests/citations.txt: (chapter, number, source)."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    found = []
    for line in lines:
        chapter, number, source = line.split(maxsplit=2)
        found.append((chapter, number, source))
    return found


# --- links and sections -------------------------------------------------------------------------


def words_only(text: str) -> str:
    """Markdown without its code and formulas, in which brackets mean something else."""
    for pattern in (_FENCE, _CODE, _MATH):
        text = pattern.sub("", text)
    return text


def links(text: str) -> list[str]:
    """Where Markdown and the HTML in it point to.

    >>> links("[a](b.ipynb#c), ![d](e.png), `[f](g)`, <img src='h.png'>")
    ['b.ipynb#c', 'e.png', 'h.png']
    """
    text = words_only(text)
    return _LINK.findall(text) + _HTML_LINK.findall(text)


def headings(text: str) -> list[str]:
    return _HEADING.findall(_FENCE.sub("", text))


def github_anchor(title: str) -> str:
    """GitHub's name for a heading.

    >>> github_anchor("07_lenet: slow LeNet, first epoch")
    '07_lenet-slow-lenet-first-epoch'
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """What stands behind # in a link to a heading: Jupyter's form in notebooks, GitHub's elsewhere."""
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        found = (title for place in markdown_cells(notebook) for title in headings(place.text))
        return {title.replace(" ", "-") for title in found}
    return {github_anchor(title) for title in headings(path.read_text(encoding="utf-8"))}


def broken_links(places: Iterable[Place], path: Path, root: Path) -> list[str]:
    """Links of a file that lead nowhere, out of the repository, or to a heading that isn't there."""
    found = []
    for place in places:
        for link in links(place.text):
            if _WEB.match(link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_relative_to(root):
                found.append(f"{place.name}: {link} leads out of the repository")
            elif not target.exists():
                found.append(f"{place.name}: {link}: there is no such file")
            elif anchor and target.is_file() and anchor not in anchors(target):
                found.append(f"{place.name}: {link}: there is no such heading")
    return found


def sections(texts: Iterable[str]) -> set[str]:
    """The numbers of sections and exercises that a book has: {"section 2.1", "exercise 2.3"}."""
    found = set()
    for text in texts:
        found |= {f"section {m[0]}" for title in headings(text) if (m := _SECTION.match(title))}
        found |= {f"exercise {number}" for number in re.findall(r"\*\*Exercise (\d+\.\d+)", text)}
    return found


def missing_sections(places: Iterable[Place], known: set[str]) -> list[Place]:
    """References to sections and exercises that aren't in `known`: (cell, reference)."""
    found = []
    for place in places:
        for match in _REFERENCE.finditer(place.text):
            wanted = (f"{match[1].lower()} {number}" for number in _SECTION.findall(match[2]))
            found += [Place(place.name, reference) for reference in wanted if reference not in known]
    return found
