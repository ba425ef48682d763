"""Faults of the machine, really provoked, and what a run on a small notebook then says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from golden_notebooks import SETTINGS, code, printed, value
from nbformat import NotebookNode

from nbproof.provoke import (
    Ended,
    Finding,
    NotPossible,
    Scenario,
    possible,
    start,
    start_command,
    start_pytest,
    wait_for,
    write,
)
from nbproof.settings import Settings, load

ORDINARY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")  # what root's rights are taken by


def later() -> NotebookNode:
    return code("later", "print(1)", printed("1\n"), tags=["headline"])


def bad(name: str) -> dict[str, str]:
    """The outcomes of a notebook whose second cell fails."""
    return {"first": "passed", name: "failed", "later": "skipped"}


# --- read-only ----------------------------------------------------------------------------------


def set_writable(folder: Path, writable: bool) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if writable else mode & ~0o222)


@contextmanager
def read_only_book(folder: Path, cells: list[NotebookNode]) -> Iterator[tuple[Path, dict]]:
    """A book with a notebook, and how to run in it as one who can't write."""
    book, home = folder / "book", folder / "home"
    book.mkdir()
    home.mkdir()
    (book / "pyproject.toml").write_text(SETTINGS.replace('hooks = "hooks.py"\n', ""), encoding="utf-8")
    path = write(book / "01_a.ipynb", cells)
    if "pyplot" in cells[0].source:
        assert "outputs written" in start_command("update", book).output
    under = ORDINARY if os.geteuid() == 0 else ()
    for place in (book, home):
        set_writable(place, False)
    try:
        if under and not possible(*under, "true"):
            raise NotPossible("root's power over permissions can't be dropped: setpriv doesn't work here")
        if any(possible(*under, "touch", place / "written") for place in (book, home)):
            raise NotPossible("a folder without the right to write is written to all the same")
        yield path, {"under": under, "variables": {"HOME": home}}
    finally:
        for place in (book, home):
            set_writable(place, True)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_only(folder: Path, good: bool) -> Finding:
    """A notebook with a figure, or one with a bad cell."""
    cells = [
        code("setup", "import matplotlib.pyplot as plt", tags=["setup"]),
        code("figure", 'plt.plot([1, 4, 9])\nplt.title("Squares");'),
        later(),
    ]
    if not good:
        cells = [code("first", "1", value("1")), code("bad", "2", value("3")), later()]
    with read_only_book(folder, cells) as (path, how):
        before = contents(path.parent)
        run = start_pytest(load(path.parent), path, **how)
        after = contents(path.parent)
    outcomes = dict.fromkeys(("setup", "figure", "later"), "passed") if good else bad("bad")
    page = run.line("the page of failures can't be written", "build")
    return run.finding(
        run.verdict("01_a") + (", the page of failures can't be written" if page else ""),
        outcomes_are_right=run.outcomes("01_a") == {"hygiene": "passed"} | outcomes,
        the_figure_is_stored=("image/png" in before[path].decode()) == good,
        a_page_is_told_of_only_for_a_failure=bool(page) != good,
        nothing_is_written=before == after,
        exit_code_is_right=run.code == (0 if good else 1),
    )


def read_only_command(folder: Path, name: str, exit_code: int, names: str) -> Finding:
    with read_only_book(folder, [code("first", "1"), later()]) as (path, how):
        before = contents(path.parent)
        run = start(["-m", "nbproof", name, "01"], path.parent, **how)
        after = contents(path.parent)
    first, *others = run.output.strip().splitlines() or [""]
    return run.finding(
        " ".join(first.split()).replace(f"{path.parent}/", ""),
        no_more_than_the_sum_follows=[line[:10] for line in others] == ["1 notebook"] * (name == "update"),
        names_the_file=names in first,
        says_what_is_wrong="can't be written" in first,
        nothing_is_written=before == after,
        exit_code_is_right=run.code == exit_code,
    )


# --- interrupted, killed, full ------------------------------------------------------------------


def sleeper() -> list[NotebookNode]:
    """The second cell says that it runs, and sleeps."""
    pid = "import os\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))"
    wait = "import time\nPath('marker').touch()\ntime.sleep(60)"
    return [code("first", f"{pid};"), code("wait", wait), later()]


def kernel_lives(folder: Path) -> bool:
    """Whether the process of a notebook's kernel is still there a second later."""
    pid, end = int((folder / "pid").read_text()), time.monotonic() + 1
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.05)
    return True


def interrupted(folder: Path, name: str, exit_code: int, send: Callable[[int, int], None]) -> Finding:
    """Ctrl-C in the second cell, in pytest or in a command."""
    path = write(folder / "01_slow.ipynb", sleeper())
    before = path.read_bytes()

    def press(process: subprocess.Popen) -> None:
        wait_for(folder / "marker", process)
        send(process.pid, signal.SIGINT)

    if name == "pytest":
        run = start_pytest(Settings(folder), path, during=press)
    else:
        run = start_command(name, folder, during=press)
    beside = {p.name for p in folder.iterdir()} - {"pid", "marker", "build"}
    line = run.line("interrupted in", path.name, "wait" if name == "pytest" else "")
    return run.finding(
        line,
        names_what_was_running=bool(line),
        file_is_untouched=path.read_bytes() == before and beside == {path.name},
        no_kernel_survives=not kernel_lives(folder),
        exit_code_is_right=run.code == exit_code,
    )


def full_disk(folder: Path) -> Finding:
    """No file may grow beyond 200 000 bytes, and the notebook's output is longer."""
    cells = [code("long", "print('\\n'.join(['x' * 99] * 4000))", printed("old\n")), later()]
    path = write(folder / "01_long.ipynb", cells)
    before = path.read_bytes()
    run = start_command("update", folder, limits="RLIMIT_FSIZE=200000")
    line = run.line("01_long", "NOT WRITTEN")
    return run.finding(
        " ".join(line.split()),
        says_why="File too large" in line,
        the_file_is_whole=path.read_bytes() == before,
        nothing_is_beside_it=[p.name for p in folder.iterdir()] == [path.name],
        exit_code_is_1=run.code == 1,
    )


def killed_kernel(folder: Path) -> Finding:
    def kill(process: subprocess.Popen) -> None:
        wait_for(folder / "marker", process)
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)

    run = start_pytest(Settings(folder), write(folder / "a.ipynb", sleeper()), during=kill)
    return died(run, "wait", "killed by SIGKILL")


def no_memory(folder: Path) -> Finding:
    """The kernel has little memory, and a cell takes all of it, to the last kilobyte."""
    fill = "hog = []\nsize = 2**24\nwhile size:\n    try:\n        hog.append(bytearray(size))\n"
    fill += "    except MemoryError:\n        size //= 2\nhog.append(bytearray(2**24))"
    cells = [code("first", "1", value("1")), code("fill", fill), later()]
    if sys.platform != "linux":
        raise NotPossible("a process's memory can't be limited on this system")
    limits, variables = f"RLIMIT_AS={3 * 2**29}", {"OPENBLAS_NUM_THREADS": "1"}
    path = write(folder / "a.ipynb", cells)
    run = start_pytest(Settings(folder), path, limits=limits, variables=variables)
    return died(run, "fill", "MemoryError", "died")


def died(run: Ended, item: str, *reasons: str) -> Finding:
    """The second cell fails for one of the reasons."""
    told = next((reason for reason in reasons if reason in run.said("a", item)), "")
    return run.finding(
        ", ".join(filter(None, (run.verdict("a"), told))),
        fails_at_that_cell=run.outcomes("a") == bad(item),
        says_why=bool(told),
        exit_code_is_1=run.code == 1,
    )


AT_CELL = "end with code 2, naming the cell; no kernel left"
AT_NOTEBOOK = "name the notebook; the file whole, no kernel left"
GOOD, BAD = (partial(read_only, good=good) for good in (True, False))
RUN = partial(read_only_command, name="run", exit_code=2, names="build")
UPDATE = partial(read_only_command, name="update", exit_code=1, names="01_a")
SCENARIOS = [
    Scenario("read-only: good notebook", "pass, its figure too", GOOD),
    Scenario("read-only: bad notebook", "fail at the bad cell; say that the page can't be written", BAD),
    Scenario("read-only: nbproof run", "end with code 2 and one line that names build/", RUN),
    Scenario("read-only: nbproof update", "end with code 1 and one line that names the file", UPDATE),
    *(
        Scenario(
            f"Ctrl-C: {words}{group}", must, partial(interrupted, name=name, exit_code=exit_code, send=send)
        )
        for name, words, exit_code, must in (
            ("pytest", "pytest", 2, AT_CELL),
            ("update", "nbproof update", 130, AT_NOTEBOOK),
            ("run", "nbproof run", 130, AT_NOTEBOOK),
        )
        for group, send in (("", os.kill), ("'s group", os.killpg))
    ),
    Scenario("full disk: nbproof update", "leave the file whole, and say why", full_disk),
    Scenario("kernel killed from outside", "fail at its cell, naming SIGKILL", killed_kernel),
    Scenario("kernel out of memory", "fail at its cell, naming the memory", no_memory),
]
