"""What hidden tests expect, worked out where no student's code runs, and compared in our own process.

A function can look at the test that calls it, and can change torch under its feet. So the kernel of a hand-in
gets the tests without the values that they expect: each `expect(got, wanted, why)` only keeps `got` there.
What is wanted, and why, comes from a run of the problem set's own solution in another box.
"""

from __future__ import annotations

import ast
import functools
import json
from typing import Any, NamedTuple

import numpy as np
from nbproof.run.kernel import Kernel

from grading.box import Limits
from grading.outputs import run_cell
from grading.problem_set import ProblemSet, is_hidden, role

LONGEST_ANSWER = 5_000_000  # characters of all values of a cell
# Both runs of a cell of tests begin like this, with the same random numbers. It keeps values as JSON: a
# string, a bool, or [shape, numbers]; null for what is none of these.
BEGINNING = """
import json as _json, random as _random, numpy as _np, torch as _torch
from d2lmini.course import plain as _plain
_random.seed(0); _np.random.seed(0); _torch.manual_seed(0)
_kept = []
def _keep(got):
    try:
        value = _plain(got)
    except TypeError:
        _kept.append(None)
        raise
    _kept.append(value if isinstance(value, (str, bool)) else [list(value.shape), value.ravel().tolist()])
"""
SOLVED = """
from d2lmini.course import expect as _expect
_whys = []
def expect(got, wanted, why):
    _expect(got, wanted, why)
    _keep(wanted)
    _whys.append(why)
"""
KEPT, WHYS = "_json.dumps(_kept)", "_json.dumps(_whys)"


class Expected(NamedTuple):
    """What one `expect` of a test wants."""

    value: Any  # as JSON has it
    why: str


def expectations_in(tree: ast.Module) -> list[ast.Call]:
    """The calls of `expect` in a cell, from top to bottom."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    found = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "expect"]
    return sorted(found, key=lambda call: call.lineno)


def without_expected(source: str) -> str:
    """A cell of hidden tests that keeps what it got, and knows nothing of what it should be.

    >>> print(without_expected('expect(size[0], 4, "the height")').splitlines()[-1])
    _keep(size[0])
    """
    tree = ast.parse(source)
    for call in expectations_in(tree):
        call.func, call.args = ast.Name("_keep", ast.Load()), call.args[:1]
    return BEGINNING + ast.unparse(ast.fix_missing_locations(tree))


def value_of(kernel: Kernel, expression: str, seconds: float) -> Any:
    """What an expression, a string of JSON, is in a kernel; ValueError or KeyError if it is anything else."""
    kernel.size, kernel.interrupted = 0, 0.0
    asked = {"value": expression}
    message = kernel.kc.execute(
        "", silent=True, store_history=False, allow_stdin=False, user_expressions=asked
    )
    reply = kernel.await_reply(message, seconds)
    text = reply["content"]["user_expressions"]["value"]["data"]["text/plain"]
    if not isinstance(text, str) or len(text) > LONGEST_ANSWER:
        raise ValueError("its values are too long, or no text")
    return json.loads(ast.literal_eval(text))


@functools.lru_cache(maxsize=16)
def expected(problem_set: ProblemSet, kernel_of: Any) -> dict[str, list[Expected]]:
    """{cell of hidden tests: what its calls of `expect` want}; RuntimeError where a solution has an error."""
    code = [cell for cell in problem_set.notebook().cells if cell.cell_type == "code"]
    found: dict[str, list[Expected]] = {}
    with kernel_of(Limits()) as kernel:
        for cell in sorted(code, key=is_hidden):
            name = role(cell).grade_id
            source = BEGINNING + SOLVED + cell.source if is_hidden(cell) else cell.source
            if (error := run_cell(kernel, source, 60).error) is not None:
                raise RuntimeError(f"{problem_set.name}, {name}: the solution ends with {': '.join(error)}")
            if is_hidden(cell):
                kept, whys = (value_of(kernel, each, 60) for each in (KEPT, WHYS))
                found[name] = [Expected(*each) for each in zip(kept, whys, strict=True)]
    return found


def first_difference(got: Any, wanted: list[Expected]) -> tuple[str, str] | None:
    """Which expectation isn't met, if one isn't: its reason, and what an instructor reads of it."""
    if not isinstance(got, list):
        return "", "what it kept is no list"
    for place, each in enumerate(wanted):
        if place == len(got):
            return "", f"it ended before: {each.why}"
        right, found = as_plain(each.value), as_plain(got[place])
        if not is_same(found, right):
            return each.why, f"{each.why}\n  expected: {told(right)}\n  got:      {told(found)}"
    return ("", "it went on after the last expectation") if len(got) > len(wanted) else None


def as_plain(value: Any) -> str | bool | np.ndarray | None:
    """A kept value as `d2lmini.course.plain` makes it; None if it is none."""
    if isinstance(value, str | bool):
        return value
    try:
        shape, numbers = value
        return np.asarray(numbers, dtype=np.float64).reshape([int(length) for length in shape])
    except (TypeError, ValueError, OverflowError):
        return None


def is_same(found: str | bool | np.ndarray | None, right: str | bool | np.ndarray | None) -> bool:
    from d2lmini.course import same  # with torch, which only those who grade need

    return found is not None and right is not None and same(found, right)


def told(value: str | bool | np.ndarray | None) -> str:
    from d2lmini.course import shown

    return "neither numbers nor a text" if value is None else shown(value)
