"""The function that a chapter derives is the package's function, so text and package can't drift.

Compared are syntax trees, without docstrings, type hints and the checks of arguments (statements
that call a function named check_...). A chapter may also derive under another name, with other
arguments: what such a variant returns is compared with what the package returns.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from IPython.core.inputtransformer2 import TransformerManager
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

import d2lmini
from d2lmini import pooling, scratch, variants

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
PUBLIC = {
    name: getattr(module, name)
    for module in (scratch, d2lmini)  # both have a `train`: the chapters' functions are the book's
    for name in module.__all__
    if inspect.isfunction(getattr(module, name))
}


class Derivation(ast.NodeTransformer):
    """Drops type hints, docstrings and checks of arguments."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if is_check(node.value) else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if is_check(node.value) else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign(targets=[node.target], value=node.value)


def is_check(value: ast.expr) -> bool:
    """Whether this calls a function named check_..., or widens integers: X, K = widened(X), ..."""
    if isinstance(value, ast.Tuple):
        return all(map(is_check, value.elts))
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and (value.func.id.startswith("check_") or value.func.id == "widened")
    )


def derivation(function: ast.FunctionDef) -> str:
    """The signature and the body that a derivation shows, as normalised source."""
    function = Derivation().visit(function)
    function.decorator_list = []
    return ast.unparse(ast.fix_missing_locations(function))


def package_derivation(name: str) -> str:
    source = textwrap.dedent(inspect.getsource(PUBLIC[name]))
    (function,) = ast.parse(source).body
    return derivation(function)


def functions_of(path: Path) -> list[tuple[str, ast.FunctionDef]]:
    """Every top-level function in a notebook: (cell id, function)."""
    notebook = nbformat.read(path, as_version=4)
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            found += [(cell.id, node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    return found


def machinery(function: ast.FunctionDef) -> set[str]:
    """The tools of the package's own operations that a function uses: such a function derives one."""
    nodes = list(ast.walk(function))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return (names | {node.id for node in nodes if isinstance(node, ast.Name)}) & MACHINERY


def variant(path: Path, name: str) -> Callable[..., Any]:
    """A chapter's function, to be called."""
    (function,) = (node for _, node in functions_of(path) if node.name == name)
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "as_tuple": variants.as_tuple}
    names |= {"np": np, "sliding_window_view": sliding_window_view}
    exec(compile(ast.Module([function], []), path.name, "exec"), names)
    return names[name]


def numbers(*shape: int) -> torch.Tensor:
    """Integers without symmetry, the same every time."""
    return torch.randint(-9, 10, shape, generator=torch.Generator().manual_seed(0))


def strided(function: Callable[..., Any]) -> None:
    X, K = numbers(9, 8), numbers(3, 2)
    for down, right in product((1, 2, 3), repeat=2):
        assert function(X, K, (down, right)).equal(d2lmini.corr2d(X, K)[::down, ::right])


def einsum(function: Callable[..., Any]) -> None:
    X, K = numbers(3, 9, 8), numbers(4, 3, 3, 2)
    assert function(X, K).equal(d2lmini.corr2d_multi_in_out(X, K))


def flat(function: Callable[..., Any]) -> None:
    X = numbers(6, 8)
    assert function(X).equal(pooling.windows(X, 2, None, 0, 1, False, fill=0).flatten(-2))


def by_hook(function: Callable[..., Any]) -> None:
    for model in (d2lmini.lenet(), d2lmini.vgg_block(2, 1, 3, batch_norm=True), nn.Sequential(nn.Flatten())):
        rows = d2lmini.layer_shapes(model, (2, 1, 28, 28))
        assert function(model, torch.zeros(2, 1, 28, 28)) == [row[:3] for row in rows]
        assert not any(module._forward_hooks for module in model.modules())


def in_numpy(function: Callable[..., Any]) -> None:
    X, K = numbers(9, 8), numbers(3, 2)
    assert (function(X.numpy(), K.numpy()) == d2lmini.corr2d(X, K).numpy()).all()


def index_of_frames(function: Callable[..., Any]) -> None:
    for n, mode in product((1, 2, 5), variants.PADDING_MODES):
        i = torch.arange(1 - n, 2 * n - 1)
        assert function(i, n, mode).equal(variants.padded_index(i, n, mode))


def sides(function: Callable[..., Any]) -> None:
    for padding, k, d in product((0, 2, (1, 3), "same", "valid"), ((3, 4), (1, 2)), ((1, 1), (2, 3))):
        assert function(padding, k, d) == variants.sides_of(padding, k, d)


MACHINERY = {"unfold", "tensordot", "einsum", "register_forward_hook", "xavier_uniform_", "OneCycleLR"}
MACHINERY |= {"sliding_window_view"}
VARIANTS: dict[str, Callable[[Callable[..., Any]], None]] = {
    "corr2d_strided": strided,
    "corr2d_einsum": einsum,
    "windows_flat": flat,
    "shapes_by_hook": by_hook,
    "correlate": in_numpy,
    "padded_index": index_of_frames,
    "sides_of": sides,
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_derives_what_the_package_has(path):
    for cell_id, function in functions_of(path):
        if function.name not in PUBLIC:
            continue
        shown, package = derivation(function), package_derivation(function.name)
        assert shown == package, f"cell {cell_id} of {path.name} derives another {function.name}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_derivation_hides_under_another_name(path):
    for cell_id, function in functions_of(path):
        tools = machinery(function)
        assert not tools or function.name in {*PUBLIC, *VARIANTS}, (
            f"cell {cell_id} of {path.name}: {function.name} uses {tools}; give it the name of the package's "
            "function, or compare the two in VARIANTS"
        )


def test_a_variant_gives_what_the_package_gives():
    found = {node.name: path for path in NOTEBOOKS for _, node in functions_of(path) if node.name in VARIANTS}
    assert set(found) == set(VARIANTS)
    for name, path in found.items():
        VARIANTS[name](variant(path, name))


def test_hints_docstrings_and_checks_make_no_difference():
    package = '''
def f(X: Tensor, k: int = 2) -> Tensor:
    """Doc."""
    check_matrix("X", X)
    k = check_int("k", k, 1)
    Y: Tensor = X * k
    check_finite(Y)
    return Y
'''
    shown = "def f(X, k=2):\n    Y = X * k\n    return Y"
    (a,), (b,) = ast.parse(package).body, ast.parse(shown).body
    assert derivation(a) == derivation(b)


@pytest.mark.parametrize("changed", ["def f(X, k=3):", "def f(X, p=2):", "    Y = X + k"])
def test_any_other_change_is_seen(changed):
    lines = ["def f(X, k=2):", "    Y = X * k", "    return Y"]
    other = [changed, *lines[1:]] if changed.startswith("def") else [lines[0], changed, lines[2]]
    (a,), (b,) = ast.parse("\n".join(lines)).body, ast.parse("\n".join(other)).body
    assert derivation(a) != derivation(b)
