"""nbval's kernels: this very Python, run as Jupyter runs it, and a dead one is noticed at once.

nbval asks whether a kernel lives only before a cell; then it waits for the cell's whole limit.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from queue import Empty
from typing import Any

import kernels
import nbval.kernel
import pytest

POLL_SECONDS = 0.5


class DeadKernel(Exception):
    """The kernel died; the message says how."""


def install(patch: pytest.MonkeyPatch, logs: ExitStack, variables: Callable[[], dict[str, str]]) -> None:
    """Let nbval's kernels be ours (tools/kernels.py), and watch them.

    `logs` closes the files that their processes write to; `variables` gives what their environment
    gets beside.
    """
    start, make = nbval.kernel.start_new_kernel, nbval.kernel.KernelManager
    find = nbval.kernel.NbvalKernelspecManager.get_kernel_spec
    get = nbval.kernel.RunningKernel.get_message

    def new_manager(**settings: Any) -> Any:
        return make(**kernels.connection(), **settings)

    def start_new_kernel(*args: Any, **kwargs: Any) -> Any:
        kwargs["stderr"].close()  # nbval's /dev/null
        log = logs.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        kwargs |= {"env": kernels.environment(**variables()), "stderr": log}
        manager, client = start(*args, **kwargs)
        manager.log_file = log
        return manager, client

    def get_kernel_spec(self: Any, kernel_name: str) -> Any:
        if kernel_name in kernels.PYTHON_KERNELS:
            return kernels.own_spec(self)
        return find(self, kernel_name)

    def get_message(self: Any, stream: str, timeout: float | None = None) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
            try:
                return get(self, stream, timeout=max(0.0, min(POLL_SECONDS, left)))
            except Empty:
                if not self.is_alive():
                    raise DeadKernel(death(self)) from None
                if left <= POLL_SECONDS and deadline is not None:
                    raise

    def execute_cell_input(self: Any, source: str, allow_stdin: bool | None = None) -> str:
        # With its history, as in Jupyter: without, IPython shows a value despite a last semicolon.
        return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    patch.setattr(nbval.kernel, "KernelManager", new_manager)
    patch.setattr(nbval.kernel, "start_new_kernel", start_new_kernel)
    patch.setattr(nbval.kernel.NbvalKernelspecManager, "get_kernel_spec", get_kernel_spec)
    patch.setattr(nbval.kernel.RunningKernel, "get_message", get_message)
    patch.setattr(nbval.kernel.RunningKernel, "execute_cell_input", execute_cell_input)


def death(kernel: Any) -> str:
    """Why one of nbval's kernels is dead, as far as is known."""
    if not hasattr(kernel, "km"):
        return "the kernel was stopped"
    return kernels.obituary(kernel.km, kernel.km.log_file)
