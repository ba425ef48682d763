"""The tests of a package judge its faults: each in a fork of this process, by the tests that reach it."""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nbproof import files
from nbproof.mutate import inject
from nbproof.mutate.baseline import AT_ONCE, OUTLIVED, SLOWER, UNCHANGED, Baseline, Book
from nbproof.mutate.faults import Fault

LONGEST = 3600.0  # seconds of the clean run of all tests


class Told:
    """A plugin of pytest: the first failure, the seconds of each test, and what runs now."""

    def __init__(self, follow: Callable[[str], None] | None = None) -> None:
        self.failed, self.seconds = "", Counter[str]()
        self.follow = follow

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.follow:
            self.follow(nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"collecting {report.nodeid}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid
            self.seconds[report.nodeid] = float("nan")


class Job(NamedTuple):
    """Tests to be run in a fork, and the file that gets what was told."""

    file: Path
    items: Sequence[str]
    limit: float  # seconds
    fault: Fault | None = None


def in_fork(book: Book, job: Job) -> None:
    """In a new process: run tests, and write into a file what was told; without a fault, follow the lines."""
    os.setsid()  # what it starts is ended with it
    signal.setitimer(signal.ITIMER_REAL, job.limit)  # which ends it, whatever it does
    with open(os.devnull, "r+b") as nothing, open(job.file.with_suffix(".log"), "wb") as log:
        for stream, to in ((0, nothing), (1, log), (2, log)):
            os.dup2(to.fileno(), stream)
    os.chdir(book.settings.root)
    os.environ["CI"] = "1"  # random examples are the same ones every time
    told = Told()
    if job.fault:
        (source := job.file.with_suffix(".py")).write_text(job.fault.source, encoding="utf-8")
        inject.install(str(book.package), book.name_of(job.fault.module), str(source))
    else:
        following = inject.follow(str(book.package), str(job.file.with_suffix(".coverage")))
        told.follow = following.switch_context
    fixed = ["-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=line", f"--rootdir={book.settings.root}"]
    until = "-x" if job.fault else "--continue-on-collection-errors"
    code = pytest.main([*fixed, until, *job.items], plugins=[told])
    if code == pytest.ExitCode.INTERRUPTED and job.fault:  # by a KeyboardInterrupt that wasn't there before
        told.failed = told.failed or "pytest was interrupted"
    if not job.fault:
        following.save()
    result = {"code": int(code), "failed": told.failed, "seconds": told.seconds}
    files.write_atomically(job.file, json.dumps(result).encode())
    os._exit(0)


def forked(book: Book, jobs: Iterable[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Run jobs, a few at a time: each with what was told of it, as soon as it has ended."""
    fork, waiting, running = multiprocessing.get_context("fork"), iter(jobs), {}
    try:
        while True:
            for job in islice(waiting, AT_ONCE - len(running)):
                process = fork.Process(target=in_fork, args=(book, job))
                process.start()
                running[process.sentinel] = process, job
            if not running:
                return
            for sentinel in wait(list(running)):
                process, job = running.pop(sentinel)
                end(process)
                late = OUTLIVED if process.exitcode == -signal.SIGALRM else ""
                nothing = {"code": -1, "failed": late, "seconds": {}}
                yield job, json.loads(job.file.read_text()) if job.file.exists() else nothing
    finally:  # Ctrl-C doesn't reach them
        for process, _ in running.values():
            end(process)


def end(process: multiprocessing.Process) -> None:
    """End a fork and all that it has started."""
    for stop in (os.killpg, os.kill):  # the second before it has a group of its own
        with contextlib.suppress(ProcessLookupError):
            stop(process.pid, signal.SIGKILL)
    process.join()


def preload(book: Book) -> None:
    """Import what the package imports, so that a fork needn't; but not the package itself."""
    sys.path.insert(0, str(book.package.parent))
    importlib.import_module(book.package.name)
    for name in [name for name in sys.modules if name.partition(".")[0] == book.package.name]:
        del sys.modules[name]


def run_clean(book: Book) -> Baseline:
    """Run all tests once. A test that fails now judges nothing."""
    preload(book)
    with tempfile.TemporaryDirectory() as folder:
        ((job, told),) = forked(book, [Job(Path(folder) / "clean", book.tests, LONGEST)])
        seconds = {name: taken for name, taken in told["seconds"].items() if taken == taken}
        if failed := sorted(set(told["seconds"]) - set(seconds)) or told["failed"]:
            print(f"mutate: without a fault these fail, and judge nothing: {failed}", flush=True)
        return Baseline(book, [job.file.with_suffix(".coverage")], seconds)


def judge(book: Book, chosen: Iterable[Fault], clean: Baseline) -> Iterator[tuple[Fault, str | None]]:
    """Each fault with what noticed it; UNCHANGED if nothing did, None if the machine gives no verdict."""
    with tempfile.TemporaryDirectory() as folder:
        waiting = []
        for count, fault in enumerate(chosen):
            items = clean.reaching(fault)
            limit = book.patience + SLOWER * sum(clean.seconds[item] for item in items)
            own_first = sorted(items, key=lambda item: (fault.module not in item, item))
            if items:
                waiting.append(Job(Path(folder) / str(count), own_first, limit, fault))
            else:
                yield fault, UNCHANGED
        for _ in range(2):
            undecided = []
            for job, told in forked(book, waiting):
                if told["failed"] or not told["code"]:
                    yield job.fault, told["failed"]
                else:
                    undecided.append(job)
            waiting = undecided
        yield from ((job.fault, None) for job in waiting)
