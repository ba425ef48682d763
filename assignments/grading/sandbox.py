"""A kernel in the box, started by a kernelspec of ours; once it has its sockets, their folder is closed."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbproof.run.kernel import Kernel

from grading.box import Limits

NAME = "sandbox"
# Takes seconds on a busy machine, which no cell of a student's should have to answer for.
IMPORTS = "import torch, d2lmini.course"


class BoxedSpecs(KernelSpecManager):
    """Knows one kernel: this Python in the box."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        limits = json.dumps(self.limits._asdict())
        box = [sys.executable, "-m", "grading.box", str(os.getpid()), limits, "{connection_file}"]
        kernel = [os.path.abspath(sys.executable), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel += ["--HistoryManager.enabled=False"]
        # A signal would end bubblewrap itself; a message reaches the kernel inside.
        return KernelSpec(
            argv=[*box, *kernel], display_name=NAME, language="python", interrupt_mode="message"
        )


@contextmanager
def boxed_kernel(limits: Limits) -> Iterator[Kernel]:
    """A kernel in the box, ended and cleaned up afterwards."""
    with tempfile.TemporaryDirectory(prefix="box-") as name:
        folder = Path(name)
        kernel = Kernel(NAME, name, os.environ, limits.start_seconds, specs=BoxedSpecs(limits), folder=folder)
        try:
            kernel.run(IMPORTS, limits.start_seconds)
            folder.chmod(0o500)  # the sockets are there, and nothing else is to be made beside them
            yield kernel
        finally:
            kernel.stop()
            folder.chmod(0o700)


@contextmanager
def plain_kernel(limits: Limits) -> Iterator[Kernel]:
    """A kernel that may do all that we may: for one's own notebook."""
    with tempfile.TemporaryDirectory(prefix="plain-") as name:
        kernel = Kernel("python3", name, os.environ, limits.start_seconds, folder=Path(name))
        try:
            kernel.run(IMPORTS, limits.start_seconds)
            yield kernel
        finally:
            kernel.stop()
