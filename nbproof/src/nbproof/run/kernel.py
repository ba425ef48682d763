"""One kernel: started as this very Python in an environment that is the same everywhere, watched, ended.

Jupyter looks a kernel's name up in folders of the user and the system, where "python3" may be another
Python without our packages. nbval asks whether a kernel lives only before a cell; then it waits for the
cell's whole limit, and reads the cell's output only afterwards, all of it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
import zmq
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import KernelManager
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager, RunningKernel

from nbproof.settings import Settings

PYTHON_KERNELS = ("python3", "python")
POLL_SECONDS = 0.5
STILL_SECONDS = 6  # a kernel that does nothing for so long while it starts, never will
STOP_SECONDS = 5  # that a cell has to stop in, when it is interrupted at its limit
MOST_OUTPUT = 5_000_000  # characters of one cell
OVERHEAD = 200  # characters that every message counts for, even an empty one
LONGEST_SOCKET = 100  # characters; Linux takes 107, macOS 103

# Names that would change what a notebook prints or draws. JPY_SESSION_NAME says that a person watches
# (a progress bar may be shown then); the others come from a user's shell. With the last no assert runs.
DROPPED = (
    "JPY_SESSION_NAME",
    "MPLBACKEND",
    "IPYTHONDIR",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "PYTHONOPTIMIZE",
)


class KernelFailure(Exception):
    """The kernel didn't start, died or was stopped; the message says how."""


# --- where it runs ------------------------------------------------------------------------------


@functools.cache
def _folder() -> Path:
    """This process's folder for its kernels' sockets and an empty IPython profile."""
    folder = tempfile.mkdtemp(prefix="nbproof-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def connection(folder: Path | None = None) -> dict[str, str]:
    """How to reach a new kernel: by sockets in our own folder, or in another, so that no two can collide.

    TCP ports, which Jupyter takes by default, are found free first and taken later: of many kernels
    that start at a time, now and then two take the same one, and one dies.
    """
    file = (folder or _folder()) / f"{uuid.uuid4().hex[:8]}.json"
    sockets = os.name == "posix" and len(os.fsencode(file)) < LONGEST_SOCKET - len("-ipc-1")
    return {"connection_file": str(file), "transport": "ipc" if sockets else "tcp"}


def environment(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a notebook's kernel: ours, less what changes outputs."""
    dropped = {*DROPPED, *settings.dropped}
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    if settings.threads is not None:
        env.setdefault("OMP_NUM_THREADS", str(settings.threads))
        env.setdefault("MKL_NUM_THREADS", env["OMP_NUM_THREADS"])
    env["IPYTHONDIR"] = str(_folder() / "ipython")
    if os.name == "posix":
        env["MATPLOTLIBRC"] = os.devnull  # matplotlib's own defaults, whatever the user has set
    if not all(map(_is_writable, _matplotlib_folders())):
        env["MPLCONFIGDIR"] = str(_substitute_for_matplotlib())
    return env | dict(settings.environment) | dict(extra or {})


def _matplotlib_folders() -> list[Path]:
    """Where matplotlib writes; if it can't, it says so in the first output of every notebook."""
    if folder := os.environ.get("MPLCONFIGDIR"):
        return [Path(folder)]
    home = Path(os.path.expanduser("~"))
    if sys.platform.startswith(("linux", "freebsd")):
        bases = {"XDG_CACHE_HOME": home / ".cache", "XDG_CONFIG_HOME": home / ".config"}
        return [Path(os.environ.get(name) or base) / "matplotlib" for name, base in bases.items()]
    return [home / ".matplotlib"] if os.name == "posix" else []


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which may itself have to be made first."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    return there.is_dir() and os.access(there, os.W_OK)


@functools.cache
def _substitute_for_matplotlib() -> Path:
    """A folder of ours with the list of fonts in it, because matplotlib announces that it makes one."""
    substitute = _folder() / "matplotlib"
    substitute.mkdir()
    for folder in _matplotlib_folders():
        with contextlib.suppress(OSError):
            for fonts in folder.glob("fontlist-*.json"):
                shutil.copy(fonts, substitute)
    subprocess.run(
        [sys.executable, "-c", "import matplotlib.font_manager"],
        env=os.environ | {"MPLCONFIGDIR": str(substitute)},
        capture_output=True,
        check=False,  # then the cell that draws says what is wrong
    )
    return substitute


class Specs(NbvalKernelspecManager):
    """Finds this Python under the name "python3"; other kernels where Jupyter finds them."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        own = kernel_name in PYTHON_KERNELS
        return super().get_kernel_spec(CURRENT_ENV_KERNEL_NAME if own else kernel_name)


# --- running and watching -----------------------------------------------------------------------


class Kernel(RunningKernel):
    """nbval's kernel, which notices at once when it dies, runs on for ever, or prints for ever."""

    def __init__(
        self,
        name: str,
        cwd: str,
        env: Mapping[str, str],
        startup_timeout: float,
        specs: KernelSpecManager | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start it and wait for its first answer; KernelFailure if none comes.

        `specs` finds it by its name, `folder` is for its sockets: for a kernel that must see no other's.
        """
        self.messages: dict[str, deque[dict[str, Any]]] = {"iopub": deque(), "shell": deque()}  # not yet read
        self.size, self.interrupted = 0, 0.0
        self.running = ""  # the running cell's message
        # What its process writes to stderr; closed by `stop`.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.km = KernelManager(kernel_name=name, kernel_spec_manager=specs or Specs(), **connection(folder))
        try:
            self.km.start_kernel(cwd=cwd, env=dict(env), stderr=self.log)
        except (NoSuchKernel, OSError) as error:
            self.log.close()
            why = f"the kernel {name!r} can't be started: {error}"
            if isinstance(error, NoSuchKernel):
                why = f"there is no kernel {name!r} here (`jupyter kernelspec list` shows those there are)"
            raise KernelFailure(why) from None
        self.kc = self.km.client()
        self.kc.start_channels()
        try:
            self._wait_until_ready(startup_timeout)
        except BaseException as error:  # Ctrl-C as well
            why = str(error) if self.is_alive() else self.obituary()
            self.stop()
            if not isinstance(error, RuntimeError):
                raise
            raise KernelFailure(f"the kernel {name!r} didn't start: {why}") from None

    def _wait_until_ready(self, timeout: float) -> None:
        """RuntimeError after `timeout` seconds, or sooner if the kernel's process does nothing at all.

        A busy machine may start a kernel slowly, so a short limit alone would raise false alarms.
        """
        end, worked = time.monotonic() + timeout, 0.0
        while True:
            try:
                return self.kc.wait_for_ready(timeout=min(STILL_SECONDS, timeout))
            except RuntimeError:
                before, worked = worked, seconds_of_work(self.km.provisioner.pid)
                if worked - before < 0.01 or time.monotonic() > end:
                    raise

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        self.size, self.interrupted = 0, 0.0
        # With its history, as in Jupyter: without, IPython shows a value despite a last semicolon.
        settings = {"store_history": True, "allow_stdin": allow_stdin, "stop_on_error": False}
        self.running = self.kc.execute(cell_input, **settings)
        return self.running

    def run(self, code: str, timeout: float) -> None:
        """Run code that is no cell and leaves no count; KernelFailure if it raises an error."""
        msg_id = self.kc.execute(code, store_history=False, allow_stdin=False, stop_on_error=False)
        end = time.monotonic() + timeout
        while True:
            try:
                message = self.get_message("iopub", end - time.monotonic())
            except Empty:
                why = f"the code before the first cell takes longer than {timeout:g} s"
                raise KernelFailure(why) from None
            content = message["content"]
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            if message["msg_type"] == "error":
                raise KernelFailure(f"before the first cell: {content['ename']}: {content['evalue']}")
            if content.get("execution_state") == "idle":
                return

    def interrupt(self) -> None:
        self.interrupted = time.monotonic()
        super().interrupt()

    def await_reply(self, msg_id: str, timeout: float | None = None) -> dict[str, Any]:
        """Wait until a cell has run, taking in what it prints: the answer. Empty after `timeout` seconds."""
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            reply = self.get_message("shell", end - time.monotonic())
            if reply["parent_header"].get("msg_id") == msg_id:
                return reply

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        """The kernel's next message. Empty after `timeout` seconds, or when an interrupt had no effect."""
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        if self.interrupted:
            end = min(end, self.interrupted + STOP_SECONDS)
        while (left := end - time.monotonic()) > 0:
            if self.messages[stream]:
                return self.messages[stream].popleft()
            self._take_in(min(POLL_SECONDS, left))
        raise Empty

    def _take_in(self, seconds: float) -> None:
        """Wait so long for messages; KernelFailure if there are none because it's dead."""
        channels = {"iopub": self.kc.iopub_channel, "shell": self.kc.shell_channel}
        ready = zmq.Poller()
        for channel in channels.values():
            ready.register(channel.socket, zmq.POLLIN)
        found = dict(ready.poll(1000 * seconds))
        for stream, channel in channels.items():
            if channel.socket in found:
                self.messages[stream].append(self._counted(channel.get_msg(timeout=0)))
        if not found and not self.is_alive():
            raise KernelFailure(self.obituary())

    def _counted(self, message: dict[str, Any]) -> dict[str, Any]:
        """Add a message to the cell's size; KernelFailure when that is too much."""
        content = message["content"]
        texts = content.get("data", content).values() if message["msg_type"] != "status" else ()
        self.size += OVERHEAD + sum(len(text) for text in texts if isinstance(text, str))
        if self.size > MOST_OUTPUT:
            raise KernelFailure(f"its output is longer than {MOST_OUTPUT:,} characters: it was stopped")
        return message

    def stop(self) -> None:
        if hasattr(self, "km"):
            super().stop()
        self.log.close()

    def obituary(self) -> str:
        """How its process ended, and what it wrote to stderr, less IPython's own remarks."""
        if not hasattr(self, "km"):
            return "the kernel was stopped"
        process = getattr(self.km.provisioner, "process", None)
        code = process.poll() if process else None
        self.log.seek(0)
        lines = self.log.read().decode("utf-8", "replace").splitlines()
        said = [line for line in lines if line.strip() and "IPKernelApp" not in line]
        return "\n".join([f"the kernel died{ending(code)}", *said[-12:]])


def ending(code: int | None) -> str:
    """How a process ended, in brackets.

    >>> ending(7), ending(-9), ending(-40), ending(None)
    (' (exit code 7)', ' (killed by SIGKILL)', ' (killed by signal 40)', '')
    """
    if code is None:
        return ""
    if code >= 0:
        return f" (exit code {code})"
    try:
        return f" (killed by {signal.Signals(-code).name})"
    except ValueError:  # a real-time signal has no name of its own
        return f" (killed by signal {-code})"


def seconds_of_work(pid: int) -> float:
    try:
        return sum(psutil.Process(pid).cpu_times()[:4])  # its own and its children's
    except psutil.Error:
        return 0.0


class ReplayedKernel(RunningKernel):
    """Answers from a record, [source, outputs] of each cell in its order, instead of computing.

    So hundreds of changed copies of a notebook are judged in the time of a few real runs.
    """

    def __init__(self, record: Iterable[tuple[str, list[dict[str, Any]]]]) -> None:
        self.answers: dict[str, deque[list[dict]]] = defaultdict(deque)
        for source, outputs in record:
            self.answers[source].append(outputs)
        self.messages: deque[dict[str, Any]] = deque()
        self.count = 0

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        self.count += 1
        for output in self.answers[cell_input].popleft():
            content = {key: value for key, value in output.items() if key != "output_type"}
            self._send(output["output_type"], content)
        self._send("status", {"execution_state": "idle"})
        self.running = str(self.count)
        return self.running

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        header = {"msg_id": str(self.count)}
        self.messages.append({"msg_type": kind, "content": content, "parent_header": header})

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        return self.messages.popleft()

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        pass

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        pass
