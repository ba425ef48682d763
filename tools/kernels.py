"""The kernel a notebook runs in: this very Python, in an environment that is the same everywhere.

Jupyter looks a kernel's name up in folders of the user and the system, where "python3" may be
another Python without our packages. Every tool here, and the pytest plugin, takes it from here.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import ipykernel.kernelspec
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager, KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets import default

PYTHON_KERNELS = ("python3", "python")
THREADS = "2"
LONGEST_SOCKET = 100  # characters; Linux takes 107, macOS 103

# Names that would change what a notebook prints or draws. JPY_SESSION_NAME says that a person
# watches (a progress bar or a live curve is shown then); the others come from a user's shell.
DROPPED = ("JPY_SESSION_NAME", "MPLBACKEND", "IPYTHONDIR", "PYTHONSTARTUP", "PYTHONWARNINGS")


@functools.cache
def _folder() -> Path:
    """This process's folder for its kernels' sockets and an empty IPython profile."""
    folder = tempfile.mkdtemp(prefix="d2lmini-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def connection() -> dict[str, str]:
    """How to reach a new kernel: by sockets in our own folder, so that no two can collide.

    TCP ports, which Jupyter takes by default, are found free first and taken later: of many kernels
    that start at a time, now and then two take the same one, and one dies.
    """
    file = _folder() / f"{uuid.uuid4().hex[:8]}.json"
    sockets = os.name == "posix" and len(os.fsencode(file)) < LONGEST_SOCKET - len("-ipc-1")
    return {"connection_file": str(file), "transport": "ipc" if sockets else "tcp"}


def environment(**extra: str) -> dict[str, str]:
    """The environment variables of a notebook's kernel: ours, less what changes outputs."""
    env = {name: value for name, value in os.environ.items() if name not in DROPPED}
    env.setdefault("OMP_NUM_THREADS", THREADS)
    env.setdefault("MKL_NUM_THREADS", env["OMP_NUM_THREADS"])
    env["IPYTHONDIR"] = str(_folder() / "ipython")
    if os.name == "posix":
        env["MATPLOTLIBRC"] = os.devnull  # matplotlib's own defaults, whatever the user has set
    if not all(map(_is_writable, _matplotlib_folders())):
        env["MPLCONFIGDIR"] = str(_substitute_for_matplotlib())
    return env | extra


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


def own_spec(manager: KernelSpecManager) -> KernelSpec:
    """The kernel of the Python that runs this."""
    return manager.kernel_spec_class(
        resource_dir=ipykernel.kernelspec.RESOURCES, **ipykernel.kernelspec.get_kernel_dict()
    )


class OwnSpecs(KernelSpecManager):
    """Finds this Python under the name "python3"; other kernels where Jupyter finds them."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name in PYTHON_KERNELS:
            return own_spec(self)
        return super().get_kernel_spec(kernel_name)


class OwnKernel(AsyncKernelManager):
    """A kernel manager that looks kernels up in `OwnSpecs` and reaches them by `connection`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**connection(), **settings)

    @default("kernel_spec_manager")
    def _own_specs(self) -> OwnSpecs:
        return OwnSpecs(parent=self)


def obituary(manager: KernelManager, log: IO[bytes]) -> str:
    """How a kernel's process ended, and what it wrote to stderr, less IPython's own remarks."""
    process = getattr(manager.provisioner, "process", None)
    code = process.poll() if process else None
    how = "" if code is None else f" (exit code {code})"
    if code is not None and code < 0:
        how = f" (killed by {signal.Signals(-code).name})"
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").splitlines()
    said = [line for line in lines if line.strip() and "IPKernelApp" not in line]
    return "\n".join([f"the kernel died{how}", *said[-12:]])


class ChapterClient(NotebookClient):
    """nbclient in our kernel and environment. Run cells inside `with client.kernel(cwd):`."""

    kernel_manager_class = OwnKernel
    log_file: IO[bytes]

    @default("timeout_func")
    def _limits(self) -> Callable[[NotebookNode], float]:
        return self.limit

    def limit(self, cell: NotebookNode) -> float:
        """The seconds that a cell may take: its own limit, or that of all."""
        return cell.metadata.get("d2lmini", {}).get("timeout", self.timeout)

    @contextlib.contextmanager
    def kernel(self, cwd: str | os.PathLike[str], **extra: str) -> Iterator[None]:
        """Inside it the kernel runs, with `cwd` as its working folder."""
        with tempfile.TemporaryFile() as self.log_file:
            start = {"cwd": str(cwd), "env": environment(**extra), "stderr": self.log_file}
            with self.setup_kernel(**start):
                yield

    def death(self) -> str:
        """Why the kernel died, as far as is known."""
        return obituary(self.km, self.log_file)
