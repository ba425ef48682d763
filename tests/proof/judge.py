"""Ask the plugin about the chapters of a copy of the repository: which cells fail?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from checkout import copy_checkout
from data_status import status
from junit import Case, cases

COLOUR = re.compile(r"(?:\x1b|#x1B)\[[\d;]*m")  # as pytest writes them into its XML
MACHINE = ("didn't start", "the kernel died", "Timeout of")  # a failure that says nothing of the code
AT_ONCE = 2  # runs at a time, each with one kernel


class Failure(NamedTuple):
    """A cell that failed: what was said of it, and whether the machine is at fault, not the cell."""

    chapter: str
    cell: str
    said: str
    by_machine: bool


def require_full_data() -> None:
    """Leave the program if only the sample of the data is here: most cells wouldn't be compared."""
    if status().is_sample:
        sys.exit("the full Fashion-MNIST is needed; only the shipped sample is here")


class Copies:
    """Copies of the repository in a folder, so that runs at a time don't meet in one."""

    def __init__(self, folder: Path) -> None:
        self.free: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            self.free.put(copy_checkout(folder / str(number), ["notebooks"]))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """A copy that nobody else has, for as long as it is needed."""
        copy = self.free.get()
        try:
            yield copy
        finally:
            self.free.put(copy)


class Run(NamedTuple):
    """What pytest said: the failures in their order; how many cells passed, how many not to the letter."""

    failures: list[Failure]
    cells: int
    deviating: int


def run_copy(
    copy: Path,
    notebooks: Sequence[Path],
    options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Run:
    """Run notebooks of a copy with the copy's own package and plugin."""
    # No bytecode: two faults of one size within a second would share it.
    own = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return run_pytest(copy, copy / "pyproject.toml", notebooks, options, own | dict(variables or {}))


def run_pytest(
    folder: Path,
    config: Path,
    notebooks: Sequence[Path],
    options: Sequence[str],
    variables: Mapping[str, str],
) -> Run:
    """Run notebooks below `folder`. RuntimeError if pytest itself broke."""
    if not notebooks:
        raise ValueError("`notebooks` must not be empty: pytest would run all tests there are")
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-c", config, f"--rootdir={folder}", "--nbval", "-q"]
    command += ["-p", "no:cacheprovider", f"--junit-xml={report}", *options, *notebooks]
    environment = os.environ | dict(variables)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1) or not report.exists():
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    found = list(cases(report))
    failures = [failure(case) for case in found if case.outcome in ("failure", "error")]
    if bool(failures) != (done.returncode == 1):
        raise RuntimeError(
            f"pytest ended with {done.returncode}, but its report has {len(failures)} failures"
        )
    passed = [case.record for case in found if case.record.get("outcome") == "passed"]
    compared = [record for record in passed if record["kind"] != "not compared"]
    return Run(failures, len(compared), sum(not record["identical"] for record in compared))


def failure(case: Case) -> Failure:
    text = COLOUR.sub("", case.text or case.message)
    by_machine = case.outcome == "error" or any(words in text for words in MACHINE)
    return Failure(case.notebook, case.item, what_was_said(text), by_machine)


def what_was_said(text: str) -> str:
    """Of a failure's text what tells most: the line that a comparison names, else the last one.

    >>> what_was_said("a.ipynb, cell b: Cell outputs differ\\n\\nstdout: line 1: 2 became 3\\n\\n2 | 3")
    'stdout: line 1: 2 became 3'
    >>> what_was_said("a.ipynb, cell b: Cell execution caused an exception\\n\\nValueError: no")
    'ValueError: no'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = (
        line
        for line in lines[1:]
        if re.match(r"[\w/ .+-]*: (line \d+|the picture)|the kinds or the order", line)
    )
    return next(told, lines[-1] if lines else "")[:160]
