"""Run a book's notebooks, each in a fresh kernel: `nbproof run`, or `nbproof update` to store the outputs.

Both are one run of pytest whose report is a line for each notebook. One that fails is named with the cell and
the error, and the others still run; then the exit code is 1. `run` writes executed copies into the build
folder. `update` writes a notebook only if every cell passed and its outputs may be stored: no stderr, no
absolute path, no object's address. It's written beside and renamed, so that Ctrl-C or a full disk leaves the
old file whole, and two runs in a row change no byte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from nbproof.notebooks.select import add_arguments, chosen
from nbproof.run.harness import arguments
from nbproof.run.nodes import Cell, Notebook
from nbproof.run.store import RUN, UPDATE
from nbproof.settings import Settings

INTERRUPTED = 130  # the exit code of a command that Ctrl-C has ended
FAILED = {RUN: "FAILED ", UPDATE: "NOT WRITTEN:"}


class Lines:
    """Stands for pytest's own report: a line for each notebook, a bar on a terminal, a sum at the end."""

    def __init__(self, mode: str, settings: Settings, build: Path, paths: list[Path]) -> None:
        self.mode, self.settings, self.build, self.paths = mode, settings, build, paths
        self.failed: list[str] = []
        self.running: Notebook | None = None
        self.error = ""  # of pytest itself
        self.begun = time.monotonic()
        watched = sys.stderr.isatty()
        self.bar = tqdm(total=0, unit="cell", leave=False, disable=not watched)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        config.pluginmanager.unregister(reporter)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.bar.total = sum(isinstance(item, Cell) for item in session.items)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        report = yield
        if report.failed and isinstance(collector, Notebook):
            self._say(collector, 0.0)
        elif report.failed:
            self.error = report.longreprtext
        return report

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        self.bar.set_description(nodeid.partition("::")[0].rpartition("/")[2])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.running = item.parent

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self.bar.update(isinstance(item, Cell))
        if nextitem is None or nextitem.parent is not item.parent:
            self._say(item.parent, time.monotonic() - item.parent.begun)
            self.running = None

    def _say(self, notebook: Notebook, seconds: float) -> None:
        outcome = f"{FAILED[self.mode]} {notebook.error}" if notebook.error else notebook.outcome
        if notebook.error:
            self.failed.append(notebook.path.name)
        self.bar.write(f"{notebook.path.stem:<26} {seconds:6.1f} s  {outcome}", file=sys.stdout)
        sys.stdout.flush()

    def pytest_keyboard_interrupt(self) -> None:
        self.bar.close()
        where = f"before any {self.settings.noun} ran"
        if self.running is not None:
            lost = self.mode == UPDATE and not self.running.outcome
            where = f"in {self.running.path.name}" + ("; it was not written" if lost else "")
        print(f"{self.mode}: interrupted {where}", file=sys.stderr)

    def pytest_internalerror(self, excrepr: Any) -> None:
        self.error = str(excrepr)

    def finish(self, code: int) -> int:
        """Print the sum; the command's exit code."""
        self.bar.close()
        if code == pytest.ExitCode.INTERRUPTED:
            return INTERRUPTED
        if self.error or code not in (0, 1) or (code and not self.failed):
            print(f"{self.mode}: {self.error or f'pytest ended with code {code}'}", file=sys.stderr)
            return 2
        minutes, seconds = divmod(round(time.monotonic() - self.begun), 60)
        end = f": {', '.join(self.failed)}" if self.failed else ""
        if self.mode == RUN and not self.failed:
            end = f"; executed copies in {self.build.name}/"
        noun = self.settings.noun + "s" * (len(self.paths) != 1)
        print(f"{len(self.paths)} {noun} in {minutes} min {seconds:02d} s, {len(self.failed)} failed{end}")
        return 1 if self.failed else 0


def main(mode: str, argv: list[str], settings: Settings) -> int:
    """`nbproof run` and `nbproof update`; the exit code."""
    parser = argparse.ArgumentParser(prog=f"nbproof {mode}", description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--build", type=Path, default=settings.path("build"), help="where copies go")
    parser.add_argument("--timeout", type=float, default=settings.timeout, help="seconds a cell may take")
    args = parser.parse_args(argv)
    settings, paths = chosen(settings, args)
    options = [f"--nbproof-mode={mode}", f"--nbval-cell-timeout={args.timeout:g}", "--capture=no"]
    if mode == RUN:
        if any(path.parent.resolve() == args.build.resolve() for path in paths):
            why = f"is the {settings.noun}s' own folder, where copies would replace them"
            print(f"{mode}: {args.build} {why}", file=sys.stderr)
            return 2
        try:
            args.build.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=args.build).close()
        except OSError as error:
            print(f"{mode}: {args.build} can't be written to: {error.strerror}", file=sys.stderr)
            return 2
        options.append(f"--nbproof-build={args.build}")
    lines = Lines(mode, settings, args.build, paths)
    code = pytest.main(arguments(settings, paths, options), plugins=[lines])
    return lines.finish(code)
