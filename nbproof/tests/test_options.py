"""nbval's options do what nbval says, or are refused by name; xdist keeps a notebook in one process."""

import sys
import time

import pytest
from golden_notebooks import BAND, IGNORE, Golden, code, picture, printed, raised, register, result, value

from nbproof.report.page import NAME
from nbproof.run.harness import read_verdicts

pytest_plugins = ["pytester"]


@pytest.fixture
def judge(pytester, monkeypatch):
    """Run pytest with options: {(notebook, item): outcome}, and what it printed."""
    monkeypatch.chdir(pytester.path)  # also from what a test's folder is named after

    def call(*options, paths=("."), mode="--nbval"):
        options = ["-p", "no:cacheprovider", "--nbproof-verdicts=verdicts", *options]
        result = pytester.runpytest_inprocess(mode, *options, *paths)
        verdicts = read_verdicts(pytester.path / "verdicts")
        output = "\n".join(result.outlines + result.errlines)
        return {(v.notebook, v.item): v.outcome for v in verdicts}, output

    return call


PYTHON = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
WRONG = value("3")


def test_lax_compares_only_the_cells_that_ask_for_it(pytester, judge):
    cells = [
        code("unasked", "1 + 1", WRONG),
        code("never-run", "1 + 1", count=None),
        code("trained", "x = 1\nassert 0 < x < 2\n'one'", value("'two'"), tags=[IGNORE], **BAND),
        code("skipped", "1 / 0", tags=["nbval-skip"]),
        code("ignored", "1 + 1", WRONG, tags=["nbval-ignore-output"]),
        code("raises", "1 / 0", raised("ZeroDivisionError", "division by zero"), tags=["raises-exception"]),
        code("right", "1 + 1", value("2"), tags=["nbval-check-output"]),
        code("asked", "# NBVAL_CHECK_OUTPUT\n1 + 1", WRONG),
        code("later", "1"),
    ]
    Golden("a", cells).write(pytester.path)
    outcomes = [*["passed"] * 3, "skipped", *["passed"] * 3, "failed", "skipped"]
    found, output = judge(mode="--nbval-lax")
    assert list(found.values()) == outcomes
    assert "9 cells: 1 exact, 0 tolerant, 0 statistical, 6 not compared, 1 failed, 1 not run" in output


def test_lax_fails_at_a_cell_that_raises(pytester, judge):
    Golden("a", [code("bad", "1 / 0")]).write(pytester.path)
    assert judge(mode="--nbval-lax")[0] == {("a.ipynb", "bad"): "failed"}


def test_sanitize_with_changes_both_sides(pytester, judge):
    (pytester.path / "rules").write_text("[time]\nregex: \\d+ ms\nreplace: TIME\n")
    Golden("a", [code("a", "print('took 7 ms')", printed("took 8 ms\n"))]).write(pytester.path)
    Golden("b", [code("b", "print('took 7 ms more')", printed("took 8 ms\n"))]).write(pytester.path)
    assert judge("--nbval-sanitize-with=rules")[0] == {("a.ipynb", "a"): "passed", ("b.ipynb", "b"): "failed"}
    assert judge()[0] == {("a.ipynb", "a"): "failed", ("b.ipynb", "b"): "failed"}


def test_current_env_takes_this_python_whatever_kernel_a_notebook_names(pytester, judge):
    cell = code("a", f"import os, sys\nos.path.samefile(sys.prefix, {sys.prefix!r})", value("True"))
    Golden("a", [cell], kernel="julia-0.3").write(pytester.path)
    assert judge()[0] == {("a.ipynb", "a"): "failed"}
    assert judge("--nbval-current-env")[0] == {("a.ipynb", "a"): "passed"}


def test_kernel_name_takes_that_kernel_for_every_notebook(pytester, judge, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", register(pytester.path, "other", PYTHON, WHICH="other"))
    Golden("a", [code("a", "import os\nos.environ.get('WHICH')", value("'other'"))]).write(pytester.path)
    assert judge("--nbval-kernel-name=other")[0] == {("a.ipynb", "a"): "passed"}
    assert judge()[0] == {("a.ipynb", "a"): "failed"}


def test_the_limit_of_a_start_holds(pytester, judge, monkeypatch):
    sleeper = [sys.executable, "-c", "import time; time.sleep(99)"]
    monkeypatch.setenv("JUPYTER_PATH", register(pytester.path, "sleeper", sleeper))
    Golden("a", [code("a", "1", value("1"))], kernel="sleeper").write(pytester.path)
    begun = time.monotonic()
    found, output = judge("--nbval-kernel-startup-timeout=1")
    assert found == {("a.ipynb", "a"): "failed"} and "'sleeper' didn't start" in output
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize("options", [["--nbdime"], ["-n2", "--dist=loadgroup"]], ids=" ".join)
def test_what_cant_be_done_is_refused_by_name(pytester, judge, options):
    Golden("a", [code("a", "1", value("1"))]).write(pytester.path)
    found, output = judge(*options)
    assert found == {} and options[-1].replace("=", " ") in output


@pytest.mark.parametrize("dist", [[], ["--dist=worksteal"]], ids=" ".join)
def test_xdist_keeps_a_notebook_in_one_process(pytester, judge, dist):
    pytest.importorskip("xdist")
    later = [code(f"c{n}", f"x += 1\nx == {n}", value("True")) for n in range(1, 9)]
    for name in ("a", "b"):
        Golden(name, [code("start", "x = 0"), *later]).write(pytester.path)
    found, output = judge("-n2", *dist)
    assert len(found) == 18 and set(found.values()) == {"passed"}
    assert "18 cells: 18 exact" in output


def test_a_cell_is_named_by_what_its_file_says_and_each_runs(pytester, judge):
    """Where an id stands twice, or is an item's of ours, its number is the name: in every process."""
    pytest.importorskip("xdist")
    ids = ("hygiene", "twice", "twice", "good")
    Golden("a", [code(name, str(n), value(str(n))) for n, name in enumerate(ids)]).write(pytester.path)
    found, _ = judge("-n2")
    assert found == {("a.ipynb", name): "passed" for name in ("Cell 0", "Cell 1", "Cell 2", "good")}


# --- where a notebook lies ----------------------------------------------------------------------

DRAW = "from base64 import b64decode\nfrom IPython.display import Image\nImage(b64decode({!r}))"


def different(folder):
    """A notebook whose picture is another one than stored."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = result(picture(200).data)
    Golden("01_a", [code("draw", DRAW.format(picture(50).data["image/png"]), stored)]).write(folder)


def test_notebooks_of_one_name_in_two_folders_keep_their_own_pictures(pytester, judge):
    for name in ("first", "second"):
        different(pytester.path / name)
    found, _ = judge()
    assert found == {(f"{name}/01_a.ipynb", "draw"): "failed" for name in ("first", "second")}
    page = (pytester.path / "build" / NAME).read_text(encoding="utf-8")
    assert page.count("<h2>") == 2 and page.count('alt="difference"') == 2
    pictures = (pytester.path / "build").rglob("*-difference.png")
    assert {path.parent.parent.name for path in pictures} == {"first", "second"}


def test_a_notebook_outside_the_root_fails_as_pytest_counts_it(pytester, judge, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    different(outside)
    found, output = judge(f"--rootdir={pytester.path}", paths=[str(outside)])
    assert list(found.values()) == ["failed"]
    assert "1 cells: 0 exact, 0 tolerant, 0 statistical, 0 not compared, 1 failed" in output
    assert "1 failed" in output.splitlines()[-1]
    assert "<h1>1 failed" in (pytester.path / "build" / NAME).read_text(encoding="utf-8")
