"""Faults of the machine, really provoked, and what a run on a small notebook then says.

`make verdicts` puts them into a table, for tests/README.md.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import form
import psutil
from checkout import ROOT, copy_checkout
from d2lmini.data import DEBIAN_FOLDER, FILES
from golden_notebooks import code, printed, value
from junit import cases
from nbformat import NotebookNode

RUN, UPDATE = "run_chapters.py", "update_outputs.py"  # make run, make update
LONGEST = 60  # seconds that a run may take at all
DAMAGED = "train-images-idx3-ubyte"  # the file that is read first, whatever the others are
LOAD = "from d2lmini import load_fashion_mnist\nlen(load_fashion_mnist().train_images)"
SETTINGS = ("D2LMINI_DATA", "MPLCONFIGDIR", "MATPLOTLIBRC", "IPYTHONDIR", "PYTHONPYCACHEPREFIX", "PYTHONPATH")
FAMILIES = ("XDG_", "JUPYTER_", "PYTEST_", "COV_")  # of such settings, by how their names start

# Started by this, a process may be interrupted though its shell's background jobs ignore that.
LAUNCH = """
import os, resource, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
for limit in sys.argv[1].split():
    name, _, size = limit.partition("=")
    resource.setrlimit(getattr(resource, name), (int(size), int(size)))
os.execv(sys.argv[2], sys.argv[2:])
"""
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'
UNSHARE = ("unshare", "--map-root-user", "--mount")
ORDINARY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")  # what root's rights are taken by


class NotPossible(Exception):
    """The fault can't be provoked on this machine; the message says why."""


class Result(NamedTuple):
    """What was said, after how long; what of it is wrong, and all that was printed."""

    verdict: str
    seconds: float
    wrong: list[str]
    output: str


class Fault(NamedTuple):
    name: str
    must: str
    provoke: Callable[[Path], Result]


class Run(NamedTuple):
    """A process that has ended. `items` has pytest's verdicts: {(notebook, cell): (outcome, message)}."""

    code: int
    output: str
    seconds: float
    items: dict[tuple[str, str], tuple[str, str]]

    def outcomes(self, notebook: str) -> dict[str, str]:
        return {item: outcome for (name, item), (outcome, _) in self.items.items() if name == notebook}

    def verdict(self, notebook: str) -> str:
        """In the words of the golden notebooks' table."""
        outcomes = self.outcomes(notebook)
        failed = [item for item, outcome in outcomes.items() if outcome in ("failure", "error")]
        return f"fails at {', '.join(failed)}" if failed else "passes" if outcomes else "isn't run"

    def said(self, notebook: str, cell: str) -> str:
        return " ".join(self.items.get((notebook, cell), ("", ""))[1].split())

    def line(self, *words: str) -> str:
        """The first printed line with these words in it."""
        return next((x for x in self.output.splitlines() if all(w in x for w in words)), "")

    def result(self, verdict: str, **claims: bool) -> Result:
        """`claims` are what must hold, by names that say it."""
        wrong = [name.replace("_", " ") for name, holds in claims.items() if not holds]
        return Result(verdict or "says nothing", self.seconds, wrong, self.output)


# --- running ------------------------------------------------------------------------------------


def start(
    command: list[str | Path],
    folder: Path,
    *,
    under: tuple[str | Path, ...] = (),
    limits: str = "",
    during: Callable[[subprocess.Popen], None] | None = None,
    **variables: str | Path,
) -> Run:
    """Run a Python command in a folder, `under` another one; `during` meddles with it."""
    env = {k: v for k, v in os.environ.items() if k not in SETTINGS and not k.startswith(FAMILIES)}
    env = {k: v for k, v in env.items() if not k.lower().endswith("_proxy")}
    launch = [*under, sys.executable, "-c", LAUNCH, limits, sys.executable, *command]
    with tempfile.TemporaryFile() as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            list(map(str, launch)),
            cwd=folder,
            env=env | {name: str(value) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if during:
                during(process)
            exit_code = process.wait(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            exit_code = -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - begun
        log.seek(0)
        return Run(exit_code, log.read().decode("utf-8", "replace"), seconds, {})


def tool_on(folder: Path, tool: str) -> list[str | Path]:
    """The command of a tool for the notebooks of a folder; what it builds goes there too."""
    build = ["--build", folder / "build"] if tool == RUN else []
    return [ROOT / "tools" / tool, "--notebooks", folder, *build]


def verify(paths: list[Path], *, root: Path = ROOT, folder: Path | None = None, **how) -> Run:
    """pytest's verdicts on notebooks, with the plugin of the checkout `root`."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        command = ["-m", "pytest", "-c", root / "pyproject.toml", "--nbval", f"--junit-xml={report}", *paths]
        command += ["--assert=plain"]  # a second sooner
        if root == ROOT:
            command += ["-p", "no:cacheprovider"]
        run = start(command, folder or paths[0].parent, **how)
        found = cases(report) if report.exists() else ()
        return run._replace(items={(c.notebook, c.item): (c.outcome, f"{c.message} {c.text}") for c in found})


def write(path: Path, cells: list[NotebookNode]) -> Path:
    """A notebook of the form that this repository's own have."""
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    notebook = {"cells": cells, "metadata": form.METADATA, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    return path


def later() -> NotebookNode:
    return code("later", "print(1)", printed("1\n"), tags=["headline"])


# --- the data set -------------------------------------------------------------------------------


def data_set(folder: Path) -> Path:
    """The four files: the real ones where they are installed, else of their names and shapes only."""
    folder.mkdir()
    for name, shape, _ in FILES:
        packed = folder / f"{name}.gz"
        if (DEBIAN_FOLDER / packed.name).is_file():
            packed.symlink_to(DEBIAN_FOLDER / packed.name)
        else:
            packed.write_bytes(gzip.compress(idx(shape), compresslevel=1))
    return folder


def idx(shape: tuple[int, ...]) -> bytes:
    """A file of zeros in the format IDX."""
    size = 1
    for length in shape:
        size *= length
    return struct.pack(f">{1 + len(shape)}i", 2048 + len(shape), *shape) + bytes(size)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def alter(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    path.unlink()
    content[len(content) // 2] ^= 1
    path.with_suffix("").write_bytes(content)


def reshape(path: Path) -> None:
    path.unlink()
    path.with_suffix("").write_bytes(idx((60000, 28, 29)))


def damaged(folder: Path, damage: Callable[[Path], None], says: str) -> Result:
    data = data_set(folder / "data")
    damage(data / f"{DAMAGED}.gz")
    cells = [code("first", "1", value("1")), code("load", LOAD, value("60000")), later()]
    run = verify([write(folder / "a.ipynb", cells)], D2LMINI_DATA=data)
    said, outcomes = run.said("a", "load"), run.outcomes("a")
    at = said.rfind(says)
    return run.result(
        f"{run.verdict('a')}: {DAMAGED} {said[at : at + 45] if at >= 0 else ''}…",
        fails_at_load=outcomes == {"first": "passed", "load": "failure", "later": "skipped"},
        names_the_file=str(data / DAMAGED) in said or f"missing: {DAMAGED}" in said,
        says_what_is_wrong=at >= 0,
        says_what_was_not_run="not run: load failed" in run.said("a", "later"),
        exit_code_is_1=run.code == 1,
    )


def damaged_cache(folder: Path) -> Result:
    """Debian's copy is used in its place, with a warning, which a chapter's output hasn't."""
    if not DEBIAN_FOLDER.exists():
        raise NotPossible("there is no second copy of the data to fall back on")
    (folder / "cache").mkdir()
    truncate(data_set(folder / "cache" / "d2lmini") / f"{DAMAGED}.gz")
    cells = [code("load", LOAD, value("60000")), later()]
    run = verify([write(folder / "a.ipynb", cells)], XDG_CACHE_HOME=folder / "cache")
    said = run.said("a", "load")
    return run.result(
        run.verdict("a") + (", stderr differs" if "stderr" in said else ""),
        fails_at_load=run.outcomes("a") == {"load": "failure", "later": "skipped"},
        says_what_differs="stderr" in said,
        no_internal_error="INTERNALERROR" not in run.output,
        exit_code_is_1=run.code == 1,
    )


def damaged_tool(folder: Path, tool: str, says: str) -> Result:
    data = data_set(folder / "data")
    truncate(data / f"{DAMAGED}.gz")
    before = write(folder / "01_a.ipynb", [code("load", LOAD, value("60000"))]).read_bytes()
    write(folder / "02_b.ipynb", [later()])
    run = start(tool_on(folder, tool), folder, D2LMINI_DATA=data)
    line = run.line("01_a", says, DAMAGED)
    return run.result(
        f"{says} {line.partition(says)[2].replace(f'{data}/', '').strip()[:75]}…" if line else "",
        names_the_cell="cell load: " in line,
        names_the_file=str(data / DAMAGED) in line,
        the_next_chapter_runs=bool(run.line("02_b")) and not run.line("02_b", says),
        the_file_is_whole=(folder / "01_a.ipynb").read_bytes() == before,
        no_traceback="Traceback" not in run.output,
        exit_code_is_1=run.code == 1,
    )


# --- no network ---------------------------------------------------------------------------------


@contextmanager
def deaf_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def possible(*command: str | Path) -> bool:
    try:
        return subprocess.run(list(map(str, command)), capture_output=True, timeout=LONGEST).returncode == 0
    except OSError:
        return False


def without_debian(folder: Path) -> tuple[tuple[str | Path, ...], Path]:
    """How to run where Debian's data set isn't: (under what, with which checkout)."""
    if not DEBIAN_FOLDER.exists():
        return (), ROOT
    if possible(*UNSHARE, "sh", "-c", HIDE, DEBIAN_FOLDER, sys.executable, "-c", ""):
        return (*UNSHARE, "sh", "-c", HIDE, DEBIAN_FOLDER), ROOT
    checkout = copy_checkout(folder / "copy")  # without the right to hide a folder: one that looks elsewhere
    module = checkout / "d2lmini" / "files.py"
    text = module.read_text(encoding="utf-8").replace(str(DEBIAN_FOLDER), str(checkout))
    module.write_text(text, encoding="utf-8")
    return (), checkout


def offline(folder: Path, answers: bool) -> Result:
    """The network refuses every connection; or it takes it and says nothing, and a cell is bad."""
    under, checkout = without_debian(folder)
    load = "from d2lmini import load_fashion_mnist\ndata = load_fashion_mnist()\ndata.is_sample"
    bad = code("bad", "1 + 1", value("3"))
    cells = [
        code("load", load, value("True")),
        code("full", "len(data.train_images)", value("60000"), data="full"),
        *([bad] if answers else []),
        later(),
    ]
    with deaf_server() as port:
        proxy = f"http://127.0.0.1:{port if answers else closed_port()}"
        variables = {"http_proxy": proxy, "https_proxy": proxy, "PYTHONPATH": checkout}
        path = write(folder / "a.ipynb", cells)
        run = verify([path], root=checkout, under=under, XDG_CACHE_HOME=folder / "cache", **variables)
    outcomes = {"load": "passed", "full": "passed"}
    outcomes |= {"bad": "failure", "later": "skipped"} if answers else {"later": "passed"}
    reason = run.line("not compared: a.ipynb, cell full: only the sample of the data is here")
    return run.result(
        run.verdict("a") + (", full not compared: only the sample" if reason else ""),
        outcomes_are_right=run.outcomes("a") == outcomes,
        the_cell_is_counted_as_not_compared="1 not compared" in run.line("cells: "),
        the_reason_is_told=bool(reason),
        exit_code_is_right=run.code == (1 if answers else 0),
    )


# --- read-only ----------------------------------------------------------------------------------


def set_writable(folder: Path, writable: bool) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if writable else mode & ~0o222)


@contextmanager
def read_only_checkout(folder: Path, cells: list[NotebookNode]) -> Iterator[tuple[Path, dict]]:
    """A copy of the checkout with a notebook, and how to run in it as one who can't write."""
    checkout, home = folder / "checkout", folder / "home"
    copy_checkout(checkout)
    home.mkdir()
    (checkout / "notebooks").mkdir()
    path = write(checkout / "notebooks" / "01_a.ipynb", cells)
    if "pyplot" in cells[0].source:
        draw(path)
    under = ORDINARY if os.geteuid() == 0 else ()
    set_writable(checkout, False)
    set_writable(home, False)
    try:
        if under and not possible(*under, "true"):
            raise NotPossible("root's power over permissions can't be dropped: setpriv doesn't work here")
        for place in (checkout, checkout / "notebooks", home):
            if possible(*under, "touch", place / "written"):
                raise NotPossible("a folder without the right to write is written to all the same")
        yield checkout, {"under": under, "HOME": home, "D2LMINI_DATA": "sample"}
    finally:
        set_writable(checkout, True)
        set_writable(home, True)


def draw(path: Path) -> None:
    """Store a notebook's outputs as `make update` does; its last cell has them already."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    last = notebook["cells"].pop()
    path.write_text(json.dumps(notebook), encoding="utf-8")
    run = start(
        [ROOT / "tools" / "update_outputs.py", "--notebooks", path.parent, path.name[:2]], path.parent
    )
    assert "outputs written" in run.output, run.output
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"].append(last)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def read_only(folder: Path, good: bool) -> Result:
    """A notebook with a figure and the data set, or one with a bad cell."""
    cells = [
        code("setup", "import matplotlib.pyplot as plt", tags=["setup"]),
        code("figure", 'plt.plot([1, 4, 9])\nplt.title("Squares");'),
        code("load", LOAD, value("6000"), tags=["headline"]),
    ]
    if not good:
        cells = [code("setup", "1", value("1")), code("bad", "2", value("3")), later()]
    with read_only_checkout(folder, cells) as (checkout, how):
        path = checkout / "notebooks" / "01_a.ipynb"
        before = contents(checkout)
        run = verify([path], root=checkout, folder=checkout, **how)
        after = contents(checkout)
    outcomes = dict.fromkeys(("hygiene", "setup", "figure", "load"), "passed")
    if not good:
        outcomes = {"hygiene": "passed", "setup": "passed", "bad": "failure", "later": "skipped"}
    page = run.line("the page of failures can't be written", "build")
    return run.result(
        run.verdict("01_a") + (", the page of failures can't be written" if page else ""),
        outcomes_are_right=run.outcomes("01_a") == outcomes,
        the_figure_is_stored=("image/png" in before[path].decode()) == good,
        a_page_is_told_of_only_for_a_failure=bool(page) != good,
        nothing_is_written=before == after,
        no_traceback="Traceback" not in run.output and "INTERNALERROR" not in run.output,
        exit_code_is_right=run.code == (0 if good else 1),
    )


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file under a folder; compiled ones aside, which tests in another process may leave."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: path.read_bytes() for path in paths}


def read_only_tool(folder: Path, tool: str, exit_code: int, names: str) -> Result:
    with read_only_checkout(folder, [code("first", "1"), later()]) as (checkout, how):
        before = contents(checkout)
        command = [checkout / "tools" / tool, "01"]
        run = start(command, checkout, **how)
        after = contents(checkout)
    lines = run.output.strip().splitlines()
    return run.result(
        " ".join(lines[0].split()).replace(f"{checkout}/", "") if lines else "",
        one_line=len(lines) == 1,
        names_the_file=names in run.output,
        says_what_is_wrong="can't be written" in run.output,
        nothing_is_written=before == after,
        exit_code_is_right=run.code == exit_code,
    )


# --- interrupted, killed, full ------------------------------------------------------------------


def sleeper() -> list[NotebookNode]:
    """The second cell says that it runs, and sleeps."""
    pid = "import os\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))"
    return [
        code("first", f"{pid};"),
        code("wait", "import time\nPath('marker').touch()\ntime.sleep(60)"),
        later(),
    ]


def wait_for(marker: Path, process: subprocess.Popen) -> None:
    end = time.monotonic() + LONGEST
    while not marker.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


def kernel_lives(folder: Path) -> bool:
    """Whether the process of a notebook's kernel is still there a second later."""
    pid = int((folder / "pid").read_text())
    end = time.monotonic() + 1
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.05)
    return True


def interrupt(folder: Path, runs: Callable[..., Run], send: Callable[[int, int], None]) -> tuple[Run, bool]:
    """Ctrl-C in the second cell: the run, and whether it left everything as it was."""
    path = write(folder / "01_slow.ipynb", sleeper())
    before = path.read_bytes()

    def press(process: subprocess.Popen) -> None:
        wait_for(folder / "marker", process)
        send(process.pid, signal.SIGINT)

    run = runs(path, during=press)
    beside = {p.name for p in folder.iterdir()} - {"pid", "marker", "build"}
    whole = path.read_bytes() == before and beside == {path.name}
    return run, whole and not kernel_lives(folder)


def interrupted_pytest(folder: Path, send: Callable[[int, int], None]) -> Result:
    run, clean = interrupt(folder, lambda path, **how: verify([path], **how), send)
    line = run.line("interrupted in", "01_slow.ipynb", "wait")
    return run.result(
        line,
        names_the_cell=bool(line),
        no_kernel_survives_and_the_file_is_untouched=clean,
        no_internal_error="INTERNALERROR" not in run.output,
        exit_code_is_2=run.code == 2,
    )


def interrupted_tool(folder: Path, tool: str, send: Callable[[int, int], None]) -> Result:
    run, clean = interrupt(folder, lambda path, **how: start(tool_on(folder, tool), folder, **how), send)
    line = run.line("interrupted", "01_slow.ipynb")
    return run.result(
        line,
        names_the_chapter=bool(line),
        no_kernel_survives_and_the_file_is_untouched=clean,
        no_traceback="Traceback" not in run.output,
        exit_code_is_130=run.code == 130,
    )


def full_disk(folder: Path) -> Result:
    """No file may grow beyond 200 000 bytes, and the notebook's output is longer."""
    cells = [code("long", "print('\\n'.join(['x' * 99] * 4000))", printed("old\n")), later()]
    path = write(folder / "01_long.ipynb", cells)
    before = path.read_bytes()
    run = start(tool_on(folder, UPDATE), folder, limits="RLIMIT_FSIZE=200000")
    line = run.line("01_long.ipynb", "NOT WRITTEN")
    return run.result(
        " ".join(line.split()),
        says_why="File too large" in line,
        the_file_is_whole=path.read_bytes() == before,
        nothing_is_beside_it=[p.name for p in folder.iterdir()] == [path.name],
        no_traceback="Traceback" not in run.output,
        exit_code_is_1=run.code == 1,
    )


def killed_kernel(folder: Path) -> Result:
    def kill(process: subprocess.Popen) -> None:
        wait_for(folder / "marker", process)
        time.sleep(1)
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)

    run = verify([write(folder / "a.ipynb", sleeper())], during=kill)
    said = run.said("a", "wait")
    return run.result(
        run.verdict("a") + (", killed by SIGKILL" if "SIGKILL" in said else ""),
        fails_at_wait=run.outcomes("a") == {"first": "passed", "wait": "failure", "later": "skipped"},
        says_how_it_died="killed by SIGKILL" in said,
        exit_code_is_1=run.code == 1,
    )


def no_memory(folder: Path) -> Result:
    """The kernel has little memory, and a cell takes all of it, to the last kilobyte."""
    fill = "hog = []\nsize = 2**24\nwhile size:\n    try:\n        hog.append(bytearray(size))\n"
    fill += "    except MemoryError:\n        size //= 2\nhog.append(bytearray(2**24))"
    cells = [code("first", "1", value("1")), code("fill", fill), later()]
    if sys.platform != "linux":
        raise NotPossible("a process's memory can't be limited on this system")
    limit = f"RLIMIT_AS={3 * 2**29}"
    run = verify([write(folder / "a.ipynb", cells)], limits=limit, OPENBLAS_NUM_THREADS="1")
    said = run.said("a", "fill")
    return run.result(
        run.verdict("a") + (", MemoryError" if "MemoryError" in said else ""),
        fails_at_fill=run.outcomes("a") == {"first": "passed", "fill": "failure", "later": "skipped"},
        says_why="MemoryError" in said or "died" in said,
        exit_code_is_1=run.code == 1,
    )


AT_LOAD = "fail at load, naming the file; later cells not run"
AT_LOAD_ONLY = "fail at load, naming the file; the next chapter runs"
AT_CELL = "end with code 2, naming the cell; no kernel left"
AT_CHAPTER = "name the chapter; the file whole, no kernel left"
FAULTS = [
    Fault("data: a file truncated", AT_LOAD, partial(damaged, damage=truncate, says="can't be unpacked")),
    Fault(
        "data: a byte altered", AT_LOAD, partial(damaged, damage=alter, says="has the right size, but alter")
    ),
    Fault("data: a file missing", AT_LOAD, partial(damaged, damage=Path.unlink, says="missing: ")),
    Fault(
        "data: another shape", AT_LOAD, partial(damaged, damage=reshape, says="has the shape (60000, 28, 29)")
    ),
    Fault("data: make run", AT_LOAD_ONLY, partial(damaged_tool, tool=RUN, says="FAILED")),
    Fault("data: make update", AT_LOAD_ONLY, partial(damaged_tool, tool=UPDATE, says="NOT WRITTEN:")),
    Fault("data: a damaged cache", "fail at load, for it warns; no internal error", damaged_cache),
    Fault("network: refused", "pass on the sample, and say so", partial(offline, answers=False)),
    Fault("network: no answer", "the same, but fail at a bad cell", partial(offline, answers=True)),
    Fault("read-only: good notebook", "pass, its figure too", partial(read_only, good=True)),
    Fault(
        "read-only: bad notebook",
        "fail at the bad cell; say that the page can't be written",
        partial(read_only, good=False),
    ),
    Fault(
        "read-only: make run",
        "end with code 2 and one line that names build/",
        partial(read_only_tool, tool=RUN, exit_code=2, names="build"),
    ),
    Fault(
        "read-only: make update",
        "end with code 1 and one line that names the file",
        partial(read_only_tool, tool=UPDATE, exit_code=1, names="01_a.ipynb"),
    ),
    Fault("Ctrl-C: pytest", AT_CELL, partial(interrupted_pytest, send=os.kill)),
    Fault("Ctrl-C: pytest's group", AT_CELL, partial(interrupted_pytest, send=os.killpg)),
    Fault("Ctrl-C: make update", AT_CHAPTER, partial(interrupted_tool, tool=UPDATE, send=os.kill)),
    Fault("Ctrl-C: make update's group", AT_CHAPTER, partial(interrupted_tool, tool=UPDATE, send=os.killpg)),
    Fault("Ctrl-C: make run", AT_CHAPTER, partial(interrupted_tool, tool=RUN, send=os.kill)),
    Fault("Ctrl-C: make run's group", AT_CHAPTER, partial(interrupted_tool, tool=RUN, send=os.killpg)),
    Fault("full disk: make update", "leave the file whole, and say why", full_disk),
    Fault("kernel killed from outside", "fail at its cell, naming SIGKILL", killed_kernel),
    Fault("kernel out of memory", "fail at its cell, naming the memory", no_memory),
]


def run(fault: Fault) -> Result:
    """Provoke a fault in a folder of its own; NotPossible if it can't be, here."""
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        return fault.provoke(Path(folder).resolve())


def run_all(faults: list[Fault] = FAULTS) -> Iterator[Result | NotPossible]:
    """All of them, two at a time; one, if pytest runs other tests meanwhile."""

    def attempt(fault: Fault) -> Result | NotPossible:
        try:
            return run(fault)
        except NotPossible as why:
            return why

    at_a_time = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    with ThreadPoolExecutor(at_a_time) as pool:
        yield from pool.map(attempt, faults)


def table(faults: list[Fault] = FAULTS) -> str:
    """Every fault with its verdict, in Markdown; a wrong one is bold."""
    lines = ["| fault | must | verdict | seconds |", "|---|---|---|---|"]
    for fault, result in zip(faults, run_all(faults), strict=True):
        if isinstance(result, NotPossible):
            lines.append(f"| {fault.name} | {fault.must} | not tried: {result} | |")
            continue
        verdict = result.verdict.replace("|", "\\|")
        if result.wrong:
            verdict = f"**{verdict}: not {'; not '.join(result.wrong)}**"
        lines.append(f"| {fault.name} | {fault.must} | {verdict} | {result.seconds:.1f} |")
    return "\n".join(lines)
