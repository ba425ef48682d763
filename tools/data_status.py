"""Whether the chapters get the whole of Fashion-MNIST here, or the sample that d2lmini ships."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from pathlib import Path
from typing import NamedTuple

# As in d2lmini/data.py, which can't be imported without torch; a test holds them against it.
VARIABLE = "D2LMINI_DATA"  # names the data's folder, or says "sample"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class DataStatus(NamedTuple):
    source: str  # "folder", "cache", "debian", "download" or "sample"
    is_sample: bool
    note: str  # what load_fashion_mnist printed

    def kernel_variables(self) -> dict[str, str]:
        """For a kernel's environment: on the sample, chapters take it at once and silently."""
        return {VARIABLE: "sample"} if self.is_sample else {}


def is_at_hand() -> bool:
    """Whether the four files stand where `load_fashion_mnist` looks before it downloads.

    This doesn't read them, nor import torch, which takes seconds.
    """
    if root := os.environ.get(VARIABLE):
        return root != "sample" and _has_all(Path(root).expanduser())
    if _has_all(DEBIAN_FOLDER):
        return True
    import pooch

    return _has_all(pooch.os_cache("d2lmini"))


def _has_all(folder: Path) -> bool:
    return all((folder / name).is_file() or (folder / f"{name}.gz").is_file() for name in FILES)


def look() -> DataStatus:
    """Load the data as a chapter would, from the cache or by a download into it."""
    from d2lmini import load_fashion_mnist  # takes seconds: it imports torch

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        data = load_fashion_mnist()
    return DataStatus(data.source, data.is_sample, printed.getvalue().strip())


@functools.cache
def status() -> DataStatus:
    """`look`, once a process."""
    return look()


def uses_data(source: str) -> bool:
    """Whether code loads the data set."""
    return "load_fashion_mnist" in source
