"""How long grading takes, beside plain `nbgrader autograde` on the same hand-ins: part of `make bench`."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from grading import answers as table
from grading.answers import as_bytes, hand_in
from grading.batch import grade
from grading.gradebook import nbgrader_at_work, release
from grading.problem_set import ProblemSet


def hand_ins(problem_set: ProblemSet, count: int) -> list[bytes]:
    """Hand-ins of a usual class: each with one answer of the table, right or wrong."""
    known = table.read(problem_set)
    chosen = [known[number % len(known)] for number in range(count)]
    made = [hand_in(problem_set, {answer.cell: answer.source}) for answer in chosen]
    return [as_bytes(notebook) for notebook in made]


def write(folder: Path, problem_set: ProblemSet, contents: Sequence[bytes]) -> Path:
    for number, content in enumerate(contents):
        file = folder / f"student {number}" / problem_set.name / f"{problem_set.name}.ipynb"
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    return folder


def ours(problem_set: ProblemSet, count: int, jobs: int) -> tuple[float, float]:
    """Seconds for so many hand-ins, feedback and pages included, and this process's largest memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name) / "in", problem_set, hand_ins(problem_set, count))
        begun = time.perf_counter()
        if grade(folder, Path(name) / "course", [problem_set], jobs=jobs):
            raise RuntimeError("a hand-in wasn't graded")
        return time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plain(problem_set: ProblemSet, count: int) -> float:
    """Seconds that nbgrader's own command takes for so many, without feedback."""
    with tempfile.TemporaryDirectory() as name, nbgrader_at_work():
        course = Path(name)
        release(course, problem_set)
        write(course / "submitted", problem_set, hand_ins(problem_set, count))
        command = [sys.executable, "-m", "nbgrader", "autograde", problem_set.name, f"--course-dir={course}"]
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=course)
        return time.perf_counter() - begun


def main(sets: list[ProblemSet], arguments: argparse.Namespace) -> int:
    """Print the table."""
    problem_set, jobs = sets[0], os.cpu_count() or 1
    tqdm.monitor_interval = 0
    rows = []
    for count in arguments.counts:
        seconds, memory = ours(problem_set, count, jobs)
        rows.append((f"{count} hand-ins of {problem_set.name}, {jobs} at a time", seconds / count, memory))
    alone = plain(problem_set, arguments.plain) / arguments.plain
    print("| what | seconds a hand-in | ratio | memory, MB |\n|---|---|---|---|")
    for what, seconds, memory in rows:
        print(f"| {what}, with feedback | {seconds:.2f} | {seconds / alone:.2f} | {memory:.0f} |")
    print(f"| plain `nbgrader autograde`, {arguments.plain} hand-ins, without feedback | {alone:.2f} | 1 | |")
    return 0
