"""A copy of this checkout, as far as the notebook tests need it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("tests", "tools", "d2lmini")


def copy_checkout(folder: Path, more: Iterable[str] = ()) -> Path:
    """The plugin, the tools and the package in a new folder, and `more` folders of the checkout."""
    for name in (*PARTS, *more):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder
