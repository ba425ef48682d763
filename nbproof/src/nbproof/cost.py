"""What the plugin costs beside plain nbval, on the quick notebooks: `nbproof cost`.

Both run in turn, several rounds; the processor's seconds of a whole run count (pytest's and its kernels'),
since the clock means little on a shared machine. The ratio of the medians is the result.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from nbproof import files
from nbproof.notebooks.select import select
from nbproof.run.harness import arguments
from nbproof.settings import Settings

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PLAIN, OURS = "plain nbval", "the plugin"


def commands(settings: Settings, paths: list[Path]) -> dict[str, tuple[list[str], tuple[int, ...]]]:
    """Both commands, each with the exit codes it may end with."""
    folder = settings.path("notebooks")
    plain = ["-c", os.devnull, f"--rootdir={folder}", "-p", "no:nbproof", "-p", "no:cacheprovider", "--nbval"]
    limit = [f"--nbval-cell-timeout={settings.timeout:g}"]
    # Plain nbval may find a number that deviates; it goes on then, and the time stays whole.
    return {
        PLAIN: ([*plain, *limit, "-q", *map(str, paths)], (0, 1)),
        OURS: (arguments(settings, paths, limit), (0,)),
    }


def seconds(root: Path, options: list[str], codes: tuple[int, ...]) -> tuple[float, float]:
    """One run of pytest: (seconds of the processor, of the clock)."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=root, env=os.environ | THREADS, capture_output=True, text=True)
    clock, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def main(argv: list[str], settings: Settings) -> int:
    parser = argparse.ArgumentParser(prog="nbproof cost", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(argv).rounds
    runs: dict[str, list[tuple[float, float]]] = {PLAIN: [], OURS: []}
    for count in range(1, rounds + 1):
        for name, (options, codes) in commands(settings, select(settings, fast=True)).items():
            runs[name].append(seconds(settings.root, options, codes))
            print(f"round {count}, {name}: {runs[name][-1][0]:.1f} s of the processor", flush=True)
    plain, ours = ([statistics.median(column) for column in zip(*r, strict=True)] for r in runs.values())
    processor, clock = (round(b / a, 3) for a, b in zip(plain, ours, strict=True))
    print(f"the plugin takes {processor} times the processor's seconds, {clock} times the clock's")
    figures = {"rounds": rounds, "processor": processor, "clock": clock}
    files.keep(settings.path("results"), "cost", figures)
    return 0
