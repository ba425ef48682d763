"""The golden notebooks get the verdicts they must, in time; the page and the counts tell of each."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import golden_verdicts
import pytest
from golden_notebooks import BAD, GOOD, OWN

from nbproof.compare.outputs import COLOUR
from nbproof.report import page
from nbproof.run.harness import Verdict

LONGEST = 15  # seconds


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    return folder / "a", folder / "b"


@pytest.fixture(scope="module")
def runs(folders):
    """All golden notebooks, in two processes at a time."""
    goldens = GOOD + BAD
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(golden_verdicts.verify, folders, (goldens[::2], goldens[1::2])))


@pytest.fixture(scope="module")
def verdicts(runs):
    return [verdict for run in runs for verdict in run.verdicts]


def named(name):
    return next(golden for golden in GOOD + BAD if golden.name == name)


def test_names_are_used_once():
    names = [golden.name for golden in GOOD + BAD]
    assert len(set(names)) == len(names) >= 65


@pytest.mark.parametrize("golden", GOOD, ids=lambda golden: golden.name)
def test_good_notebooks_pass(verdicts, golden):
    found = golden_verdicts.of(golden, verdicts)
    assert [(v.item, v.outcome, v.said) for v in found] == [(item, "passed", "") for item in golden.items()]


@pytest.mark.parametrize("golden", BAD, ids=lambda golden: golden.name)
def test_bad_notebooks_fail_at_their_cell_and_run_no_later_one(verdicts, golden):
    found = golden_verdicts.of(golden, verdicts)
    right, said = golden_verdicts.judge(golden, found)
    assert right, said
    failed = next(v for v in found if v.outcome in ("failed", "error"))
    assert golden.says in failed.said
    assert f"{golden.name}.ipynb" in failed.said
    assert sum(v.seconds for v in found) < LONGEST
    if golden.fails_at in ("", "hygiene"):
        return
    at = golden.items().index(golden.fails_at)
    wanted = ["passed"] * at + ["failed"] + ["skipped"] * (len(golden.items()) - at - 1)
    assert [v.outcome for v in found] == wanted
    assert all(f"not run: {golden.fails_at} failed" in v.said for v in found[at + 1 :])


def test_the_page_shows_every_failure_with_its_pictures(runs, folders):
    text = "".join((f / OWN / "build" / page.NAME).read_text(encoding="utf-8") for f in folders)
    for golden in BAD:
        assert f"{golden.name}.ipynb" in text, golden.name
    assert text.count("<h2>") == sum(len(run.failures) for run in runs)
    differing = sum("the picture" in golden.says or "rows" in golden.says for golden in BAD)
    assert [text.count(f'alt="{name}"') for name in ("stored", "new", "difference")] == [differing] * 3
    assert "\x1b" not in text


def test_the_run_ends_with_a_count_of_each_kind_and_the_reasons(runs):
    output = COLOUR.sub("", "".join(run.output for run in runs))
    ends = [line.partition(" cells: ")[2] for line in output.splitlines() if " exact, " in line]
    counts = [dict(reversed(part.split(maxsplit=1)) for part in end.split(", ")) for end in ends]
    wanted = {
        kind: sum(g.compared == kind for g in GOOD) for kind in ("tolerant", "statistical", "not compared")
    }
    wanted["failed"] = sum(golden.fails_at not in ("", "hygiene") for golden in BAD)
    assert {kind: sum(int(count[kind]) for count in counts) for kind in wanted} == wanted
    assert "good_statistical.ipynb, cell band: training differs from machine" in output
    assert "good_on_the_sample.ipynb, cell size: only the sample is here" in output


def test_a_run_knows_what_passed_and_was_not_to_the_letter(runs):
    deviating = {v.notebook for run in runs for v in run.compared if not v.record["identical"]}
    assert any("good_last_digit" in name for name in deviating)
    assert not any("good_exact" in name for name in deviating)


def test_a_run_knows_what_says_nothing_of_the_code(runs):
    by_machine = {Path(v.notebook).stem for run in runs for v in run.failures if v.by_machine}
    wanted = {golden.name for golden in BAD if "endless" in golden.name and "output" not in golden.name}
    assert wanted <= by_machine and not {"bad_number", "bad_unexpected_error", "bad_memory"} & by_machine


def test_a_wrong_verdict_is_bold_in_the_table(tmp_path, monkeypatch):
    def said(outcome, seconds=0.1):
        return [Verdict("x/bad_integer.ipynb", "a", outcome, "", seconds, {})]

    bad = named("bad_integer")
    monkeypatch.setattr(golden_verdicts, "verify", lambda *_: golden_verdicts.Run(said("failed", 5), 1, ""))
    monkeypatch.setattr(golden_verdicts, "verify_plainly", lambda *_: said("passed"))
    assert golden_verdicts.table([bad], tmp_path)[2:] == [
        "| bad_integer | fail at a | fails at a, 5 s | **passes** |",
        "| right verdicts |  | 1 of 1 | 0 of 1 |",
    ]


def test_plain_nbval_is_judged_by_the_same_names(tmp_path):
    good, bad = (named(name) for name in ("good_rich", "bad_integer"))
    found = golden_verdicts.verify_plainly(tmp_path, [good, bad])
    assert golden_verdicts.judge(good, found) == (True, "passes")
    assert golden_verdicts.judge(bad, found) == (True, "fails at a")
