"""What a code cell promises about its output, as its metadata and tags say it.

    exact         (no mark)                                       compared; floats within a hundred-thousandth
    tolerant      {"nbproof": {"kind": "tolerant", "rtol": ..}}   floats within a tolerance of its own
    statistical   {"nbproof": {"kind": "statistical", "why": .., "bands": {name: expression}}}
                  and the tag nbval-ignore-output                 the cell asserts its bands (`bands.record`);
                                                                  of its output `outline` is compared

A book may have another key than "nbproof", and conditions under which a cell can't be compared, such as
"data": "full". "timeout": 60 is the cell's own limit, in seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from nbproof.bands import record
from nbproof.compare import difference
from nbproof.compare.difference import Tolerance
from nbproof.settings import Settings

NAMES = ("exact", "tolerant", "statistical")
KEYS = ("kind", "rtol", "atol", "why", "bands", "timeout", "integers", "titles")
TOLERANT = Tolerance(rtol=1e-4, atol=1e-6)
STATISTICAL = Tolerance(rtol=0.0, atol=0.2, rms=float("inf"), tile_rms=float("inf"), size=0.1)
TRAINED = ("integers", "titles")  # what a statistical cell may except from being compared


@dataclass
class Kind:
    """The promise; `flaws` says what is wrong with how it is made."""

    name: str = "exact"
    tolerance: Tolerance = field(default_factory=Tolerance)
    why: str = ""
    conditions: list[str] = field(default_factory=list)
    timeout: float | None = None  # seconds
    trained: frozenset[str] = frozenset()  # of TRAINED, what comes from training here
    flaws: list[str] = field(default_factory=list)

    def seen(self, outputs: Iterable[Any]) -> Iterable[tuple[str, str]]:
        """What of outputs is compared."""
        if self.name != "statistical":
            return difference.parts(outputs)
        return difference.outline(outputs, **{name: name not in self.trained for name in TRAINED})


def of(cell: Mapping[str, Any], options: Mapping[str, bool], settings: Settings) -> Kind:
    """A cell's kind; `options` is what nbval has read from its tags and comments."""
    key, marks = settings.key, cell["metadata"].get(settings.key, {})
    if not isinstance(marks, dict):
        return Kind(flaws=[f"its metadata has {key} = {marks!r}; it must be a table"])
    kind = Kind(marks.get("kind", "exact"), why=str(marks.get("why", "")).strip())
    kind.conditions = [name for name in settings.conditions if name in marks]
    kind.flaws += _of_marks(kind, marks, settings)
    kind.flaws += _of_comparison(kind, cell["source"], options, marks, key)
    if kind.name == "statistical":
        kind.tolerance, kind.trained = STATISTICAL, frozenset(name for name in TRAINED if name in marks)
    elif kind.name == "tolerant":
        given = {name: marks[name] for name in ("rtol", "atol") if _is_number(marks.get(name))}
        kind.tolerance = replace(TOLERANT, **given)
    if _is_limit(marks.get("timeout")):
        kind.timeout = marks["timeout"]
    return kind


def _of_marks(kind: Kind, marks: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """What is wrong with the names and the values of a cell's marks."""
    key = settings.key
    if unknown := sorted(set(marks) - {*KEYS, *settings.marks, *settings.conditions}):
        yield f"its metadata has unknown keys {', '.join(f'{key}.{name}' for name in unknown)}"
    if kind.name not in NAMES:
        yield f"its {key}.kind is {kind.name!r}; it must be one of {NAMES}"
    for name, values in settings.conditions.items():
        if name in marks and marks[name] not in values:
            yield f"its {key}.{name} is {marks[name]!r}; only {', '.join(map(repr, values))} is known"
    if "timeout" in marks and not _is_limit(marks["timeout"]):
        yield f"its {key}.timeout is {marks['timeout']!r}; it must be a number of seconds"
    for name in ("rtol", "atol"):
        if name in marks and kind.name != "tolerant":
            yield f"it has {key}.{name}, but isn't tolerant"
        elif name in marks and not (_is_number(marks[name]) and 0 <= marks[name] < 1):
            yield f"its {key}.{name} is {marks[name]!r}; it must be a number from 0 to 1"
    for name in (*TRAINED, "bands"):
        if name in marks and kind.name != "statistical":
            yield f"it has {key}.{name}, but isn't statistical"
        elif name in TRAINED and marks.get(name, "trained") != "trained":
            yield f"its {key}.{name} is {marks[name]!r}; only 'trained' is known"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_limit(value: Any) -> bool:
    return _is_number(value) and value > 0


def _of_comparison(
    kind: Kind, source: str, options: Mapping[str, bool], marks: Mapping[str, Any], key: str
) -> Iterator[str]:
    """Nothing goes uncompared without a reason, and a band that is asserted in its place."""
    if options["skip"]:
        yield "it is marked to be skipped; every cell runs"
        return
    if kind.name != "statistical":
        if not options["check"]:
            statistical = f'statistical (metadata {key}.kind "statistical", {key}.why, {key}.bands)'
            yield f"its output isn't compared, for no reason it gives: compare it, or make it {statistical}"
        return
    if options["check"]:
        yield "it is statistical, but lacks the tag nbval-ignore-output"
    if not kind.why:
        yield f"it is statistical, but doesn't say why (metadata {key}.why)"
    bands = marks.get("bands")
    if not isinstance(bands, dict) or not bands:
        yield f"it is statistical, but names no band (metadata {key}.bands: {{name: expression}})"
        return
    asserted = {band.middle for band in bands_of(source)}
    for name, middle in bands.items():
        if middle not in asserted:
            yield f"no assert has the form `low < {middle} < high`, which its {key}.bands names {name!r}"


def bands_of(source: str) -> list[record.Band]:
    """The bands that a cell asserts; none if it's no Python.

    >>> bands_of("%matplotlib inline\\nassert 0.7 < accuracy < 0.9")[0].middle
    'accuracy'
    """
    try:
        return list(record.bands_in(ast.parse(TransformerManager().transform_cell(source))))
    except SyntaxError:
        return []
