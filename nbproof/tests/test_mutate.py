"""Faults in a package: which are generated, where they are judged, and a small book from end to end."""

import json
import multiprocessing
import subprocess
import sys
import time
from itertools import islice

import pytest
from golden_notebooks import Golden, code, value

from nbproof.mutate import faults, judge_tests, package
from nbproof.mutate.quick import quick

pytest.importorskip("cosmic_ray", reason="nbproof[mutate] isn't installed")

MODULE = """
from __future__ import annotations

def double(x: int | float = 2) -> float:
    return 2 * x

def halve(x):
    return x / 2

def shout(word):
    return word + "!"

def count(n):
    while n > 0:
        n -= 1
    return n

def spare(n):
    return list(range(n))

def stop():
    return None
"""
BY_HAND = {
    "return 2 * x": "return 3 * x",  # noticed by the notebook
    "return x / 2": "return x // 2",  # by the tests
    'return word + "!"': "return word",  # by none
    "n -= 1": "n -= 0",  # by a time limit of both
    "return None": "raise KeyboardInterrupt",  # by the tests, which it ends
    "return list(range(n))": "return list(range(n))[:]",  # by none, and it changes nothing
}


@pytest.fixture
def book(tmp_path):
    """A book of one notebook and one test, about one package."""
    (tmp_path / "grown").mkdir()
    (tmp_path / "grown" / "__init__.py").write_text(
        "from grown.sums import count, double, halve, spare, stop\n"
    )
    (tmp_path / "grown" / "sums.py").write_text(MODULE)
    entries = [f"[[fault]]\nname='x'\nmodule='sums'\nold='{o}'\nnew='{n}'\n" for o, n in BY_HAND.items()]
    (tmp_path / "faults.toml").write_text("\n".join(entries))
    *_, (old, new) = BY_HAND.items()
    harmless = f"[[fault]]\nmodule='sums'\nwithin='spare'\nold='{old}'\nnew='{new}'\nwhy='a copy'\n"
    (tmp_path / "harmless.toml").write_text(harmless)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.nbproof.mutate]\npackage = 'grown'\ntests = ['test_grown.py']\nfaults = 'faults.toml'\n"
        "equivalents = 'harmless.toml'\npatience = 3.0\n"
    )
    (tmp_path / "test_grown.py").write_text(
        "import grown\n\ndef test_halves():\n    assert grown.halve(3) == 1.5\n\n"
        "def test_count():\n    assert grown.count(3) == 0 and grown.spare(2) == [0, 1]\n"
        "\ndef test_stop():\n    assert grown.stop() is None\n"
    )
    cells = [code("a", "import grown"), code("b", "grown.double(4)", value("8")),
             code("c", "grown.count(2)", value("0"))]  # fmt: skip
    Golden("01_doubles", cells).write(tmp_path)
    return tmp_path


def test_each_judge_notices_what_it_runs(book):
    command = [sys.executable, "-P", "-m", "nbproof", "mutate", "--sample", "0"]
    done = subprocess.run(command, cwd=book, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr  # one of five survives
    results = json.loads((book / "nbproof-results.json").read_text())["package"]["samples"]["1"]
    assert results["modules"] == {
        "sums": {"faults": 6, "change nothing": 1, "notebooks": 2, "tests": 3, "both": 4}
        | {"by hand": 5, "by hand, both": 4}
    }
    by = {entry["within"]: (entry["notebooks"], entry["tests"]) for entry in results["survivors"]}
    assert set(by) == {"double", "halve", "shout", "stop"} and by["shout"] == ("", "")
    assert by["halve"] == ("", "test_grown.py::test_halves")
    with (book / "build" / "mutate-tests.jsonl").open("a") as half:
        half.write('\n{"state"')  # as a run leaves it that is killed
    again = subprocess.run(command, cwd=book, capture_output=True, text=True)
    assert "survived" in done.stdout and "survived" not in again.stdout  # verdicts are kept
    (book / "build" / "mutate-notebooks.jsonl").unlink()
    done = subprocess.run([*command, "--together"], cwd=book, capture_output=True, text=True)
    together = json.loads((book / "nbproof-results.json").read_text())["package"]["samples"]["1"]
    assert together["modules"]["sums"] == results["modules"]["sums"] | {"notebooks": 1}
    assert "| not asked |" in done.stdout and done.stdout.count("mutate-notebooks: ") == 3  # of six


def test_no_fork_outlives_who_waits_for_it(tmp_path, monkeypatch):
    def fork(book, job):
        time.sleep(0 if job.file.stem == "quick" else 60)
        job.file.write_text('{"code": 0}')

    monkeypatch.setattr(judge_tests, "in_fork", fork)
    monkeypatch.setattr(judge_tests, "AT_ONCE", 2)
    jobs = [judge_tests.Job(tmp_path / name, (), 60) for name in ("slow", "quick")]
    waiting = judge_tests.forked(None, jobs)
    assert next(waiting)[0].file.stem == "quick"
    waiting.close()
    assert not multiprocessing.active_children()


def test_generated_faults_are_the_seeds_and_change_code(book):
    package = book / "grown"
    first, second, other = (list(islice(faults.generated(package, seed), 20)) for seed in (1, 1, 2))
    assert first == second != other
    assert {fault.module for fault in first} == {"sums"}
    assert not [fault for fault in first if "int" in fault.old and "= 2" not in fault.new]  # no annotation


def test_a_fault_by_hand_must_fit(book):
    (book / "faults.toml").write_text("[[fault]]\nname='x'\nmodule='sums'\nold='return'\nnew='yield'\n")
    with pytest.raises(ValueError, match="x: its text stands 6 times"):
        faults.by_hand(book / "grown", book / "faults.toml")


def test_a_place_that_an_operator_trips_over_is_passed_by(tmp_path):
    source = "import zlib\n\ntry:\n    x = 1 + 1\nexcept (OSError, zlib.error):\n    x = 0\n"
    (tmp_path / "__init__.py").write_text(source, encoding="utf-8")
    assert len(list(faults.generated(tmp_path, 1))) > 10


def test_a_quick_copy_lacks_the_trainings_and_what_needs_them(tmp_path):
    sources = {
        "a": "for n in range(3): x = n",
        "training": "n = net = train()",
        "needs-it": "y = net(x)",
        "needs-that": "def f(): return y",
        "has-its-own": "for n in (1, 2): print(n, x)",
        "again": "net = 3",
        "fine": "print(net)",
        "no-python": "def f(:",
        "waits": "await net",
    }
    marks = {"training": {"kind": "statistical"}}
    cells = [code(name, source, **marks.get(name, {})) for name, source in sources.items()]
    Golden("a", cells).write(tmp_path)
    kept = [cell.id for cell in quick(tmp_path / "a.ipynb", "nbproof").cells]
    assert kept == ["a", "has-its-own", "again", "fine", "no-python", "waits"]


def test_a_fault_without_a_verdict_is_told():
    sample = {
        "modules": {},
        "survivors": [],
        "no verdict": ["conv.py:1 f: `a` became `b`"],
        "together": False,
    }
    page = package.report({"samples": {"1": sample}, "settings": {}})
    assert "- without a verdict, and not counted: conv.py:1 f" in page
