"""The closing page's rows: their words, the cells that show them, the tests that hold them.

A row of the index is a row of a table:

    | F1 | its words | [2.3] `cell`, `cell`, [6.2] `cell` | `test_file.py::test_name` |

A mistake is a paragraph: `**M1. The claim.** The truth. (Shown in [2.3] `cell`; held by `test`.)`.
Where a section is stands once, at the end: `[2.3]: 02_padding.ipynb#2.3-How-large-is-the-output?`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
import prose

_ROW = re.compile(r"^\| ([A-Z]\d+) \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
_MISTAKE = re.compile(r"^\*\*([A-Z]\d+)\. (.*) \(Shown in (.*); held by (.*)\.\)$", re.MULTILINE)
_TARGET = re.compile(r"^\[([^\]]+)\]: *([^#\s]+)#(\S+)$", re.MULTILINE)
_SECTION_OR_CELL = re.compile(r"\[([^\]]+)\]|`([^`]+)`")
_CODE = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^(#{2,6}) +(.+?) *#*$", re.MULTILINE)


class Row(NamedTuple):
    label: str
    words: str
    places: dict[str, list[str]]  # a section, as the page calls it: the ids of cells in it
    tests: list[str]


class Cell(NamedTuple):
    is_code: bool
    sections: list[str]  # the anchors of the headings that it stands under, but not the chapter's title
    text: str  # its source, and what it printed


# --- the page -----------------------------------------------------------------------------------


def rows(page: str) -> list[Row]:
    found = [*_MISTAKE.findall(page), *_ROW.findall(page)]
    return [Row(label, words, _places(places), _CODE.findall(tests)) for label, words, places, tests in found]


def _places(column: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    section = ""
    for name, cell in _SECTION_OR_CELL.findall(column):
        section = name or section
        found.setdefault(section, []).extend([cell] if cell else [])
    return found


def targets(page: str) -> dict[str, tuple[str, str]]:
    """Where the page's sections are: {"2.3": ("02_padding.ipynb", "2.3-How-large-is-the-output?")}."""
    return {name: (file, anchor) for name, file, anchor in _TARGET.findall(page)}


# --- what it points to --------------------------------------------------------------------------


@cache
def cells(path: Path) -> dict[str, Cell]:
    found, under = {}, {}  # under: the headings that are open, by their level
    for cell in nbformat.read(path, as_version=4).cells:
        for marks, title in _HEADING.findall(cell.source) if cell.cell_type == "markdown" else ():
            under = {level: anchor for level, anchor in under.items() if level < len(marks)}
            under[len(marks)] = title.replace("`", "").replace(" ", "-")  # as JupyterLab does
        printed = prose.printed_texts(nbformat.from_dict({"cells": [cell]}))
        text = "\n".join([cell.source, *printed])
        found[cell.id] = Cell(cell.cell_type == "code", list(under.values()), text)
    return found


@cache
def functions(path: Path) -> dict[str, str]:
    """The functions of a file with their decorators, which hold a test's cases."""
    source = path.read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found[node.name] = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    return found


def _values(text: str) -> set[float]:
    text = re.sub(r"(?<=\d)_(?=\d)", "", text)
    return {float(number) for number in [*prose.numbers(text), *re.findall(r"\d+(?:\.\d+)?", text)]}


def unshown(words: str, evidence: str) -> list[str]:
    """The code and the numbers among the words that the evidence doesn't have, spaces aside.

    >>> unshown("`[[0, 8], [6, 8]]` has 4 numbers of 1 234, 0.50 of 8", "[[0,8],\\n[6,9]] 1_234 8 .5")
    ['[[0, 8], [6, 8]]', '4', '0.50']
    """
    known, squeezed = _values(evidence), "".join(evidence.split())
    quotes = [quote for quote in _CODE.findall(words) if "".join(quote.split()) not in squeezed]
    return quotes + [n for n in prose.numbers(_CODE.sub("", words)) if float(n) not in known]


def flaws(row: Row, where: dict[str, tuple[str, str]], notebooks: Path, tests: Path) -> list[str]:
    """Why a row isn't what the page promises; none if it has a section, a cell in it, and a test."""
    found = [] if row.places else ["it names no section"]
    found += [] if row.tests else ["it names no test"]
    evidence = []
    for section, ids in row.places.items():
        file, anchor = where.get(section, ("", ""))
        if not (notebooks / file).is_file():
            found.append(f"[{section}] leads to no chapter")
            continue
        found += [] if ids else [f"[{section}] names no cell"]
        for each in ids:
            cell = cells(notebooks / file).get(each)
            if cell is None or not cell.is_code:
                found.append(f"{file} has no code cell `{each}`")
            elif anchor not in cell.sections:
                found.append(f"`{each}` isn't under {anchor}")
            else:
                evidence.append(cell.text)
    for test in row.tests:
        file, _, name = test.partition("::")
        text = functions(tests / file).get(name) if (tests / file).is_file() else None
        if text is None or not name.startswith("test_"):
            found.append(f"there is no test `{test}`")
        else:
            evidence.append(text)
    return found + [f"no cell or test has {each}" for each in unshown(row.words, "\n".join(evidence))]
