"""Which chapters there are: `notebooks/NN_name.ipynb`, in the order of their numbers.

As a command it prints their paths, one a line:  python tools/chapters.py [--fast] [02 07 ...]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"

# Chapters that train networks for minutes; `make test-fast` leaves them out.
TRAINING_CHAPTERS = ["07", "08"]


class ChapterError(Exception):
    """No chapters, or none of that number."""


def number(path: Path) -> str:
    """The two digits that a chapter's file name starts with."""
    return path.name[:2]


def find(folder: Path = NOTEBOOKS) -> list[Path]:
    """All chapters of a folder; ChapterError when it has none."""
    found = sorted(p for p in folder.glob("*.ipynb") if re.match(r"\d\d_", p.name))
    if not found:
        raise ChapterError(f"no chapters (NN_name.ipynb) in {folder}")
    return found


def select(numbers: Sequence[str] = (), *, folder: Path = NOTEBOOKS, fast: bool = False) -> list[Path]:
    """The chapters of those numbers ("2" or "02"), or all; `fast` drops the training chapters."""
    found = find(folder)
    wanted = [n.zfill(2) for n in numbers]
    missing = sorted(set(wanted) - {number(p) for p in found})
    if missing:
        known = ", ".join(p.stem for p in found)
        raise ChapterError(f"no chapter {', '.join(missing)}; there are: {known}")
    chosen = [p for p in found if not wanted or number(p) in wanted]
    return [p for p in chosen if not (fast and number(p) in TRAINING_CHAPTERS)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments by which every tool here selects chapters."""
    parser.add_argument("numbers", nargs="*", metavar="NN", help="chapter numbers (default: all)")
    parser.add_argument(
        "--notebooks", type=Path, default=NOTEBOOKS, metavar="DIR", help="where the chapters are"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--fast", action="store_true", help="leave out the training chapters")
    args = parser.parse_args()
    try:
        chosen = select(args.numbers, folder=args.notebooks, fast=args.fast)
    except ChapterError as error:
        print(f"chapters: {error}", file=sys.stderr)
        return 2
    print("\n".join(str(p) for p in chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
