"""The READMEs show the measured figures, and only those."""

import proof_tables
import pytest
import verdicts

from nbproof import files

pytest_plugins = ["pytester"]
FAULTS = """
import pytest

@pytest.mark.parametrize("n", [1, 2], ids=["right", "wrong"])
def test_disk_full(n, record_property):
    "fail | say so"
    record_property("verdict", "fails")
    assert n == 1

def test_network():
    pytest.skip("there is none")
"""

COUNTS = {
    "a word changed": {"made": 3, "right": 2},
    "a number moved by a tenth of its tolerance": {"made": 5, "right": 4},
}
RUNS = {"runs": {"one": {"cells": 9, "not to the letter": 1}}, "false alarms": []}
FOUND = {
    "outputs": {"kinds": COUNTS, "settings": {"torch": "2.9"}},
    "stability, quick notebooks": RUNS,
    "stability, slow notebooks": RUNS,
    "faults of the machine": {
        "table": ["|", "|", "| a | b | c | 2.4 |", "| a | b | **c** | 1.0 |", "| a | not tried: d | |"]
    },
    "golden notebooks": {"table": ["|", "|", "| right verdicts | | 70 of 70 | 20 of 70 |"]},
    "cost": {"processor": 1.034, "settings": {"torch": "2.9"}},
}


def test_the_rows_count_what_was_right_of_what_was_tried():
    rows = {what: figure for what, figure, _ in proof_tables.engine_rows(FOUND)}
    assert rows["changes to stored outputs, found at their cell"] == "2 of 3"
    assert rows["– a number moved by a tenth of its tolerance, flagged"] == "1 of 5"
    assert rows["faults of the machine and the data, right verdict"] == "1 of 2, the slowest after 2 s"
    assert rows["golden notebooks, right verdict"] == "70 of 70"
    assert rows["– the same with plain nbval"] == "20 of 70"
    assert rows["processor's seconds, over plain nbval"] == "1.03 times"
    assert "Measured with torch 2.9." in proof_tables.engine_page(FOUND)


def test_what_was_not_measured_is_called_so():
    found = {name: FOUND[name] for name in ("faults of the machine", "golden notebooks")}
    rows = {what: figure for what, figure, _ in proof_tables.engine_rows(found)}
    missing = {what for what, figure in rows.items() if figure == "not measured"}
    assert missing == {
        "changes to stored outputs, found at their cell",
        "clean runs of the quick chapters, false alarms",
        "clean runs of the slow chapters, false alarms",
        "processor's seconds, over plain nbval",
    }


def test_the_courses_figures_name_who_survived():
    assert proof_tables.course_page(None) == "Not measured.\n"
    found = {
        "wrong answers": 4,
        "that lost what they should, and nothing else": 3,
        "unusual right answers": 2,
        "with all points": 2,
        "survivors": ["ps1 size, off by one"],
        "settings": {"torch": "2.9"},
    }
    page = proof_tables.course_page(found)
    assert "| 3 of 4 |" in page and "| 2 of 2 |" in page and "off by one" in page and "torch 2.9" in page


def test_each_fault_of_the_machine_has_a_row_and_a_wrong_verdict_is_bold(pytester):
    pytester.makepyfile(FAULTS)
    rows = verdicts.Rows()
    pytester.inline_run("-p", "no:cacheprovider", plugins=[rows])
    assert [row[:3] for row in rows.rows] == [
        ("disk full: right", "fail \\| say so", "fails"),
        ("disk full: wrong", "fail \\| say so", "**fails: AssertionError: assert 2 == 1**"),
        ("network", "", "not tried: there is none"),
    ]


def test_a_readme_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="figures: begin"):
        proof_tables.with_page("# Title\n", "text")


def test_the_readmes_show_the_measured_figures():
    """Red until each of the commands has run once: then `make proof-table`."""
    for path, text in proof_tables.pages(files.read(proof_tables.RESULTS)).items():
        assert path.read_text(encoding="utf-8") == text, path
