"""Put faults into a package, one at a time: do the notebooks notice, and do the tests? `nbproof mutate`.

A seeded sample of the faults that cosmic-ray's operators can make (see `faults`), and those written by hand.
The notebooks judge alone, then the tests alone. Of both, only those run that reach the changed statement, by
what coverage saw in a clean run; the first failure ends it. A test runs in a fork of this process, a notebook
as always, in a copy that is cut after the last cell that matters and that leaves out the statistical cells,
whose training takes minutes, with all that needs them: so the notebooks may notice more than is said here.
What takes many times longer than clean is caught; what the machine breaks twice is no verdict. Verdicts are
kept in `build/`, and hold as long as package, notebooks and tests stay as they are.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nbproof import faults, inject, store
from nbproof.faults import BY_HAND, Fault
from nbproof.harness import Run, run_notebooks
from nbproof.notebook import code_cells, text_of
from nbproof.quick import quick
from nbproof.select import number, select
from nbproof.settings import Settings, SettingsError

AT_ONCE = os.cpu_count() or 1
WANTED, OF_NOTEBOOKS = 0.98, 0.90  # of the faults that change something: by both; by notebooks, where taught
SLOWER = 8  # times longer than without a fault may take what runs, after some patience
LONGEST = 3600.0  # seconds of the clean run of all tests
UNCHANGED, OUTLIVED = "", "time limit"
JUDGES = ("notebooks", "tests")
Reach = dict[str, dict[int, set[str]]]  # {module: {line: what runs it}}


class Book(NamedTuple):
    """A book's settings for this command: the table `mutate` of its settings, with paths."""

    settings: Settings
    package: Path
    tests: list[str]
    faults: Path
    equivalents: Path  # the faults that change nothing, each with the reason
    taught: list[str]  # the modules that the notebooks are about
    patience: float  # seconds that anything may take

    @classmethod
    def of(cls, settings: Settings) -> Book:
        table = dict(settings.mutate)
        known = {
            "tests": ["tests"],
            "faults": "",
            "equivalents": "",
            "taught": [],
            "patience": 20.0,
        }
        if unknown := sorted(set(table) - {"package", *known}):
            raise SettingsError(f"tool.nbproof.mutate has the unknown key {unknown[0]!r}")
        if not (package := settings.root / table.pop("package", "")).joinpath("__init__.py").is_file():
            raise SettingsError("tool.nbproof.mutate.package must be the folder of a package")
        paths = {name: settings.root / (known | table)[name] for name in ("faults", "equivalents")}
        return cls(settings=settings, package=package, **(known | table | paths))

    def name_of(self, module: str) -> str:
        """A module's name for Python."""
        dotted = module.removesuffix("__init__").strip("/").replace("/", ".")
        return f"{self.package.name}.{dotted}".rstrip(".")


class Baseline(NamedTuple):
    """A clean run: which lines run in what, and how many seconds each took."""

    reach: Reach
    seconds: dict[str, float]

    def reaching(self, fault: Fault, source: str) -> set[str]:
        """What runs the changed statement; all there is if it runs at import."""
        lines = faults.lines_that_run(source, fault.line)
        ran = set().union(*(self.reach.get(fault.module, {}).get(line, ()) for line in lines))
        return ran if lines and UNCHANGED not in ran else set(self.seconds)


def lines_followed(book: Book, file: Path) -> Reach:
    """What `inject.follow` has written down."""
    from coverage import CoverageData

    data = CoverageData(str(file))
    data.read()
    found = {}
    for name in data.measured_files():
        module = Path(name).relative_to(book.package.resolve()).with_suffix("").as_posix()
        found[module] = {line: set(ran) for line, ran in data.contexts_by_lineno(name).items()}
    return found


# --- the tests ----------------------------------------------------------------------------------


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


def in_fork(
    book: Book, items: Sequence[str], file: Path, fault: Fault | None, options: Sequence[str]
) -> None:
    """In a new process: run tests, and write into a file what was told; without a fault, follow the lines."""
    os.setsid()  # the whole group is ended at the limit
    with open(os.devnull, "r+b") as nothing, open(file.with_suffix(".log"), "wb") as log:
        for stream, to in ((0, nothing), (1, log), (2, log)):
            os.dup2(to.fileno(), stream)
    os.chdir(book.settings.root)
    os.environ["CI"] = "1"  # random examples are the same ones every time
    told = Told()
    if fault:
        (source := file.with_suffix(".py")).write_text(fault.source, encoding="utf-8")
        inject.install(str(book.package), book.name_of(fault.module), str(source))
    else:
        following = inject.follow(str(book.package), str(file.with_suffix(".coverage")))
        told.follow = following.switch_context
    fixed = ["-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=line", f"--rootdir={book.settings.root}"]
    code = pytest.main([*fixed, *options, *items], plugins=[told])
    if not fault:
        following.save()
    result = {"code": int(code), "failed": told.failed, "seconds": told.seconds}
    store.write_atomically(file, json.dumps(result).encode())
    os._exit(0)


def forked(jobs: Iterable[tuple[Any, float, tuple]]) -> Iterator[tuple[Any, str]]:
    """Run `in_fork` with arguments, a few at a time: each job's name, and how it ended."""
    fork, waiting, running = multiprocessing.get_context("fork"), iter(jobs), {}
    while True:
        for name, limit, arguments in islice(waiting, AT_ONCE - len(running)):
            process = fork.Process(target=in_fork, args=arguments)
            process.start()
            running[process.sentinel] = process, name, time.monotonic() + limit
        if not running:
            return
        first = min(end for _, _, end in running.values())
        ready = set(wait(list(running), timeout=max(0.0, first - time.monotonic())))
        for sentinel, (process, name, end) in list(running.items()):
            late = time.monotonic() > end
            if sentinel in ready or late:
                if sentinel not in ready:
                    os.killpg(process.pid, signal.SIGKILL)
                process.join()
                del running[sentinel]
                yield name, "" if sentinel in ready else OUTLIVED


def preload(book: Book) -> None:
    """Import what the package imports, so that a fork needn't; but not the package itself."""
    importlib.import_module(book.package.name)
    for name in [name for name in sys.modules if name.partition(".")[0] == book.package.name]:
        del sys.modules[name]


def run_tests_clean(book: Book, folder: Path) -> Baseline:
    """Run all tests once. A test that fails now judges nothing."""
    file = folder / "clean"
    list(forked([("", LONGEST, (book, book.tests, file, None, ["--continue-on-collection-errors"]))]))
    told = json.loads(file.read_text())
    seconds = {name: taken for name, taken in told["seconds"].items() if taken == taken}
    if failed := sorted(set(told["seconds"]) - set(seconds)) or told["failed"]:
        print(f"mutate: without a fault these fail, and judge nothing: {failed}", flush=True)
    return Baseline(lines_followed(book, file.with_suffix(".coverage")), seconds)


def judge_by_tests(book: Book, chosen: Sequence[Fault], clean: Baseline, folder: Path) -> Iterator[tuple]:
    """(fault, what caught it) of each fault; UNCHANGED if nothing did, None if there's no verdict."""
    sources = faults.modules(book.package)
    items = [sorted(clean.reaching(fault, sources[fault.module])) for fault in chosen]
    yield from ((fault, UNCHANGED) for fault, found in zip(chosen, items, strict=True) if not found)
    waiting, tried = [count for count, found in enumerate(items) if found], Counter[int]()

    def jobs(counts: Iterable[int]) -> Iterator[tuple]:
        for count in counts:
            (file := folder / str(count)).unlink(missing_ok=True)
            limit = book.patience + SLOWER * sum(clean.seconds[item] for item in items[count])
            own_first = sorted(items[count], key=lambda item: chosen[count].module not in item)
            yield count, limit, (book, own_first, file, chosen[count], ["-x"])

    while waiting:
        again = []
        for count, how in forked(jobs(waiting)):
            file = folder / str(count)
            told = json.loads(file.read_text()) if file.exists() else {"code": -1, "failed": how}
            tried[count] += 1
            if told["failed"] or not told["code"]:
                yield chosen[count], told["failed"]
            elif tried[count] < 2:
                again.append(count)
            else:
                yield chosen[count], None
        waiting = again


# --- the notebooks ------------------------------------------------------------------------------


def run_copies(
    book: Book, folder: Path, prelude: str, chapters: dict[Path, int], limits: Baseline | None
) -> Run:
    """Run notebooks, each cut after so many code cells, in a folder of their own, after some code."""
    copies = folder / book.settings.build  # no notebook of the book's, to which its rules of form apply
    copies.mkdir(parents=True)
    (folder / "prelude.py").write_text(prelude, encoding="utf-8")
    for path, last in chapters.items():
        notebook = quick(path, book.settings.key)
        cells = code_cells(notebook)[: last + 1]
        notebook.cells = notebook.cells[: notebook.cells.index(cells[-1]) + 1]
        for count, cell in enumerate(cells if limits else ()):
            limit = book.patience + SLOWER * limits.seconds[name_of_cell(path, count)]
            cell.metadata.setdefault(book.settings.key, {})["timeout"] = limit
        (copies / path.name).write_bytes(text_of(notebook))
    return run_notebooks(
        book.settings,
        [copies / path.name for path in chapters],
        options=["-x", f"--nbproof-prelude={folder}/prelude.py"],
        root=folder,
    )


def name_of_cell(path: Path, count: int) -> str:
    return f"{path.name}|{count}"


def run_chapter_clean(book: Book, path: Path, folder: Path) -> Baseline:
    """Run a notebook once; RuntimeError if it fails."""
    file = folder / path.stem / "lines"
    prelude = f"__import__('nbproof.inject').inject.follow_cells({str(book.package)!r}, {str(file)!r})"
    run = run_copies(
        book, file.parent, prelude, {path: len(code_cells(quick(path, book.settings.key)))}, None
    )
    if run.failures:
        raise RuntimeError(
            f"{path.name} fails without a fault: {run.failures[0].item}: {run.failures[0].in_a_line}"
        )
    cells = [verdict for verdict in run.verdicts if verdict.record]
    reach = lines_followed(book, file)
    named = {
        module: {line: {name_of_cell(path, int(ran)) for ran in runs if ran} for line, runs in lines.items()}
        for module, lines in reach.items()
    }
    return Baseline(named, {name_of_cell(path, count): cell.seconds for count, cell in enumerate(cells)})


def run_chapters_clean(book: Book, folder: Path) -> Baseline:
    """Run each notebook once."""
    reach: Reach = defaultdict(lambda: defaultdict(set))
    seconds: dict[str, float] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        run = functools.partial(run_chapter_clean, book, folder=folder)
        for found in pool.map(run, reversed(select(book.settings))):
            seconds |= found.seconds
            for module, lines in found.reach.items():
                for line, runs in lines.items():
                    reach[module][line] |= runs
    return Baseline(reach, seconds)


def chapters_for(book: Book, fault: Fault, clean: Baseline) -> dict[Path, int]:
    """The notebooks that reach a fault, each with its last cell that does: the quick ones first."""
    reaching = clean.reaching(fault, faults.modules(book.package)[fault.module])
    found = defaultdict(list)
    for name in reaching:
        chapter, _, count = name.partition("|")
        found[chapter].append(int(count))
    paths = [path for path in select(book.settings) if path.name in found]
    paths.sort(key=lambda p: (number(p) in book.settings.slow, -len(found[p.name])))
    return {path: max(found[path.name]) for path in paths}


def judge_by_notebooks(book: Book, fault: Fault, clean: Baseline) -> str | None:
    """The cell that notices a fault, UNCHANGED if none does, None if the machine gives no verdict."""
    chapters = chapters_for(book, fault, clean)
    if not chapters:
        return UNCHANGED
    for attempt in range(2):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "fault.py").write_text(fault.source, encoding="utf-8")
            arguments = (str(book.package), book.name_of(fault.module), str(folder / "fault.py"))
            prelude = f"__import__('nbproof.inject').inject.install{arguments!r}"
            failures = run_copies(book, folder, prelude, chapters, clean).failures
        if not failures:
            return UNCHANGED
        where = f"{Path(failures[0].notebook).name[:2]} {failures[0].item}"
        if not failures[0].by_machine:
            return where
        if "Timeout of" in failures[0].said and attempt:
            return f"{where}: {OUTLIVED}"
    return None


# --- all together -------------------------------------------------------------------------------


class Judged:
    """What was judged, a line each in a file; it holds as long as all that was judged stays as it is."""

    def __init__(self, book: Book, judge: str) -> None:
        paths = select(book.settings)
        if judge == "tests":
            paths = [p for name in book.tests for p in sorted((book.settings.root / name).rglob("*.py"))]
        state = hashlib.sha256(repr(faults.modules(book.package)).encode())
        for path in paths:
            state.update(path.read_bytes())
        self.state = state.hexdigest()[:16]
        self.file = book.settings.path("build") / f"mutate-{judge}.jsonl"
        self.file.parent.mkdir(exist_ok=True)
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        entries = [json.loads(line) for line in lines]
        self.known: dict[str, str] = {e["fault"]: e["by"] for e in entries if e["state"] == self.state}

    def __contains__(self, fault: Fault) -> bool:
        return _id(fault) in self.known

    def __getitem__(self, fault: Fault) -> str | None:
        return self.known.get(_id(fault))

    def add(self, fault: Fault, by: str | None) -> None:
        if by is not None:
            self.known[_id(fault)] = by
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"state": self.state, "fault": _id(fault), "by": by}) + "\n")
        said = {None: "NO VERDICT", UNCHANGED: "survived"}.get(by, by)
        print(f"{self.file.stem}: {fault}: {said}"[:240], flush=True)


def _id(fault: Fault) -> str:
    return hashlib.sha256(f"{fault.module}\n{fault.source}".encode()).hexdigest()[:16]


def judge_all(book: Book, chosen: Sequence[Fault], judges: Sequence[str]) -> dict[str, Judged]:
    """Let each judge judge all faults that it hasn't yet."""
    verdicts = {judge: Judged(book, judge) for judge in JUDGES}
    left = {judge: [f for f in chosen if f not in verdicts[judge]] for judge in judges}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if todo := left.get("tests"):
            preload(book)
            clean = run_tests_clean(book, folder)
            check(book, lambda fault: next(iter(judge_by_tests(book, [fault], clean, folder)))[1])
            for fault, by in judge_by_tests(book, todo, clean, folder):
                verdicts["tests"].add(fault, by)
        if todo := left.get("notebooks"):
            clean = run_chapters_clean(book, folder)
            check(book, lambda fault: judge_by_notebooks(book, fault, clean))
            with ThreadPoolExecutor(AT_ONCE) as pool:
                runs = {pool.submit(judge_by_notebooks, book, fault, clean): fault for fault in todo}
                for run in as_completed(runs):
                    verdicts["notebooks"].add(runs[run], run.result())
    return verdicts


def check(book: Book, judge: Callable[[Fault], str | None]) -> None:
    """A package that can't be imported must be noticed, or the faults aren't where they are judged."""
    source = faults.modules(book.package)["__init__"]
    if not judge(faults.make("__init__", BY_HAND, source, f"raise ImportError\n{source}")):
        raise RuntimeError("a package that can't be imported wasn't noticed: faults don't reach what judges")


def summary(
    book: Book, chosen: Sequence[Fault], verdicts: dict[str, Judged], judges: Sequence[str]
) -> dict[str, Any]:
    """The counts of each module, and the survivors."""
    harmless = {(e["module"], e["within"], e["old"], e["new"]) for e in faults.read(book.equivalents)}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors, undecided = [], []
    for fault in chosen:
        by = {judge: verdicts[judge][fault] for judge in judges}
        if any(found is None for found in by.values()):
            undecided.append(str(fault))
            continue
        if fault.key in harmless and any(by.values()):
            print(f"mutate: {fault} is said to change nothing, but {by} noticed it", flush=True)
        count = counts[fault.module]
        count["faults"] += 1
        if fault.key in harmless:
            count["change nothing"] += 1
            continue
        count.update({judge: 1 for judge in judges if by[judge]})
        count["both"] += any(by.values())
        if fault.what == BY_HAND:
            count["by hand"] += 1
            count["by hand, both"] += any(by.values())
        if not all(by.values()):
            entry = dict(zip(("module", "within", "old", "new"), fault.key, strict=True))
            survivors.append(entry | {"line": fault.line, "what": fault.what, **by})
    survivors.sort(key=lambda entry: (entry["module"], entry["line"], entry["new"]))
    return {"modules": dict(sorted(counts.items())), "survivors": survivors, "no verdict": undecided}


def within(module: str, names: Sequence[str]) -> bool:
    """Whether a module is one of these, or in one of these folders.

    >>> [within(module, ["conv", "scratch"]) for module in ("conv", "scratch/conv", "convert")]
    [True, True, False]
    """
    return any(f"{module}/".startswith(f"{name}/") for name in names)


def share(count: dict[str, int], by: str) -> float:
    """The share that a judge caught of the faults that change something."""
    return count.get(by, 0) / max(1, count["faults"] - count.get("change nothing", 0))


def total(counts: Iterable[dict[str, int]]) -> Counter[str]:
    return sum((Counter(count) for count in counts), Counter())


def report(found: dict[str, Any]) -> str:
    """The figures of all samples as Markdown."""
    lines: list[str] = []
    for seed, sample in found["samples"].items():
        columns = (
            "module",
            "faults",
            "that change nothing",
            "caught by chapters",
            "by tests",
            "by both together",
        )
        lines += [f"### Sample of seed {seed}", "", _row(columns), _row(["---"] * len(columns))]
        for module, count in (*sample["modules"].items(), ("all", total(sample["modules"].values()))):
            figures = [str(count["faults"]), str(count.get("change nothing", 0))]
            figures += [f"{100 * share(count, by):.1f} %" for by in (*JUDGES, "both")]
            lines.append(_row([f"`{module}`" if module != "all" else "all", *figures]))
        left = [entry for entry in sample["survivors"] if not any(entry.get(judge) for judge in JUDGES)]
        lines += ["", "Not caught by both together:" if left else "None survived both.", ""]
        lines += [f"- {e['module']}.py:{e['line']} {e['within']}: `{e['old']}` → `{e['new']}`" for e in left]
        lines.append("")
    settings = ", ".join(f"{name} {value}" for name, value in found["settings"].items())
    return "\n".join([*lines, f"Measured with {settings}."]) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: list[str], settings: Settings) -> int:
    parser = argparse.ArgumentParser(prog="nbproof mutate", description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=400, metavar="N", help="generated faults (400)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument(
        "--module", nargs="+", default=[], metavar="NAME", help="faults of these, a folder too"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="faults in whose line here this stands")
    parser.add_argument("--survivors", action="store_true", help="those of this seed that one judge let pass")
    parser.add_argument("--judge", choices=(*JUDGES, "both"), default="both")
    args = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    book = Book.of(settings)
    sample = str(args.seed) + (f" in {', '.join(args.module)}" if args.module else "")
    generated: Iterable[Fault] = faults.generated(book.package, args.seed)
    written: Iterable[Fault] = faults.by_hand(book.package, book.faults)
    if args.module:
        generated, written = (
            (fault for fault in some if within(fault.module, args.module)) for some in (generated, written)
        )
    chosen = [*islice(generated, args.sample), *written]
    part = bool(args.only or args.survivors or args.judge != "both")
    if args.survivors:
        before = store.read(settings.path("results"))["package"]["samples"][sample]
        keys = {
            tuple(entry[name] for name in ("module", "within", "old", "new")) for entry in before["survivors"]
        }
        chosen = [fault for fault in chosen if fault.key in keys]
    chosen = [fault for fault in chosen if args.only in str(fault)]
    judges = JUDGES if args.judge == "both" else (args.judge,)
    verdicts = judge_all(book, chosen, judges)
    found = summary(book, chosen, verdicts, judges)
    print(report({"samples": {sample: found}, "settings": store.circumstances()}))
    if not part:
        with store.changed(settings.path("results")) as results:
            package = results.setdefault("package", {"samples": {}})
            package["samples"][sample] = found
            package["settings"] = store.circumstances()
    taught = [count for module, count in found["modules"].items() if within(module, book.taught)]
    weak = any(share(count, "notebooks") < OF_NOTEBOOKS for count in taught)
    return 1 if weak or found["no verdict"] or share(total(found["modules"].values()), "both") < WANTED else 0
