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

from tqdm import tqdm

from grading import box, gradebook, pages
from grading.gradebook import HandIn
from grading.marking import mark
from grading.mend import name_of, read
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

    def key(self, hand_in: HandIn) -> str:
        """Changes when it has to run again: what ran without a box does, once there is one."""
        return key_of(self.problem_set, hand_in.file.read_bytes()) + "-unsafe" * self.unsafe


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
        student, theirs = gradebook.student_id(folder.name), {}
        files = [file for file in sorted(folder.rglob("*.ipynb")) if file.is_symlink() or file.is_file()]
        files = [file for file in files if ".ipynb_checkpoints" not in file.parts]
        for file in [each for each in files if leads_elsewhere(each, submissions)]:
            problems.append(Ungraded(student, folder.name, f"{file.name} is a link, which is not followed"))
            files.remove(file)
        for file in files:
            name = belongs_to(file, sets)
            if name is None:
                problems.append(Ungraded(student, folder.name, f"{file.name} is of no known problem set"))
            elif name in theirs:
                reason = f"{file.name} is a second hand-in of {name}; {theirs[name].name} was graded"
                problems.append(Ungraded(student, folder.name, reason))
            else:
                theirs[name] = file
        if not files and not any(each.student == student for each in problems):
            problems.append(Ungraded(student, folder.name, "there is no notebook in the folder"))
        for name, file in theirs.items():
            found[name].append(HandIn(student, folder.name, file))
    return [Batch(each, found[each.name]) for each in sets if found[each.name]], problems


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
        cells = read(file.read_bytes())
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


def to_run(batch: Batch, results: Results) -> list[HandIn]:
    """The hand-ins that haven't run yet, or have changed since."""

    def has_run(hand_in: HandIn) -> bool:
        return results.has(hand_in.student, batch.key(hand_in))

    return [each for each in batch.hand_ins if not has_run(each)]


def run(batch: Batch, results: Results, client: Client, limits: box.Limits) -> list[Ungraded]:
    """Run the hand-ins that haven't run, and keep what comes of each as it comes."""
    from distributed import as_completed

    todo = to_run(batch, results)
    count = len(batch.hand_ins)
    bar = tqdm(total=count, initial=count - len(todo), desc=batch.problem_set.name)
    problems, waiting, given = [], iter(todo), {}

    def give() -> list:
        hand_in = next(waiting, None)
        if hand_in is None:
            return []
        content = hand_in.file.read_bytes()
        future = client.submit(mark_as_text, batch.problem_set, content, limits, batch.unsafe, pure=False)
        given[future.key] = hand_in, batch.key(hand_in)
        return [future]

    first = [future for _ in range(AHEAD * max(1, len(client.nthreads()))) for future in give()]
    with bar:
        for future in (finished := as_completed(first)):
            hand_in, key = given.pop(future.key)
            if future.status == "finished":
                results.keep(hand_in.student, key, future.result())
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
    course.mkdir(parents=True, exist_ok=True)
    batches, problems = find(submissions, sets)
    batches = [batch._replace(unsafe=unsafe) for batch in batches]
    for batch in batches:
        gradebook.release(course, batch.problem_set)
    left = [batch for batch in batches if to_run(batch, Results(course, batch.problem_set))]
    with workers(scheduler, jobs or os.cpu_count() or 1) if left else nullcontext() as client:
        for batch in left:
            results = Results(course, batch.problem_set)
            problems += run(batch, results, client, limits or box.Limits())
    for batch in batches:
        keep_marks(course, batch)
    pages.write(course, batches, problems, unsafe)
    print(f"grade: {sum(len(b.hand_ins) for b in batches)} hand-ins; see {course / 'summary.html'}")
    return 1 if problems else 0


def keep_marks(course: Path, batch: Batch) -> None:
    """Let nbgrader keep the marks of what has run and isn't in the gradebook yet, and write the feedback.

    The feedback is also written anew when marks have changed since, by a person's hand for one.
    """
    problem_set, results, new = batch.problem_set, Results(course, batch.problem_set), {}
    known, due = gradebook.scores(course, problem_set), gradebook.due(course, problem_set)
    for hand_in in batch.hand_ins:
        key, student = batch.key(hand_in), hand_in.student
        note = f"{key} due {due}"
        if results.has(student, key) and (results.note(student, "gradebook") != note or student not in known):
            new[student] = hand_in, note
    if new:
        gradebook.record(course, problem_set, {student: h for student, (h, _) in new.items()}, results)
    for student, (_, note) in new.items():
        results.set_note(student, "gradebook", note)
    states = {student: repr(score) for student, score in gradebook.scores(course, problem_set).items()}
    if any(results.note(student, "feedback") != state for student, state in states.items()):
        gradebook.feedback(course, problem_set, lambda student: results[student].verdicts)
    for student, state in states.items():
        results.set_note(student, "feedback", state)
