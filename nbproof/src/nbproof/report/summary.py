"""What a run says: the count of each kind, what wasn't compared and why, a page of failures, the verdicts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nbproof.report import page
from nbproof.run.nodes import Notebook

KINDS = ("exact", "tolerant", "statistical", "not compared")
AnyReport = pytest.CollectReport | pytest.TestReport


def mark(report: AnyReport, node: pytest.Item | pytest.Collector) -> None:
    """Note in a notebook's report what it's about; a report tells no path on its own."""
    notebook = node if isinstance(node, Notebook) else node.parent
    if isinstance(notebook, Notebook):
        report.notebook = {
            "folder": str(page.folder(notebook.path, node.config)),
            "notebook": notebook.place,
            "item": "" if node is notebook else node.name,
            "record": getattr(node, "record", {}),
        }


def mark_of(report: AnyReport) -> dict[str, Any]:
    """What was noted in a report; of what belongs to no notebook, its name."""
    return getattr(report, "notebook", {"folder": "", "notebook": report.nodeid, "item": "", "record": {}})


class Counts:
    """Ends the run with the count of each kind, and with what ran when it was interrupted (Ctrl-C)."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str], dict[str, Any]] = {}
        self.running = ""

    def pytest_runtest_logstart(self, location: tuple[str, int, str]) -> None:
        self.running = location[2]

    def pytest_runtest_logfinish(self) -> None:
        self.running = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        mark = mark_of(report)
        if mark["record"]:
            self.cells[mark["notebook"], mark["item"]] = mark["record"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        if self.cells:
            terminalreporter.section("notebook cells")
            passed = {place: v for place, v in self.cells.items() if v["outcome"] == "passed"}
            for (notebook, cell), v in passed.items():
                if v["why"]:
                    write(f"{v['kind']}: {notebook}, cell {cell}: {v['why']}")
            kinds = Counter(v["kind"] for v in passed.values())
            others = Counter(v["outcome"] for place, v in self.cells.items() if place not in passed)
            counts = [f"{kinds[kind]} {kind}" for kind in KINDS]
            counts += [f"{count} {outcome}" for outcome, count in sorted(others.items())]
            write(f"{len(self.cells)} cells: {', '.join(counts)}")
        if self.running:
            write(f"interrupted in {self.running}", red=True)


class FailurePage:
    """Collects every failure of a notebook, and writes the page when the run ends."""

    def __init__(self) -> None:
        self.failures: dict[Path, list[page.Failure]] = {}  # by the folder of their page

    def pytest_runtest_logreport(self, report: AnyReport) -> None:
        mark = mark_of(report)
        if not mark["folder"]:
            return
        failures = self.failures.setdefault(Path(mark["folder"]), [])
        if report.failed:
            where = ", ".join(filter(None, (mark["notebook"], mark["item"])))
            failures.append((where, report.longreprtext, mark["record"].get("pictures", [])))

    pytest_collectreport = pytest_runtest_logreport

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for build, failures in self.failures.items():
            try:
                if failures:
                    path = page.write(build, failures)
                    terminalreporter.write_line(f"failures, with their pictures: {path}")
                else:
                    (build / page.NAME).unlink(missing_ok=True)  # of an earlier run
            except OSError as error:
                terminalreporter.write_line(f"the page of failures can't be written: {error}")


class VerdictFile:
    """Writes every item's verdict for a program to read (`harness`): one line of JSON each."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.open("w", encoding="utf-8")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(report, "error")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._write(report, report.outcome if report.when == "call" or report.skipped else "error")

    def _write(self, report: AnyReport, outcome: str) -> None:
        mark = mark_of(report)
        verdict = {
            "notebook": mark["notebook"],
            "item": mark["item"],
            "outcome": outcome,
            "said": report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext,
            "seconds": getattr(report, "duration", 0.0),
            "record": mark["record"],
        }
        self.file.write(json.dumps(verdict) + "\n")
        self.file.flush()

    def pytest_unconfigure(self) -> None:
        self.file.close()
