"""Run the chapters under many settings of a machine; none may fail: `make stability`.

The quick chapters run under every combination of threads, the instruction sets that torch and oneDNN may use,
and a fixed or a random hash seed, each time in another order of the chapters; the training chapters under a
few combinations. Nothing else pins these: the plugin gives its kernels two threads, but only where the
environment doesn't say otherwise, as here. The exit code is 1 if a cell failed anywhere.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import chapters
import results
from judge import AT_ONCE, Copies, Run, require_full_data, run_copy

INSTRUCTIONS = ("default", "avx2", "avx512")
CAPABILITY = "import torch; print(torch.backends.cpu.get_cpu_capability())"


class Setting(NamedTuple):
    """What the environment of a run says."""

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
    Setting(*values)
    for values in itertools.product((1, 2), INSTRUCTIONS, ("AVX2", "DEFAULT"), ("0", "random"))
]
TRAINING = [
    Setting(1, "avx2", "AVX2", "0"),
    Setting(1, "avx512", "DEFAULT", "random"),
    Setting(2, "avx512", "AVX2", "random"),
]


def possible(aten: str) -> bool:
    """Whether torch really uses these instructions here; an older processor lacks some."""
    environment = os.environ | {"ATEN_CPU_CAPABILITY": aten}
    command = [sys.executable, "-c", CAPABILITY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip().lower() == aten


def run(setting: Setting, names: list[str], copies: Copies) -> Run:
    """The chapters in an order of the setting's own."""
    order = random.Random(str(setting)).sample(names, len(names))
    with copies.one() as copy:
        return run_copy(copy, [copy / "notebooks" / name for name in order], variables=setting.variables())


def run_all(settings: list[Setting], paths: list[Path]) -> dict[str, Any]:
    """Every setting once; the figures, and a line for each run."""
    names = [path.name for path in paths]
    alarms, lines = [], {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        copies = Copies(Path(folder))
        runs = {str(setting): pool.submit(run, setting, names, copies) for setting in settings}
        for setting, future in runs.items():
            found = future.result()
            alarms += [f"{setting}: {f.chapter}, cell {f.cell}: {f.said}" for f in found.failures]
            lines[setting] = {"cells": found.cells, "not to the letter": found.deviating}
            print(f"{setting}: {found.cells} cells, {found.deviating} not to the letter, "
                  f"{len(found.failures)} false alarms", flush=True)  # fmt: skip
    print(*alarms, sep="\n")
    return {"chapters": names, "runs": lines, "false alarms": alarms}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=("quick", "training"), help="both, unless said")
    parser.add_argument("--most", type=int, help="only so many settings of each part, the first ones")
    args = parser.parse_args()
    require_full_data()
    able = {aten for aten in INSTRUCTIONS if possible(aten)}
    fast = chapters.select(fast=True)
    alarms = 0
    for name, settings in (("quick", QUICK), ("training", TRAINING)):
        if args.part not in (None, name):
            continue
        paths = [path for path in chapters.find() if (path in fast) == (name == "quick")]
        chosen = [setting for setting in settings if setting.aten in able][: args.most]
        figures = run_all(chosen, paths) | {"settings not possible here": len(settings) - len(chosen)}
        results.store(f"stability, {name} chapters", figures)
        alarms += len(figures["false alarms"])
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
