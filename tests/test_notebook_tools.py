"""The pytest plugin's verdicts on golden notebooks; the tools that run and update chapters."""

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chapters
import data_status
import form
import get_data
import kernels
import nbformat
import outputs
import pytest
import run_chapters
import update_outputs
from data_status import DataStatus
from golden_notebooks import BAD, GOOD, OWN, Golden, code, picture, printed, raised, value
from golden_verdicts import verify
from notebook_plugin import page

from d2lmini import data

# --- the plugin ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(scope="module")
def verified(folder):
    """All golden notebooks, in two processes at a time."""
    goldens = GOOD + BAD
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(verify, (folder / "a", folder / "b"), (goldens[::2], goldens[1::2])))
    verdicts = {key: verdict for found, _ in runs for key, verdict in found.items()}
    return verdicts, "".join(text for _, text in runs)


@pytest.mark.parametrize("golden", GOOD, ids=lambda golden: golden.name)
def test_good_notebooks_pass(verified, golden):
    for item in golden.items():
        assert verified[0][golden.name, item].outcome == "passed", verified[0][golden.name, item].said


@pytest.mark.parametrize("golden", BAD, ids=lambda golden: golden.name)
def test_bad_notebooks_fail_at_their_cell_and_run_no_later_one(verified, golden):
    items = golden.items()
    at = items.index(golden.fails_at) if golden.fails_at else 0
    key = (golden.name, golden.fails_at or f"{golden.name}.ipynb")
    verdict = verified[0].get(key) or next(v for (name, _), v in verified[0].items() if name == golden.name)
    assert verdict.outcome in ("failure", "error"), verdict.said
    assert golden.says in verdict.said
    assert f"{golden.name}.ipynb" in verdict.said
    if golden.fails_at in ("", "hygiene"):
        return
    for item in items[:at]:
        assert verified[0][golden.name, item].outcome == "passed"
    for item in items[at + 1 :]:
        outcome, said, _ = verified[0][golden.name, item]
        assert outcome == "skipped"
        assert f"not run: {golden.fails_at} failed" in said


@pytest.mark.parametrize("golden", BAD, ids=lambda golden: golden.name)
def test_a_failure_takes_no_longer_than_it_must(verified, golden):
    seconds = sum(verdict.seconds for (name, _), verdict in verified[0].items() if name == golden.name)
    assert seconds < 15


def test_the_page_shows_every_failure_with_its_pictures(verified, folder):
    pages = {}
    for place in (".", OWN):
        files = [folder / run / place / "build" / page.NAME for run in ("a", "b")]
        pages[place] = "".join(file.read_text(encoding="utf-8") for file in files)
    for golden in BAD:
        assert f"<h2>{golden.name}.ipynb" in pages[OWN if golden.own else "."]
    differing = sum("the picture" in golden.says or "rows" in golden.says for golden in BAD)
    for name in ("stored", "new", "difference"):
        assert pages["."].count(f'alt="{name}"') == differing
    assert "\x1b" not in pages["."]


def test_the_run_ends_with_a_count_of_each_kind_and_the_reasons(verified):
    ends = [line for line in verified[1].splitlines() if " exact, " in line]
    assert len(ends) == 2
    counts = [dict(reversed(part.split(maxsplit=1)) for part in end.partition(": ")[2].split(", "))
              for end in ends]  # fmt: skip
    for kind in ("tolerant", "statistical", "not compared"):
        wanted = sum(golden.compared == kind for golden in GOOD)
        assert sum(int(count[kind]) for count in counts) == wanted, kind
    cells = [golden for golden in BAD if golden.fails_at not in ("", "hygiene")]
    assert sum(int(count["failed"]) for count in counts) == len(cells)
    assert "good_statistical.ipynb, cell band: training differs from machine" in verified[1]
    assert "good_on_the_sample.ipynb, cell size: only the sample of the data" in verified[1]


# --- the kernel ---------------------------------------------------------------------------------


def test_the_kernel_is_this_python_whatever_the_user_has_registered(tmp_path, monkeypatch):
    foreign = tmp_path / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/bin/false"], "display_name": "Other", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert kernels.OwnKernel().kernel_spec_manager.get_kernel_spec("python3").argv[0] == (sys.executable)


def test_the_kernels_environment(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "live")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    env = kernels.environment()
    assert "JPY_SESSION_NAME" not in env
    assert env["OMP_NUM_THREADS"] == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert kernels.environment()["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(os.name != "posix", reason="matplotlib's folders are elsewhere")
def test_matplotlib_gets_a_folder_where_its_own_cant_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "to" / "be" / "made"))
    assert kernels.environment()["MPLCONFIGDIR"] == str(tmp_path / "to" / "be" / "made")
    (tmp_path / "file").touch()
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file"))
    folder = Path(kernels.environment()["MPLCONFIGDIR"])
    assert folder != tmp_path / "file"
    assert list(folder.glob("fontlist-*.json"))


# --- stored outputs -----------------------------------------------------------------------------


def test_streams_are_merged_only_where_they_stand_together():
    merged = outputs.merge_streams(
        [printed("a"), printed("b\n"), picture(1), printed("0%\r"), printed("100%\n")]
    )
    assert [o.get("text") for o in merged] == ["ab\n", None, "100%\n"]


def test_a_stored_picture_has_no_remarks_and_the_same_pixels():
    import base64
    import io

    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "matplotlib 9.9")
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize((30, 20))
    image.save(file, "PNG", pnginfo=info)
    stripped = base64.b64decode(outputs.strip_png(base64.b64encode(file.getvalue()).decode()))
    assert b"matplotlib" not in stripped
    assert Image.open(io.BytesIO(stripped)).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("/home/ada/book/x.py", "absolute path"),
        ("saved to ~/book/x.png", "absolute path"),
        ("in '/tmp/x/y'", "absolute path"),
        (r"C:\Users\ada", "absolute path"),
        ("<object object at 0x7fe5f4ac7390>", "address"),
        ("and/or 1/2 </div> 28/28/1 https://example.org/a/b 0x1f d2lmini/conv.py", ""),
    ],
)
def test_what_must_not_be_stored(text, fault):
    found = outputs.faults([printed(text)])
    assert bool(found) == bool(fault)
    assert fault in "".join(found)


def test_stderr_must_not_be_stored():
    output = nbformat.v4.new_output("stream", name="stderr", text="Warning: no\n")
    assert "stderr" in outputs.faults([output])[0]


def test_a_stored_traceback_shows_the_cell_and_the_error_but_no_file():
    lines = [
        "\x1b[36mCell\x1b[39m\x1b[32m In[12]\x1b[39m, line 1",
        "\x1b[36mFile \x1b[39m\x1b[32m~/book/d2lmini/conv.py:37\x1b[39m, in corr2d",
        "File /usr/lib/python3.12/pathlib.py:2",
        "ValueError: no",
    ]
    output = raised("ValueError", "no")
    output.traceback = lines
    (stored,) = outputs.normalise([output], 1)
    assert stored.traceback == [lines[0], lines[3]]


def test_a_stored_traceback_shows_the_cell_and_the_error_only():
    output = raised("ValueError", "no")
    output.traceback = [
        "ValueError   Traceback (most recent call last)",
        "\x1b[36mCell\x1b[39m In[3], line 1\n----> 1 corr2d(X, K)",
        "\x1b[36mFile \x1b[39m\x1b[32m~/book/d2lmini/conv.py:37\x1b[39m, in corr2d",
        "ValueError: no",
    ]
    (stored,) = outputs.normalise([output], 1)
    assert [line[:10] for line in stored.traceback] == ["ValueError", "\x1b[36mCell\x1b", "ValueError"]


# --- make update --------------------------------------------------------------------------------


def test_update_writes_clean_outputs_and_is_a_fixed_point(tmp_path):
    path = tmp_path / "01_good.ipynb"
    first = code("value", "print(1)\n2", count=7)
    first.metadata["execution"] = {"iopub.status.busy": "2026"}
    second = code("error", "1 / 0", value("old"), count=None, tags=["raises-exception"])
    Golden("01_good", [first, second, code("silent", "3;")]).write(tmp_path)
    assert update_outputs.update(path, timeout=60)
    written = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == form.METADATA
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3]
    assert notebook.cells[0].metadata == {}
    assert notebook.cells[0].outputs == [printed("1\n"), value("2")]
    assert notebook.cells[1].outputs[0].ename == "ZeroDivisionError"
    assert notebook.cells[2].outputs == []
    assert written.endswith(b"}\n") and not written.endswith(b"\n\n")
    assert not update_outputs.update(path, timeout=60)
    assert path.read_bytes() == written
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_update_writes_the_same_bytes_in_whatever_folder(tmp_path):
    drawing = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('line');"
    failing = "from d2lmini import corr2d\nimport torch\ncorr2d(torch.ones(2, 2), torch.ones(3, 3))"
    written = []
    for folder in (tmp_path / "a", tmp_path / "another folder" / "with a long name"):
        folder.mkdir(parents=True)
        cells = [code("figure", drawing), code("error", failing, count=2, tags=["raises-exception"])]
        Golden("01_good", cells).write(folder)
        assert update_outputs.update(folder / "01_good.ipynb", timeout=60)
        written.append((folder / "01_good.ipynb").read_bytes())
    assert written[0] == written[1]
    assert b"image/png" in written[0] and b"ValueError" in written[0]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (code("bad", "1 / 0"), "cell bad: ZeroDivisionError"),
        (code("bad", "1", tags=["raises-exception"]), "cell bad: .*raises none"),
        (code("bad", "object()"), "cell bad: .*address"),
        (code("bad", "while True:\n    pass", timeout=1), "cell bad: it runs longer than 1 s"),
    ],
    ids=["error", "no error", "address", "endless"],
)
def test_update_leaves_the_file_alone_unless_every_cell_passed(tmp_path, cell, says):
    path = tmp_path / "01_bad.ipynb"
    Golden("01_bad", [code("good", "2", value("old")), cell]).write(tmp_path)
    before = path.read_bytes()
    with pytest.raises(update_outputs.Refused, match=says):
        update_outputs.update(path, timeout=60)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_update_refuses_to_store_outputs_of_the_sample(tmp_path, monkeypatch):
    status = update_outputs.status().__class__("sample", True, "")
    monkeypatch.setattr(update_outputs, "status", lambda: status)
    cell = code("load", "from d2lmini import load_fashion_mnist")
    Golden("01_data", [cell]).write(tmp_path)
    with pytest.raises(update_outputs.Refused, match="cell load: .*only the shipped sample"):
        update_outputs.update(tmp_path / "01_data.ipynb", timeout=60)


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "01_good.ipynb"
    path.write_bytes(b"old")

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(update_outputs.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        update_outputs.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# --- make run -----------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`run_chapters.py NN ...` on the chapters in tmp_path: (exit code, stdout, stderr)."""

    def call(*numbers: str) -> tuple[int, str, str]:
        folders = ["--notebooks", str(tmp_path), "--build", str(tmp_path / "build")]
        monkeypatch.setattr(sys, "argv", ["run_chapters.py", *numbers, *folders])
        exit_code = run_chapters.main()
        return exit_code, *capsys.readouterr()

    return call


def test_run_prints_headlines_goes_on_after_failures_and_exits_non_zero(tmp_path, run):
    Golden("01_dies", [code("die", "import os\nos._exit(7)")]).write(tmp_path)
    Golden("02_fails", [code("ok", "1"), code("bad", "1 / 0")]).write(tmp_path)
    Golden("03_good", [code("head", "print('accuracy 0.9')", tags=["headline"])]).write(tmp_path)
    exit_code, out, err = run()
    assert exit_code == 1
    first, second, third, last = out.splitlines()
    assert first.startswith("01_dies")
    assert first.endswith("FAILED  cell die: the kernel died (exit code 7)")
    assert second.startswith("02_fails")
    assert second.endswith("FAILED  cell bad: ZeroDivisionError: division by zero")
    assert third.startswith("03_good") and third.endswith(" s  accuracy 0.9")
    assert last.startswith("3 chapters in ")
    assert last.endswith("2 failed: 01_dies.ipynb, 02_fails.ipynb")
    assert err == ""  # no progress bar but on a terminal
    executed = nbformat.read(tmp_path / "build" / "02_fails.ipynb", as_version=4)
    assert executed.cells[1].outputs[0].ename == "ZeroDivisionError"


@pytest.mark.parametrize("text", ['{"cells": [', "[]", '{"nbformat": 4}'], ids=["half", "list", "no cells"])
def test_what_is_no_notebook_is_told_in_one_line_and_left_alone(tmp_path, run, monkeypatch, capsys, text):
    path = tmp_path / "01_half.ipynb"
    path.write_text(text)
    Golden("02_good", [code("head", "print(1)", tags=["headline"])]).write(tmp_path)
    exit_code, out, err = run()
    assert exit_code == 1 and err == ""
    first, second, _ = out.splitlines()
    assert first.startswith("01_half") and "FAILED  it can't be read as a notebook" in first
    assert second.startswith("02_good") and second.endswith(" s  1")
    monkeypatch.setattr(sys, "argv", ["update_outputs.py", "01", "--notebooks", str(tmp_path)])
    assert update_outputs.main() == 1
    assert "NOT WRITTEN: it can't be read as a notebook" in capsys.readouterr().out
    assert path.read_text() == text


def test_run_names_the_chapters_there_are(tmp_path, run):
    Golden("01_good", []).write(tmp_path)
    assert run("01", "9") == (2, "", "run: no chapter 09; there are: 01_good\n")


def test_run_says_in_a_line_that_it_cant_write_its_copies(tmp_path, run):
    Golden("01_good", []).write(tmp_path)
    (tmp_path / "build").touch()
    assert run() == (2, "", f"run: {tmp_path / 'build'} can't be written to: File exists\n")


def test_run_without_chapters(run):
    exit_code, out, err = run()
    assert (exit_code, out) == (2, "")
    assert err.startswith("run: no chapters (NN_name.ipynb) in ")


def test_the_debian_package_is_installed_only_if_nothing_else_gave_the_data(monkeypatch, capsys):
    found = [DataStatus("sample", True, "offline"), DataStatus("debian", False, "")]
    installed = []
    monkeypatch.setattr(get_data, "look", lambda: found[len(installed)])
    monkeypatch.setattr(get_data, "install", lambda: installed.append(True))
    monkeypatch.setattr(get_data, "may_install", lambda: False)
    get_data.main()
    out = capsys.readouterr().out
    assert not installed and "shipped sample" in out and "offline" in out
    monkeypatch.setattr(get_data, "may_install", lambda: True)
    get_data.main()
    assert installed and capsys.readouterr().out.endswith("10000 images (debian)\n")


def test_damaged_data_is_told_and_does_not_stop_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(get_data.VARIABLE, str(tmp_path))
    assert not get_data.may_install()
    get_data.main()
    assert str(tmp_path) in capsys.readouterr().err


def test_the_data_is_at_hand_where_all_four_files_are(tmp_path, monkeypatch):
    assert tuple(file.name for file in data.FILES) == data_status.FILES
    assert (data_status.DEBIAN_FOLDER, data_status.VARIABLE) == (data.DEBIAN_FOLDER, data.VARIABLE)
    monkeypatch.setattr(data_status, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(data.VARIABLE, raising=False)
    assert not data_status.is_at_hand()
    for folder in (tmp_path / "own", tmp_path / "debian"):
        folder.mkdir()
        for name in data_status.FILES[:3]:
            (folder / f"{name}.gz").touch()
        assert not data_status.is_at_hand()
        (folder / data_status.FILES[3]).touch()
    assert data_status.is_at_hand()
    monkeypatch.setenv(data.VARIABLE, "sample")
    assert not data_status.is_at_hand()
    monkeypatch.setenv(data.VARIABLE, str(tmp_path / "own"))
    assert data_status.is_at_hand()
    monkeypatch.setenv(data.VARIABLE, str(tmp_path / "none"))
    assert not data_status.is_at_hand()


def test_selecting_chapters(tmp_path):
    for name in ("01_a", "02_b", "07_c", "notes"):
        shutil.copy(__file__, tmp_path / f"{name}.ipynb")

    def stems(*numbers, fast=False):
        return [path.stem for path in chapters.select(numbers, folder=tmp_path, fast=fast)]

    assert stems() == ["01_a", "02_b", "07_c"]
    assert stems("7", "02") == ["02_b", "07_c"]
    assert stems(fast=True) == ["01_a", "02_b"]
    with pytest.raises(chapters.ChapterError, match="no chapter 03"):
        stems("3")
