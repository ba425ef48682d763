"""What the regression of notebooks (nbproof) has to know of this book: whether a chapter's data is here.

Nbproof loads this file by its path, in pytest's own process: nothing here may need `tools` on the import
path, or import torch, which takes seconds.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def files() -> ModuleType:
    """The module `d2lmini.files` by itself: importing it by its name would import torch with the package."""
    spec = importlib.util.spec_from_file_location("d2lmini_files_alone", ROOT / "d2lmini" / "files.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lacking(sources: Sequence[str]) -> str:
    """Why the outputs of code can't be those of the whole data set; empty if they can, or don't use it."""
    return "only the sample of the data is here" if _on_sample(sources) else ""


def variables(sources: Sequence[str]) -> dict[str, str]:
    """On the sample, chapters take it at once and silently."""
    return {files().VARIABLE: "sample"} if _on_sample(sources) else {}


def _on_sample(sources: Sequence[str]) -> bool:
    if not any("load_fashion_mnist" in source for source in sources):
        return False
    if os.environ.get(files().VARIABLE) == "sample":
        return True
    return not files().is_at_hand() and _found_only_the_sample()


@functools.cache
def _found_only_the_sample() -> bool:
    """Look for the data as a chapter would, with a download, once a process."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return files().find_arrays().source == "sample"
    except (OSError, ValueError):
        return False  # a damaged data file: the cell that loads it will say so, as of a warning
