"""Measure the bands of the statistical cells over seeds and thread counts: `make bands`.

A cell that trains names what it measures in its metadata, `d2lmini.bands`: {name: expression}. This command
runs the chapter's code in a process of its own for each seed and thread count, with the seed in the place of
the chapter's, evaluates the expressions after the cell, and adds what came out to tests/bands.json. The
chapter's asserts are left out here: they are what is being measured. tests/bands.md, the readers' page, says
what the runs came to and what the chapters assert; with `--page` only that is written, and nothing measured.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import io
import json
import os
import platform
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from chapters import select
from update_outputs import write_atomically

BANDS = Path(__file__).resolve().parent.parent / "tests" / "bands.json"
PAGE = BANDS.with_suffix(".md")
DATA = ("full", "sample")
THREADS = (1, 2)


class Band(NamedTuple):
    """What is measured after a cell, and what the cell asserts of it on each of the data sets."""

    expression: str
    asserted: dict[str, list[str]]  # such as {"full": ["0.8 < accuracy < 0.86"], "sample": [...]}


Book = dict[str, dict[str, Band]]  # by chapter and name


# --- measuring ----------------------------------------------------------------------------------


def measured_cells(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The code of a chapter's cells up to the last that measures, each with its {name: expression}."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    bands = [cell.metadata.get("d2lmini", {}).get("bands", {}) for cell in cells]
    last = max((i for i, names in enumerate(bands) if names), default=-1)
    for cell, names in list(zip(cells, bands, strict=True))[: last + 1]:
        tags = cell.metadata.get("tags", [])
        if "raises-exception" not in tags and "solution" not in tags:
            yield cell.source, names


class Reseed(ast.NodeTransformer):
    """Leave out asserts, and put another number into `torch.manual_seed(0)`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.copy_location(ast.Pass(), node)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if ast.unparse(node.func) == "torch.manual_seed":
            node.args = [ast.copy_location(ast.Constant(self.seed), node)]
        return node


def measure(path: Path, seed: int) -> dict[str, float]:
    """Run a chapter's code with another seed, in this process; {name: value}."""
    import d2lmini
    import matplotlib

    matplotlib.use("agg")
    d2lmini.train = functools.partial(d2lmini.train, seed=seed, progress=False)
    namespace: dict[str, Any] = {}
    values: dict[str, float] = {}
    for source, names in measured_cells(path):
        tree = ast.fix_missing_locations(Reseed(seed).visit(ast.parse(source)))
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, path.name, "exec"), namespace)
        values |= {name: float(eval(expression, namespace)) for name, expression in names.items()}
    return values


def measure_apart(path: Path, seed: int, threads: int) -> dict[str, float]:
    """`measure` in a new process with a number of threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--one", str(path), str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{path.name} with seed {seed} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, deviation and range of one band's runs, with the runs themselves."""
    values = [run["value"] for run in runs]
    return {
        "mean": round(statistics.mean(values), 4),
        "deviation": round(statistics.stdev(values), 4) if len(values) > 1 else None,
        "lowest": round(min(values), 4),
        "highest": round(max(values), 4),
        "runs": sorted(runs, key=lambda run: (run["threads"], run["seed"])),
    }


def unmeasured(keys: Collection[str], book: Book) -> list[str]:
    """The keys of bands (chapter/data/name) that no chapter measures any more."""
    known = {f"{chapter}/{data}/{name}" for chapter in book for data in DATA for name in book[chapter]}
    return [key for key in keys if key not in known]


def store(chapter: str, data: str, seed: int, threads: int, values: dict[str, float]) -> None:
    """Add one run's values to tests/bands.json, in the place of an earlier run with the same settings."""
    import torch

    bands = json.loads(BANDS.read_text(encoding="utf-8")) if BANDS.exists() else {}
    bands["settings"] = {"torch": torch.__version__.split("+")[0], "processor": platform.machine()}
    for name, value in values.items():
        key = f"{chapter}/{data}/{name}"
        runs = bands.setdefault("bands", {}).get(key, {"runs": []})["runs"]
        runs = [run for run in runs if (run["seed"], run["threads"]) != (seed, threads)]
        runs.append({"seed": seed, "threads": threads, "value": round(value, 4)})
        bands["bands"][key] = summary(runs)
    book = read_book()
    for key in unmeasured(list(bands["bands"]), book):
        del bands["bands"][key]
        print(f"dropped {key}: no chapter measures it any more", flush=True)
    bands["bands"] = dict(sorted(bands["bands"].items()))
    write_atomically(BANDS, (json.dumps(bands, indent=1) + "\n").encode("utf-8"))
    write_page(bands, book)


# --- what the chapters assert -------------------------------------------------------------------


def read_book() -> Book:
    """What the chapters measure; no chapter that measures nothing."""
    book: Book = {}
    for path in select():
        cells = [(source, {n: plain(e) for n, e in names.items()}) for source, names in measured_cells(path)]
        measured = {expression for _, names in cells for expression in names.values()}
        for source, names in cells:
            asserted = {data: comparisons(source, data, measured) for data in DATA}
            for name, expression in names.items():
                used = {data: [c for c in asserted[data] if uses(c, expression, measured)] for data in DATA}
                book.setdefault(path.stem, {})[name] = Band(expression, used)
    return book


def plain(expression: str) -> str:
    """Python's own way to write an expression, so that the same is written the same."""
    return ast.unparse(ast.parse(expression, mode="eval"))


class OnData(ast.NodeTransformer):
    """Decide every `… if data.is_sample else …`."""

    def __init__(self, data: str) -> None:
        self.data = data

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.test) != "data.is_sample":
            return node
        return node.body if self.data == "sample" else node.orelse


class Replace(ast.NodeTransformer):
    """Put other expressions in the places of some."""

    def __init__(self, others: Mapping[str, str]) -> None:
        self.others = others

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and (text := ast.unparse(node)) in self.others:
            return ast.parse(self.others[text], mode="eval").body
        return self.generic_visit(node)


def replace(expression: str, others: Mapping[str, str]) -> str:
    return ast.unparse(Replace(others).visit(ast.parse(expression, mode="eval")))


def comparisons(source: str, data: str, measured: Collection[str]) -> list[str]:
    """The comparisons of measured values that a cell asserts, with its numbers for `low, high`."""
    tree = OnData(data).visit(ast.parse(source))
    ends = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(low, high)":
            ends = dict(zip(("low", "high"), map(repr, ast.literal_eval(node.value)), strict=True))
    tests = [replace(ast.unparse(node.test), ends) for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    found = (comparison for test in tests for comparison in conjuncts(test, measured))
    return [comparison for comparison in found if made_of(comparison, measured)]


def conjuncts(test: str, measured: Collection[str]) -> list[str]:
    """The comparisons that must all hold if the test does; none if it isn't made of comparisons."""
    node = ast.parse(test, mode="eval").body
    match node:
        case ast.BoolOp(op=ast.And()):
            return [c for value in node.values for c in conjuncts(ast.unparse(value), measured)]
        case ast.Call(
            func=ast.Name("all"), args=[ast.GeneratorExp(each, [ast.comprehension(ast.Name(name), many, [])])]
        ):
            members = [e for e in measured if e.startswith(f"list({ast.unparse(many)})[")]
            inner = [replace(ast.unparse(each), {name: member}) for member in sorted(members)]
            return [c for text in inner for c in conjuncts(text, measured)]
        case ast.Call(func=ast.Attribute(ast.Compare(left, [ast.Gt() | ast.GtE()]) as compare, "all")):
            values = ast.unparse(left)
            return [replace(ast.unparse(compare), {values: f"{values}.min()"})]
        case ast.Compare(ops=ops) if all(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in ops):
            return [test]
    return []


def parts(expression: str, measured: Collection[str]) -> set[str]:
    """The measured expressions that an expression contains."""
    nodes = ast.walk(ast.parse(expression, mode="eval"))
    return {ast.unparse(node) for node in nodes if isinstance(node, ast.expr)} & set(measured)


def made_of(expression: str, measured: Collection[str]) -> bool:
    """Whether measured values are enough to compute an expression."""
    rest = ast.parse(replace(expression, dict.fromkeys(measured, "0")), mode="eval")
    return not any(isinstance(node, ast.Name) for node in ast.walk(rest))


def uses(comparison: str, expression: str, measured: Collection[str]) -> bool:
    """Whether a comparison speaks of a measured expression, or of all that this one is computed from."""
    others = set(measured) - {expression}
    needed = parts(expression, others) if made_of(expression, others) else {expression}
    return needed <= parts(comparison, measured)


def together(bands: Mapping[str, Any], chapter: str, data: str, names: Mapping[str, Band]) -> list[dict]:
    """What each run of a chapter measured: {expression: value}."""
    runs: dict[tuple[int, int], dict[str, float]] = {}
    for name, band in names.items():
        for run in bands["bands"].get(f"{chapter}/{data}/{name}", {"runs": []})["runs"]:
            runs.setdefault((run["seed"], run["threads"]), {})[band.expression] = run["value"]
    return list(runs.values())


def margins(comparison: str, runs: list[dict[str, float]]) -> list[list[float]]:
    """For each end of a comparison, how far within it every run is that measured its values."""
    node = ast.parse(comparison, mode="eval").body
    assert isinstance(node, ast.Compare)
    terms = [ast.unparse(term) for term in (node.left, *node.comparators)]
    runs = [run for run in runs if made_of(comparison, run)]
    found = []
    for left, operator, right in zip(terms, node.ops, terms[1:], strict=False):
        low, high = (left, right) if isinstance(operator, ast.Lt | ast.LtE) else (right, left)
        found.append([computed(high, run) - computed(low, run) for run in runs])
    return found


def computed(expression: str, run: Mapping[str, float]) -> float:
    return eval(replace(expression, {name: repr(value) for name, value in run.items()}), {"__builtins__": {}})


# --- the page -----------------------------------------------------------------------------------

INTRODUCTION = """# The measured bands

A training ends a little differently on every machine, so the chapters assert a range for what comes out, a
*band*. Here is what each band rests on: the chapter's own code, run again with other seeds and other numbers
of threads. The runs themselves are in [bands.json](bands.json). [measure_bands.py](../tools/measure_bands.py)
writes both:

    make bands                                          # measures again, which takes hours
    .venv/bin/python tools/measure_bands.py --page      # writes this page only

Settings: torch {torch}, processor {processor}; in bands.json each run has its seed and its number of threads.

- *full* is the whole of Fashion-MNIST, *sample* the tenth of it that ships with the book.
- *deviation* is the standard deviation over the runs.
- *asserted* is what the chapter's cell demands of the measured value, `value` for short. A dash: no
  comparison.
- *room* is how many deviations lie between the mean and the nearer end of what is asserted. Where one
  measured value is compared with another, these are the mean and the deviation of the distance between the
  two. A dash: the runs don't differ or are fewer than five, or nothing is asserted.
"""
FEWEST = 5  # runs that a deviation can be taken from
COLUMNS = ("data", "mean", "deviation", "lowest", "highest", "seeds", "runs", "asserted", "room")


def heading(chapter: str, name: str) -> str:
    return f"{chapter}: {name}"


def page(bands: Mapping[str, Any], book: Book) -> str:
    """tests/bands.md: a section for each chapter, and a table for each of its bands."""
    blocks = [INTRODUCTION.format(**bands["settings"])]
    for chapter, names in book.items():
        blocks.append(f"## {chapter}\n\nMeasured in [{chapter}.ipynb](../notebooks/{chapter}.ipynb).\n")
        for name, band in names.items():
            lines = [f"### {heading(chapter, name)}", "", f"`{band.expression}`", ""]
            lines += [row(COLUMNS), row(["---"] * len(COLUMNS))]
            for data in DATA:
                if measured := bands["bands"].get(f"{chapter}/{data}/{name}"):
                    runs = together(bands, chapter, data, names)
                    lines.append(row([data, *figures(measured), *claim(band, data, runs)]))
            blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def row(cells: Collection[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figures(measured: Mapping[str, Any]) -> list[str]:
    values = [measured[key] for key in ("mean", "deviation", "lowest", "highest")]
    counts = Counter(run["threads"] for run in measured["runs"])
    threads = sorted(set(counts) | set(THREADS))
    runs = ", ".join(f"{counts[n]} with {n} thread{'s' * (n > 1)}" for n in threads)
    seeds = len({run["seed"] for run in measured["runs"]})
    return [*("–" if value is None else f"{value:.4f}" for value in values), str(seeds), runs]


def claim(band: Band, data: str, runs: list[dict[str, float]]) -> list[str]:
    """What is asserted of a band, which is called `value` there, and how much room that leaves."""
    asserted = [replace(comparison, {band.expression: "value"}) for comparison in band.asserted[data]]
    ends = [end for comparison in band.asserted[data] for end in margins(comparison, runs)]
    rooms = [room for end in ends if (room := deviations(end)) is not None]
    return [", ".join(f"`{text}`" for text in asserted) or "–", f"{min(rooms):.1f}" if rooms else "–"]


def deviations(margin: list[float]) -> float | None:
    """How many deviations a margin's mean is; None if there is none, or too few runs to know it."""
    deviation = statistics.stdev(margin) if len(margin) >= FEWEST else 0.0
    return statistics.mean(margin) / deviation if deviation > 1e-9 else None


def write_page(bands: Mapping[str, Any], book: Book) -> None:
    write_atomically(PAGE, page(bands, book).encode("utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", help="such as 07; all that measure, unless said")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(10))
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--page", action="store_true", help="only write tests/bands.md from tests/bands.json")
    parser.add_argument("--one", nargs=2, metavar=("NOTEBOOK", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), int(options.one[1]))))
        return
    if options.page:
        write_page(json.loads(BANDS.read_text(encoding="utf-8")), read_book())
        return

    from d2lmini import load_fashion_mnist

    data = "sample" if load_fashion_mnist().is_sample else "full"
    paths = [path for path in select(options.chapters) if any(names for _, names in measured_cells(path))]
    for path in paths:
        for threads in options.threads:
            at_once = max(1, (os.cpu_count() or 1) // threads)
            with ThreadPoolExecutor(at_once) as pool:
                runs = {seed: pool.submit(measure_apart, path, seed, threads) for seed in options.seeds}
                for seed, run in runs.items():
                    store(path.stem, data, seed, threads, run.result())
                    print(f"{path.stem} seed {seed}, {threads} threads: {run.result()}", flush=True)


if __name__ == "__main__":
    main()
