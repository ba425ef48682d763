"""The notebooks judge faults of a package: each fault in quick copies of the notebooks that reach it.

A copy is cut after the last cell that matters, and lacks the statistical cells, whose training takes minutes,
with all that needs them: so the notebooks may notice more than is said here.
"""

from __future__ import annotations

import functools
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from pathlib import Path

from nbformat import NotebookNode

from nbproof.mutate.baseline import AT_ONCE, OUTLIVED, SLOWER, UNCHANGED, Baseline, Book
from nbproof.mutate.faults import Fault
from nbproof.mutate.quick import quick
from nbproof.notebooks.file import code_cells, text_of
from nbproof.notebooks.select import is_slow, select
from nbproof.run.harness import AtOnce, Run, run_notebooks


def run_copies(book: Book, folder: Path, call: str, copies: Mapping[str, NotebookNode]) -> Run:
    """Run notebooks in a folder of their own, after a call of a function in `inject`."""
    place = folder / book.settings.build  # no notebook of the book's, to which its rules of form apply
    place.mkdir(parents=True)
    prelude = f"__import__('nbproof.mutate.inject', fromlist=['']).{call}"
    (folder / "prelude.py").write_text(prelude, encoding="utf-8")
    for name, notebook in copies.items():
        (place / name).write_bytes(text_of(notebook))
    options = ["-x", f"--nbproof-prelude={folder}/prelude.py"]
    return run_notebooks(book.settings, [place / name for name in copies], options=options, root=folder)


def run_clean(book: Book) -> Baseline:
    """Run a quick copy of each notebook once."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, AtOnce(AT_ONCE) as pool:
        paths = select(book.settings)[::-1]
        files = [Path(folder) / path.stem / "lines" for path in paths]
        for found in pool.map(functools.partial(seconds_of, book), paths, files):
            seconds |= found
        return Baseline(book, files, seconds)


def seconds_of(book: Book, path: Path, file: Path) -> dict[str, float]:
    """Run a notebook without a fault, its lines followed into a file; RuntimeError if it fails."""
    call = f"follow_cells{(str(book.package), str(file), path.name)!r}"
    run = run_copies(book, file.parent, call, {path.name: quick(path, book.settings.key)})
    if run.failures:
        what = f"{run.failures[0].item}: {run.failures[0].in_a_line}"
        raise RuntimeError(f"{path.name} fails without a fault: {what}")
    cells = [verdict for verdict in run.verdicts if verdict.record]
    return {f"{path.name}|{count}": cell.seconds for count, cell in enumerate(cells)}


def cut(book: Book, path: Path, last: int, clean: Baseline) -> NotebookNode:
    """A quick copy of a notebook up to a cell, each cell with a limit by its seconds in the clean run."""
    notebook = quick(path, book.settings.key)
    cells = code_cells(notebook)[: last + 1]
    notebook.cells = notebook.cells[: notebook.cells.index(cells[-1]) + 1]
    for count, cell in enumerate(cells):
        limit = book.patience + SLOWER * clean.seconds[f"{path.name}|{count}"]
        cell.metadata.setdefault(book.settings.key, {})["timeout"] = limit
    return notebook


def chapters_for(book: Book, fault: Fault, clean: Baseline) -> dict[Path, int]:
    """The notebooks that reach a fault, each with its last cell that does: the quick ones first."""
    found = defaultdict(list)
    for name in clean.reaching(fault):
        chapter, _, count = name.partition("|")
        found[chapter].append(int(count))
    paths = [path for path in select(book.settings) if path.name in found]
    paths.sort(key=lambda p: (is_slow(book.settings, p), -len(found[p.name])))
    return {path: max(found[path.name]) for path in paths}


def judge_one(book: Book, fault: Fault, clean: Baseline) -> str | None:
    """The cell that notices a fault, UNCHANGED if none does, None if the machine gives no verdict."""
    copies = {
        path.name: cut(book, path, last, clean) for path, last in chapters_for(book, fault, clean).items()
    }
    if not copies:
        return UNCHANGED
    for attempt in range(2):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "fault.py"
            source.write_text(fault.source, encoding="utf-8")
            call = f"install{(str(book.package), book.name_of(fault.module), str(source))!r}"
            try:
                failures = run_copies(book, Path(folder), call, copies).failures
            except RuntimeError as error:  # pytest itself was broken
                print(f"{fault}: {error}", flush=True)
                return None
        if not failures:
            return UNCHANGED
        where = f"{Path(failures[0].notebook).name[:2]} {failures[0].item}"
        if not failures[0].by_machine:
            return where
        if "Timeout of" in failures[0].said and attempt:
            return f"{where}: {OUTLIVED}"
    return None


def judge(book: Book, chosen: Iterable[Fault], clean: Baseline) -> Iterator[tuple[Fault, str | None]]:
    """Each fault with what noticed it, in the order in which that is known."""
    with AtOnce(AT_ONCE) as pool:
        runs = {pool.submit(judge_one, book, fault, clean): fault for fault in chosen}
        for run in as_completed(runs):
            yield runs[run], run.result()
