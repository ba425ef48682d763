"""tests/bands.json and its page hold what the chapters measure, and the chapters assert what was measured."""

from __future__ import annotations

import ast
import json
import statistics
from pathlib import Path

import chapters
import measure_bands
import nbformat
import prose
import pytest
from measure_bands import DATA, Band

HERE = Path(__file__).parent
STORED = json.loads((HERE / "bands.json").read_text(encoding="utf-8"))
BANDS = STORED["bands"]
BOOK = measure_bands.read_book()
NAMES = [(chapter, name) for chapter, names in BOOK.items() for name in names]


def asserted_bands() -> dict[str, tuple[float, float]]:
    """{chapter/data/name: (low, high)}, read from `low, high = … if data.is_sample else …` in the cells."""
    found = {}
    for path in chapters.find():
        for cell in nbformat.read(path, as_version=4).cells:
            names = list(cell.metadata.get("d2lmini", {}).get("bands", {}))
            for node in ast.walk(ast.parse(cell.source)) if names else ():
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(low, high)":
                    assert isinstance(node.value, ast.IfExp)
                    found[f"{path.stem}/sample/{names[0]}"] = ast.literal_eval(node.value.body)
                    found[f"{path.stem}/full/{names[0]}"] = ast.literal_eval(node.value.orelse)
    return found


# --- the runs and the page ----------------------------------------------------------------------


def test_the_measured_bands_are_those_that_chapters_measure():
    assert set(BANDS) == {f"{chapter}/{data}/{name}" for chapter, name in NAMES for data in DATA}


@pytest.mark.parametrize("key", BANDS)
def test_a_bands_figures_are_those_of_its_runs(key):
    runs = BANDS[key]["runs"]
    assert BANDS[key] == measure_bands.summary(runs)
    assert len({(run["seed"], run["threads"]) for run in runs}) == len(runs)


def test_every_run_has_its_settings():
    assert STORED["settings"].keys() == {"torch", "processor"}
    assert all(STORED["settings"].values())
    for measured in BANDS.values():
        assert all(run.keys() == {"seed", "threads", "value"} for run in measured["runs"])


@pytest.mark.parametrize(("chapter", "name"), NAMES)
def test_what_a_chapter_measures_was_measured_over_ten_seeds_and_both_thread_counts(chapter, name):
    runs = BANDS[f"{chapter}/full/{name}"]["runs"]
    assert len({run["seed"] for run in runs}) >= 10
    assert {run["threads"] for run in runs} >= set(measure_bands.THREADS)


def test_the_page_shows_the_stored_bands():
    page = (HERE / "bands.md").read_text(encoding="utf-8")
    assert page == measure_bands.page(STORED, BOOK), "python tools/measure_bands.py --page writes it again"


def test_the_page_has_one_heading_for_each_band():
    titles = [prose.github_anchor(title) for title in prose.headings(measure_bands.page(STORED, BOOK))]
    assert len(set(titles)) == len(titles)
    assert set(titles) >= {prose.github_anchor(measure_bands.heading(*names)) for names in NAMES}


@pytest.mark.parametrize(("chapter", "name"), NAMES)
def test_a_chapter_links_to_what_it_measures(chapter, name):
    [path] = chapters.select([chapter[:2]])
    places = prose.markdown_cells(nbformat.read(path, as_version=4))
    links = [link for place in places for link in prose.links(place.text)]
    assert f"../tests/bands.md#{prose.github_anchor(measure_bands.heading(chapter, name))}" in links


# --- what chapters assert -----------------------------------------------------------------------


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("chapter", "name"), NAMES)
def test_what_is_asserted_of_a_band_holds_in_every_measured_run_with_margin(chapter, name, data):
    runs = measure_bands.together(STORED, chapter, data, BOOK[chapter])
    asserted = BOOK[chapter][name].asserted[data]
    assert asserted, "it is measured, but its cell has no assert that compares it"
    for margin in (end for comparison in asserted for end in measure_bands.margins(comparison, runs)):
        assert min(margin) > 0
        assert statistics.mean(margin) >= 3 * max(statistics.stdev(margin), 0.002)


@pytest.mark.parametrize(("key", "band"), asserted_bands().items())
def test_a_band_is_no_wider_than_needed(key, band):
    low, high = band
    assert high - low <= 20 * max(BANDS[key]["deviation"], 0.002) + 0.02


# --- that the command sees what it should -------------------------------------------------------

MEASURED = {"a", "b", "h[-1]", "a - b", "list(d.values())[0]", "list(d.values())[1]", "p[w].min()", "sum(s)"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "low, high = (0.8, 0.9) if data.is_sample else (1, 2)\nassert low < h[-1] < high",
            ["1 < h[-1] < 2"],
        ),
        ("assert a < (3 if data.is_sample else 0.2) and h[-1] < 0.8", ["a < 0.2", "h[-1] < 0.8"]),
        ("assert a > b + 0.2", ["a > b + 0.2"]),
        ("assert sum(s) >= 4", ["sum(s) >= 4"]),
        ("assert (p[w] > 0.9).all()", ["p[w].min() > 0.9"]),
        (
            "assert all(x > 0.8 for x in d.values())",
            ["list(d.values())[0] > 0.8", "list(d.values())[1] > 0.8"],
        ),
        ("assert all(x > 0.8 for x in d.values() if x)", []),
        ("assert (p[w] < 0.9).all()", []),  # that would be the highest, which isn't measured
        ("assert a < 1 or b < 1", []),
        ("assert a > c", []),  # c isn't measured
        ("assert a == 1", []),
        ("assert 6 in a", []),
        ("a < 1", []),
    ],
)
def test_the_comparisons_that_a_cell_asserts_are_read(source, found):
    assert measure_bands.comparisons(source, "full", MEASURED) == found


def test_a_comparison_is_read_for_each_data_set():
    source = "low, high = (0.8, 0.9) if data.is_sample else (1, 2)\nassert low < a < high"
    assert measure_bands.comparisons(source, "sample", MEASURED) == ["0.8 < a < 0.9"]


@pytest.mark.parametrize(
    ("comparison", "used"),
    [("0 < a < 1", {"a"}), ("a > b - 0.1", {"a", "b", "a - b"}), ("a - b > 0", {"a", "b", "a - b"})],
)
def test_a_comparison_is_of_the_values_in_it_and_of_what_is_computed_from_them(comparison, used):
    assert {e for e in MEASURED if measure_bands.uses(comparison, e, MEASURED)} == used


def test_margins_are_those_of_runs_that_measured_all_values():
    runs = [{"a": 0.75, "b": 0.5}, {"a": 0.5, "b": -0.25}, {"a": 0.25}]
    assert measure_bands.margins("0 < a <= 1", runs) == [[0.75, 0.5, 0.25], [0.25, 0.5, 0.75]]
    assert measure_bands.margins("a > b + 0.5", runs) == [[-0.25, 0.25]]


def test_a_page_says_what_was_measured_and_asserted():
    runs = [{"seed": n % 3, "threads": 1 + n // 3, "value": 0.5 + n % 3 / 8} for n in range(6)]
    band = Band("f(a)", {"full": ["0 < f(a) < 1.125"], "sample": []})
    stored = {
        "settings": {"torch": "2.0", "processor": "abacus"},
        "bands": {"01_one/full/A, b": measure_bands.summary(runs)},
    }
    page = measure_bands.page(stored, {"01_one": {"A, b": band}})
    assert "torch 2.0, processor abacus" in page
    assert "\n### 01_one: A, b\n\n`f(a)`\n" in page
    figures = "0.6250 | 0.1118 | 0.5000 | 0.7500 | 3 | 3 with 1 thread, 3 with 2 threads"
    assert page.endswith(f"| full | {figures} | `0 < value < 1.125` | 4.5 |\n")


def test_storing_drops_what_no_chapter_measures_and_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure_bands, "BANDS", tmp_path / "bands.json")
    monkeypatch.setattr(measure_bands, "PAGE", tmp_path / "bands.md")
    runs = [{"seed": 0, "threads": 1, "value": 0.5}]
    gone = ["00_gone/full/MLP", "07_lenet/full/gone", "07_lenet/gone/MLP"]
    before = {key: measure_bands.summary(runs) for key in [*gone, "07_lenet/full/MLP", "08_vgg/sample/deep"]}
    measure_bands.BANDS.write_text(json.dumps({"bands": before}), encoding="utf-8")
    measure_bands.store("07_lenet", "full", 1, 2, {"MLP": 0.25})
    after = json.loads(measure_bands.BANDS.read_text(encoding="utf-8"))
    assert after["bands"]["07_lenet/full/MLP"]["mean"] == 0.375
    assert list(after["bands"]) == ["07_lenet/full/MLP", "08_vgg/sample/deep"]
    said = capsys.readouterr().out.splitlines()
    assert said == [f"dropped {key}: no chapter measures it any more" for key in gone]
    assert measure_bands.PAGE.read_text(encoding="utf-8") == measure_bands.page(after, BOOK)
