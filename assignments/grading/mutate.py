"""Put wrong answers into a hand-in that is right otherwise, one at a time: `make mutate-course`.

Each must lose points of its own task, those that the table says, and no point of another task.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from grading import answers as table
from grading.answers import Answer, as_bytes, hand_in
from grading.box import Limits
from grading.marking import mark
from grading.problem_set import ProblemSet
from grading.sandbox import boxed_kernel
from nbproof import files

WANTED = 0.95  # of the wrong answers must lose what they should


class Outcome(NamedTuple):
    """What one answer got."""

    problem_set: str
    answer: Answer
    got: dict[str, float]
    wanted: dict[str, float]

    @property
    def as_wanted(self) -> bool:
        return self.got == self.wanted

    def __str__(self) -> str:
        differing = {name: self.got[name] for name in self.got if self.got[name] != self.wanted[name]}
        return f"{self.problem_set} {self.answer.cell}, {self.answer.what}: got {differing}"


def judge(problem_set: ProblemSet, answer: Answer) -> Outcome:
    """Grade a hand-in with one answer that isn't the solution."""
    notebook = hand_in(problem_set, {answer.cell: answer.source})
    marked = mark(problem_set, as_bytes(notebook), Limits(), boxed_kernel)
    points = problem_set.points()
    got = {name: points[name] * verdict.passed for name, verdict in marked.verdicts.items()}
    return Outcome(problem_set.name, answer, got, answer.points(problem_set))


def judge_all(
    sets: list[ProblemSet], jobs: int, chosen: dict[str, list[Answer]] | None = None
) -> list[Outcome]:
    """Every answer of the tables, or these, some at a time."""
    pairs = [(each, answer) for each in sets for answer in (chosen or {}).get(each.name) or table.read(each)]
    with ThreadPoolExecutor(jobs) as pool:
        return list(tqdm(pool.map(lambda pair: judge(*pair), pairs), total=len(pairs), desc="answers"))


def mutate(sets: list[ProblemSet], results: Path | None, jobs: int | None) -> int:
    """Judge all, print the figures, and keep them; 1 if too many weren't marked as they should be."""
    outcomes = judge_all(sets, jobs or os.cpu_count() or 1)
    found = figures(outcomes)
    for name, figure in found.items():
        print(f"{name}: {figure}")
    if results:
        with files.changed(results) as stored:
            stored["wrong answers"] = found | {"settings": files.circumstances()}
    wrong = [outcome for outcome in outcomes if not outcome.answer.is_right]
    right = [outcome for outcome in outcomes if outcome.answer.is_right]
    caught = sum(outcome.as_wanted for outcome in wrong)
    return int(caught < WANTED * len(wrong) or not all(outcome.as_wanted for outcome in right))


def figures(outcomes: list[Outcome]) -> dict[str, object]:
    """How many answers got what the table says, and which didn't."""
    wrong = [outcome for outcome in outcomes if not outcome.answer.is_right]
    right = [outcome for outcome in outcomes if outcome.answer.is_right]
    return {
        "wrong answers": len(wrong),
        "that lost what they should, and nothing else": sum(outcome.as_wanted for outcome in wrong),
        "unusual right answers": len(right),
        "with all points": sum(outcome.as_wanted for outcome in right),
        "survivors": [str(outcome) for outcome in outcomes if not outcome.as_wanted],
    }
