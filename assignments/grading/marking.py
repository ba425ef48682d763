"""Run a hand-in and say which of its hidden tests pass: a pure function of two files, for any machine.

First all that a student wrote and saw runs, in the student's order; hidden tests come afterwards, one by
one, so that nothing of the student's that prints can have seen one. They run without what they expect, and
what they got is compared here (`expected`). A kernel that dies is started again, without the cell that
killed it.

What runs in the kernel can lie to us: code of the student's could make every comparison true or swallow
every error. That gains nothing, but a person should know. So at last each test also meets a wrong
expectation: one `expect` of the cell, at random, wants another value, and the cell must fail there. Where it
doesn't, the task gets no points.
"""

from __future__ import annotations

import ast
import builtins
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from nbformat import NotebookNode
from nbproof.run.kernel import Kernel, KernelFailure

from grading.box import Limits
from grading.expected import (
    KEPT,
    Expected,
    expectations_in,
    expected,
    first_difference,
    value_of,
    without_expected,
)
from grading.mend import Finding, mend
from grading.outputs import Ran, error_output, run_cell
from grading.problem_set import ProblemSet, is_hidden, role, task_of
from grading.suspicion import suspicions

MOST_RESTARTS = 8
HIDDEN_FAILED = "a hidden test failed"
# The opposite of a value, in the kernel: it doesn't rely on a name that a student could have redefined.
WRONG = """(lambda w: w + "?" if isinstance(w, str) else (not w) if isinstance(w, bool) else
 [*w, "?"] if isinstance(w, (list, tuple)) and any(isinstance(e, str) for e in w) else
 __import__("numpy").vectorize(
 lambda v: float(v) * 2 + (1 if v >= 0 else -1) if abs(float(v)) < 1e300 else 0.0, otypes=[float]
 )(w.detach().numpy() if hasattr(w, "detach") else w))"""

KernelOf = Callable[[Limits], AbstractContextManager[Kernel]]


class Verdict(NamedTuple):
    """What came of one cell of hidden tests."""

    passed: bool
    why: str = ""  # what may be told to the student
    said: str = ""  # what the kernel said, for the instructor
    suspect: bool = False


class Marked(NamedTuple):
    """A hand-in after it has run."""

    notebook: NotebookNode  # with outputs; a hidden test has an error, or none
    verdicts: dict[str, Verdict]  # of each cell of hidden tests
    findings: list[Finding]
    seconds: float


# --- the tests ----------------------------------------------------------------------------------


def with_wrong_expectation(source: str, which: int) -> str:
    """A cell of tests in which one `expect` wants something else than is right."""
    tree = ast.parse(source)
    call = expectations_in(tree)[which]
    wrong = ast.parse(WRONG, mode="eval").body
    call.args[1] = ast.Call(func=wrong, args=[call.args[1]], keywords=[])
    return ast.unparse(ast.fix_missing_locations(tree))


def telling(error: str) -> str:
    """What a student may read of an error in a hidden test: its name if it is Python's, and no word of it."""
    if error == "NotImplementedError":
        return "the task has no answer yet"
    known = getattr(builtins, error, None)
    is_error = isinstance(known, type) and issubclass(known, BaseException)
    return f"your code ended with {error} in a hidden test" if is_error else HIDDEN_FAILED


# --- the whole hand-in --------------------------------------------------------------------------


class Runner:
    """A kernel that is started again when it dies, and a clock for the whole hand-in."""

    def __init__(self, cells: list[NotebookNode], limits: Limits, kernel_of: KernelOf) -> None:
        self.cells, self.limits, self.kernel_of = cells, limits, kernel_of
        self.end = time.monotonic() + limits.hand_in_seconds
        self.stack, self.kernel, self.restarts = ExitStack(), None, 0
        self.harmful: set[str] = set()  # cells that killed a kernel or never ended: not run again
        self.findings: list[Finding] = []

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *details: Any) -> None:
        self.stack.close()

    def start(self) -> None:
        self.stack.close()
        self.kernel = self.stack.enter_context(self.kernel_of(self.limits))

    def out_of_time(self) -> bool:
        return time.monotonic() > self.end

    def run(self, name: str, source: str, keeps: bool = False) -> Ran:
        """Run one cell; whatever happens, it has come to an end, and there may be no kernel any more.

        A cell of hidden tests `keeps` what it got.
        """
        if self.kernel is None:
            return Ran([], ("NotRun", "the kernel had died too often"))
        if self.out_of_time():
            return Ran([], ("NotRun", f"the hand-in took longer than {self.limits.hand_in_seconds:g} s"))
        try:
            ran = run_cell(self.kernel, source, self.limits.cell_seconds)
            kept = value_of(self.kernel, KEPT, self.limits.cell_seconds) if keeps else None
            return ran._replace(kept=kept)
        except TimeoutError as error:
            self.harmful.add(name)
            self.note("time", f"{name}: {error}")
            return Ran([], ("TimeoutError", str(error)))
        except Exception as error:  # of the kernel, or of messages that were forged
            self.harmful.add(name)
            self.kernel = None
            text = (
                str(error) if isinstance(error, KernelFailure) else f"{type(error).__name__} in its messages"
            )
            self.note("crash", f"{name}: {text.splitlines()[0]}")
            return Ran([], ("DeadKernelError", text.splitlines()[0]))

    def note(self, kind: str, text: str) -> None:
        if Finding(kind, text) not in self.findings:
            self.findings.append(Finding(kind, text))

    def revive(self, before: int | None = None) -> None:
        """If the kernel has died, start one and run the student's cells again, or the first of them."""
        while self.kernel is None and self.restarts < MOST_RESTARTS and not self.out_of_time():
            self.restarts += 1
            self.start()
            for cell in self.cells[:before]:
                if cell.id not in self.harmful and self.kernel is not None:
                    self.run(cell.id, cell.source)

    def run_all(self) -> None:
        """Run the student's cells and keep their outputs."""
        self.start()
        for count, cell in enumerate(self.cells):
            self.revive(before=count)
            ran = self.run(cell.id, cell.source)
            cell.execution_count = count + 1
            errors = [] if ran.error is None or _shows_error(ran) else [error_output(*ran.error)]
            cell.outputs = ran.outputs + errors


def _shows_error(ran: Ran) -> bool:
    return any(output.output_type == "error" for output in ran.outputs)


def mark(
    problem_set: ProblemSet, hand_in: bytes, limits: Limits, kernel_of: KernelOf, seed: int | None = None
) -> Marked:
    """Run a hand-in in a kernel of its own, and judge it; nothing that it does raises an error here.

    `seed` fixes which expectations are made wrong, for tests; None leaves it to chance.
    """
    begun = time.monotonic()
    chance = random.Random(seed) if seed is not None else random.SystemRandom()
    wanted = expected(problem_set, kernel_of)
    notebook, findings = mend(problem_set, hand_in)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    hidden = {role(cell).grade_id: cell for cell in code if is_hidden(cell)}
    with Runner([cell for cell in code if not is_hidden(cell)], limits, kernel_of) as runner:
        runner.run_all()
        ran = {name: run_tests(name, cell.source, runner) for name, cell in hidden.items()}
        verdicts = {name: judge(each, wanted[name]) for name, each in ran.items()}
        for name, cell in hidden.items():  # after all tests: here the kernel reads what they expect
            if ran[name].error is None:
                verdicts[name] = doubt(name, cell.source, verdicts[name], runner, chance)
    findings += runner.findings + suspicions(code)
    distrust(verdicts, findings)
    for name, cell in hidden.items():
        verdict = verdicts[name]
        cell.execution_count = None
        cell.outputs = [] if verdict.passed else [error_output("HiddenTest", verdict.said or verdict.why)]
    return Marked(notebook, verdicts, findings, time.monotonic() - begun)


def run_tests(name: str, source: str, runner: Runner) -> Ran:
    """Run a cell of hidden tests, without what it expects."""
    runner.revive()
    return runner.run(name, without_expected(source), keeps=True)


def judge(ran: Ran, wanted: list[Expected]) -> Verdict:
    """Compare what a cell of hidden tests got with what it expects."""
    kept = ran.kept if ran.kept is not None else []
    difference = first_difference(kept, wanted)
    if difference is not None and difference[0]:
        return Verdict(False, *difference)
    if ran.error is not None:
        return Verdict(False, telling(ran.error[0]), ": ".join(ran.error))
    if difference is not None:
        return Verdict(False, HIDDEN_FAILED, difference[1])
    return Verdict(True)


def doubt(name: str, source: str, verdict: Verdict, runner: Runner, chance: random.Random) -> Verdict:
    """The verdict on a cell of hidden tests after it has met a wrong expectation, where it must fail."""
    which = chance.randrange(len(expectations_in(ast.parse(source))))
    runner.revive()
    wrong = runner.run(name, with_wrong_expectation(source, which))
    if wrong.error is None:
        return Verdict(False, HIDDEN_FAILED, "a wrong expectation was met as well", suspect=True)
    if verdict.passed and wrong.error[0] != "Unexpected":
        runner.note("time", f"{name}: passed, but a second run ended with {wrong.error[0]}: no points yet")
        return Verdict(False, HIDDEN_FAILED, f"a second run ended with {': '.join(wrong.error)}")
    return verdict


def distrust(verdicts: dict[str, Verdict], findings: list[Finding]) -> None:
    """A task of which one test can't be believed gets nothing at all."""
    for task in sorted({task_of(name) for name, verdict in verdicts.items() if verdict.suspect}):
        findings.append(
            Finding("tampering", f"{task}: a test that must fail passed as well; the task gets no points")
        )
        for name in verdicts:
            if task_of(name) == task:
                verdicts[name] = verdicts[name]._replace(passed=False, suspect=True, why=HIDDEN_FAILED)
