"""The end of a run: how many cells of each kind, and which were not compared, and why."""

from __future__ import annotations

from collections import Counter

import pytest

from notebook_plugin.cells import PROPERTY

KINDS = ("exact", "tolerant", "statistical", "not compared")


class Counts:
    """Collects every cell's verdict from its report."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = {}  # by node id

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, verdict in report.user_properties:
            if name == PROPERTY:
                self.cells[report.nodeid] = verdict

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
