"""Faults of the machine, really provoked, and what a run on a small notebook then says.

Each test's docstring is what must come of its fault, and its property "verdict" what was said.
"""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from golden_notebooks import SETTINGS, code, printed, value

from nbproof.machine.provoke import possible, start, start_command, start_pytest, wait_for, write
from nbproof.settings import Settings, load

ORDINARY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")  # what root's rights are taken by
LATER = code("later", "print(1)", printed("1\n"), tags=["headline"])
FIGURE = [
    code("setup", "import matplotlib.pyplot as plt", tags=["setup"]),
    code("figure", 'plt.plot([1, 4, 9])\nplt.title("Squares");'),
    LATER,
]
BAD = [code("first", "1", value("1")), code("bad", "2", value("3")), LATER]


def failed_at(name):
    """The outcomes of a notebook whose second cell fails."""
    return {"first": "passed", name: "failed", "later": "skipped"}


# --- read-only ----------------------------------------------------------------------------------


def set_writable(folder, writable):
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if writable else mode & ~0o222)


@pytest.fixture
def read_only(tmp_path):
    """Run in a book as one who can't write: a function of the cells and of how to start; nothing changes."""
    book, home = tmp_path / "book", tmp_path / "home"
    book.mkdir()
    home.mkdir()
    (book / "pyproject.toml").write_text(SETTINGS.replace('hooks = "hooks.py"\n', ""), encoding="utf-8")
    under = ORDINARY if os.geteuid() == 0 else ()

    def run(cells, how_to_start):
        path = write(book / "01_a.ipynb", cells)
        if cells is FIGURE:
            assert "outputs written" in start_command("update", book).output
        for place in (book, home):
            set_writable(place, False)
        if under and not possible(*under, "true"):
            pytest.skip("root's power over permissions can't be dropped: setpriv doesn't work here")
        if any(possible(*under, "touch", place / "written") for place in (book, home)):
            pytest.skip("a folder without the right to write is written to all the same")
        before = contents(book)
        ended = how_to_start(path, under=under, variables={"HOME": home})
        assert contents(book) == before
        return ended

    yield run
    for place in (book, home):
        set_writable(place, True)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("cells", [FIGURE, BAD], ids=["good notebook", "bad notebook"])
def test_read_only(tmp_path, read_only, cells, record_property):
    """pass, its figure too; or fail at the bad cell, and say that the page can't be written"""
    run = read_only(cells, lambda path, **how: start_pytest(load(path.parent), path, **how))
    page = run.line("the page of failures can't be written", "build")
    record_property("verdict", run.verdict("01_a") + ", the page can't be written" * bool(page))
    good = {"setup": "passed", "figure": "passed", "later": "passed"}
    assert run.outcomes("01_a") == {"hygiene": "passed"} | (good if cells is FIGURE else failed_at("bad"))
    assert run.code == bool(page) == (cells is BAD)
    assert ("image/png" in (tmp_path / "book" / "01_a.ipynb").read_text()) == (cells is FIGURE)


@pytest.mark.parametrize(
    ("name", "code", "names"),
    [("run", 2, "build"), ("update", 1, "01_a")],
    ids=["nbproof run", "nbproof update"],
)
def test_read_only_command(read_only, name, code, names, record_property):
    """end with code 2 (run) or 1 (update) and one line that names build/ or the file"""
    cells = [BAD[0], LATER]
    run = read_only(cells, lambda path, **how: start(["-m", "nbproof", name, "01"], path.parent, **how))
    first, *others = run.output.strip().splitlines()
    record_property("verdict", " ".join(first.split()).rpartition("/")[2])
    assert names in first and "can't be written" in first and run.code == code
    assert [line[:10] for line in others] == ["1 notebook"] * (name == "update")  # the sum


# --- interrupted, killed, full ------------------------------------------------------------------


def sleeper():
    """The second cell says that it runs, and sleeps."""
    pid = "import os\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))"
    wait = "import time\nPath('marker').touch()\ntime.sleep(60)"
    return [code("first", f"{pid};"), code("wait", wait), LATER]


def kernel_lives(folder):
    """Whether the process of a notebook's kernel is still there a second later."""
    try:
        kernel = psutil.Process(int((folder / "pid").read_text()))
        kernel.wait(timeout=1)
        return False
    except psutil.TimeoutExpired:
        return kernel.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["alone", "with its group"])
@pytest.mark.parametrize(
    ("name", "exit_code"),
    [("pytest", 2), ("update", 130), ("run", 130)],
    ids=["pytest", "nbproof update", "nbproof run"],
)
def test_interrupted(tmp_path, name, exit_code, send, record_property):
    """Ctrl-C: end, naming cell or notebook; the file whole, no kernel left"""
    path = write(tmp_path / "01_slow.ipynb", sleeper())
    before = path.read_bytes()

    def press(process: subprocess.Popen) -> None:
        wait_for(tmp_path / "marker", process)
        send(process.pid, signal.SIGINT)

    if name == "pytest":
        run = start_pytest(Settings(tmp_path), path, during=press)
    else:
        run = start_command(name, tmp_path, during=press)
    record_property("verdict", run.line("interrupted in"))
    assert run.line("interrupted in", path.name, "wait" if name == "pytest" else "")
    assert path.read_bytes() == before and run.code == exit_code
    assert {p.name for p in tmp_path.iterdir()} - {"pid", "marker", "build"} == {path.name}
    assert not kernel_lives(tmp_path)


def test_full_disk(tmp_path, record_property):
    """nbproof update: leave the file whole, and say why"""
    resource = pytest.importorskip("resource")
    cells = [code("long", "print('\\n'.join(['x' * 99] * 4000))", printed("old\n")), LATER]
    path = write(tmp_path / "01_long.ipynb", cells)
    before = path.read_bytes()
    run = start_command("update", tmp_path, limits={resource.RLIMIT_FSIZE: 200_000})
    line = run.line("01_long", "NOT WRITTEN")
    record_property("verdict", " ".join(line.split()))
    assert "File too large" in line and run.code == 1
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_kernel_killed_from_outside(tmp_path, record_property):
    """fail at its cell, naming SIGKILL"""

    def kill(process: subprocess.Popen) -> None:
        wait_for(tmp_path / "marker", process)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    run = start_pytest(Settings(tmp_path), write(tmp_path / "a.ipynb", sleeper()), during=kill)
    said = run.said("a", "wait")
    record_property("verdict", f"{run.verdict('a')}: {said[said.find('the kernel died') :][:36]}")
    assert run.outcomes("a") == failed_at("wait") and "killed by SIGKILL" in said and run.code == 1


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory can't be limited on this system")
def test_kernel_out_of_memory(tmp_path, record_property):
    """fail at its cell, naming the memory, which it has taken to the last kilobyte"""
    import resource

    fill = "hog = []\nsize = 2**24\nwhile size:\n    try:\n        hog.append(bytearray(size))\n"
    fill += (
        "    except MemoryError:\n        size //= 2\nhog.append(bytearray(2**24))"  # to the last kilobyte
    )
    path = write(tmp_path / "a.ipynb", [BAD[0], code("fill", fill), LATER])
    how = {"limits": {resource.RLIMIT_AS: 3 * 2**29}, "variables": {"OPENBLAS_NUM_THREADS": "1"}}
    run = start_pytest(Settings(tmp_path), path, **how)
    said = run.said("a", "fill")
    told = next((words for words in ("MemoryError", "the kernel died") if words in said), "")
    record_property("verdict", f"{run.verdict('a')}: {told}")
    assert run.outcomes("a") == failed_at("fill") and told and run.code == 1
