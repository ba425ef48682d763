"""Measuring bands: what is recorded, which runs are made, and which bands count."""

import ast
import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbproof import files
from nbproof.bands import measure, record
from nbproof.bands.record import Band
from nbproof.notebooks.file import text_of
from nbproof.settings import Settings

BAND = Band("f(x)", "0 < f(x) <= 1", (False, True))


def cell(source, **marks):
    metadata = {"nbproof": {"kind": "statistical", "why": "chance", **marks}, "tags": ["nbval-ignore-output"]}
    return new_code_cell(source, metadata=metadata if marks else {})


def test_a_kernel_records_bands_and_asserts_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "found"))
    source = "x = [3]\nassert x == []\nfor low in (0, 1):\n    assert low < x[-1] <= 9, 'no'"
    source += "\nassert 'a' < 'b' < 'c'\nassert 2 < x[-1] < 4"
    tree = record.Recorder().visit(ast.parse(source))
    exec(compile(tree, "cell", "exec"), {record.NAME: record.record})
    lines = (tmp_path / "found").read_text().splitlines()
    first = "low < x[-1] <= 9"
    found = [[first, 0, 3, 9], [first, 1, 3, 9], ["2 < x[-1] < 4", 2, 3, 4]]
    assert [json.loads(line) for line in lines] == found


def test_a_copy_ends_with_the_last_band_and_leaves_out_what_none_needs():
    solution = new_code_cell("1", metadata={"tags": ["solution"]})
    band = cell("assert 0 < x < 2", bands={"X": "x"})
    band.metadata.tags.append("solution")
    notebook = new_notebook(cells=[cell("x = 1"), solution, band, cell("x = 3")])
    assert [c.source for c in measure.cut(notebook, "nbproof").cells] == ["x = 1", "assert 0 < x < 2"]
    assert len(notebook.cells) == 4


@pytest.mark.parametrize(
    ("source", "names", "says"),
    [("assert 0 < x < 2", {"X": "y"}, "no assert has the band 'X'"),
     ("assert 0 < x < 2", {"X": "x", "Y": "x"}, "two bands measure x")],
)  # fmt: skip
def test_a_band_has_one_assert_and_one_name(source, names, says):
    with pytest.raises(ValueError, match=says):
        measure.of_notebook(new_notebook(cells=[cell(source, bands=names)]), "nbproof")


def test_two_cells_may_not_name_one_band():
    cells = [cell(f"assert 0 < {x} < 2", bands={"X": x}) for x in "xy"]
    with pytest.raises(ValueError, match="another cell has a band 'X'"):
        measure.of_notebook(new_notebook(cells=cells), "nbproof")


def data(values=(0.5, 0.6, 0.4), wrong=2.0, high=1.0, **threads):
    """What is stored of a band on one variant: three seeds or more with each number of threads."""
    values = [*values, *values, *values, *values]
    runs = {"1": dict(zip("02468", values, strict=False)), "2": dict(zip("13579", values, strict=False))}
    asserted = {"asserted": BAND.text, "low": 0.0, "high": high}
    return asserted | {"runs": runs | threads, "wrong": {"upside down": wrong}}


@pytest.mark.parametrize(
    ("full", "few", "says"),
    [
        (data(), data(), ""),
        (data((1.0, 0.9)), data(), ""),  # 1 is an end that no value can pass
        (data((0.9, 1.1)), data(), "full: a right run lies outside"),
        (data((0.0, 0.2)), data(), "full: a right run lies outside"),
        (data((0.1, 0.9)), data(), "full: 0.1 of room, deviation 0.4"),
        (data(wrong=0.5), data(), "full: no wrong result lies outside"),
        (data(wrong=1.0), data(), "full: no wrong result lies outside"),
        (data(wrong=0.0), data(), ""),
        (data(), data(wrong=0.5), ""),
        (data() | {"wrong": {}}, data(), "full: no wrong result lies outside"),
        (data(**{"2": {}}), data(), "full: 5 seeds measured"),
        (data(**{"1": dict.fromkeys("023456789", 0.5), "2": {"1": 0.5}}), data(), "fewer than 3 seeds"),
        (data(), data(**{"1": {"0": 0.5}, "2": {}}), "few: 1 seed measured"),
        (
            data(),
            data() | {"asserted": "0 < f(x) < 2"},
            "few: it asserts 0 < f(x) <= 1, but 0 < f(x) < 2 was",
        ),
    ],
)
def test_a_band_counts_if_right_runs_are_inside_with_room_and_a_wrong_one_is_not(tmp_path, full, few, says):
    settings = Settings(tmp_path, variants={"full": {}, "few": {}}, wrong=("upside down",))
    measured = {"data": {"full": full, "few": few}}
    found = "; ".join(measure.flaws(settings, BAND, measured))
    assert (says in found) if says else not found


def test_a_line_of_the_page():
    few = data((0.5, 0.75), wrong=0.5, **{"2": {"1": 0.5}})
    runs = "5 with 1 thread, 1 with 2 threads"
    told = ["few", "0.5833", "0.1291", "0.5000", "0.7500", runs, "0.5000", "upside down 0.5"]
    assert measure.figures(BAND, "few", few) == told
    assert measure.figures(BAND, "few", data(wrong=3.0))[-1] == "upside down **3**"


PRELUDE = """
import os
from IPython import get_ipython

def drawn():
    return int(os.environ["NBPROOF_SEED"]) + (100 if os.environ["NBPROOF_WRONG"] else 0)

get_ipython().user_ns["drawn"] = drawn
"""


def test_a_band_that_no_run_reaches_is_told_and_the_page_is_written(tmp_path, capsys):
    settings = Settings(tmp_path)
    (tmp_path / "one.ipynb").write_bytes(
        text_of(new_notebook(cells=[cell("if 0:\n    assert 0 < x < 1", bands={"value": "x"})]))
    )
    assert measure.main(["--page"], settings) == 1 and (tmp_path / "bands.md").exists()
    assert measure.main(["--only", "0"], settings) == 1
    assert "FAILED value: `assert 0 < x < 1` wasn't reached" in capsys.readouterr().out


def test_ends_that_change_from_run_to_run_leave_one_run(tmp_path, capsys):
    """A value can't be held to the ends of another run."""
    settings = Settings(tmp_path)
    asserts = cell("assert low < x < 1", bands={"value": "x"})
    (tmp_path / "one.ipynb").write_bytes(text_of(new_notebook(cells=[asserts])))
    for seed, low in enumerate((0.1, 0.1, 0.2)):
        job = measure.Job(tmp_path / "one.ipynb", "data", seed)
        measure.keep(settings, job, {"low < x < 1": [low, 0.5, 1.0]})
    measure.keep(settings, job, {"low < y < 1": [0.3, 0.5, 1.0]})  # edited meanwhile
    wrong = measure.Job(tmp_path / "one.ipynb", "data", 0, "untrained")
    measure.keep(settings, wrong, {"low < x < 1": [0.1, 0.5, 1.0]})
    (tmp_path / "one.ipynb").write_bytes(
        text_of(new_notebook(cells=[cell("assert 0 < x < 1", bands={"value": "x"})]))
    )
    measure.keep(settings, wrong, {"0 < x < 1": [0.0, 0.5, 1.0]})  # its end was edited
    stored = files.read(tmp_path / "bands.json")["bands"]["one"]["value"]["data"]["data"]
    assert (stored["runs"], stored["wrong"], stored["low"]) == ({"1": {"2": 0.5}}, {}, 0.2)
    assert "its ends (0.1, 1.0) became (0.2, 1.0)" in capsys.readouterr().out


def test_a_book_is_measured_and_its_page_written(tmp_path, capsys):
    """End to end, in real kernels: what the notebook asserts is what is stored."""
    (tmp_path / "prelude.py").write_text(PRELUDE, encoding="utf-8")
    settings = Settings(
        tmp_path,
        preludes=("prelude.py",),
        variants={"full": {"SCALE": "1"}, "few": {"SCALE": "0.5"}},
        wrong=("far",),
    )
    scale = "import os\nscale = float(os.environ['SCALE'])\nassert scale > 5"
    own_name = "threads = int(os.environ['OMP_NUM_THREADS'])\nos = None\nchance = drawn()"
    bands_of = {"value": "scale * chance", "threads": "threads"}
    asserts = "\n".join(f"assert -1 < {middle} < 9 * scale" for middle in bands_of.values())
    cells = [
        new_code_cell(scale),
        new_code_cell(own_name),
        cell(asserts, bands=bands_of),
        new_code_cell("1 / 0"),
    ]
    (tmp_path / "one.ipynb").write_bytes(text_of(new_notebook(cells=cells)))
    data = {"full": {"runs": {"1": {"7": 1.0}}, "wrong": {}}}
    old = {"value": {"expression": "x", "data": data}, "gone": {}}
    (tmp_path / "bands.json").write_text(json.dumps({"bands": {"one": old}}), encoding="utf-8")

    for seed in ("0", "3"):
        assert measure.main(["--only", seed, "full"], settings) == 1  # too few seeds
    job = measure.Job(tmp_path / "one.ipynb", "few", 4, "far")
    measure.keep(settings, job, measure.measure(settings, job))

    stored = files.read(tmp_path / "bands.json")["bands"]["one"]
    assert set(stored) == set(bands_of)
    asserted = {"asserted": "-1 < scale * chance < 9 * scale", "low": -1}
    assert stored["value"]["data"] == {
        "full": asserted | {"high": 9, "runs": {"1": {"0": 0}, "2": {"3": 3}}, "wrong": {}},
        "few": asserted | {"high": 4.5, "runs": {}, "wrong": {"far": 52}},
    }
    assert stored["threads"]["data"]["full"]["runs"] == {"1": {"0": 1}, "2": {"3": 2}}
    page = (tmp_path / "bands.md").read_text(encoding="utf-8")
    assert "### one: value\n\n`-1 < scale * chance < 9 * scale`" in page
    assert "one: value: full: 2 seeds measured" in capsys.readouterr().out
