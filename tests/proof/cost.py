"""What the plugin costs beside plain nbval, on the quick chapters: `make cost`.

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

import chapters
import results
from checkout import ROOT

PLAIN = [
    "-c",
    os.devnull,
    "-p",
    "no:cacheprovider",
    f"--rootdir={ROOT / 'notebooks'}",
    "--nbval-cell-timeout=900",
]
OURS = ["-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider"]
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def seconds(options: list, codes: tuple[int, ...]) -> tuple[float, float]:
    """One run of the quick chapters: (seconds of the processor, of the clock); `codes` it may end with."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", *options, *chapters.select(fast=True)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | THREADS, capture_output=True, text=True)
    clock, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    runs: dict[str, list[tuple[float, float]]] = {"plain nbval": [], "the plugin": []}
    for number in range(rounds):
        # Plain nbval may find a number that deviates; it goes on then, and the time stays whole.
        for name, options, codes in (("plain nbval", PLAIN, (0, 1)), ("the plugin", OURS, (0,))):
            runs[name].append(seconds(options, codes))
            print(f"round {number + 1}, {name}: {runs[name][-1][0]:.1f} s of the processor", flush=True)
    medians = {
        name: [statistics.median(column) for column in zip(*r, strict=True)] for name, r in runs.items()
    }
    processor, clock = (b / a for a, b in zip(*medians.values(), strict=True))
    print(f"the plugin takes {processor:.3f} times the processor's seconds, {clock:.3f} times the clock's")
    results.store("cost", {"rounds": rounds, "processor": round(processor, 3), "clock": round(clock, 3)})


if __name__ == "__main__":
    main()
