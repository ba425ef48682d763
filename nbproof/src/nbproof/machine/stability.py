"""Run unchanged notebooks under many settings of a machine; none may fail: `nbproof stability`.

The quick notebooks run under every combination of threads, the instruction sets that torch and oneDNN may
use, and a fixed or a random hash seed, each time in another order; the slow ones under a few combinations.
Nothing else pins these: the plugin gives its kernels a number of threads, but only where the environment
doesn't say otherwise, as here. The exit code is 1 if a cell failed anywhere.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nbproof import files
from nbproof.notebooks.select import is_slow, select
from nbproof.run.harness import AtOnce, Run, run_notebooks
from nbproof.settings import Settings

INSTRUCTIONS = ("default", "avx2", "avx512")
CAPABILITY = "import torch; print(torch.backends.cpu.get_cpu_capability())"


class Machine(NamedTuple):
    """What the environment of a run says of the machine."""

    threads: int
    aten: str  # ATEN_CPU_CAPABILITY
    onednn: str  # ONEDNN_MAX_CPU_ISA
    hash_seed: str

    def variables(self) -> dict[str, str]:
        return {
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
            "ATEN_CPU_CAPABILITY": self.aten,
            "ONEDNN_MAX_CPU_ISA": self.onednn,
            "PYTHONHASHSEED": self.hash_seed,
        }

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{threads}, ATen {self.aten}, oneDNN {self.onednn}, hash seed {self.hash_seed}"


QUICK = [
    Machine(*values)
    for values in itertools.product((1, 2), INSTRUCTIONS, ("AVX2", "DEFAULT"), ("0", "random"))
]
SLOW = [
    Machine(1, "avx2", "AVX2", "0"),
    Machine(1, "avx512", "DEFAULT", "random"),
    Machine(2, "avx512", "AVX2", "random"),
    Machine(2, "avx2", "DEFAULT", "0"),
    Machine(1, "default", "AVX2", "1"),
]


def possible(aten: str) -> bool:
    """Whether torch really uses these instructions here; an older processor lacks some."""
    environment = os.environ | {"ATEN_CPU_CAPABILITY": aten}
    command = [sys.executable, "-c", CAPABILITY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip().lower() == aten


def run(settings: Settings, machine: Machine, paths: list[Path]) -> Run:
    """The notebooks in an order of the machine's own."""
    order = random.Random(str(machine)).sample(paths, len(paths))
    return run_notebooks(settings, order, variables=machine.variables())


def run_all(
    settings: Settings, machines: list[Machine], paths: list[Path], figures: dict[str, Any]
) -> Iterator[None]:
    """Every machine of a number of threads once, as many at a time as fit; each is yielded in the figures."""
    with AtOnce(max(1, (os.cpu_count() or 1) // machines[0].threads)) as pool:
        runs = {machine: pool.submit(run, settings, machine, paths) for machine in machines}
        for machine, future in runs.items():
            found = future.result()
            deviating = sum(not v.record["identical"] for v in found.compared)
            alarms = [f"{machine}: {v.notebook}, {v.item}: {v.in_a_line}" for v in found.failures]
            figures["runs"][str(machine)] = {"cells": len(found.compared), "not to the letter": deviating}
            figures["false alarms"] += alarms
            said = f"{len(found.compared)} cells, {deviating} not to the letter, {len(alarms)} false alarms"
            print(f"{machine}: {said}", *alarms, sep="\n", flush=True)
            yield


def main(argv: list[str], settings: Settings) -> int:
    parser = argparse.ArgumentParser(prog="nbproof stability", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=("quick", "slow"), help="both, unless said")
    parser.add_argument("--most", type=int, help="only so many settings of each part, the first ones")
    args = parser.parse_args(argv)
    able = {aten for aten in INSTRUCTIONS if aten == "default" or possible(aten)}
    found = select(settings)
    slow = [path for path in found if is_slow(settings, path)]
    fast = [path for path in found if path not in slow]
    alarms = 0
    for name, machines, paths in (("quick", QUICK, fast), ("slow", SLOW, slow)):
        if args.part not in (None, name) or not paths:
            continue
        possible_here = [machine for machine in machines if machine.aten in able]
        chosen = possible_here[: args.most]
        figures = {"notebooks": [path.name for path in paths], "runs": {}, "false alarms": []}
        figures["not possible here"] = len(machines) - len(possible_here)
        for _, group in itertools.groupby(chosen, lambda machine: machine.threads):
            for _ in run_all(settings, list(group), paths, figures):
                files.keep(settings.path("results"), f"stability, {name} notebooks", figures)
        alarms += len(figures["false alarms"])
    return 1 if alarms else 0
