"""The end of a notebook that was run: its copy is written, or (`nbproof update`) its outputs are stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbproof import files
from nbproof.notebooks.file import headline, text_of

CHECK, RUN, UPDATE = "check", "run", "update"  # compare; execute into a copy; store outputs


class StoreItem(pytest.Item):
    """Comes after a notebook's cells, in whose file each of them has put its outputs."""

    def runtest(self) -> None:
        notebook = self.parent
        if notebook.mode == RUN:
            notebook.outcome = headline(notebook.nb, notebook.settings.headline)
            if folder := self.config.option.nbproof_build:
                (Path(folder) / self.path.name).write_bytes(text_of(notebook.nb))
        elif not notebook.failed_cell:
            if self.path.read_bytes() != notebook.content:
                pytest.fail("its file was edited while it ran", pytrace=False)
            after = text_of(notebook.nb)
            if after != notebook.content:
                files.write_atomically(self.path, after)
            notebook.outcome = "unchanged" if after == notebook.content else "outputs written"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.parent.place}, {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        return f"{self.parent.place}: {self.in_a_line(excinfo.value)}"

    def in_a_line(self, error: BaseException) -> str:
        # an OSError's own text has the name of the file beside, which is gone
        return str(getattr(error, "strerror", None) or error)
