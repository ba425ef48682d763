"""A notebook's quick copy: without the cells that train, and without those that need what these define."""

from __future__ import annotations

import ast
import dis
from pathlib import Path
from types import CodeType

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from nbproof.notebooks.file import code_cells, marks_of, read

AT_ONCE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")  # code within code that runs where it stands


def quick(path: Path, key: str) -> NotebookNode:
    """A notebook without its statistical cells, and without those that use a name that only these define."""
    notebook, lost = read(path), set()
    for cell in code_cells(notebook):
        defined, used = names_in(cell.source)
        if marks_of(cell, key).get("kind") == "statistical" or used & lost:
            lost |= defined
            notebook.cells.remove(cell)
        else:
            lost -= defined
    return notebook


def names_in(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell defines, and those that it needs from cells before it, in its functions too.

    >>> [sorted(names) for names in names_in("def f(x):\\n    return x + y + z\\nz = 1\\nfor n in z: n")]
    [['f', 'n', 'z'], ['y']]
    >>> [sorted(names) for names in names_in("a = [b + c for b in a]; c += 1; import d.e")]
    [['a', 'c', 'd'], ['a', 'c']]
    """
    try:
        source = TransformerManager().transform_cell(source)
        return _names_of(compile(source, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
    except SyntaxError:  # which a reader is to see
        return set(), set()


def _names_of(code: CodeType) -> tuple[set[str], set[str]]:
    """The same of compiled code, whose instructions stand in the order in which they run."""
    bound, needed, later = set[str](), set[str](), set[str]()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            needed |= {step.argval} - bound
        elif isinstance(step.argval, CodeType):
            _, inside = _names_of(step.argval)
            if step.argval.co_name in AT_ONCE:
                needed |= inside - bound
            else:
                later |= inside  # a function runs when the whole cell has
    return bound, needed | (later - bound)
