"""Which notebooks a book has, and which of them a command is about; `nbproof list` prints them."""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nbproof.settings import Settings, SettingsError


def number(path: Path) -> str:
    """What stands before the first underscore of a notebook's name: "07" of 07_lenet.ipynb."""
    return path.stem.partition("_")[0]


def plain(number: str) -> str:
    """A number without the zeros before it: "7" of "07"."""
    return number.lstrip("0") or number[-1:]


def select(settings: Settings, numbers: Sequence[str] = (), fast: bool = False) -> list[Path]:
    """A book's notebooks in the order of their names: those of the numbers ("2" finds 02 too), or all.

    `fast` leaves out the slow ones. Executed copies in the build folder are none of the book's. Raises
    SettingsError for none, and for two of one name: commands keep copies and figures by it.
    """
    folder, build = settings.path("notebooks"), settings.path("build")
    inside = folder.is_relative_to(build)  # then they are what is asked for
    found = sorted(p for p in folder.glob(settings.pattern) if inside or not p.is_relative_to(build))
    if not found:
        raise SettingsError(f"no {settings.noun}s ({settings.pattern}) in {folder}")
    wanted = {plain(n): n for n in numbers}
    if missing := [n for key, n in wanted.items() if key not in {plain(number(path)) for path in found}]:
        known = ", ".join(path.stem for path in found)
        raise SettingsError(f"no {settings.noun} {', '.join(missing)}; there are: {known}")
    if double := next((name for name, count in Counter(p.name for p in found).items() if count > 1), None):
        raise SettingsError(f"two {settings.noun}s are named {double}: give one of them another name")
    chosen = [path for path in found if not wanted or plain(number(path)) in wanted]
    chosen = [path for path in chosen if not (fast and is_slow(settings, path))]
    if not chosen:
        raise SettingsError(f"no {settings.noun} is left: all that are asked for are slow")
    return chosen


def is_slow(settings: Settings, path: Path) -> bool:
    """Whether a notebook takes minutes."""
    return plain(number(path)) in map(plain, settings.slow)


def chosen(settings: Settings, args: argparse.Namespace) -> tuple[Settings, list[Path]]:
    """What a command's arguments ask for: the settings with their folder in, and the notebooks."""
    if args.notebooks:
        settings = dataclasses.replace(settings, notebooks=str(args.notebooks.resolve()))
    return settings, select(settings, args.numbers, args.fast)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments by which every command selects notebooks; `chosen` reads them."""
    parser.add_argument("numbers", nargs="*", metavar="NN", help="their numbers (default: all)")
    parser.add_argument("--notebooks", type=Path, metavar="DIR", help="where they are")
    parser.add_argument("--fast", action="store_true", help="leave out the slow ones")


def main(argv: list[str], settings: Settings) -> int:
    """Print the paths of the selected notebooks, a line each."""
    parser = argparse.ArgumentParser(prog="nbproof list", description="Print the notebooks' paths.")
    add_arguments(parser)
    parser.add_argument("--reverse", action="store_true", help="the last one first")
    args = parser.parse_args(argv)
    _, found = chosen(settings, args)
    print(*(reversed(found) if args.reverse else found), sep="\n")
    return 0
