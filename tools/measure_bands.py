"""Measure the bands of the statistical cells over seeds and thread counts: `make bands`.

A cell that trains names what it measures in its metadata, `d2lmini.bands`: {name: expression}. This command
runs the chapter's code in a process of its own for each seed and thread count, with the seed in the place of
the chapter's, evaluates the expressions after the cell, and adds what came out to tests/bands.json. The
chapter's asserts are left out here: they are what is being measured.
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from chapters import select
from update_outputs import write_atomically

BANDS = Path(__file__).resolve().parent.parent / "tests" / "bands.json"


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
    import matplotlib

    import d2lmini

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
    bands["bands"] = dict(sorted(bands["bands"].items()))
    write_atomically(BANDS, (json.dumps(bands, indent=1) + "\n").encode("utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", help="such as 07; all that measure, unless said")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(10))
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--one", nargs=2, metavar=("NOTEBOOK", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), int(options.one[1]))))
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
