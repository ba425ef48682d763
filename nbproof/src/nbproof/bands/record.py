"""What a band looks like in code, and how a kernel records it in place of asserting it.

A band is `assert low < middle < high`, where the middle is what was measured. A limit that no value can pass
by its nature, such as 1 for a share, is written `<=`.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

VARIABLE = "NBPROOF_RECORD"  # names the file that a kernel adds its lines to
NAME = "__nbproof_record__"


class Band(NamedTuple):
    """A band as its assert says it, in Python's own spelling."""

    middle: str
    text: str  # the whole comparison
    closed: tuple[bool, bool]  # which ends no value can pass


def chained(node: ast.AST) -> ast.Compare | None:
    """The comparison `low < middle < high` that a statement asserts; None if it's no such assert."""
    match node:
        case ast.Assert(test=ast.Compare(ops=[ast.Lt() | ast.LtE(), ast.Lt() | ast.LtE()])):
            return node.test
    return None


def bands_in(tree: ast.AST) -> Iterator[Band]:
    """The bands that code asserts.

    >>> list(bands_in(ast.parse("assert x > 1; assert 0 < f(x)[-1] <= 1")))
    [Band(middle='f(x)[-1]', text='0 < f(x)[-1] <= 1', closed=(False, True))]
    """
    for compare in filter(None, map(chained, ast.walk(tree))):
        closed = tuple(isinstance(op, ast.LtE) for op in compare.ops)
        yield Band(ast.unparse(compare.comparators[0]), ast.unparse(compare), closed)


class Recorder(ast.NodeTransformer):
    """Puts a call that records in the place of each band, and nothing in that of any other assert."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        compare = chained(node)
        if compare is None:
            return ast.copy_location(ast.Pass(), node)
        text = ast.Constant(ast.unparse(compare))
        call = ast.Call(ast.Name(NAME, ast.Load()), [text, compare.left, *compare.comparators], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))


def record(text: str, *values: float) -> None:
    """Add a line to the file: the comparison, then the low end, the value and the high end, if numbers."""
    with (
        contextlib.suppress(TypeError, ValueError),
        open(os.environ[VARIABLE], "a", encoding="utf-8") as file,
    ):
        file.write(json.dumps([text, *map(float, values)]) + "\n")


def install() -> None:
    """Let IPython, in whose kernel this runs, record the bands of every cell from now on."""
    import builtins

    from IPython import get_ipython

    setattr(builtins, NAME, record)
    get_ipython().ast_transformers.append(Recorder())
