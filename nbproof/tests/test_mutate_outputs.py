"""Changing stored outputs: how numbers are moved, and a small book whose every change must be noticed."""

import json
from dataclasses import replace

import nbformat
import pytest
from golden_notebooks import BAND, IGNORE, Golden, code
from nbformat.v4 import new_markdown_cell

from nbproof.compare.difference import Tolerance
from nbproof.mutate import judge_outputs
from nbproof.mutate.changes import HARMLESS, INTEGER, Change, changes, last_digit_changed, moved
from nbproof.notebooks.file import read
from nbproof.run import commands
from nbproof.run.harness import run_notebooks
from nbproof.settings import Settings

BOOK = '[tool.nbproof]\nhygiene = true\nheadline = "headline"\npattern = "[0-9]*.ipynb"\n'
PLOT = 'import matplotlib.pyplot as plt\nplt.plot([1, 9, 4])\nplt.title("{0}")\nplt.ylabel("height");'
TRAINED = 'x = 0.8125\nassert 0 < x < 1\nprint(f"after 3 epochs {x:.4f}")\n'
COUNTED = 'print(f"after 120 steps {x:.4f}")\ny = x\nassert 0 < y < 1'
CELLS = [
    new_markdown_cell("# 1. Title", id="title"),
    code("numbers", "print('size (28, 3) is 0.5 and 12.3456', 1.2345e-02)"),
    code("rate", "print('rate 0.0005')"),
    code("two-outputs", "print('first')\n2.5"),
    code("up", PLOT.format("Up")),
    code("down", PLOT.format("Down").replace("1, 9, 4", "9, 1, 4")),
    code("trained", TRAINED + PLOT.format("Trained"), tags=[IGNORE], **BAND),
    code("counted", COUNTED, tags=[IGNORE], integers="trained", **BAND | {"bands": {"Y": "y"}}),
    code("error", "raise ValueError('4 pixels')", tags=["raises-exception"]),
    code("result", "print('accuracy', 0.75)", tags=["headline"]),
]


def test_an_exponent_is_no_integer():
    assert INTEGER.findall("3 layers, size-4, checked to 1e-6 and 2E+8, 0.5") == ["3", "4"]


@pytest.mark.parametrize(
    ("number", "tolerances", "new"),
    [
        ("0.5", 10, "0.5000501"),
        ("0.5", 0.1, "0.500000501"),
        ("0.1234", 10, "0.1244"),
        ("0.1234", 0.1, "0.12341"),
        ("-2.0", 10, "-1.999800"),
        ("1.2345e-02", 10, "1.2355e-02"),
        ("0.0007", 10, "0.00077"),  # whose last place is more than one percent
        ("0.0007", 0.1, "0.0007001"),
    ],
)
def test_a_number_is_moved_by_its_tolerance(number, tolerances, new):
    assert moved(number, tolerances, Tolerance()) == new
    assert Tolerance().numbers_agree(new, number) == (tolerances < 1)


def test_only_a_small_numbers_last_digit_is_more_than_one_percent():
    assert last_digit_changed("0.0001", Tolerance()) == "0.0002"
    assert last_digit_changed("0.01", Tolerance()) == "0.02"
    for other in ("0.5124", "0.0", "3e-04"):
        assert last_digit_changed(other, Tolerance()) == other


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book of one notebook, whose outputs are stored."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("book")
    (folder / "pyproject.toml").write_text(BOOK, encoding="utf-8")
    Golden("1_all", CELLS).write(folder)
    settings = Settings(folder, hygiene=True, headline="headline", pattern="[0-9]*.ipynb")
    assert commands.main("update", [], settings) == 0
    return settings


def test_every_change_is_noticed_at_its_cell_and_none_below_its_tolerance(book, capsys):
    exit_code = judge_outputs.main([], book)
    printed = capsys.readouterr().out
    assert exit_code == 0, printed
    stored = json.loads(book.path("results").read_text())["outputs"]["kinds"]
    assert len(stored) == 20 and set(HARMLESS) < set(stored)
    assert all(counts["made"] == counts["right"] > 0 for counts in stored.values()), stored
    assert "a small number's last digit changed, more than 1 %" in stored


def test_every_change_changes_something(book):
    path = book.root / "1_all.ipynb"
    before, plain = nbformat.read(path, as_version=4), judge_outputs.stored(path)
    redrawn = json.loads(json.dumps(plain).replace("iVBORw0", "iVBORw1"))
    made = changes(before, plain, redrawn, redrawn, book)
    for kind, of_kind in made.items():
        assert of_kind and all(change.of(before) != before for change in of_kind)
        assert all((change.fails_at == "") == (kind in HARMLESS) for change in of_kind)


def test_without_rules_of_form_a_cleared_count_fails_at_its_cell(book):
    original, plain = read(book.root / "1_all.ipynb"), judge_outputs.stored(book.root / "1_all.ipynb")
    made = changes(original, plain, plain, plain, replace(book, hygiene=False))
    assert made["a cell removed"] == []
    assert [change.fails_at == change.cell for change in made["a count cleared"]] == [True, True]


def test_a_verdict_that_is_wrong_ends_with_code_1(book, monkeypatch, capsys):
    made = Change("up", "up", print)
    monkeypatch.setattr(judge_outputs, "judge", lambda *_: {"a word changed": [(made, "")]})
    assert judge_outputs.main([], book) == 1
    assert "WRONG: 1_all, a word changed, cell up: passed" in capsys.readouterr().out


def test_no_notebooks_are_refused_because_pytest_would_run_everything(tmp_path):
    with pytest.raises(ValueError, match="`paths` must not be empty"):
        run_notebooks(Settings(tmp_path), [])
