"""Provoke faults of a machine under a run: limit it, interrupt it, take its rights; then, what was said?

A scenario provokes one fault and says what must hold of the run. The machine's faults that concern any
notebook are in nbproof's tests; a book adds those of its own, such as damaged data.
"""

from __future__ import annotations

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
import pytest
from nbformat import NotebookNode

from nbproof import columns
from nbproof.harness import Verdict, arguments, read_verdicts
from nbproof.notebook import METADATA, text_of
from nbproof.settings import Settings

LONGEST = 60  # seconds that a run may take at all
SOON = 15  # seconds in which a verdict must come
# What a user's own environment may say that would change the verdict.
DROPPED = ("MPLCONFIGDIR", "MATPLOTLIBRC", "IPYTHONDIR", "PYTHONPYCACHEPREFIX")
FAMILIES = ("XDG_", "JUPYTER_", "PYTEST_", "COV_")  # by how their names start

# Started by this, a process may be interrupted though its shell's background jobs ignore that.
LAUNCH = """
import os, resource, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
for limit in sys.argv[1].split():
    name, _, size = limit.partition("=")
    resource.setrlimit(getattr(resource, name), (int(size), int(size)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotPossible(Exception):
    """The fault can't be provoked on this machine; the message says why."""


class Finding(NamedTuple):
    """What was said, after how long; what of it is wrong, and all that was printed."""

    verdict: str
    seconds: float
    wrong: list[str]
    output: str


class Scenario(NamedTuple):
    """A fault with what must come of it; `provoke` is given an empty folder."""

    name: str
    must: str
    provoke: Callable[[Path], Finding]


class Ended(NamedTuple):
    """A process that has ended, with the verdicts on notebooks that it gave."""

    code: int
    output: str
    seconds: float
    verdicts: Sequence[Verdict] = ()

    def outcomes(self, name: str) -> dict[str, str]:
        """What came of each item of a notebook."""
        return {v.item: v.outcome for v in self.verdicts if Path(v.notebook).stem == name}

    def verdict(self, name: str) -> str:
        """In words: "fails at bad"."""
        outcomes = self.outcomes(name)
        failed = [item for item, outcome in outcomes.items() if outcome in ("failed", "error")]
        return f"fails at {', '.join(failed)}" if failed else "passes" if outcomes else "isn't run"

    def said(self, name: str, item: str) -> str:
        found = (v.said for v in self.verdicts if (Path(v.notebook).stem, v.item) == (name, item))
        return " ".join(next(found, "").split())

    def line(self, *words: str) -> str:
        """The first printed line with these words in it."""
        return next((x for x in self.output.splitlines() if all(w in x for w in words)), "")

    def finding(self, verdict: str, **claims: bool) -> Finding:
        """`claims` are what must hold, by names that say it."""
        claims["no traceback is printed"] = "\nTraceback (most" not in f"\n{self.output}"
        claims["no internal error"] = "INTERNALERROR" not in self.output
        wrong = [name.replace("_", " ") for name, holds in claims.items() if not holds]
        return Finding(verdict or "says nothing", self.seconds, wrong, self.output)


def start(
    command: Sequence[str | Path],
    folder: Path,
    *,
    under: Sequence[str | Path] = (),
    limits: str = "",
    during: Callable[[subprocess.Popen], None] | None = None,
    variables: Mapping[str, str | Path] | None = None,
) -> Ended:
    """Run a Python command in a folder, `under` another one; `during` meddles with it.

    `limits` are those of the module resource: "RLIMIT_FSIZE=200000".
    """
    env = {k: v for k, v in os.environ.items() if k not in DROPPED and not k.startswith(FAMILIES)}
    env = {k: v for k, v in env.items() if not k.lower().endswith("_proxy")}
    launch = [*under, sys.executable, "-c", LAUNCH, limits, sys.executable, *command]
    with tempfile.TemporaryFile() as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            list(map(str, launch)),
            cwd=folder,
            env=env | {name: str(value) for name, value in (variables or {}).items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if during:
                during(process)
            code = process.wait(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - begun
        log.seek(0)
        return Ended(code, log.read().decode("utf-8", "replace"), seconds)


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


def find(scenario: Scenario) -> Finding | NotPossible:
    """Provoke a fault in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        try:
            return scenario.provoke(Path(folder).resolve())
        except NotPossible as why:
            return why


def check(scenario: Scenario) -> None:
    """As a test: its verdict must be right and come soon; skipped where it can't be provoked."""
    finding = find(scenario)
    if isinstance(finding, NotPossible):
        pytest.skip(str(finding))
    assert not finding.wrong, f"{finding.verdict}\n{finding.output}"
    if finding.seconds >= SOON:  # on a busy machine: once more
        finding = find(scenario)
    assert finding.seconds < SOON, f"it took {finding.seconds:.0f} s"


def table(scenarios: Sequence[Scenario], found: Sequence[Finding | NotPossible]) -> list[str]:
    """Every fault with its verdict, in lines of Markdown; a wrong one is bold."""
    rows = []
    for scenario, finding in zip(scenarios, found, strict=True):
        if isinstance(finding, NotPossible):
            told, seconds = f"not tried: {finding}", ""
        else:
            told, seconds = finding.verdict.replace("|", "\\|"), f"{finding.seconds:.1f}"
            if finding.wrong:
                told = f"**{told}: not {'; not '.join(finding.wrong)}**"
        rows.append((scenario.name, scenario.must, told, seconds))
    return columns.table(("fault", "must", "verdict", "seconds"), rows)
