"""Put a hand-in back into the form of its problem set: every cell once, the tests as they were handed out.

Students delete, copy and move cells, and other editors drop what they don't know. What a student wrote stays,
in the student's order; what isn't the student's comes from the source notebook. Nothing here runs any code.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grading.problem_set import ProblemSet, defined_names, is_answer, is_hidden, released, role

MOST_BYTES, MOST_CELLS = 20_000_000, 1000


class Finding(NamedTuple):
    """Something that a person should know of a hand-in."""

    kind: str  # "tampering", "time", "crash", "form": what is missing, doubled or changed
    text: str


class Mended(NamedTuple):
    notebook: NotebookNode  # in the form of the source, hidden tests included
    findings: list[Finding]


def mend(problem_set: ProblemSet, hand_in: bytes) -> Mended:
    """The notebook to run and to grade; a hand-in that can't be read counts as blank."""
    findings: list[Finding] = []
    try:
        theirs = read(hand_in)
    except ValueError as error:
        findings.append(Finding("form", f"the file can't be read: {error}"))
        theirs = []
    ours = problem_set.cells()
    named, own = by_name(theirs, ours)
    find_lost_answers(named, own, ours, findings)
    chosen = choose(named, ours, findings)
    compare(chosen, ours, findings, blank=not theirs)
    return Mended(assemble(theirs, chosen, ours), findings)


def content_of(file: Path) -> bytes:
    """A hand-in; of one that is too long to be read, no more than shows that it is."""
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def read(hand_in: bytes) -> list[NotebookNode]:
    """The cells of a notebook file, of any version; ValueError if it is none."""
    if len(hand_in) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    try:
        content = json.loads(hand_in.decode("utf-8-sig"))
        notebook = nbformat.convert(nbformat.from_dict(content), 4)
        cells = [cell for cell in notebook.cells if isinstance(cell.get("source"), str | list)]
        for cell in cells:
            cell.source = writable("".join(cell.source))
            cell.metadata = NotebookNode(cell.get("metadata") or {})
    except Exception as error:  # nbformat meets a stranger's JSON with errors of every kind
        raise ValueError(f"it is no notebook ({type(error).__name__})") from None
    if len(cells) > MOST_CELLS:
        raise ValueError(f"it has {len(cells)} cells, and at most {MOST_CELLS} are read")
    return cells


def writable(text: str) -> str:
    """A text without half characters, such as an emoji cut in two leaves: no file can hold them.

    >>> writable("a\\ud83d"), writable("é")
    ('a?', 'é')
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def name_of(cell: NotebookNode, ours: dict[str, NotebookNode]) -> str | None:
    """Which cell of the problem set this is: by nbgrader's name, or by Jupyter's, which is the same."""
    data = cell.metadata.get("nbgrader")
    candidates = (data.get("grade_id") if isinstance(data, dict) else None, cell.get("id"))
    return next((name for name in candidates if isinstance(name, str) and name in ours), None)


def by_name(
    theirs: list[NotebookNode], ours: dict[str, NotebookNode]
) -> tuple[dict[str, list[NotebookNode]], list[NotebookNode]]:
    """The cells of each name, and those that have none."""
    named, own = defaultdict(list), []
    for cell in theirs:
        name = name_of(cell, ours)
        (named[name] if name else own).append(cell)
    return named, own


def find_lost_answers(
    named: dict[str, list[NotebookNode]],
    own: list[NotebookNode],
    ours: dict[str, NotebookNode],
    findings: list[Finding],
) -> None:
    """An answer whose cell has lost its name is known by what it defines."""
    for name, cell in ours.items():
        wanted = defined_names(cell.source) if cell.cell_type == "code" and is_answer(cell) else set()
        if not wanted or any(wanted <= defined_names(each.source) for each in named.get(name, ())):
            continue
        for candidate in reversed(own):
            if wanted <= defined_names(candidate.source):
                named[name].append(candidate)
                own.remove(candidate)
                findings.append(Finding("form", f"{name}: found by what it defines, without its name"))
                break


def choose(
    named: dict[str, list[NotebookNode]], ours: dict[str, NotebookNode], findings: list[Finding]
) -> dict[str, NotebookNode]:
    """One cell of each name: the last in which something was written, as nbgrader takes the last."""
    chosen = {}
    for name, cells in named.items():
        blank = released(ours[name]).strip()
        written = [cell for cell in cells if cell.source.strip() not in ("", blank)]
        chosen[name] = (written or cells)[-1]
        if is_answer(ours[name]) and len({cell.source.strip() for cell in written}) > 1:
            findings.append(Finding("form", f"{name}: there are {len(written)} answers; the last one counts"))
    return chosen


def compare(
    chosen: dict[str, NotebookNode], ours: dict[str, NotebookNode], findings: list[Finding], blank: bool
) -> None:
    """Note what is missing, and what was changed though it is locked."""
    missing = [name for name, cell in ours.items() if name not in chosen and cell.cell_type == "code"]
    missing += [
        name for name, cell in ours.items() if name not in chosen and is_answer(cell) and name not in missing
    ]
    if missing and not blank:
        findings.append(Finding("form", f"cells are missing: {', '.join(missing)}"))
    changed: dict[str, list[str]] = {"tampering": [], "form": []}
    for name, cell in chosen.items():
        mine = ours[name]
        if is_answer(mine) or mine.cell_type != "code":
            continue
        if cell.source.strip() not in (released(mine).strip(), mine.source.strip()):
            is_test = is_hidden(mine) or name.endswith("-public")
            changed["tampering" if is_test else "form"].append(name)
    for kind, names in changed.items():
        if names:
            findings.append(Finding(kind, f"changed, so those handed out are used: {', '.join(names)}"))


def assemble(
    theirs: list[NotebookNode], chosen: dict[str, NotebookNode], ours: dict[str, NotebookNode]
) -> NotebookNode:
    """All cells: theirs in their order, and after each cell of the set those of the set that were missing."""
    name_by_cell = {id(cell): name for name, cell in chosen.items()}
    cells: list[NotebookNode] = []
    for count, cell in enumerate(theirs):
        name = name_by_cell.get(id(cell))
        cells.append(restored(ours[name], cell) if name else own_cell(cell, count))
    before: NotebookNode | None = None
    for name, cell in ours.items():
        if name in chosen:
            before = next(each for each in cells if role(each).get("grade_id") == name)
        else:
            added = restored(cell, None)
            index = 0 if before is None else next(i for i, each in enumerate(cells) if each is before) + 1
            cells.insert(index, added)
            before = added
    notebook = new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def restored(mine: NotebookNode, theirs: NotebookNode | None) -> NotebookNode:
    """A cell of the set: the student's words where they count, and everything else from the source."""
    written = theirs.source if theirs else released(mine)
    source = written if is_answer(mine) else mine.source
    if is_answer(mine) and mine.cell_type == "markdown" and source != released(mine):
        source = without_html(source)
    return made(mine.cell_type, source, role(mine).grade_id, NotebookNode(nbgrader=NotebookNode(role(mine))))


def own_cell(cell: NotebookNode, count: int) -> NotebookNode:
    """A cell that a student has added: its text, and no word of what else it says of itself."""
    kind = "code" if cell.cell_type == "code" else "markdown"
    source = cell.source if kind == "code" else without_html(cell.source)
    return made(kind, source, f"own-{count}", NotebookNode())


def without_html(text: str) -> str:
    """Words in Markdown in which a tag is only text: whoever reads them in a browser runs nothing of theirs.

    >>> without_html("a < b <script>x()</script>")
    'a < b &lt;script>x()&lt;/script>'
    """
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def made(kind: str, source: str, name: str, metadata: NotebookNode) -> NotebookNode:
    new = new_code_cell if kind == "code" else new_markdown_cell
    cell = new(source, metadata=metadata)
    cell.id = name
    return cell
