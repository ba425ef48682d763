"""Whether the chapters get the whole of Fashion-MNIST here, or the sample that d2lmini ships."""

from __future__ import annotations

import contextlib
import functools
import io
from typing import NamedTuple

VARIABLE = "D2LMINI_DATA"  # names the data's folder, or says "sample"


class DataStatus(NamedTuple):
    source: str  # "folder", "cache", "debian", "download" or "sample"
    is_sample: bool
    note: str  # what load_fashion_mnist printed

    def kernel_variables(self) -> dict[str, str]:
        """For a kernel's environment: on the sample, chapters take it at once and silently."""
        return {VARIABLE: "sample"} if self.is_sample else {}


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
