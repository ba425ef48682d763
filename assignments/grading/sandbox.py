"""A kernel in the box: started by a kernelspec of ours, stopped when it fills its folder outside."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbproof.kernel import Kernel

from grading.box import Limits

NAME = "sandbox"
# Takes seconds on a busy machine, which no cell of a student's should have to answer for.
IMPORTS = "import torch, d2lmini.course"
WATCH_SECONDS = 0.25


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


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    sizes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                sizes += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return sizes


@contextmanager
def boxed_kernel(limits: Limits) -> Iterator[Kernel]:
    """A kernel in the box, ended and cleaned up afterwards."""
    with tempfile.TemporaryDirectory(prefix="box-") as name:
        folder, done = Path(name), threading.Event()
        kernel = Kernel(NAME, name, os.environ, limits.start_seconds, specs=BoxedSpecs(limits), folder=folder)

        def watch() -> None:
            while not done.wait(WATCH_SECONDS):
                if size_of(folder) > limits.outside:
                    os.kill(kernel.km.provisioner.pid, signal.SIGKILL)
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            kernel.run(IMPORTS, limits.start_seconds)
            yield kernel
        finally:
            done.set()
            watcher.join()
            kernel.stop()


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
