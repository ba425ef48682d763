"""The bands that chapters assert are the measured ones of tests/bands.json, with room for other machines."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import chapters
import nbformat
import pytest

BANDS = json.loads((Path(__file__).parent / "bands.json").read_text(encoding="utf-8"))["bands"]


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


def measured_names() -> list[str]:
    return [
        f"{path.stem}/full/{name}"
        for path in chapters.find()
        for cell in nbformat.read(path, as_version=4).cells
        for name in cell.metadata.get("d2lmini", {}).get("bands", {})
    ]


@pytest.mark.parametrize("key", measured_names())
def test_what_a_chapter_measures_was_measured_over_seeds(key):
    assert len(BANDS[key]["runs"]) >= 3


@pytest.mark.parametrize(("key", "band"), asserted_bands().items())
def test_a_band_holds_every_measured_run_with_margin_and_is_no_wider_than_needed(key, band):
    low, high = band
    measured = BANDS[key]
    spread = max(measured["deviation"], 0.002)
    assert low <= measured["mean"] - 3 * spread
    assert measured["mean"] + 3 * spread <= high
    assert low < measured["lowest"] <= measured["highest"] < high
    assert high - low <= 20 * spread + 0.02
