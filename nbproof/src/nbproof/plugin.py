"""The plugin of pytest: its options, and the hooks that put our nodes in the place of nbval's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

from nbproof import settings
from nbproof.report import summary
from nbproof.run.nodes import Cell, Notebook
from nbproof.run.store import CHECK, RUN, UPDATE

SCATTERED = ("load", "worksteal")  # ways of pytest-xdist that would tear a notebook's cells apart


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nbproof", "notebooks compared, with --nbval")
    group.addoption(
        "--nbproof-mode",
        choices=(CHECK, RUN, UPDATE),
        default=CHECK,
        help="compare outputs (check), only execute (run), or store new outputs (update)",
    )
    group.addoption("--nbproof-build", metavar="DIR", help="with run: where the executed copies go")
    group.addoption(
        "--nbproof-prelude",
        metavar="FILE",
        action="append",
        default=[],
        help="Python code that every kernel runs before the first cell",
    )
    group.addoption(
        "--nbproof-replay",
        metavar="NAME",
        help="compute nothing: take outputs from the file of this name beside each notebook",
    )
    group.addoption("--nbproof-book", metavar="DIR", help="whose settings hold (pytest's root, unless said)")
    group.addoption("--nbproof-verdicts", metavar="FILE", help="write every verdict as a line of JSON")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    if not (option.nbval or option.nbval_lax):
        return
    if option.nbdime:
        raise pytest.UsageError("--nbdime: not with nbproof, whose page of failures shows both sides")
    if getattr(option, "dist", "no") in SCATTERED:
        option.dist = "loadfile"  # a cell needs those before it: each notebook stays in one process
    elif getattr(option, "dist", "no") == "loadgroup":
        raise pytest.UsageError("--dist loadgroup tears a notebook's cells apart: take --dist loadfile")
    try:
        found = settings.load(Path(option.nbproof_book or config.rootpath))
        config.stash[settings.SETTINGS] = dataclasses.replace(found, root=config.rootpath)
    except settings.SettingsError as error:
        raise pytest.UsageError(str(error)) from None
    # A folder that can't be written to has no cache, and that alone is no failure.
    config.addinivalue_line("filterwarnings", "default::pytest.PytestCacheWarning")
    for plugin in (Swap(), summary.Counts(), summary.FailurePage()):
        config.pluginmanager.register(plugin, f"nbproof-{type(plugin).__name__}")
    if option.nbproof_verdicts and not hasattr(config, "workerinput"):
        config.pluginmanager.register(summary.VerdictFile(Path(option.nbproof_verdicts)), "nbproof-verdicts")


class Swap:
    """Collects our nodes for nbval's, and runs no cell after one that failed."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> Iterator[None]:
        found = yield
        return [
            Notebook.from_parent(parent, path=file_path) if isinstance(node, IPyNbFile) else node
            for node in found
        ]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if isinstance(item, Cell) and (failed := item.parent.failed_cell):
            item.record["outcome"] = "not run"
            pytest.skip(f"not run: {failed} failed before")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
        found = yield
        summary.mark(found, item)
        notebook = item.parent
        if isinstance(notebook, Notebook) and found.failed:
            if isinstance(item, Cell) and found.when != "teardown":
                item.record["outcome"] = "failed"
                notebook.failed_cell = notebook.failed_cell or item.name
            if hasattr(item, "in_a_line"):
                notebook.error = notebook.error or item.in_a_line(call.excinfo.value)
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        found = yield
        summary.mark(found, collector)
        return found
