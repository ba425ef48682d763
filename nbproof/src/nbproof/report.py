"""What a run says: the count of each kind, what wasn't compared and why, a page of failures, the verdicts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbproof import page
from nbproof.nodes import PROPERTY, Cell, Notebook, place

KINDS = ("exact", "tolerant", "statistical", "not compared")


def mark(report: pytest.CollectReport | pytest.TestReport, node: pytest.Item | pytest.Collector) -> None:
    """Note in a notebook's report its place and its page's; a report tells no path on its own."""
    notebook = node if isinstance(node, Notebook) else node.parent
    if isinstance(notebook, Notebook):
        report.notebook = {
            "folder": str(page.folder(notebook.path, node.config)),
            "place": notebook.place,
            "item": "" if node is notebook else node.name,
        }


def record_of(report: pytest.TestReport) -> dict[str, Any]:
    """A cell's verdict, from its report; empty for what is no cell."""
    return next((value for name, value in report.user_properties if name == PROPERTY), {})


class Counts:
    """Collects every cell's verdict from its report."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str, str], dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if record := record_of(report):
            self.cells[report.nodeid, record["notebook"], record["cell"]] = record

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.cells:
            return
        write, found = terminalreporter.write_line, self.cells.values()
        passed = Counter(v["kind"] for v in found if v["outcome"] == "passed")
        others = Counter(v["outcome"] for v in found if v["outcome"] != "passed")
        terminalreporter.section("notebook cells")
        for v in found:
            if v["outcome"] == "passed" and v["why"]:
                write(f"{v['kind']}: {v['notebook']}, cell {v['cell']}: {v['why']}")
        counts = [f"{passed[kind]} {kind}" for kind in KINDS]
        counts += [f"{count} {outcome}" for outcome, count in sorted(others.items())]
        write(f"{len(found)} cells: {', '.join(counts)}")


class Interruption:
    """Names the cell that ran when the run was interrupted (Ctrl-C)."""

    def __init__(self) -> None:
        self.item: pytest.Item | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.item = item
        done: Any = yield
        self.item = None
        return done

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if isinstance(self.item, Cell):
            terminalreporter.write_line(f"interrupted in {place(self.item)}", red=True)


class FailurePage:
    """Collects every failure of a notebook, and writes the page when the run ends."""

    def __init__(self) -> None:
        self.failures: dict[Path, list[page.Report]] = {}  # by the folder of their page

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._keep(report, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._keep(report, record_of(report).get("pictures", []))

    def _keep(self, report: pytest.CollectReport | pytest.TestReport, pictures: list[str]) -> None:
        notebook = getattr(report, "notebook", None)
        if notebook is None:
            return
        failures = self.failures.setdefault(Path(notebook["folder"]), [])
        if report.failed:
            where = ", ".join(filter(None, (notebook["place"], notebook["item"])))
            failures.append(page.Report(where, report.longreprtext, pictures))

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

    def _write(self, report: pytest.CollectReport | pytest.TestReport, outcome: str) -> None:
        notebook = getattr(report, "notebook", {"place": report.nodeid, "item": ""})
        said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        verdict = {
            "notebook": notebook["place"],
            "item": notebook["item"],
            "outcome": outcome,
            "said": said,
            "seconds": getattr(report, "duration", 0.0),
            "record": record_of(report) if isinstance(report, pytest.TestReport) else {},
        }
        self.file.write(json.dumps(verdict) + "\n")
        self.file.flush()

    def pytest_unconfigure(self) -> None:
        self.file.close()
