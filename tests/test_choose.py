"""The tool that chooses recipes: it never needs the test images, and does no run twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from test_data_tools import load_tool

from d2lmini import load_fashion_mnist

SAMPLE = load_fashion_mnist("sample")


@pytest.fixture
def choose(monkeypatch, tmp_path):
    """The tool, as if the sample were the whole data, with one quick candidate of two seeds."""
    tool = load_tool("choose")
    monkeypatch.setattr(tool, "load_fashion_mnist", lambda: replace(SAMPLE, is_sample=False))
    monkeypatch.setattr(tool, "NUM_VALIDATION", 5500)
    monkeypatch.setattr(tool, "RESULTS", tmp_path / "choices.json")
    quick = tool.Candidate(tool.MODERN, tool.modern(4e-3, 25, 2))
    monkeypatch.setattr(tool, "CANDIDATES", [quick])
    return tool


def test_a_choice_doesnt_depend_on_the_test_images(choose, monkeypatch):
    results = []
    for data in (SAMPLE, replace(SAMPLE, test_images=torch.empty(0), test_labels=torch.empty(0))):
        monkeypatch.setattr(choose, "load_fashion_mnist", lambda data=data: replace(data, is_sample=False))
        choosing = choose.images_to_choose_on()
        assert len(choosing.train_images) == 500 and len(choosing.test_images) == 5500
        results.append(choose.run(choose.CANDIDATES[0], 0, choosing))
    assert results[0]["once"] == results[1]["once"] > 0.15
    assert results[0]["twice"] == results[1]["twice"]


def test_a_finished_run_is_kept_and_not_done_again(choose, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(
        choose, "run", lambda c, seed, _: done.append(seed) or {"once": 0.5, "twice": 0.6, "seconds": 1}
    )
    for arguments in (["--runs=1"], [], [], ["--seeds=3"]):
        monkeypatch.setattr("sys.argv", ["choose", "--seeds=2", *arguments])
        choose.main()
    assert done == [0, 1, 2]
    assert set(json.loads(choose.RESULTS.read_text())[str(choose.CANDIDATES[0])]) == {"0", "1", "2"}
    assert "| **0.5000** | 0.0000 | +0.1000 | 3 |" in capsys.readouterr().out


def test_a_run_that_diverges_counts_as_chance(choose):
    choose.keep(choose.CANDIDATES[0], 0, {"once": None, "twice": None, "seconds": 1})
    assert "**0.1000** |  | diverged | 1 |" in choose.table(choose.files.read(choose.RESULTS))


def test_the_sample_is_refused(choose, monkeypatch):
    monkeypatch.setattr(choose, "load_fashion_mnist", lambda: SAMPLE)
    with pytest.raises(SystemExit, match="too small to choose on"):
        choose.images_to_choose_on()


def test_every_candidate_has_a_name_of_its_own():
    names = [str(candidate) for candidate in load_tool("choose").CANDIDATES]
    assert len(set(names)) == len(names) == 12
