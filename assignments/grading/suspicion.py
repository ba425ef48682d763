"""Words in a hand-in by which a program can look at the test that calls it, or change what runs it.

No program can keep a secret from a function that it calls. What a hidden test expects isn't in the program
(`expected`), but a function that finds its caller may still guess it from what is. Whoever tries needs words
that no task needs. They prove nothing; a person should look.
"""

from __future__ import annotations

import ast
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


def code_in(source: str) -> str:
    """A cell without its comments and docstrings, which may say anything; all of it if it isn't Python.

    >>> code_in("x = '#'; gc  # In gc we trust")
    "x = '#'\\ngc"
    """
    try:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(body := getattr(node, "body", None), list):
                node.body = [each for each in body if not _is_text(each)] or [ast.Pass()]
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def suspicions(cells: Iterable[NotebookNode]) -> list[Finding]:
    """One finding for each cell of a student's own that has such words."""
    found = []
    for cell in cells:
        if cell.cell_type != "code" or not (is_answer(cell) or not role(cell)):
            continue
        if words := sorted({found.group() for found in WORDS.finditer(code_in(cell.source))}):
            text = f"{cell.id}: it could look at the tests, or change what runs them: {', '.join(words)}"
            found.append(Finding("tampering", text))
    return found
