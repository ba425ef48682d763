"""`nbproof run`, `update` and `list`: what they print, what they write, and what they leave alone."""

import nbformat
import pytest
from golden_notebooks import HOOKS, Golden, code, printed, register, value, without_ids

from nbproof import __main__, files, settings
from nbproof.notebooks import select
from nbproof.notebooks.file import METADATA
from nbproof.run import commands

BOOK = """
[tool.nbproof]
noun = "chapter"
pattern = "[0-9][0-9]_*.ipynb"
slow = ["07"]
hygiene = true
headline = "headline"
hooks = "hooks.py"
"""
HEAD = code("head", "print('accuracy 0.9')", tags=["headline"])


@pytest.fixture
def book(tmp_path):
    (tmp_path / "pyproject.toml").write_text(BOOK)
    (tmp_path / "hooks.py").write_text(HOOKS)
    return tmp_path


@pytest.fixture
def nbproof(book, monkeypatch, capfd):
    """A command in the book's folder: (exit code, stdout's lines, stderr)."""
    monkeypatch.chdir(book)

    def call(*argv):
        exit_code = __main__.main(list(argv))
        out, err = capfd.readouterr()
        return exit_code, out.splitlines(), err

    return call


def notebooks(book):
    return sorted(path.name for path in book.glob("*.ipynb*"))


def test_run_prints_headlines_goes_on_after_failures_and_exits_non_zero(book, nbproof):
    Golden("01_dies", [code("die", "import os\nos._exit(7)")]).write(book)
    Golden("02_fails", [code("ok", "1"), code("bad", "1 / 0")]).write(book)
    Golden("03_good", [HEAD]).write(book)
    exit_code, (first, second, third, last), err = nbproof("run")
    assert exit_code == 1 and err == ""  # no progress bar but on a terminal
    assert first.startswith("01_dies")
    assert first.endswith("FAILED  cell die: the kernel died (exit code 7)")
    assert second.endswith("FAILED  cell bad: ZeroDivisionError: division by zero")
    assert third.startswith("03_good") and third.endswith(" s  accuracy 0.9")
    assert last.startswith("3 chapters in ") and last.endswith("2 failed: 01_dies.ipynb, 02_fails.ipynb")
    executed = nbformat.read(book / "build" / "02_fails.ipynb", as_version=4)
    assert executed.cells[1].outputs[0].ename == "ZeroDivisionError"


@pytest.mark.parametrize("command", ["run", "update"])
def test_a_notebook_that_cant_run_is_told_in_one_line_and_the_next_one_runs(
    book, nbproof, monkeypatch, command
):
    (book / "pyproject.toml").write_text(BOOK.replace("hygiene = true\n", ""))  # which mends a kernel's name
    texts = {"01_half": '{"cells": [', "02_list": "[]", "03_no_cells": '{"nbformat": 4}'}
    for name, text in texts.items():
        (book / f"{name}.ipynb").write_text(text)
    Golden("04_stillborn", [code("a", "1")], kernel="stillborn").write(book)
    Golden("05_unknown", [code("a", "1")], kernel="julia-0.3").write(book)
    Golden("06_good", [HEAD]).write(book)
    monkeypatch.setenv("JUPYTER_PATH", register(book, "stillborn", ["/bin/false"]))
    exit_code, lines, err = nbproof(command)
    assert exit_code == 1 and err == "" and len(lines) == 7
    mark = {"run": "FAILED ", "update": "NOT WRITTEN:"}[command]
    assert all(f"{mark} it can't be read as a notebook" in line for line in lines[:3])
    assert f"{mark} cell a: the kernel 'stillborn' didn't start: the kernel died (exit code 1)" in lines[3]
    assert f"{mark} cell a: there is no kernel 'julia-0.3'" in lines[4]
    assert lines[5].endswith({"run": "accuracy 0.9", "update": "outputs written"}[command])
    assert {name: (book / f"{name}.ipynb").read_text() for name in texts} == texts


def test_update_mends_the_kernelspec_that_an_editor_left(book, nbproof):
    Golden("01_conda", [HEAD], kernel="conda-env-book-py").write(book)
    assert nbproof("update")[0] == 0
    assert nbformat.read(book / "01_conda.ipynb", as_version=4).metadata == METADATA


def test_update_writes_clean_outputs_and_is_a_fixed_point(book, nbproof):
    path = book / "01_good.ipynb"
    first = code("value", "print(1)\n2", count=7)
    first.metadata["execution"] = {"iopub.status.busy": "2026"}
    second = code("error", "1 / 0", value("old"), count=None, tags=["raises-exception"])
    Golden("01_good", [first, second, code("silent", "3;")]).write(book)
    assert nbproof("update")[1][0].endswith("outputs written")
    written = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == METADATA
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3]
    assert notebook.cells[0].metadata == {}
    assert notebook.cells[0].outputs == [printed("1\n"), value("2")]
    assert notebook.cells[1].outputs[0].ename == "ZeroDivisionError"
    assert notebook.cells[2].outputs == []
    assert written.endswith(b"}\n") and not written.endswith(b"\n\n")
    assert nbproof("update")[1][0].endswith("unchanged")
    assert path.read_bytes() == written
    assert notebooks(book) == [path.name]


def test_update_writes_the_same_bytes_in_whatever_folder(tmp_path):
    drawing = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('line');"
    written = []
    for folder in (tmp_path / "a", tmp_path / "another folder" / "with a long name"):
        folder.mkdir(parents=True)
        failing = code("error", "from fractions import Fraction\nFraction('x')", tags=["raises-exception"])
        Golden("01_good", [code("figure", drawing), failing]).write(folder)
        assert commands.main("update", [], settings.Settings(folder)) == 0
        written.append((folder / "01_good.ipynb").read_bytes())
    assert written[0] == written[1]
    assert b"image/png" in written[0] and b"ValueError" in written[0]


def test_update_leaves_the_file_alone_unless_every_cell_passed(book, nbproof):
    wrong = {
        "error": (code("bad", "1 / 0"), "cell bad: ZeroDivisionError"),
        "none": (code("bad", "1", tags=["raises-exception"]), "raises none"),
        "address": (code("bad", "object()"), "address"),
        "endless": (code("bad", "while True:\n    pass", timeout=1), "Timeout of 1 seconds"),
        "sample": (code("bad", "load = len\nload('')"), "only the sample is here"),
        "marks": (code("bad", "1", timeout="60"), "timeout is '60'; it must be a number of seconds"),
    }
    for number, (name, (cell, _)) in enumerate(wrong.items(), start=1):
        Golden(f"0{number}_{name}", [code("good", "2", value("old")), cell]).write(book)
    before = {path: path.read_bytes() for path in book.glob("*.ipynb")}
    exit_code, lines, err = nbproof("update")
    assert exit_code == 1 and err == ""
    for line, (_, says) in zip(lines, wrong.values(), strict=False):
        assert "NOT WRITTEN: cell bad: " in line and says in line
    assert {path: path.read_bytes() for path in book.glob("*.ipynb*")} == before


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "01_good.ipynb"
    path.write_bytes(b"old")

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert notebooks(tmp_path) == [path.name]


def test_the_commands_name_the_notebooks_there_are(book, nbproof):
    exit_code, out, err = nbproof("run")
    assert (exit_code, out) == (2, []) and err.startswith("run: no chapters ([0-9][0-9]_*.ipynb) in ")
    Golden("01_good", []).write(book)
    assert nbproof("update", "01", "9") == (2, [], "update: no chapter 9; there are: 01_good\n")
    exit_code, out, err = nbproof("paint")
    assert exit_code == 2 and "mutate-outputs" in err


def test_run_says_in_a_line_that_it_cant_write_its_copies(book, nbproof):
    Golden("01_good", []).write(book)
    (book / "build").touch()
    assert nbproof("run") == (2, [], f"run: {book / 'build'} can't be written to: File exists\n")


@pytest.mark.parametrize(
    ("setting", "says"),
    [("speed = 1", "unknown setting 'speed'"), ("slow = 7", "slow (=7) must be a tuple"),
     ("slow = [7]", "slow (=[7]) must be a list of str"),
     ("[", "can't be read"), ("hooks = 'no.py'", "there is no Python file"),
     ("hooks = 'broken.py'", "broken.py can't be loaded: SyntaxError"),
     ("conditions = { data = 'full' }", "must have a list for each"),
     ("environment = { SEED = 1 }", "must have a str for each")],
)  # fmt: skip
def test_settings_that_cant_be_used_are_named(book, nbproof, setting, says):
    (book / "pyproject.toml").write_text(f"[tool.nbproof]\n{setting}")
    (book / "broken.py").write_text("def lacking(")
    exit_code, out, err = nbproof("list")
    assert (exit_code, out) == (2, []) and says in err and "Traceback" not in err


def test_update_leaves_alone_what_was_edited_meanwhile(book, nbproof):
    path = book / "01_edited.ipynb"
    edit = code("edit", f"path = open({str(path)!r}, 'a')\npath.write(' ')\npath.close()")
    Golden(path.stem, [HEAD, edit]).write(book)
    before = path.read_bytes()
    exit_code, lines, _ = nbproof("update")
    assert exit_code == 1 and lines[0].endswith("NOT WRITTEN: its file was edited while it ran")
    assert path.read_bytes() == before + b" "


def test_update_gives_ids_to_a_notebook_of_an_older_format(book, nbproof):
    Golden("01_old", [HEAD], edit=without_ids).write(book)
    assert nbproof("update")[0] == 0
    assert nbformat.read(book / "01_old.ipynb", as_version=4).cells[0].id


def test_update_clears_what_an_empty_cell_shows(book, nbproof):
    (book / "pyproject.toml").write_text(BOOK.replace("hygiene = true\n", ""))
    Golden("01_a", [code("empty", "", value("1"))]).write(book)
    assert nbproof("update")[0] == 0
    cell = nbformat.read(book / "01_a.ipynb", as_version=4).cells[0]
    assert not cell.outputs and cell.execution_count is None


def test_copies_dont_replace_notebooks_and_are_none(book, nbproof):
    (book / "pyproject.toml").write_text(BOOK.replace("[0-9][0-9]_*", "*/[0-9]*"))
    (book / "part").mkdir()
    Golden("01_a", [HEAD]).write(book / "part")
    before = (book / "part" / "01_a.ipynb").read_bytes()
    exit_code, out, err = nbproof("run", "--build", "part")
    assert exit_code == 2 and "part is the chapters' own folder" in err
    assert (book / "part" / "01_a.ipynb").read_bytes() == before
    assert nbproof("run")[0] == 0 and (book / "build" / "01_a.ipynb").exists()
    assert nbproof("list")[1] == [str(book / "part" / "01_a.ipynb")]


def test_selecting_notebooks(book, nbproof):
    for name in ("01_a", "02_b", "07_c", "notes"):
        (book / f"{name}.ipynb").touch()

    def stems(*numbers, fast=False):
        return [path.stem for path in select.select(settings.load(book), numbers, fast=fast)]

    assert stems() == ["01_a", "02_b", "07_c"]
    assert stems("7", "02") == ["02_b", "07_c"]
    assert stems(fast=True) == ["01_a", "02_b"]
    assert nbproof("list", "--reverse", "--fast")[1] == [str(book / "02_b.ipynb"), str(book / "01_a.ipynb")]
    with pytest.raises(settings.SettingsError, match="no chapter 3"):
        stems("3")
    with pytest.raises(settings.SettingsError, match="all that are asked for are slow"):
        stems("7", fast=True)
    assert [select.plain(number) for number in ("00", "07", "a0")] == ["0", "7", "a0"]


def test_two_notebooks_of_one_name_are_refused(book, nbproof):
    (book / "pyproject.toml").write_text(BOOK.replace("[0-9][0-9]_*", "*/*"))
    for folder in ("first", "second"):
        (book / folder).mkdir()
        Golden("01_a", []).write(book / folder)
    assert nbproof("run") == (
        2,
        [],
        "run: two chapters are named 01_a.ipynb: give one of them another name\n",
    )


def test_a_run_that_pytest_refuses_isnt_told_as_good(book, nbproof):
    Golden("01_good", [HEAD]).write(book)
    (book / "conftest.py").write_text("def lacking(")
    exit_code, lines, err = nbproof("run")
    assert (exit_code, lines) == (2, []) and err.endswith("run: pytest ended with code 4\n")
