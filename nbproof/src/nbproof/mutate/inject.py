"""What runs in a process that is judged: it puts the fault in, or writes down which lines run.

Nothing but the standard library is imported where faults are judged: IPython and coverage only follow lines.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import itertools
import sys
from pathlib import Path
from typing import Any

MEMORY = 6 * 2**30  # bytes of data; a fault may ask for all there is


class Finder(importlib.abc.MetaPathFinder):
    """Finds one module with another source; its file and all else stay as they are."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader.get_code = lambda _: compile(self.source, spec.origin, "exec", dont_inherit=True)
        return spec


def install(package: str, name: str, file: str) -> None:
    """From now on a module of a package is imported with the source in a file; memory is limited."""
    sys.path.insert(0, str(Path(package).parent))
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limits on this system
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    sys.meta_path.insert(0, Finder(name, Path(file).read_text(encoding="utf-8")))


def follow(package: str, file: str) -> Any:
    """Start to write down the lines of a package that run; `switch_context` names what runs them."""
    import coverage

    sys.path.insert(0, str(Path(package).parent))
    coverage = coverage.Coverage(data_file=file, include=[f"{package}/*"], config_file=False)
    coverage.start()
    return coverage


def follow_cells(package: str, file: str, notebook: str) -> None:
    """In a kernel: write down the lines that each cell runs, under the notebook and its number in there."""
    from IPython import get_ipython

    following, numbers, events = follow(package, file), itertools.count(), get_ipython().events

    def start(info: Any) -> None:
        if info.store_history:
            following.switch_context(f"{notebook}|{next(numbers)}")

    events.register("pre_run_cell", start)
    events.register("post_run_cell", lambda result: following.save())
