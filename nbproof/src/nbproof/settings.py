"""What is a book's own: read from the table [tool.nbproof] of its pyproject.toml, and from its hooks.

Without that table every setting has its default, and any notebook can be judged. A book's hooks are a
Python file named by `hooks`, in which each of the functions of `Hooks` may be defined.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TABLE = "tool.nbproof"


class SettingsError(ValueError):
    """What a book or a command asks for can't be done; the message names it and the rule."""


class Hooks:
    """What a book may say by code. These are the defaults, which say nothing."""

    def variables(self, sources: Sequence[str]) -> dict[str, str]:
        """Environment variables for the kernel of a notebook with these sources."""
        return {}

    def lacking(self, sources: Sequence[str]) -> str:
        """What code of these sources needs in full and isn't here, as a reason; empty: nothing.

        Of a notebook that lacks something, the cells that need it aren't compared (`Settings.conditions`),
        and no outputs are stored.
        """
        return ""

    def normalise(self, mime: str, value: Any) -> Any:
        """An output's value without what chance puts into it, such as random ids.

        It's asked for stored and for new outputs, with a mime type, "stdout", "stderr" or "error text".
        """
        return value


@dataclass(frozen=True)
class Settings:
    """The settings of one book; paths are relative to `root`."""

    root: Path
    key: str = "nbproof"  # of a cell's metadata, under which its promises stand
    noun: str = "notebook"  # what a message calls one
    notebooks: str = "."  # the folder of the commands' notebooks
    pattern: str = "*.ipynb"  # and their names in it; a leading number selects: NN_name.ipynb
    slow: tuple[str, ...] = ()  # the numbers of those that take minutes
    build: str = "build"  # where pages, pictures and executed copies go
    update: str = "nbproof update"  # the command that stores outputs, as messages name it
    hygiene: bool = False  # whether the book's notebooks are held to one form
    largest: int = 1_000_000  # bytes of a file, by that form
    headline: str = ""  # the tag of the one cell that prints a notebook's result
    tags: tuple[str, ...] = ()  # tags that cells may have beside nbval's
    conditions: Mapping[str, Sequence[str]] = field(default_factory=dict)  # keys and values of promises
    marks: tuple[str, ...] = ()  # further keys of a cell's metadata, for the book's own use
    threads: int | None = None  # of a kernel, where the environment says nothing
    environment: Mapping[str, str] = field(default_factory=dict)  # further variables of a kernel
    dropped: tuple[str, ...] = ()  # variables that a kernel doesn't get
    timeout: float = 1800.0  # seconds that a cell may take in `run` and `update`
    results: str = "nbproof-results.json"  # where the proofs' figures are stored
    bands: str = "bands.json"  # and the measured bands
    preludes: tuple[str, ...] = ()  # code that runs in a kernel before what is measured
    # the data sets that bands are measured on, and the variables that choose each
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {"data": {}})
    wrong: tuple[str, ...] = ()  # results that bands must notice: what a prelude makes of NBPROOF_WRONG
    mutate: Mapping[str, Any] = field(default_factory=dict)  # of `nbproof mutate`: see `baseline.Book`
    hooks: Hooks = field(default_factory=Hooks)

    def path(self, name: str) -> Path:
        """A setting's path: settings.path("build")."""
        return self.root / getattr(self, name)

    def is_own(self, path: Path) -> bool:
        """Whether a notebook belongs to the book: it's in there, and no built copy."""
        root, path = self.root.resolve(), path.resolve()
        return path.is_relative_to(root) and not path.is_relative_to(root / self.build)


def load(root: Path) -> Settings:
    """The settings of the book in a folder; the defaults if it says nothing.

    Raises:
        SettingsError: an unknown setting, one of another type, or hooks that can't be loaded.
    """
    file = root / "pyproject.toml"
    table: dict[str, Any] = {}
    if file.is_file():
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file} can't be read: {error}") from None
        table = dict(content.get("tool", {}).get("nbproof", {}))
    known = {f.name: f for f in dataclasses.fields(Settings) if f.name != "root"}
    if unknown := sorted(set(table) - set(known)):
        raise SettingsError(f"{TABLE} has the unknown setting {unknown[0]!r}; there are {', '.join(known)}")
    default = Settings(root)
    given: dict[str, Any] = {}
    for name, value in table.items():
        if name == "hooks":
            given[name] = load_hooks(root / str(value))
            continue
        wanted = getattr(default, name)
        value = tuple(value) if isinstance(wanted, tuple) and isinstance(value, list) else value
        if not _is_like(value, wanted):
            kind = "int" if wanted is None else type(wanted).__name__
            raise SettingsError(f"{TABLE}.{name} (={value!r}) must be a {kind}")
        within = {"conditions": list, "environment": str}.get(name)  # of what its values are
        if within and not all(isinstance(each, within) for each in value.values()):
            raise SettingsError(f"{TABLE}.{name} (={value!r}) must have a {within.__name__} for each name")
        if isinstance(value, tuple) and not all(isinstance(each, str) for each in value):
            raise SettingsError(f"{TABLE}.{name} (={list(value)!r}) must be a list of str")
        given[name] = value
    return dataclasses.replace(default, **given)


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    wanted = int if default is None else type(default)
    return isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)


def load_hooks(file: Path) -> Hooks:
    """The hooks that a Python file defines as functions; the defaults for those it doesn't."""
    spec = importlib.util.spec_from_file_location(f"nbproof_hooks_of_{file.parent.name}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise SettingsError(f"{TABLE}.hooks: there is no Python file {file}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SettingsError(f"{TABLE}.hooks: {file} can't be loaded: {error!r}") from error
    hooks = Hooks()
    for name in ("variables", "lacking", "normalise"):
        if function := getattr(module, name, None):
            setattr(hooks, name, function)
    return hooks


SETTINGS = pytest.StashKey[Settings]()  # under which pytest's configuration carries them
