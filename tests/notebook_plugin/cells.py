"""The checks put into nbval's classes, by replacing methods for the time of a run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import data_status
import form
import nbval.plugin
import outputs
import pytest
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from notebook_plugin import hygiene, kinds, page, running
from notebook_plugin.compare import Difference, first_difference, outline, parts

PROPERTY = "notebook cell"  # under this name a cell's verdict travels in its report


class CellChecks:
    """The plugin: patches nbval when a run starts, takes the patches back when it ends."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.variables: dict[str, str] = {}
        self.on_sample = False
        self.logs = ExitStack()
        running.install(self.patch, self.logs, lambda: self.variables)
        self._replace_methods()

    def pytest_unconfigure(self) -> None:
        self.patch.undo()
        self.logs.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if file_path.suffix == ".ipynb" and hygiene.is_own(file_path, parent.config):
            return hygiene.HygieneFile.from_parent(parent, path=file_path)
        return None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find out once whether the full data set is here, if a cell loads it."""
        cells = (item for item in session.items if isinstance(item, IPyNbCell))
        if not any(data_status.uses_data(item.cell.source) for item in cells) or data_status.is_at_hand():
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                status = data_status.status()
        except (ImportError, OSError, ValueError):
            return  # a damaged data file: the cell that loads it will say so, as of a warning
        self.on_sample, self.variables = status.is_sample, status.kernel_variables()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """After a cell that failed, the later ones of its notebook are not run."""
        if isinstance(item, IPyNbCell) and (failed := getattr(item.parent, "failed_cell", None)):
            verdict(item)["outcome"] = "not run"
            pytest.skip(f"not run: {failed} failed before")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        page.mark(report, item)
        if isinstance(item, IPyNbCell) and report.failed and report.when != "teardown":
            verdict(item)["outcome"] = "failed"
            if not hasattr(item.parent, "failed_cell"):
                item.parent.failed_cell = item.name
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        report = yield
        page.mark(report, collector)
        return report

    def _replace_methods(self) -> None:
        collect, setup, runtest = IPyNbFile.collect, IPyNbFile.setup, IPyNbCell.runtest
        checks = self

        def collect_cells(self: IPyNbFile) -> Iterator[IPyNbCell]:
            with warnings.catch_warnings():  # of what nbformat mends on the fly: hygiene reports it
                warnings.simplefilter("ignore", DuplicateCellId)
                warnings.simplefilter("ignore", MissingIDFieldWarning)
                try:
                    items = list(collect(self))
                except form.UNREADABLE as error:
                    why = str(error).partition("\n")[0][:200]
                    raise self.CollectError(f"{self.path.name} can't be read as a notebook: {why}") from None
            upgraded = "orig_nbformat" in self.nb.metadata  # then its ids are new ones
            for item in items:
                yield IPyNbCell.from_parent(
                    self,
                    name=item.name if upgraded else item.cell.get("id") or item.name,
                    cell_num=item.cell_num,
                    cell=item.cell,
                    options=item.options,
                )

        def set_up(self: IPyNbFile) -> None:
            page.forget_pictures(page.folder(self.path, self.config), self.path.stem)
            try:
                setup(self)
            except running.KernelFailure as error:
                raise pytest.fail.Exception(f"{self.path.name}: {error}", pytrace=False) from None

        def run(self: IPyNbCell) -> None:
            if not self.cell.source.strip():
                return
            self.kind = kinds.of(self.cell, self.options)
            verdict(self).update(kind=self.kind.name, why=self.kind.why)
            if self.kind.faults:
                self.raise_cell_error("; ".join(self.kind.faults))
            if self.cell.execution_count is None:
                self.raise_cell_error("it was never run, so it has no output to compare")
            default = self.config.option.nbval_cell_timeout
            self.config.option.nbval_cell_timeout = self.kind.timeout or default
            try:
                runtest(self)
            except running.KernelFailure as error:
                if self.parent.kernel.is_alive():
                    self.parent.kernel.stop()
                self.raise_cell_error(str(error))
            finally:
                self.config.option.nbval_cell_timeout = default
            raised = any(output.output_type == "error" for output in self.test_outputs)
            if self.options["check_exception"] and not raised:
                self.raise_cell_error("it is tagged raises-exception, but raises none")
            stored = outputs.merge_streams(self.cell.outputs)
            verdict(self)["identical"] = list(parts(stored)) == list(parts(self.test_outputs))
            if self.kind.name == "statistical":
                compare_outline(self, stored)

        def compare_outline(self: IPyNbCell, stored: list) -> None:
            """What a band leaves to compare; on the sample of the data not even that is the same."""
            difference = first_difference(stored, self.test_outputs, self.kind.tolerance, outline)
            if difference and not (checks.on_sample and loads_data(self.parent)):
                self.raise_cell_error("Cell outputs differ", str(difference))

        def compare(self: IPyNbCell, new: list, stored: list, skip_compare: Any = None) -> bool:
            if self.kind.full_data and checks.on_sample:
                verdict(self).update(kind="not compared", why="only the sample of the data is here")
                return True
            difference = first_difference(stored, new, self.kind.tolerance)
            if difference:
                self.comparison_traceback = [str(difference), *keep_pictures(self, difference)]
            return difference is None

        def repr_failure(self: IPyNbCell, excinfo: pytest.ExceptionInfo) -> str:
            error = excinfo.value
            if not isinstance(error, NbCellError):
                return f"{place(self)}: {type(error).__name__}: {error}"
            source = "\n".join(f"    {line}" for line in error.source.splitlines())
            return f"{place(self)}: {error}\n\n{source}\n\n{error.inner_traceback or ''}".rstrip()

        self.patch.setattr(IPyNbFile, "collect", collect_cells)
        self.patch.setattr(IPyNbFile, "setup", set_up)
        self.patch.setattr(IPyNbCell, "runtest", run)
        self.patch.setattr(IPyNbCell, "compare_outputs", compare)
        self.patch.setattr(IPyNbCell, "repr_failure", repr_failure)
        self.patch.setattr(IPyNbCell, "reportinfo", lambda self: (self.path, 0, place(self)))
        self.patch.setattr(nbval.plugin, "coalesce_streams", outputs.merge_streams)


def loads_data(notebook: IPyNbFile) -> bool:
    return any(data_status.uses_data(cell.source) for cell in notebook.nb.cells)


def place(item: IPyNbCell) -> str:
    """A cell as a reader finds it."""
    return f"{item.path.name}, cell {item.name}"


def verdict(item: IPyNbCell) -> dict[str, Any]:
    """The record that a cell's report carries to the summary; made at the first call."""
    for name, value in item.user_properties:
        if name == PROPERTY:
            return value
    record = {"place": place(item), "kind": "exact", "why": "", "outcome": "passed", "identical": True}
    item.user_properties.append((PROPERTY, record))
    return record


def keep_pictures(item: IPyNbCell, difference: Difference) -> list[str]:
    """Write out the pictures of a difference; the lines that say where they are."""
    build = page.folder(item.path, item.config)
    try:
        paths = page.save_pictures(build, item.path.stem, item.name, difference.pictures)
    except OSError as error:
        return [f"\nits pictures can't be written: {error}"]
    verdict(item)["pictures"] = paths
    return ["", *(f"{Path(path).stem.rpartition('-')[2]:>12}: {path}" for path in paths)] if paths else []
