"""The function that a chapter derives is the package's function, so text and package can't drift.

Compared are syntax trees, without docstrings, type hints and the checks of arguments (statements
that call a function named check_...).
"""

import ast
import inspect
import textwrap
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import d2lmini

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
PUBLIC = {
    name: getattr(d2lmini, name) for name in d2lmini.__all__ if inspect.isfunction(getattr(d2lmini, name))
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


def derivations(path: Path) -> list[tuple[str, ast.FunctionDef]]:
    """Every top-level function in a notebook that bears a public name: (cell id, function)."""
    notebook = nbformat.read(path, as_version=4)
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
            found += [(cell.id, node) for node in functions if node.name in PUBLIC]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_derives_what_the_package_has(path):
    for cell_id, function in derivations(path):
        shown, package = derivation(function), package_derivation(function.name)
        assert shown == package, f"cell {cell_id} of {path.name} derives another {function.name}"


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
