"""What a cell's marks promise, and which marks are refused."""

from collections import defaultdict
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from nbval.plugin import find_comment_markers, find_metadata_tags

from nbproof.compare import kinds
from nbproof.compare.difference import Tolerance
from nbproof.settings import Settings

SETTINGS = Settings(Path("."), key="book", conditions={"data": ("full",)}, marks=("derives",))
IGNORE = "nbval-ignore-output"
BAND = "x = 1\nassert 0 < x < 2"
STATISTICAL = {"source": BAND, "kind": "statistical", "tags": [IGNORE], "why": "x", "bands": {"X": "x"}}


def kind(source="1", tags=(), **marks):
    """A cell's kind, its options read as nbval reads them."""
    cell = new_code_cell(source, metadata={"tags": list(tags), "book": marks})
    return of(cell)


def of(cell):
    options = defaultdict(bool, find_metadata_tags(cell.metadata))
    options.update(find_comment_markers(cell.source))
    options.setdefault("check", True)
    return kinds.of(cell, options, SETTINGS)


def test_exact_is_the_default():
    assert kind() == kinds.Kind("exact", Tolerance())
    assert kind(derives="f", data="full") == kinds.Kind("exact", Tolerance(), conditions=["data"])


def test_tolerant():
    assert kind(kind="tolerant").tolerance == Tolerance(rtol=1e-4, atol=1e-6)
    assert kind(kind="tolerant", rtol=0.01, atol=0).tolerance == Tolerance(rtol=0.01, atol=0)


def test_a_limit_of_its_own():
    assert kind().timeout is None
    assert kind(timeout=2.5).timeout == 2.5


def test_statistical():
    found = kind(**STATISTICAL, integers="trained", data="full")
    assert (found.name, found.why, found.conditions, found.flaws) == ("statistical", "x", ["data"], [])
    assert found.trained == {"integers"}


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ({"tags": [IGNORE]}, "for no reason"),
        ({"source": "# NBVAL_IGNORE_OUTPUT\n1"}, "for no reason"),
        ({"tags": [IGNORE], "kind": "tolerant"}, "for no reason"),
        ({"tags": ["nbval-skip"]}, "skipped"),
        ({"source": "# NBVAL_SKIP\n1"}, "skipped"),
        ({"kind": "approximate"}, "'approximate'"),
        ({"kind": "tolerant", "rtol": "1e-3"}, "book.rtol is '1e-3'"),
        ({"kind": "tolerant", "atol": 2}, "book.atol is 2"),
        ({"rtol": 1e-3}, "isn't tolerant"),
        ({"tolerance": 1e-3, "speed": 1}, "unknown keys book.speed, book.tolerance"),
        ({"timeout": 0}, "book.timeout is 0"),
        ({"timeout": "60"}, "book.timeout is '60'; it must be a number of seconds"),
        ({"timeout": True}, "book.timeout is True"),
        ({"data": "sample"}, "book.data is 'sample'; only 'full' is known"),
        ({"integers": "trained"}, "book.integers, but isn't statistical"),
        ({"bands": {"X": "x"}}, "book.bands, but isn't statistical"),
        (STATISTICAL | {"tags": []}, "lacks the tag"),
        (STATISTICAL | {"why": " "}, "say why"),
        (STATISTICAL | {"integers": True}, "book.integers is True; only 'trained' is known"),
        (STATISTICAL | {"bands": {}}, "names no band"),
        (STATISTICAL | {"bands": "x"}, "names no band"),
        (STATISTICAL | {"bands": {"X": "y"}}, "form `low < y < high`, which its book.bands names 'X'"),
        (STATISTICAL | {"source": "assert (x > 0).all() and x < 2"}, "no assert has the form"),
        (STATISTICAL | {"source": "# assert 0 < x < 2"}, "no assert has the form"),
        (STATISTICAL | {"source": "assert 0 < x != 2"}, "no assert has the form"),
        (STATISTICAL | {"source": "assert ("}, "no assert has the form"),
    ],
)
def test_marks_that_are_refused(marks, says):
    found = kind(**marks)
    assert says in "".join(found.flaws)
    assert found.timeout is None  # what is refused isn't used either


def test_marks_that_are_no_table_are_refused():
    found = of(new_code_cell("1", metadata={"book": "tolerant"}))
    assert found.flaws == ["its metadata has book = 'tolerant'; it must be a table"]


@pytest.mark.parametrize("source", [BAND, f"%matplotlib inline\n{BAND}", "assert (0 if a else 1) <= x<2"])
def test_a_band_is_found(source):
    assert kind(**STATISTICAL | {"source": source}).flaws == []
