"""nbval's kernels: this very Python, run as Jupyter runs it, and watched while a cell runs.

nbval asks whether a kernel lives only before a cell; then it waits for the cell's whole limit, and
reads the cell's output only afterwards, all of it.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from queue import Empty
from typing import Any

import kernels
import nbval.kernel
import psutil
import pytest
import zmq
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager

POLL_SECONDS = 0.5
STILL_SECONDS = 6  # a kernel that does nothing for so long while it starts, never will
STOP_SECONDS = 5  # that a cell has to stop in, when it is interrupted at its limit
MOST_OUTPUT = 5_000_000  # characters of one cell
OVERHEAD = 200  # characters that every message counts for, even an empty one


class KernelFailure(Exception):
    """The kernel didn't start, died or was stopped; the message says how."""


class Inbox:
    """What a kernel has sent about one cell, and not yet been read by nbval."""

    def __init__(self) -> None:
        self.messages: deque[dict[str, Any]] = deque()
        self.begin()

    def begin(self) -> None:
        """A new cell starts."""
        self.size = 0
        self.interrupted: float | None = None

    def count(self, message: dict[str, Any]) -> dict[str, Any]:
        """Add a message to the cell's size; KernelFailure when that is too much."""
        content = message["content"]
        texts = content.get("data", content).values() if message["msg_type"] != "status" else ()
        self.size += OVERHEAD + sum(len(text) for text in texts if isinstance(text, str))
        if self.size > MOST_OUTPUT:
            raise KernelFailure(f"its output is longer than {MOST_OUTPUT:,} characters: it was stopped")
        return message


def install(patch: pytest.MonkeyPatch, logs: ExitStack, variables: Callable[[], dict[str, str]]) -> None:
    """Let nbval's kernels be ours (tools/kernels.py), and watch them.

    `logs` closes the files that their processes write to; `variables` gives what their environment
    gets beside.
    """
    find = nbval.kernel.NbvalKernelspecManager.get_kernel_spec
    interrupt = nbval.kernel.RunningKernel.interrupt

    def start_new_kernel(startup_timeout: float, kernel_name: str, **settings: Any) -> tuple[Any, Any]:
        settings["stderr"].close()  # nbval's /dev/null
        log = logs.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        settings |= {"env": kernels.environment(**variables()), "stderr": log}
        manager, client = start_kernel(kernel_name, startup_timeout, settings)
        manager.log_file, client.inbox = log, Inbox()
        return manager, client

    def get_kernel_spec(self: Any, kernel_name: str) -> Any:
        if kernel_name in kernels.PYTHON_KERNELS:
            return kernels.own_spec(self)
        return find(self, kernel_name)

    def interrupt_cell(self: Any) -> None:
        self.kc.inbox.interrupted = time.monotonic()
        interrupt(self)

    def execute_cell_input(self: Any, source: str, allow_stdin: bool | None = None) -> str:
        self.kc.inbox.begin()
        # With its history, as in Jupyter: without, IPython shows a value despite a last semicolon.
        return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    patch.setattr(nbval.kernel, "start_new_kernel", start_new_kernel)
    patch.setattr(nbval.kernel.NbvalKernelspecManager, "get_kernel_spec", get_kernel_spec)
    patch.setattr(nbval.kernel.RunningKernel, "interrupt", interrupt_cell)
    patch.setattr(nbval.kernel.RunningKernel, "get_message", get_message)
    patch.setattr(nbval.kernel.RunningKernel, "await_reply", await_reply)
    patch.setattr(nbval.kernel.RunningKernel, "execute_cell_input", execute_cell_input)


def start_kernel(name: str, timeout: float, settings: dict[str, Any]) -> tuple[Any, Any]:
    """Start a kernel and wait for its first answer: (manager, client); KernelFailure if none comes."""
    specs = nbval.kernel.NbvalKernelspecManager()
    manager = KernelManager(kernel_name=name, kernel_spec_manager=specs, **kernels.connection())
    try:
        manager.start_kernel(**settings)
    except NoSuchKernel:
        raise KernelFailure(
            f"there is no kernel {name!r} here (`jupyter kernelspec list` shows those there are)"
        ) from None
    except OSError as error:
        raise KernelFailure(f"the kernel {name!r} can't be started: {error}") from None
    client = manager.client()
    client.start_channels()
    try:
        wait_until_ready(client, manager.provisioner.pid, timeout)
    except BaseException as error:  # Ctrl-C as well
        why = f"{error}" if manager.is_alive() else kernels.obituary(manager, settings["stderr"])
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        if not isinstance(error, RuntimeError):
            raise
        raise KernelFailure(f"the kernel {name!r} didn't start: {why}") from None
    return manager, client


def wait_until_ready(client: Any, pid: int, timeout: float) -> None:
    """RuntimeError after `timeout` seconds, or sooner if the kernel's process does nothing at all.

    A busy machine may start a kernel slowly, so a short limit alone would raise false alarms.
    """
    end, worked = time.monotonic() + timeout, 0.0
    while True:
        try:
            return client.wait_for_ready(timeout=min(STILL_SECONDS, timeout))
        except RuntimeError:
            before, worked = worked, seconds_of_work(pid)
            if worked - before < 0.01 or time.monotonic() > end:
                raise


def seconds_of_work(pid: int) -> float:
    try:
        return sum(psutil.Process(pid).cpu_times()[:4])  # its own and its children's
    except psutil.Error:
        return 0.0


def await_reply(self: Any, msg_id: str, timeout: float | None = None) -> None:
    """Wait until a cell has run; meanwhile take in what it prints. Empty after `timeout` seconds."""
    shell, iopub = self.kc.shell_channel, self.kc.iopub_channel
    poller = zmq.Poller()
    for channel in (shell, iopub):
        poller.register(channel.socket, zmq.POLLIN)
    end = float("inf") if timeout is None else time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        ready = dict(poller.poll(1000 * min(POLL_SECONDS, left)))
        if iopub.socket in ready:
            self.kc.inbox.messages.append(self.kc.inbox.count(iopub.get_msg(timeout=0)))
        if shell.socket in ready and shell.get_msg(timeout=0)["parent_header"].get("msg_id") == msg_id:
            return
        if not ready and not self.is_alive():
            raise KernelFailure(death(self))
    raise Empty


def get_message(self: Any, stream: str, timeout: float | None = None) -> dict[str, Any]:
    """The kernel's next message. Empty after `timeout` seconds, or when an interrupt had no effect."""
    inbox = self.kc.inbox
    end = float("inf") if timeout is None else time.monotonic() + timeout
    if inbox.interrupted:
        end = min(end, inbox.interrupted + STOP_SECONDS)
    if inbox.messages and stream == "iopub" and time.monotonic() < end:
        return inbox.messages.popleft()
    channel = getattr(self.kc, f"{stream}_channel")
    while True:
        left = end - time.monotonic()
        try:
            message = channel.get_msg(timeout=max(0.0, min(POLL_SECONDS, left)))
        except Empty:
            if not self.is_alive():
                raise KernelFailure(death(self)) from None
            if left <= POLL_SECONDS:
                raise
        else:
            if left < 0:
                raise Empty
            return inbox.count(message)


def death(kernel: Any) -> str:
    """Why one of nbval's kernels is dead, as far as is known."""
    if not hasattr(kernel, "km"):
        return "the kernel was stopped"
    return kernels.obituary(kernel.km, kernel.km.log_file)
