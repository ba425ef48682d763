"""What a code cell promises about its output, as its metadata and tags say it.

    exact         (no mark)                                        compared to the letter
    tolerant      {"d2lmini": {"kind": "tolerant", "rtol": ..}}    floats within its tolerance
    statistical   {"d2lmini": {"kind": "statistical", "why": ..}}  the cell asserts a band; of its output
                  and the tag nbval-ignore-output                  only words and order are compared, and
                                                                   numbers with a point within 0.2

With {"d2lmini": {"data": "full"}} the output is that of the full data set: on the sample that
ships with d2lmini the cell runs, but there is nothing to compare it with. {"d2lmini": {"timeout": 60}}
is the cell's own limit, in seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from nbproof.compare import Tolerance
from nbproof.settings import Settings

NAMES = ("exact", "tolerant", "statistical")
KEYS = ("kind", "rtol", "atol", "why", "data", "bands", "timeout")
TOLERANT = Tolerance(rtol=1e-4, atol=1e-6)
STATISTICAL = Tolerance(rtol=0.0, atol=0.2)


@dataclass
class Kind:
    """The promise; `flaws` says what is wrong with how it is made."""

    name: str = "exact"
    tolerance: Tolerance = field(default_factory=Tolerance)
    why: str = ""
    conditions: list[str] = field(default_factory=list)
    timeout: float | None = None  # seconds
    flaws: list[str] = field(default_factory=list)


def of(cell: Mapping[str, Any], options: Mapping[str, bool], settings: Settings) -> Kind:
    """A cell's kind; `options` is what nbval has read from its tags and comments."""
    marks = cell["metadata"].get(settings.key, {})
    kind = Kind(marks.get("kind", "exact"), why=str(marks.get("why", "")).strip())
    kind.conditions = [key for key in settings.conditions if key in marks]
    if unknown := sorted(set(marks) - set(KEYS)):
        kind.flaws.append(f"its metadata has unknown keys d2lmini.{', d2lmini.'.join(unknown)}")
    if kind.name not in NAMES:
        kind.flaws.append(f"its d2lmini.kind is {kind.name!r}; it must be one of {NAMES}")
    if marks.get("data", "full") != "full":
        kind.flaws.append(f'its d2lmini.data is {marks["data"]!r}; only "full" is known')
    kind.timeout = marks.get("timeout")
    if "timeout" in marks and not (_is_number(kind.timeout) and kind.timeout > 0):
        kind.flaws.append(f"its d2lmini.timeout is {kind.timeout!r}; it must be a number of seconds")
    kind.flaws += _tolerance(kind, marks)
    kind.flaws += _comparison(kind, cell["source"], options)
    return kind


def _tolerance(kind: Kind, marks: Mapping[str, Any]) -> list[str]:
    given = {key: marks[key] for key in ("rtol", "atol") if key in marks}
    if kind.name == "statistical":
        kind.tolerance = STATISTICAL
    if kind.name != "tolerant":
        return [f"it has d2lmini.{key}, but isn't tolerant" for key in given]
    for key, value in given.items():
        if not (_is_number(value) and 0 <= value < 1):
            return [f"its d2lmini.{key} is {value!r}; it must be a number from 0 to 1"]
    kind.tolerance = Tolerance(rtol=given.get("rtol", TOLERANT.rtol), atol=given.get("atol", TOLERANT.atol))
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparison(kind: Kind, source: str, options: Mapping[str, bool]) -> list[str]:
    """Nothing goes uncompared without a reason and an assertion in its place."""
    if options["skip"]:
        return ["it is marked to be skipped; every cell of a chapter runs"]
    ignored = not options["check"]
    if kind.name != "statistical":
        if ignored:
            return [
                "its output isn't compared, for no reason it gives: compare it, or make it "
                'statistical (metadata d2lmini.kind "statistical", d2lmini.why, and an assert)'
            ]
        return []
    flaws = []
    if not ignored:
        flaws.append("it is statistical, but lacks the tag nbval-ignore-output")
    if not kind.why:
        flaws.append("it is statistical, but doesn't say why (metadata d2lmini.why)")
    if not asserts_a_comparison(source):
        flaws.append("it is statistical, but has no assert that compares a figure with its band")
    return flaws


def asserts_a_comparison(source: str) -> bool:
    """Whether code has an `assert` with a comparison in it.

    >>> asserts_a_comparison("accuracy = f()\\nassert 0.7 < accuracy < 0.9")
    True
    >>> asserts_a_comparison("assert True  # 0.7 < accuracy")
    False
    """
    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        return False
    asserts = (node for node in ast.walk(tree) if isinstance(node, ast.Assert))
    return any(isinstance(n, ast.Compare) for node in asserts for n in ast.walk(node.test))
