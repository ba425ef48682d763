"""A pytest plugin for the golden notebooks only: one kernel serves one after another.

It is emptied in between. Starting a kernel takes a second, and there are many golden notebooks.
"""

from __future__ import annotations

from typing import Any

import nbval.plugin
import pytest

CELL_SECONDS = 20


class SharedKernels:
    """Stands for nbval's class of kernels, which a notebook calls when it needs one."""

    def __init__(self) -> None:
        self.start = nbval.plugin.RunningKernel
        self.kernels: dict[tuple[str, str], Any] = {}

    def __call__(self, name: str, cwd: str, **settings: Any) -> Any:
        kernel = self.kernels.get((name, cwd))
        if kernel is None or not kernel.is_alive():
            kernel = self.kernels[name, cwd] = self.start(name, cwd=cwd, **settings)
        else:
            kernel.await_reply(kernel.execute_cell_input("%reset -f"), timeout=CELL_SECONDS)
        return kernel

    def stop(self) -> None:
        for kernel in self.kernels.values():
            if kernel.is_alive():
                kernel.stop()


SHARED = SharedKernels()
PATCH = pytest.MonkeyPatch()


def pytest_configure() -> None:
    PATCH.setattr(nbval.plugin, "RunningKernel", SHARED)
    PATCH.setattr(nbval.plugin.IPyNbFile, "teardown", lambda self: None)


def pytest_unconfigure() -> None:
    SHARED.stop()
    PATCH.undo()
