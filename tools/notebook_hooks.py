"""What the regression of notebooks (nbproof) has to know of this book: whether a chapter's data is here."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import data_status


def lacking(sources: Sequence[str]) -> str:
    """Why the outputs of code can't be those of the whole data set; empty if they can, or don't use it."""
    return "only the sample of the data is here" if _on_sample(sources) else ""


def variables(sources: Sequence[str]) -> dict[str, str]:
    """On the sample, chapters take it at once and silently."""
    return {data_status.VARIABLE: "sample"} if _on_sample(sources) else {}


def _on_sample(sources: Sequence[str]) -> bool:
    if not any(data_status.uses_data(source) for source in sources):
        return False
    if os.environ.get(data_status.VARIABLE) == "sample":
        return True
    if data_status.is_at_hand():
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return data_status.status().is_sample
    except (ImportError, OSError, ValueError):
        return False  # a damaged data file: the cell that loads it will say so, as of a warning
