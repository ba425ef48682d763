"""What a code cell promises about its output, as its metadata and tags say it.

    exact         (no mark)                                       compared to the letter
    tolerant      {"nbproof": {"kind": "tolerant", "rtol": ..}}   floats within its tolerance
    statistical   {"nbproof": {"kind": "statistical", "why": .., "bands": {name: expression}}}
                  and the tag nbval-ignore-output                 the cell asserts its bands (`record_bands`);
                                                                  of its output `outline` is compared

A book may have another key than "nbproof", and conditions under which a cell can't be compared, such as
"data": "full". "timeout": 60 is the cell's own limit, in seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from nbproof import compare, record_bands
from nbproof.compare import Tolerance
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
            return compare.parts(outputs)
        return compare.outline(outputs, **{name: name not in self.trained for name in TRAINED})


def of(cell: Mapping[str, Any], options: Mapping[str, bool], settings: Settings) -> Kind:
    """A cell's kind; `options` is what nbval has read from its tags and comments."""
    key, marks = settings.key, cell["metadata"].get(settings.key, {})
    if not isinstance(marks, dict):
        return Kind(flaws=[f"its metadata has {key} = {marks!r}; it must be a table"])
    kind = Kind(marks.get("kind", "exact"), why=str(marks.get("why", "")).strip())
    kind.conditions = [name for name in settings.conditions if name in marks]
    if unknown := sorted(set(marks) - {*KEYS, *settings.marks, *settings.conditions}):
        kind.flaws.append(f"its metadata has unknown keys {', '.join(f'{key}.{name}' for name in unknown)}")
    if kind.name not in NAMES:
        kind.flaws.append(f"its {key}.kind is {kind.name!r}; it must be one of {NAMES}")
    for name in kind.conditions:
        if marks[name] not in settings.conditions[name]:
            known = ", ".join(map(repr, settings.conditions[name]))
            kind.flaws.append(f"its {key}.{name} is {marks[name]!r}; only {known} is known")
    if "timeout" in marks:
        if _is_number(marks["timeout"]) and marks["timeout"] > 0:
            kind.timeout = marks["timeout"]
        else:
            kind.flaws.append(f"its {key}.timeout is {marks['timeout']!r}; it must be a number of seconds")
    kind.flaws += _tolerance(kind, marks, key)
    kind.flaws += _comparison(kind, cell["source"], options, marks, key)
    return kind


def _tolerance(kind: Kind, marks: Mapping[str, Any], key: str) -> list[str]:
    given = {name: marks[name] for name in ("rtol", "atol") if name in marks}
    if kind.name == "statistical":
        kind.tolerance = STATISTICAL
    if kind.name != "tolerant":
        return [f"it has {key}.{name}, but isn't tolerant" for name in given]
    for name, value in given.items():
        if not (_is_number(value) and 0 <= value < 1):
            return [f"its {key}.{name} is {value!r}; it must be a number from 0 to 1"]
    kind.tolerance = Tolerance(rtol=given.get("rtol", TOLERANT.rtol), atol=given.get("atol", TOLERANT.atol))
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparison(
    kind: Kind, source: str, options: Mapping[str, bool], marks: Mapping[str, Any], key: str
) -> list[str]:
    """Nothing goes uncompared without a reason, and a band that is asserted in its place."""
    if options["skip"]:
        return ["it is marked to be skipped; every cell runs"]
    ignored = not options["check"]
    if kind.name != "statistical":
        flaws = [
            f"it has {key}.{name}, but isn't statistical" for name in (*TRAINED, "bands") if name in marks
        ]
        if ignored:
            flaws.append(
                "its output isn't compared, for no reason it gives: compare it, or make it "
                f'statistical (metadata {key}.kind "statistical", {key}.why, {key}.bands)'
            )
        return flaws
    given = {name: marks[name] for name in TRAINED if name in marks}
    kind.trained = frozenset(given)
    flaws = [f"its {key}.{n} is {v!r}; only 'trained' is known" for n, v in given.items() if v != "trained"]
    if not ignored:
        flaws.append("it is statistical, but lacks the tag nbval-ignore-output")
    if not kind.why:
        flaws.append(f"it is statistical, but doesn't say why (metadata {key}.why)")
    return flaws + _bands(marks.get("bands"), source, key)


def _bands(bands: Any, source: str, key: str) -> list[str]:
    if not isinstance(bands, dict) or not bands:
        return [f"it is statistical, but names no band (metadata {key}.bands: {{name: expression}})"]
    asserted = {band.middle for band in bands_of(source)}
    return [
        f"no assert has the form `low < {middle} < high`, which its {key}.bands names {name!r}"
        for name, middle in bands.items()
        if middle not in asserted
    ]


def bands_of(source: str) -> list[record_bands.Band]:
    """The bands that a cell asserts; none if it's no Python.

    >>> bands_of("%matplotlib inline\\nassert 0.7 < accuracy < 0.9")[0].middle
    'accuracy'
    """
    try:
        return list(record_bands.bands_in(ast.parse(TransformerManager().transform_cell(source))))
    except SyntaxError:
        return []
