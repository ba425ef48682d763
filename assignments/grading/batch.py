"""Grade a folder of hand-ins: `make grade SUBMISSIONS=folder`.

Every hand-in runs in a box of its own, several at a time, here or on the machines of a Dask scheduler. What
has run is stored at once, so the command can be stopped and started again. Then nbgrader keeps the marks
and writes the feedback.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout
from tqdm import tqdm

from grading import box, gradebook, pages
from grading.gradebook import HandIn
from grading.marking import mark
from grading.mend import content_of, name_of, read
from grading.problem_set import ProblemSet, is_answer
from grading.sandbox import boxed_kernel, plain_kernel
from grading.store import Results, key_of, to_text

if TYPE_CHECKING:
    from distributed import Client

AHEAD = 3  # hand-ins for each worker that are given out before their turn
ATTEMPTS = 3  # of a hand-in whose worker dies


class Ungraded(NamedTuple):
    """A hand-in that couldn't be graded, which is no zero."""

    student: str
    name: str
    reason: str


class Batch(NamedTuple):
    """One problem set and those who have handed it in."""

    problem_set: ProblemSet
    hand_ins: list[HandIn]
    unsafe: bool = False  # to be run without a box

    def key(self, content: bytes) -> str:
        """Changes when a hand-in has to run again: what ran without a box does, once there is one."""
        return key_of(self.problem_set, content) + "-unsafe" * self.unsafe


# --- what there is ------------------------------------------------------------------------------


def find(submissions: Path, sets: list[ProblemSet]) -> tuple[list[Batch], list[Ungraded]]:
    """The hand-ins of a folder with a folder for each student, sorted by problem set."""
    if not submissions.is_dir():
        raise ValueError(f"{submissions} is no folder")
    found: dict[str, list[HandIn]] = {each.name: [] for each in sets}
    problems = []
    for folder in sorted(submissions.iterdir()):
        if not folder.is_dir() or folder.name[0] in "._":
            continue
        student, shown = gradebook.student_id(folder.name), gradebook.readable(folder.name)
        theirs: dict[str, Path] = {}
        files, reasons = notebooks(folder, sets), []
        for file in files:
            place = gradebook.readable(str(file.relative_to(folder)))
            if leads_elsewhere(file, submissions):
                reasons.append(f"{place} is a link, which is not followed")
            elif not os.access(file, os.R_OK):
                reasons.append(f"{place} can't be read: permission denied")
            elif (name := belongs_to(file, sets)) is None:
                reasons.append(f"{place} is of no known problem set")
            elif name in theirs:
                graded = gradebook.readable(str(theirs[name].relative_to(folder)))
                reasons.append(f"{place} is a second hand-in of {name}; {graded} was graded")
            else:
                theirs[name] = file
        if not files:
            reasons.append("there is no notebook in the folder")
        problems += [Ungraded(student, shown, reason) for reason in reasons]
        for name, file in theirs.items():
            found[name].append(HandIn(student, shown, file))
    return [Batch(each, found[each.name]) for each in sets if found[each.name]], problems


def notebooks(folder: Path, sets: list[ProblemSet]) -> list[Path]:
    """The notebooks in a student's folder: those named as a problem set first, and those above others.

    Not what programs leave behind: Jupyter's checkpoints, and the second, unreadable half of each file that
    a Mac packs into an archive.
    """
    named = {each.name for each in sets}
    found = []
    for file in folder.rglob("*.ipynb"):
        inside = file.relative_to(folder).parts
        left_behind = any(part.startswith(".") or part == "__MACOSX" for part in inside)
        if not left_behind and (file.is_symlink() or file.is_file()):
            found.append((file.stem not in named, len(inside), inside, file))
    return [each[-1] for each in sorted(found)]


def leads_elsewhere(file: Path, folder: Path) -> bool:
    """Whether a file, or a folder on the way to it, is a link: it could show a file of the instructor's."""
    return any(
        each.is_symlink() for each in (file, *file.parents) if each.is_relative_to(folder) and each != folder
    )


def belongs_to(file: Path, sets: list[ProblemSet]) -> str | None:
    """The problem set of a notebook: by its name, else by half of its answers; None if it is of none."""
    for each in sets:
        if file.stem == each.name:
            return each.name
    try:
        cells = read(content_of(file))
    except (OSError, ValueError):
        return sets[0].name if len(sets) == 1 else None
    shared = {}
    for each in sets:
        answers = {name: cell for name, cell in each.cells().items() if is_answer(cell)}
        shared[each.name] = len({name_of(cell, answers) for cell in cells} - {None}) / len(answers)
    best = max(shared, key=lambda name: shared[name])
    return best if shared[best] >= 0.5 else None


# --- running ------------------------------------------------------------------------------------


def mark_as_text(problem_set: ProblemSet, hand_in: bytes, limits: box.Limits, unsafe: bool) -> str:
    """What a worker does: run one hand-in. It needs nothing but its arguments."""
    if reason := "" if unsafe else box.missing():
        raise RuntimeError(f"not run, because this machine has no box for it: {reason}")
    return to_text(mark(problem_set, hand_in, limits, plain_kernel if unsafe else boxed_kernel))


@contextmanager
def workers(scheduler: str | None, jobs: int) -> Iterator[Client]:
    """The workers of a Dask scheduler, or some of our own."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1})
    if scheduler:
        with Client(scheduler) as client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",  # any free port: two batches may run at a time
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def has_run(batch: Batch, results: Results) -> dict[str, str]:
    """{student: key} of the hand-ins that have run and haven't changed since."""
    keys = {each.student: batch.key(content_of(each.file)) for each in batch.hand_ins}
    return {student: key for student, key in keys.items() if results.has(student, key)}


def run(
    batch: Batch, done: dict[str, str], results: Results, client: Client, limits: box.Limits
) -> list[Ungraded]:
    """Run the hand-ins that aren't done, and keep what comes of each as it comes; then it's done."""
    from distributed import as_completed

    todo = [each for each in batch.hand_ins if each.student not in done]
    count = len(batch.hand_ins)
    bar = tqdm(total=count, initial=count - len(todo), desc=batch.problem_set.name)
    problems, waiting, given = [], iter(todo), {}

    def give() -> list:
        hand_in = next(waiting, None)
        if hand_in is None:
            return []
        content = content_of(hand_in.file)
        future = client.submit(mark_as_text, batch.problem_set, content, limits, batch.unsafe, pure=False)
        given[future.key] = hand_in, batch.key(content)  # of what runs, even if the file changes meanwhile
        return [future]

    first = [future for _ in range(AHEAD * max(1, len(client.nthreads()))) for future in give()]
    with bar:
        for future in (finished := as_completed(first)):
            hand_in, key = given.pop(future.key)
            if future.status == "finished":
                results.keep(hand_in.student, key, future.result())
                done[hand_in.student] = key
            else:
                error = future.exception()
                problems.append(Ungraded(hand_in.student, hand_in.name, f"{type(error).__name__}: {error}"))
            future.release()
            finished.update(give())
            bar.update()
    return problems


# --- all of it ----------------------------------------------------------------------------------


def grade(
    submissions: Path,
    course: Path,
    sets: list[ProblemSet],
    scheduler: str | None = None,
    jobs: int | None = None,
    unsafe: bool = False,
    limits: box.Limits | None = None,
) -> int:
    """Grade all that is there; 0 if every hand-in has marks."""
    if (reason := box.missing()) and not unsafe and not scheduler:
        raise SystemExit(
            f"grade: hand-ins are programs by strangers, and there is no box for them here: {reason}. "
            "UNSAFE=1 runs them with all that you may do yourself; the summary will say so."
        )
    batches, problems = find(submissions, sets)
    batches = [batch._replace(unsafe=unsafe) for batch in batches]
    with alone_in(course):
        for batch in batches:
            gradebook.release(course, batch.problem_set)
        results = [Results(course, batch.problem_set) for batch in batches]
        done = [has_run(batch, theirs) for batch, theirs in zip(batches, results, strict=True)]
        every = list(zip(batches, done, results, strict=True))
        left = [each for each in every if len(each[1]) < len(each[0].hand_ins)]
        with workers(scheduler, jobs or os.cpu_count() or 1) if left else nullcontext() as client:
            for each in left:
                problems += run(*each, client, limits or box.Limits())
        for each in every:
            problems += keep_marks(course, *each)
        pages.write(course, batches, problems, unsafe)
    print(f"grade: {sum(len(b.hand_ins) for b in batches)} hand-ins; see {course / 'summary.html'}")
    return 1 if problems else 0


@contextmanager
def alone_in(course: Path) -> Iterator[None]:
    """RuntimeError if another `make grade` is at work in the course folder."""
    course.mkdir(parents=True, exist_ok=True)
    lock = FileLock(course / ".grading.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise RuntimeError(f"another command is grading into {course}; wait until it has ended") from None
    try:
        yield
    finally:
        lock.release()


def keep_marks(course: Path, batch: Batch, done: dict[str, str], results: Results) -> list[Ungraded]:
    """Let nbgrader keep the marks of what has run and isn't in the gradebook yet, and write the feedback.

    The feedback is also written anew when marks have changed since, by a person's hand for one.
    """
    problem_set, new = batch.problem_set, {}
    known, due = gradebook.scores(course, problem_set), gradebook.due(course, problem_set)
    for hand_in in batch.hand_ins:
        student = hand_in.student
        if student in done:
            note = f"{done[student]} due {due} came {gradebook.timestamp(hand_in)}"
            if results.note(student, "gradebook") != note or student not in known:
                new[student] = hand_in, note
    failed = {}
    if new:
        hand_ins = {student: hand_in for student, (hand_in, _) in new.items()}
        failed = gradebook.record(course, problem_set, hand_ins, results)
    for student, (_, note) in new.items():
        if student not in failed:
            results.set_note(student, "gradebook", note)
    states = {student: repr(score) for student, score in gradebook.scores(course, problem_set).items()}
    if any(results.note(student, "feedback") != state for student, state in states.items()):
        gradebook.feedback(course, problem_set, lambda student: results[student].verdicts)
    for student, state in states.items():
        results.set_note(student, "feedback", state)
    return [Ungraded(student, new[student][0].name, reason) for student, reason in failed.items()]
