"""What pytest collects of a notebook: nbval's nodes, with the checks that nbval leaves out."""

from __future__ import annotations

import functools
import json
import os
import time
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning
from nbval.cover import setup_coverage, teardown_coverage
from nbval.kernel import CURRENT_ENV_KERNEL_NAME
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from nbproof.compare import figures, kinds, outputs
from nbproof.compare.difference import Difference, first_difference, parts
from nbproof.notebooks.file import UNREADABLE, clean, code_cells
from nbproof.notebooks.hygiene import Hygiene
from nbproof.report import page
from nbproof.run.kernel import Kernel, KernelFailure, ReplayedKernel, environment
from nbproof.run.store import CHECK, RUN, UPDATE, StoreItem
from nbproof.settings import SETTINGS, Settings

HYGIENE, STORE = "hygiene", "store"  # the items that are no cells


class Notebook(IPyNbFile):
    """A notebook: its cells, and what comes before and after them. Its kernel starts at the first cell."""

    failed_cell = ""  # the first that failed
    error = ""  # and what was said of it, on one line
    content = b""  # of its file, when it was read
    count = 0  # cells that were run
    outcome = ""  # what was stored

    @property
    def settings(self) -> Settings:
        return self.config.stash[SETTINGS]

    @property
    def mode(self) -> str:
        return self.config.option.nbproof_mode

    @functools.cached_property
    def place(self) -> str:
        return page.place_of(self.path, self.config)

    @functools.cached_property
    def sources(self) -> list[str]:
        return [cell.source for cell in code_cells(self.nb)]

    @functools.cached_property
    def lacking(self) -> str:
        """What the notebook needs in full and isn't here."""
        return self.settings.hooks.lacking(self.sources)

    def collect(self) -> Iterator[pytest.Item]:
        checks_form = self.mode == CHECK and self.settings.hygiene and self.settings.is_own(self.path)
        if checks_form:
            yield FormItem.from_parent(self, name=HYGIENE)
        with warnings.catch_warnings():  # of what nbformat mends on the fly: hygiene reports it
            warnings.simplefilter("ignore", DuplicateCellId)
            warnings.simplefilter("ignore", MissingIDFieldWarning)
            try:
                self.content = self.path.read_bytes()
                items = list(super().collect())
            except UNREADABLE as error:
                if checks_form:
                    return  # that item says so
                why = str(error).partition("\n")[0][:200]
                self.error = f"it can't be read as a notebook: {why}"
                raise self.CollectError(f"{self.place}: {self.error}") from None
        names = self._names()
        for item in items:
            yield Cell.from_parent(
                self,
                name=names.get(id(item.cell), item.name),
                cell_num=item.cell_num,
                cell=item.cell,
                options=item.options,
            )
        if self.mode != CHECK:
            yield StoreItem.from_parent(self, name=STORE)

    def _names(self) -> dict[int, str]:
        """The ids that stand in the file, by their cells' identity; nbformat would make random ones.

        Those that stand there twice name no cell, nor do the names of our own items.
        """
        ids = [cell.get("id") for cell in json.loads(self.content).get("cells", [])]
        names = {name for name in ids if name and ids.count(name) == 1} - {HYGIENE, STORE}
        return {id(cell): name for cell, name in zip(self.nb.cells, ids, strict=False) if name in names}

    def setup(self) -> None:
        """Nothing yet: hygiene needs no kernel."""
        self.begun = time.monotonic()
        page.forget_pictures(self.path, self.config)

    def start(self) -> None:
        """Start the kernel, before the first cell. KernelFailure says why it can't be."""
        if self.kernel is not None:
            return
        option = self.config.option
        self.setup_sanitize_files()
        if self.mode == UPDATE:
            if not os.access(self.path.resolve().parent, os.W_OK):
                raise KernelFailure("its folder can't be written to")
            if self.settings.hygiene:
                clean(self.nb)
        if option.nbproof_replay:
            record = json.loads((self.path.parent / option.nbproof_replay).read_text(encoding="utf-8"))
            self.kernel = ReplayedKernel(record)
            return
        if option.nbval_current_env:
            name = CURRENT_ENV_KERNEL_NAME
        else:
            name = option.nbval_kernel_name or self.nb.metadata.get("kernelspec", {}).get("name", "python3")
        env = environment(self.settings, self.settings.hooks.variables(self.sources))
        self.kernel = Kernel(name, str(self.path.parent), env, option.nbval_kernel_startup_timeout)
        if getattr(option, "cov_source", None):
            setup_coverage(self.config, self.kernel, self.fspath)
        if self.kernel.language == "python":
            self.kernel.run(figures.code(), option.nbval_kernel_startup_timeout)
        for prelude in option.nbproof_prelude:
            source = Path(prelude).read_text(encoding="utf-8")
            # in names of its own, which the notebook's can't take away
            code = f"exec(compile({source!r}, {str(prelude)!r}, 'exec'), {{'__name__': 'prelude'}})"
            self.kernel.run(code, option.nbval_cell_timeout)

    def teardown(self) -> None:
        if self.kernel is None:
            return
        if getattr(self.config.option, "cov_source", None) and self.kernel.is_alive():
            teardown_coverage(self.config, self.kernel)
        self.kernel.stop()

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> dict[str, Any]:
        """nbval's next message of the running cell, whose outputs are gathered here on the way."""
        while True:
            message = super().get_kernel_message(timeout, stream)
            if message["parent_header"].get("msg_id") == self.kernel.running:
                self.gathered.add(message)
            if message["msg_type"] not in ("update_display_data", "clear_output"):  # nbval knows neither
                return message


class Cell(IPyNbCell):
    """A code cell. It's run by nbval, and compared by `compare`."""

    parent: Notebook
    gathered: outputs.Gathered | None = None

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """What the summary says of it; empty until it runs."""
        return {}

    @property
    def place(self) -> str:
        """Where a reader finds it."""
        return f"{self.parent.place}, cell {self.name}"

    @property
    def fresh(self) -> list:
        """What the cell has given so far."""
        return outputs.merge_streams(self.gathered.outputs) if self.gathered else []

    @property
    def errors(self) -> list:
        return [output for output in self.fresh if output.output_type == "error"]

    def runtest(self) -> None:
        notebook, settings = self.parent, self.parent.settings
        lax = self.config.option.nbval_lax and notebook.mode == CHECK
        if not self.cell.source.strip():
            if notebook.mode == CHECK and self.cell.outputs and not lax:
                self.raise_cell_error("it is empty, but has stored outputs")
            self.cell.outputs, self.cell.execution_count = [], None
            return
        kind = self.kind = kinds.of(self.cell, self.options, settings)
        self.record.update(kind=kind.name, why=kind.why, outcome="passed", identical=True, pictures=[])
        if kind.flaws and not lax and notebook.mode != RUN:
            self.raise_cell_error("; ".join(kind.flaws))
        self.stored = outputs.merge_streams(deepcopy(self.cell.outputs))
        if notebook.mode != CHECK:
            self._prepare()
        elif not lax:
            if self.cell.execution_count is None:
                self.raise_cell_error("it was never run, so it has no output to compare")
            self.options["check"] |= kind.name == "statistical"  # what nbval ignores is compared in part
        elif not self.options["check"]:
            self.record.update(kind="not compared", why="")
        self._execute(kind.timeout)
        if self.options["check_exception"] and not self.errors:
            self.raise_cell_error("it is tagged raises-exception, but raises none")
        if notebook.mode == UPDATE:
            self._keep_outputs()

    def _prepare(self) -> None:
        """Before a cell is only run: nothing of it is compared, and its outputs will be new ones."""
        self.options.update(check=False, skip=False)
        self.parent.count += 1
        self.cell.execution_count, self.cell.outputs = self.parent.count, []
        if self.parent.mode == UPDATE and (lacks := self.parent.settings.hooks.lacking([self.cell.source])):
            self.raise_cell_error(f"{lacks}, so its outputs can't be stored")

    def _execute(self, limit: float | None) -> None:
        """Let nbval run the cell, and compare it unless it's told not to."""
        option = self.config.option
        default = option.nbval_cell_timeout
        option.nbval_cell_timeout = limit or default
        self.gathered = self.parent.gathered = outputs.Gathered()
        try:
            self.parent.start()
            super().runtest()
            if self.parent.timed_out:  # the cell took the interrupt for the reader's own, and went on
                self.raise_cell_error(f"Timeout of {limit or default:g} seconds exceeded")
        except KernelFailure as error:
            if self.parent.kernel is not None:
                self.parent.kernel.stop()
            self.raise_cell_error(str(error))
        finally:
            option.nbval_cell_timeout = default
            if self.parent.mode != CHECK:
                self.cell.outputs = self.fresh

    def _keep_outputs(self) -> None:
        """Bring the outputs into their stored form; an error if they can't be stored."""
        self.cell.outputs = outputs.stored_form(self.fresh, self.parent.count)
        if flaws := outputs.flaws(self.cell.outputs):
            self.raise_cell_error("; ".join(flaws))

    def compare_outputs(self, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        """In nbval's place, which has merged streams across pictures: both sides from before that."""
        if self.parent.timed_out:  # that is what is wrong with it
            return True
        if self.parent.lacking and (self.kind.conditions or self.kind.name == "statistical"):
            if self.kind.name != "statistical":  # which asserts its bands all the same
                self.record.update(kind="not compared", why=self.parent.lacking)
            return True
        stored, fresh = self._normalised()
        self.record["identical"] = list(parts(stored)) == list(parts(fresh))
        difference = first_difference(stored, fresh, self.kind.tolerance, self.kind.seen)
        if difference:
            self.comparison_traceback = [str(difference), *self._keep_pictures(difference)]
        return difference is None

    def _normalised(self) -> tuple[list, list]:
        """Stored and new outputs, as the book's hook and the file of --nbval-sanitize-with leave them."""
        hook = self.parent.settings.hooks.normalise

        def cleaned(side: list) -> list:
            return outputs.changed(side, lambda mime, value: self.sanitize(hook(mime, value)))

        stored, fresh = cleaned(self.stored), cleaned(self.fresh)
        if not any(figures.TYPE in output.get("data", {}) for output in stored):
            for output in fresh:  # stored by another tool: its figures aren't described
                output.get("data", {}).pop(figures.TYPE, None)
        return stored, fresh

    def _keep_pictures(self, difference: Difference) -> list[str]:
        """Write out the pictures of a difference; the lines that say where they are."""
        try:
            paths = page.save_pictures(self.path, self.config, self.name, difference.pictures)
        except OSError as error:
            return [f"\nits pictures can't be written: {error}"]
        self.record["pictures"] = paths
        return ["", *(f"{Path(p).stem.rpartition('-')[2]:>12}: {p}" for p in paths)] if paths else []

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        error = excinfo.value
        if not isinstance(error, NbCellError):
            return f"{self.place}: {type(error).__name__}: {error}"
        source = "\n".join(f"    {line}" for line in error.source.splitlines())
        return f"{self.place}: {error}\n\n{source}\n\n{error.inner_traceback or ''}".rstrip()

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.place

    def in_a_line(self, error: BaseException) -> str:
        """What went wrong, for a list of notebooks."""
        if self.errors and str(error) == "Cell execution caused an exception":
            return f"cell {self.name}: {self.errors[-1].ename}: {self.errors[-1].evalue}"
        return f"cell {self.name}: {error}"


class FormItem(pytest.Item):
    """Fails with the list of all flaws of a notebook's file."""

    def runtest(self) -> None:
        if found := Hygiene(self.parent.settings).of_file(self.path):
            pytest.fail("\n".join(f"{self.parent.place}, {flaw}" for flaw in found), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.parent.place}, {self.name}"
