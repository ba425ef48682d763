"""Start a run of a notebook and do to it what a machine may do: limit it, interrupt it, take its rights.

The machine's faults that concern any notebook are in nbproof's tests; a book adds those of its own, such as
damaged data.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from nbproof.notebooks.file import METADATA, text_of
from nbproof.run.harness import Verdict, arguments, read_verdicts
from nbproof.settings import Settings

LONGEST = 60  # seconds that a run may take at all
SOON = 15  # seconds in which a verdict must come
# What a user's own environment may say that would change the verdict.
DROPPED = ("MPLCONFIGDIR", "MATPLOTLIBRC", "IPYTHONDIR", "PYTHONPYCACHEPREFIX")
FAMILIES = ("XDG_", "JUPYTER_", "PYTEST_", "COV_")  # by how their names start


class Ended(NamedTuple):
    """A process that has ended, with the verdicts on notebooks that it gave."""

    code: int
    output: str
    verdicts: Sequence[Verdict] = ()

    def outcomes(self, name: str) -> dict[str, str]:
        """What came of each item of a notebook."""
        return {v.item: v.outcome for v in self.verdicts if Path(v.notebook).stem == name}

    def verdict(self, name: str) -> str:
        """In words: "fails at bad"."""
        failed = [item for item, outcome in self.outcomes(name).items() if outcome in ("failed", "error")]
        return f"fails at {', '.join(failed)}" if failed else "passes"

    def said(self, name: str, item: str) -> str:
        found = (v.said for v in self.verdicts if (Path(v.notebook).stem, v.item) == (name, item))
        return " ".join(next(found, "").split())

    def line(self, *words: str) -> str:
        """The first printed line with these words in it."""
        return next((x for x in self.output.splitlines() if all(w in x for w in words)), "")


def start(
    command: Sequence[str | Path],
    folder: Path,
    *,
    under: Sequence[str | Path] = (),
    limits: Mapping[int, int] | None = None,
    during: Callable[[subprocess.Popen], None] | None = None,
    variables: Mapping[str, str | Path] | None = None,
) -> Ended:
    """Run a Python command in a folder, `under` another one; `during` meddles with it.

    `limits` are those of the module resource. AssertionError if it takes too long or prints a traceback.
    """
    env = {k: v for k, v in os.environ.items() if k not in DROPPED and not k.startswith(FAMILIES)}
    env = {k: v for k, v in env.items() if not k.lower().endswith("_proxy")}
    with tempfile.TemporaryFile() as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            [*map(str, under), sys.executable, *map(str, command)],
            cwd=folder,
            env=env | {name: str(value) for name, value in (variables or {}).items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=functools.partial(_limit, limits or {}),
        )
        try:
            if during:
                during(process)
            code = process.wait(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no verdict after {LONGEST} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - begun
        log.seek(0)
        output = log.read().decode("utf-8", "replace")
    assert seconds < SOON, f"it took {seconds:.0f} s"
    assert "\nTraceback (most" not in f"\n{output}" and "INTERNALERROR" not in output, output
    return Ended(code, output)


def _limit(limits: Mapping[int, int]) -> None:
    """In the new process: it may be interrupted, though a shell's background jobs ignore that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if limits:
        import resource

        for limit, size in limits.items():
            resource.setrlimit(limit, (size, size))


def start_pytest(settings: Settings, path: Path, **how) -> Ended:
    """Verify a notebook in its own folder; `how` as for `start`."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)  # also for a run without root's rights
        file = Path(place) / "verdicts"
        command = ["-m", "pytest", f"--nbproof-verdicts={file}", *arguments(settings, [path])]
        return start(command, path.parent, **how)._replace(verdicts=read_verdicts(file))


def start_command(name: str, folder: Path, *, book: Path | None = None, **how) -> Ended:
    """`nbproof run` or `nbproof update` on the notebooks of a folder; what is built goes there too."""
    build = ["--build", folder / "build"] if name == "run" else []
    return start(["-m", "nbproof", name, "--notebooks", folder, *build], book or folder, **how)


def write(path: Path, cells: Sequence[NotebookNode]) -> Path:
    """A notebook of the form that a book's own have."""
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    path.write_bytes(text_of(nbformat.v4.new_notebook(cells=list(cells), metadata=METADATA)))
    return path


def wait_for(marker: Path, process: subprocess.Popen) -> None:
    """Wait until a file is there, or the process has ended."""
    end = time.monotonic() + LONGEST
    while not marker.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


def possible(*command: str | Path) -> bool:
    """Whether a command can be run here, and succeeds."""
    try:
        return subprocess.run(list(map(str, command)), capture_output=True, timeout=LONGEST).returncode == 0
    except OSError:
        return False
