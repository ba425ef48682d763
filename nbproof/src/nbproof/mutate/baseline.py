"""What judges the faults of a package, and what it does without a fault: which lines it runs, how long."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from nbproof.mutate import faults
from nbproof.mutate.faults import Fault
from nbproof.settings import Settings, SettingsError

AT_ONCE = os.cpu_count() or 1
UNCHANGED, OUTLIVED = "", "time limit"  # verdicts: nothing noticed the fault; what ran took too long
SLOWER = 8  # times longer than without a fault may take what runs, after some patience


class Book(NamedTuple):
    """A book's settings for `nbproof mutate`: the table `mutate` of its settings, with paths."""

    settings: Settings
    package: Path
    tests: Sequence[str] = ("tests",)
    faults: Path = Path()
    equivalents: Path = Path()  # the faults that change nothing, each with the reason
    taught: Sequence[str] = ()  # the modules that the notebooks are about
    patience: float = 20.0  # seconds that anything may take

    @classmethod
    def of(cls, settings: Settings) -> Book:
        table = dict(settings.mutate)
        if unknown := sorted(set(table) - set(cls._fields[1:])):
            raise SettingsError(f"tool.nbproof.mutate has the unknown key {unknown[0]!r}")
        table |= {name: settings.root / table.get(name, "") for name in ("package", "faults", "equivalents")}
        if not (table["package"] / "__init__.py").is_file():
            raise SettingsError("tool.nbproof.mutate.package must be the folder of a package")
        return cls(settings, **table)

    def name_of(self, module: str) -> str:
        """A module's name for Python."""
        dotted = module.removesuffix("__init__").strip("/").replace("/", ".")
        return f"{self.package.name}.{dotted}".rstrip(".")


class Baseline:
    """A clean run: which lines of the package ran in what, and how many seconds each took."""

    def __init__(self, book: Book, followed: Iterable[Path], seconds: dict[str, float]) -> None:
        """`followed` are the files that `inject.follow` has written."""
        from coverage import CoverageData

        self.sources, self.seconds = faults.modules(book.package), seconds
        ran = CoverageData(no_disk=True)
        for file in followed:
            part = CoverageData(str(file))
            part.read()
            ran.update(part)
        self.reach: dict[str, dict[int, list[str]]] = {}  # {module: {line: what runs it}}
        for name in ran.measured_files():
            module = Path(name).relative_to(book.package.resolve()).with_suffix("").as_posix()
            self.reach[module] = ran.contexts_by_lineno(name)

    def reaching(self, fault: Fault) -> set[str]:
        """What runs the changed statement; all there is if it runs at import."""
        lines = faults.lines_that_run(self.sources[fault.module], fault.line)
        ran = set().union(*(self.reach.get(fault.module, {}).get(line, ()) for line in lines))
        return ran if lines and "" not in ran else set(self.seconds)
