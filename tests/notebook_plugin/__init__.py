"""Notebooks as tests: what pytest's plugin nbval leaves unchecked, checked.

Active with `--nbval`, for any notebook:  python -m pytest -c pyproject.toml --nbval PATH

compare    stored outputs against new ones: order, text with its numbers, pictures
hygiene    the form of the repository's own notebooks: ids, counts, tags, metadata
kinds      what a cell promises: an exact output, a tolerant one, or a band that it asserts
running    the kernel: this Python; a dead one, an endless loop, endless output are noticed at once
cells      the above put into nbval's classes
columns    stored and new side by side
page       one page under build/ with every failure and its pictures
report     the count of each kind, and of what was not compared, at the end of the run
"""

from __future__ import annotations

import pytest

from notebook_plugin import cells, report


def pytest_configure(config: pytest.Config) -> None:
    # A folder that can't be written to has no cache, and that alone is no failure.
    config.addinivalue_line("filterwarnings", "default::pytest.PytestCacheWarning")
    if config.option.nbval:
        config.pluginmanager.register(cells.CellChecks(), "notebook-cells")
        config.pluginmanager.register(report.Counts(), "notebook-counts")
        config.pluginmanager.register(report.FailurePage(), "notebook-failure-page")
        config.pluginmanager.register(report.Interruption(), "notebook-interruption")
