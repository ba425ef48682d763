"""Words in a hand-in by which a program can look at the test that calls it, or change what runs it.

No program can keep a secret from a function that it calls: the function can find its caller, read there what
is expected, and give it back. Whoever does that needs words that no task needs. They prove nothing; a person
should look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nbformat import NotebookNode

from grading.mend import Finding
from grading.problem_set import is_answer, role

WORDS = re.compile(
    r"\b(_getframe|currentframe|f_back|f_code|f_locals|f_globals|settrace|setprofile|inspect|linecache|ctypes"
    r"|get_ipython|user_ns|_ih|In|gc|__subclasses__|__globals__|__builtins__|builtins|sys\.modules|co_consts"
    r"|Unexpected|importlib)\b|(?<![.\w])(?:eval|exec|compile)\b"
)
TEXT = re.compile(
    r"(#[^\n]*)|(\"\"\".*?\"\"\"|'''.*?''')", re.DOTALL
)  # comments and docstrings may say anything


def suspicions(cells: Iterable[NotebookNode]) -> list[Finding]:
    """One finding for each cell of a student's own that has such words."""
    found = []
    for cell in cells:
        if cell.cell_type != "code" or not (is_answer(cell) or not role(cell)):
            continue
        if words := sorted({found.group() for found in WORDS.finditer(TEXT.sub("", cell.source))}):
            text = f"{cell.id}: it could look at the tests, or change what runs them: {', '.join(words)}"
            found.append(Finding("tampering", text))
    return found
