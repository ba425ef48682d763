"""What a run of pytest said of notebooks, read from its report in JUnit's XML."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from notebook_plugin.cells import PROPERTY


class Case(NamedTuple):
    """One item of a notebook: a cell, its hygiene, or its file where that can't be read."""

    notebook: str  # without .ipynb
    item: str
    outcome: str  # "passed", "failure", "error" or "skipped"
    message: str
    text: str
    seconds: float
    record: dict[str, Any]  # the plugin's; empty for what is no cell, and with plain nbval


def cases(report: Path) -> Iterator[Case]:
    """The items of a report in their order, but for one that was interrupted."""
    for case in ElementTree.parse(report).iter("testcase"):
        if not (name := case.get("name")):
            continue
        records = (literal_eval(p.get("value")) for p in case.iter("property") if p.get("name") == PROPERTY)
        record = next(records, {})
        child = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        # The class's name is lost for a file outside pytest's root; the cell's own record is not.
        place = record["place"].partition(",")[0] if record else case.get("classname") or name
        said = (
            ("passed", "", "") if child is None else (child.tag, child.get("message") or "", child.text or "")
        )
        yield Case(stem(place), name, *said, float(case.get("time", 0)), record)


def stem(place: str) -> str:
    """The notebook's name in a report's place.

    >>> stem("notebooks.01_a.ipynb"), stem("notebooks/01_a.ipynb")
    ('01_a', '01_a')
    """
    return place.removesuffix(".ipynb").rpartition(".")[2].rpartition("/")[2]
