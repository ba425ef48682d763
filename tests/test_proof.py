"""The proofs' own parts: faults that can be made, changes that change, a table of what was measured."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import chapters
import nbformat
import pytest
import results
import table
from checkout import ROOT
from golden_notebooks import Golden, code, value
from judge import run_pytest
from junit import stem
from notebook_plugin.compare import Tolerance
from output_changes import HARMLESS, PER_CHAPTER, changes, moved
from package_faults import FAULTS
from recording import stored
from replay import RECORD
from usage import chapters_for, modules_behind, modules_of_chapters

FIRST = chapters.find()[0]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_made_in_one_place_and_is_one(fault):
    text = (ROOT / "d2lmini" / f"{fault.module}.py").read_text(encoding="utf-8")
    assert text.count(fault.old) == 1
    faulty = text.replace(fault.old, fault.new)
    assert ast.dump(ast.parse(faulty)) != ast.dump(ast.parse(text))


def test_there_are_faults_enough_each_with_a_name_of_its_own():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60
    assert {fault.module for fault in FAULTS} >= {"conv", "pooling", "shapes", "models", "training", "data"}


def test_a_module_is_used_by_the_chapters_that_import_it_or_what_needs_it():
    assert modules_behind({"pool2d"}) == {"pooling", "shapes", "_checks"}
    assert modules_behind({"VGG11"}) == {"models", "_checks"}
    used = {path.stem[:2]: modules for path, modules in modules_of_chapters(chapters.find()).items()}
    assert [number for number, modules in used.items() if "training" in modules] == ["07", "08"]
    assert [number for number, modules in used.items() if "pooling" in modules] == ["05"]
    assert all("data" in modules for modules in used.values())


def test_the_quick_chapters_that_name_the_function_come_first():
    used = modules_of_chapters(chapters.find())
    fault = next(fault for fault in FAULTS if fault.name.startswith("conv_transpose_output_size"))
    found = [path.stem[:2] for path in chapters_for(fault, used)]
    assert found[0] == "06" and found[-2:] == ["07", "08"] and len(found) == 8


@pytest.mark.parametrize(
    ("number", "tolerances", "new"),
    [
        ("0.5", 10, "0.5000501"),
        ("0.5", 0.1, "0.500000501"),
        ("0.1234", 10, "0.1244"),
        ("0.1234", 0.1, "0.12341"),
        ("-2.0", 10, "-1.999800"),
        ("1.2345e-02", 10, "1.2355e-02"),
    ],
)
def test_a_number_is_moved_by_its_tolerance(number, tolerances, new):
    assert moved(number, tolerances, Tolerance()) == new
    assert Tolerance().numbers_agree(new, number) == (tolerances < 1)


@pytest.fixture(scope="module")
def made():
    """All changes of the first chapter, as if its figures had been drawn with another letter."""
    plain = stored(FIRST)
    changed = json.loads(json.dumps(plain).replace("iVBORw0", "iVBORw1"))
    return list(changes(nbformat.read(FIRST, as_version=4), plain, changed, changed))


def test_every_change_changes_something_and_every_kind_is_made(made):
    before = nbformat.read(FIRST, as_version=4)
    assert all(change.notebook != before for change in made)
    assert {change.kind for change in made} == set(PER_CHAPTER) - {"a result of training moved by 0.3"}
    assert all((change.fails_at == "") == (change.kind == HARMLESS) for change in made)


def test_replayed_chapters_are_judged_by_the_whole_plugin(made, tmp_path):
    (tmp_path / RECORD).write_text(json.dumps(stored(FIRST)), encoding="utf-8")
    marks = {cell.id: cell.metadata.get("d2lmini", {}) for cell in nbformat.read(FIRST, as_version=4).cells}
    on_sample_too = [change for change in made if "data" not in marks[change.cell]]
    chosen = {change.kind: change for change in on_sample_too}  # one of each kind
    for unreal in ("a curve moved by 2 %", "a label of a figure changed"):
        chosen.pop(unreal, None)
    files = [tmp_path / f"c{number:02}.ipynb" for number in range(len(chosen) + 1)]
    original = nbformat.read(FIRST, as_version=4)
    for file, notebook in zip(files, [original, *(c.notebook for c in chosen.values())], strict=True):
        file.write_text(nbformat.writes(notebook), encoding="utf-8")
    variables = {"PYTHONPATH": str(ROOT / "tests" / "proof"), "D2LMINI_DATA": ""}
    run = run_pytest(tmp_path, ROOT / "pyproject.toml", files, ["-p", "replay"], variables)
    first = {}
    for failure in run.failures:
        first.setdefault(failure.chapter, failure.cell)
    assert files[0].stem not in first
    for file, change in zip(files[1:], chosen.values(), strict=True):
        assert first.get(file.stem, "") == change.fails_at, change.kind


def test_a_run_counts_what_passed_and_was_not_to_the_letter(tmp_path):
    digit = code("digit", "0.1 + 0.2", value("0.3000000000000001"))
    Golden("a", [code("sum", "1 + 1", value("2")), digit]).write(tmp_path)
    Golden("b", [code("sum", "1 + 1", value("3")), digit]).write(tmp_path)
    run = run_pytest(tmp_path, ROOT / "pyproject.toml", sorted(tmp_path.glob("*.ipynb")), [], {})
    (failure,) = (failure for failure in run.failures if failure.cell != "hygiene")
    assert (run.cells, run.deviating) == (2, 1)
    assert failure[:2] == ("b", "sum") and not failure.by_machine
    assert failure.said.startswith("execute_result text/plain: line 1")


def test_no_notebooks_are_refused_because_pytest_would_run_everything(tmp_path):
    with pytest.raises(ValueError, match="`notebooks` must not be empty"):
        run_pytest(tmp_path, ROOT / "pyproject.toml", [], [], {})


def test_the_stem_of_a_place():
    assert stem("notebooks.01_a.ipynb") == stem("notebooks/01_a.ipynb") == stem("01_a.ipynb") == "01_a"


def test_the_table_shows_the_measured_figures():
    readme = Path(table.README).read_text(encoding="utf-8")
    assert table.with_page(readme, table.page(results.load())) == readme


def test_every_fault_was_judged_and_every_survivor_has_its_reason():
    judged = results.load()["package"]["faults"]
    assert set(judged) == {fault.name for fault in FAULTS}
    for fault in FAULTS:
        assert bool(fault.survives) != judged[fault.name]["caught"], fault.name


def test_a_readme_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="figures: begin"):
        table.with_page("# Title\n", "text")
