"""Which chapters use which part of the package, read from their code."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path

import chapters
import nbformat
from checkout import ROOT
from package_faults import Fault
from recording import code_cells

PACKAGE = ROOT / "d2lmini"


def imports(tree: ast.AST) -> set[str]:
    """What code takes from the package: `from d2lmini import x`, `d2lmini.x`, `from d2lmini.m import …`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "d2lmini":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("d2lmini."):
            found.add(node.module.removeprefix("d2lmini."))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "d2lmini":
            found.add(node.attr)
    return found


def modules_behind(names: set[str]) -> set[str]:
    """The package's modules that these names come from, and those that these modules use."""
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*.py")}
    del trees["__init__"]  # it imports all of them
    home = {name: module for module, tree in trees.items() for name in definitions(tree)}
    home |= {module: module for module in trees}
    found: set[str] = set()
    while names := {home[name] for name in names if name in home} - found:
        found |= names
        names = set().union(*(imports(trees[module]) for module in names))
    return found


def definitions(tree: ast.Module) -> set[str]:
    """The names that a module defines at its top."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def code_of(path: Path) -> list[str]:
    """The sources of a chapter's code cells."""
    return [cell.source for cell in code_cells(nbformat.read(path, as_version=4))]


def modules_of_chapters(paths: Sequence[Path]) -> dict[Path, set[str]]:
    """{chapter: the package's modules it uses}."""
    used = {}
    for path in paths:
        trees = (ast.parse(source) for source in code_of(path) if "d2lmini" in source)
        used[path] = modules_behind(set().union(*map(imports, trees)))
    return used


def chapters_for(fault: Fault, used: dict[Path, set[str]]) -> list[Path]:
    """The chapters that use the faulty module: quick ones first, of these the ones that name its function."""
    function = fault.name.partition(":")[0]

    def rank(path: Path) -> tuple[bool, bool, str]:
        named = any(re.search(rf"\b{function}\b", source) for source in code_of(path))
        return chapters.number(path) in chapters.TRAINING_CHAPTERS, not named, path.name

    return sorted((path for path, modules in used.items() if fault.module in modules), key=rank)
