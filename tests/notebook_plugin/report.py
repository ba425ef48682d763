"""The end of a run: how many cells of each kind, which were not compared and why, a page of failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell

from notebook_plugin import page
from notebook_plugin.cells import PROPERTY, place

KINDS = ("exact", "tolerant", "statistical", "not compared")


class Counts:
    """Collects every cell's verdict from its report."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = {}  # by node id and place

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, verdict in report.user_properties:
            if name == PROPERTY:
                self.cells[f"{report.nodeid} {verdict['place']}"] = verdict

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.cells:
            return
        write = terminalreporter.write_line
        passed = Counter(v["kind"] for v in self.cells.values() if v["outcome"] == "passed")
        others = Counter(v["outcome"] for v in self.cells.values() if v["outcome"] != "passed")
        terminalreporter.section("notebook cells")
        for verdict in self.cells.values():
            if verdict["outcome"] == "passed" and verdict["why"]:
                write(f"{verdict['kind']}: {verdict['place']}: {verdict['why']}")
        counts = [f"{passed[kind]} {kind}" for kind in KINDS]
        counts += [f"{count} {outcome}" for outcome, count in sorted(others.items())]
        write(f"{len(self.cells)} cells: {', '.join(counts)}")


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
        if isinstance(self.item, IPyNbCell):
            terminalreporter.write_line(f"interrupted in {place(self.item)}", red=True)


class FailurePage:
    """Collects every failure of a notebook, and writes the page when the run ends."""

    def __init__(self) -> None:
        self.failures: dict[Path, list[page.Failure]] = {}  # by the folder of their page

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._keep(report, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        records = (value for name, value in report.user_properties if name == PROPERTY)
        self._keep(report, next(records, {}).get("pictures", []))

    def _keep(self, report: pytest.CollectReport | pytest.TestReport, pictures: list[str]) -> None:
        notebook = getattr(report, "notebook", None)
        if notebook is None:
            return
        failures = self.failures.setdefault(Path(notebook["folder"]), [])
        if report.failed:
            failures.append(page.Failure(notebook["place"], report.longreprtext, pictures))

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
