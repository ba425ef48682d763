"""Start pytest on notebooks from a program, and read its verdicts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from nbproof.compare.outputs import COLOUR
from nbproof.settings import Settings

MACHINE = ("didn't start", "the kernel died", "Timeout of")  # a failure that says nothing of the code


class Verdict(NamedTuple):
    """What pytest said of one item of a notebook: a cell, its hygiene, or ("") its file."""

    notebook: str
    item: str
    outcome: str  # "passed", "failed", "skipped", or "error": pytest couldn't judge
    said: str
    seconds: float
    record: dict[str, Any]  # the plugin's; empty for what is no cell

    @property
    def by_machine(self) -> bool:
        """Whether the machine is at fault, not the cell, whose source may have such words too.

        >>> said = "a: outputs differ\\n\\nprint('Timeout of 1 second')"
        >>> Verdict("a.ipynb", "a", "failed", said, 0, {}).by_machine
        False
        """
        return self.outcome == "error" or any(words in self.said.partition("\n")[0] for words in MACHINE)

    @property
    def in_a_line(self) -> str:
        """Of what was said the line that tells most: of the machine's faults the first, else the one that a
        comparison names, else the last.

        >>> said = "b: outputs differ\\n\\nstdout: line 1: 2 became 3\\n\\n2"
        >>> Verdict("a.ipynb", "b", "failed", said, 0, {}).in_a_line
        'stdout: line 1: 2 became 3'
        >>> Verdict("a.ipynb", "b", "failed", "b: Timeout of 1 seconds exceeded\\n\\nx", 0, {}).in_a_line
        'b: Timeout of 1 seconds exceeded'
        """
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        compared = r"[\w/ .+-]*: (line \d+|the picture)|the kinds or the order"
        if self.by_machine and lines:
            return lines[0][:160]
        told = (line for line in lines[1:] if re.match(compared, line))
        return next(told, lines[-1] if lines else "")[:160]


class Run(NamedTuple):
    """What a run of pytest came to: its verdicts in their order, its exit code, what it printed."""

    verdicts: list[Verdict]
    code: int
    output: str

    @property
    def failures(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.outcome in ("failed", "error")]

    @property
    def compared(self) -> list[Verdict]:
        """The cells that passed and were compared."""
        passed = [v for v in self.verdicts if v.record.get("outcome") == "passed"]
        return [v for v in passed if v.record["kind"] != "not compared"]

    def first_failures(self) -> dict[str, str]:
        """For each notebook that failed, the item at which it first did."""
        found: dict[str, str] = {}
        for failure in self.failures:
            found.setdefault(failure.notebook, failure.item)
        return found


def arguments(
    settings: Settings, paths: Sequence[Path], options: Sequence[str] = (), root: Path | None = None
) -> list[str]:
    """The arguments of pytest for notebooks of a book, or for copies of them in the folder `root`."""
    if not paths:
        raise ValueError("`paths` must not be empty: pytest would run all tests there are")
    file = settings.root / "pyproject.toml"
    config = file if file.is_file() else Path(os.devnull)
    fixed = ["--nbval", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "--assert=plain"]
    fixed += ["-c", str(config), f"--rootdir={root or settings.root}", f"--nbproof-book={settings.root}"]
    return [*fixed, *options, *map(str, paths)]


class AtOnce(ThreadPoolExecutor):
    """Threads for so many runs at a time. After an error, or Ctrl-C, none of those that wait begins."""

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self.shutdown(cancel_futures=kind is not None)


def run_notebooks(
    settings: Settings,
    paths: Sequence[Path],
    *,
    options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> Run:
    """Run notebooks in a new process. RuntimeError if pytest itself broke."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdicts"
        command = [sys.executable, "-m", "pytest", f"--nbproof-verdicts={file}"]
        done = subprocess.run(
            command + arguments(settings, paths, options, root),
            cwd=settings.root,
            env=os.environ | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        run = Run(read_verdicts(file), done.returncode, done.stdout + done.stderr)
    if done.returncode not in (0, 1) or bool(run.failures) != (done.returncode == 1):
        said = f"pytest ended with {done.returncode}, and its report has {len(run.failures)} failures"
        raise RuntimeError(f"{said}:\n{run.output[-3000:]}")
    return run


def read_verdicts(file: Path) -> list[Verdict]:
    """The verdicts that a run has written with --nbproof-verdicts, of all notebooks' items."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        verdict = Verdict(**json.loads(line))
        found.append(verdict._replace(said=COLOUR.sub("", verdict.said)))
    return found
