"""Ask the plugin about the chapters of a copy of the repository: which cells fail?"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from data_status import status
from notebook_plugin.cells import PROPERTY

ROOT = Path(__file__).resolve().parent.parent.parent
COLOUR = re.compile(r"(?:\x1b|#x1B)\[[\d;]*m")  # as pytest writes them into its XML
MACHINE = ("didn't start", "the kernel died", "Timeout of")  # a failure that says nothing of the code
AT_ONCE = 2  # runs at a time, each with one kernel
PARTS = ("d2lmini", "notebooks", "tests", "tools", "pyproject.toml", "README.md")


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


def copy_repository(folder: Path) -> Path:
    """A copy of what the chapters and the plugin need, in a new folder."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


class Copies:
    """Copies of the repository in a folder, so that runs at a time don't meet in one."""

    def __init__(self, folder: Path) -> None:
        self.free: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            self.free.put(copy_repository(folder / str(number)))

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
    failures, verdicts = [], []
    for case in ElementTree.parse(report).iter("testcase"):
        verdicts += [
            ast.literal_eval(p.get("value")) for p in case.iter("property") if p.get("name") == PROPERTY
        ]
        for child in case:
            if child.tag in ("failure", "error"):
                place = case.get("classname") or case.get("name")
                text = COLOUR.sub("", child.text or child.get("message") or "")
                by_machine = child.tag == "error" or any(words in text for words in MACHINE)
                failures.append(Failure(stem(place), case.get("name"), what_was_said(text), by_machine))
    if bool(failures) != (done.returncode == 1):
        raise RuntimeError(
            f"pytest ended with {done.returncode}, but its report has {len(failures)} failures"
        )
    passed = [verdict for verdict in verdicts if verdict["outcome"] == "passed"]
    compared = [verdict for verdict in passed if verdict["kind"] != "not compared"]
    return Run(failures, len(compared), sum(not verdict["identical"] for verdict in compared))


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


def stem(place: str) -> str:
    """The notebook's name in a report's place.

    >>> stem("notebooks.01_a.ipynb"), stem("notebooks/01_a.ipynb")
    ('01_a', '01_a')
    """
    return place.removesuffix(".ipynb").rpartition(".")[2].rpartition("/")[2]
