"""What a cell's marks promise, and which marks are refused."""

from collections import defaultdict

import pytest
from nbformat.v4 import new_code_cell
from nbval.plugin import find_comment_markers, find_metadata_tags
from notebook_plugin import kinds
from notebook_plugin.compare import Tolerance

IGNORE = "nbval-ignore-output"
BAND = "x = 1\nassert 0 < x < 2"


def kind(source="1", tags=(), **marks):
    """A cell's kind, its options read as nbval reads them."""
    cell = new_code_cell(source, metadata={"tags": list(tags), "d2lmini": marks})
    options = defaultdict(bool, find_metadata_tags(cell.metadata))
    options.update(find_comment_markers(source))
    options.setdefault("check", True)
    return kinds.of(cell, options)


def test_exact_is_the_default():
    assert kind() == kinds.Kind("exact", Tolerance())


def test_tolerant():
    assert kind(kind="tolerant").tolerance == Tolerance(rtol=1e-4, atol=1e-6)
    assert kind(kind="tolerant", rtol=0.01, atol=0).tolerance == Tolerance(rtol=0.01, atol=0)


def test_a_limit_of_its_own():
    assert kind().timeout is None
    assert kind(timeout=2.5).timeout == 2.5


def test_statistical():
    found = kind(BAND, [IGNORE], kind="statistical", why="training", data="full")
    assert (found.name, found.why, found.full_data, found.faults) == (
        "statistical", "training", True, [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ({"tags": [IGNORE]}, "for no reason"),
        ({"source": "# NBVAL_IGNORE_OUTPUT\n1"}, "for no reason"),
        ({"tags": [IGNORE], "kind": "tolerant"}, "for no reason"),
        ({"tags": ["nbval-skip"]}, "skipped"),
        ({"source": "# NBVAL_SKIP\n1"}, "skipped"),
        ({"kind": "approximate"}, "'approximate'"),
        ({"kind": "tolerant", "rtol": "1e-3"}, "d2lmini.rtol is '1e-3'"),
        ({"kind": "tolerant", "atol": 2}, "d2lmini.atol is 2"),
        ({"rtol": 1e-3}, "isn't tolerant"),
        ({"tolerance": 1e-3}, "unknown keys d2lmini.tolerance"),
        ({"timeout": 0}, "d2lmini.timeout is 0"),
        ({"timeout": "60 s"}, "d2lmini.timeout is '60 s'"),
        ({"timeout": True}, "d2lmini.timeout is True"),
        ({"data": "sample"}, "d2lmini.data is 'sample'"),
        ({"source": BAND, "kind": "statistical", "why": "x"}, "lacks the tag"),
        ({"source": BAND, "kind": "statistical", "tags": [IGNORE]}, "doesn't say why"),
        ({"source": BAND, "kind": "statistical", "tags": [IGNORE], "why": " "}, "say why"),
        ({"source": "1", "kind": "statistical", "tags": [IGNORE], "why": "x"}, "no assert"),
        ({"source": "assert True", "kind": "statistical", "tags": [IGNORE], "why": "x"},
         "no assert"),
        ({"source": "# assert 0 < 1", "kind": "statistical", "tags": [IGNORE], "why": "x"},
         "no assert"),
        ({"source": "assert (", "kind": "statistical", "tags": [IGNORE], "why": "x"},
         "no assert"),
    ],
)  # fmt: skip
def test_marks_that_are_refused(marks, says):
    assert says in "".join(kind(**marks).faults)


def test_magics_dont_hide_an_assert():
    assert kinds.asserts_a_comparison(f"%matplotlib inline\n{BAND}")
