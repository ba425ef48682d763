"""Put faults into a package, one at a time: do the notebooks notice, and do the tests? `nbproof mutate`.

A seeded sample of the faults that cosmic-ray's operators can make (see `faults`), and those written by hand.
The tests judge alone (`judge_tests`), then the notebooks alone (`judge_notebooks`). Of both, only those run
that reach the changed statement, by what coverage saw in a clean run (`baseline`); the first failure ends it.
What takes many times longer than clean is caught; where the machine fails twice, or pytest, there is no
verdict. Verdicts are kept in `build/`, and hold as long as package, notebooks and tests stay as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from nbproof import files
from nbproof.mutate import faults, judge_notebooks, judge_tests
from nbproof.mutate.baseline import UNCHANGED, Book
from nbproof.mutate.faults import BY_HAND, KEY, Fault, key_of
from nbproof.notebooks.select import select
from nbproof.report.columns import table
from nbproof.settings import Settings

WANTED, OF_NOTEBOOKS = 0.98, 0.90  # of the faults that change something: by both; by notebooks, where taught
JUDGES = ("notebooks", "tests")
COLUMNS = "module", "faults", "that change nothing", "caught by notebooks", "by tests", "by both together"


class Judged:
    """What was judged, a line each in a file; it holds as long as all that was judged stays as it is."""

    def __init__(self, book: Book, judge: str) -> None:
        paths = select(book.settings)
        if judge == "tests":
            given = [book.settings.root / name for name in book.tests]  # folders and files
            paths = [file for path in given for file in (sorted(path.rglob("*.py")) or [path])]
        state = hashlib.sha256(repr(faults.modules(book.package)).encode())
        for path in paths:
            state.update(path.read_bytes())
        self.state = state.hexdigest()[:16]
        self.file = book.settings.path("build") / f"mutate-{judge}.jsonl"
        self.file.parent.mkdir(exist_ok=True)
        entries = []
        for line in self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else ():
            with contextlib.suppress(ValueError):  # half a line, where a run was killed
                entries.append(json.loads(line))
        self.known: dict[str, str] = {e["fault"]: e["by"] for e in entries if e["state"] == self.state}

    def __contains__(self, fault: Fault) -> bool:
        return _id(fault) in self.known

    def __getitem__(self, fault: Fault) -> str | None:
        return self.known.get(_id(fault))

    def add(self, fault: Fault, by: str | None) -> None:
        if by is not None:
            self.known[_id(fault)] = by
            with self.file.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps({"state": self.state, "fault": _id(fault), "by": by}))
        said = {None: "NO VERDICT", UNCHANGED: "survived"}.get(by, by)
        print(f"{self.file.stem}: {fault}: {said}"[:240], flush=True)


def _id(fault: Fault) -> str:
    return hashlib.sha256(f"{fault.module}\n{fault.source}".encode()).hexdigest()[:16]


def judge_all(
    book: Book, chosen: Sequence[Fault], judges: Sequence[str], together: bool
) -> dict[str, Judged]:
    """Let each judge judge all faults that it hasn't yet; `together`: no fault that another has noticed."""
    verdicts = {judge: Judged(book, judge) for judge in JUDGES}
    for name, module in (("tests", judge_tests), ("notebooks", judge_notebooks)):  # forks before threads
        todo = [fault for fault in chosen if fault not in verdicts[name]]
        if together:
            todo = [fault for fault in todo if not verdicts["tests"][fault]]
        if name in judges and todo:
            clean = module.run_clean(book)
            ((_, noticed),) = module.judge(book, [unimportable(book)], clean)
            if not noticed:
                raise RuntimeError(
                    "a package that can't be imported wasn't noticed: no fault reaches what judges"
                )
            for fault, by in module.judge(book, todo, clean):
                verdicts[name].add(fault, by)
    return verdicts


def unimportable(book: Book) -> Fault:
    """A fault that must be noticed, or the faults aren't where they are judged."""
    source = faults.modules(book.package)["__init__"]
    return faults.make("__init__", BY_HAND, source, f"raise ImportError\n{source}")


def summary(
    book: Book, chosen: Sequence[Fault], verdicts: dict[str, Judged], judges: Sequence[str], together: bool
) -> dict[str, Any]:
    """The counts of each module, and the survivors."""
    harmless = set(map(key_of, faults.read(book.equivalents)))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors, undecided = [], []
    for fault in chosen:
        by = {judge: verdicts[judge][fault] for judge in judges}
        if together and by["tests"]:
            del by["notebooks"]
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
        count.update({judge: 1 for judge in judges if by.get(judge)})
        count["both"] += any(by.values())
        if fault.what == BY_HAND:
            count["by hand"] += 1
            count["by hand, both"] += any(by.values())
        if not all(by.values()):
            entry = dict(zip(KEY, fault.key, strict=True))
            survivors.append(entry | {"line": fault.line, "what": fault.what, **by})
    survivors.sort(key=lambda entry: (entry["module"], entry["line"], entry["new"]))
    found = {"modules": dict(sorted(counts.items())), "survivors": survivors, "no verdict": undecided}
    return found | ({"together": True} if together else {})


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
        rows = []
        for module, count in (*sample["modules"].items(), ("all", total(sample["modules"].values()))):
            shares = [f"{100 * share(count, by):.1f} %" for by in (*JUDGES, "both")]
            if sample.get("together"):
                shares[0] = "not asked"
            name = f"`{module}`" if module != "all" else "all"
            rows.append([name, str(count["faults"]), str(count.get("change nothing", 0)), *shares])
        left = [entry for entry in sample["survivors"] if not any(entry.get(judge) for judge in JUDGES)]
        lines += [f"### Sample of seed {seed}", "", *table(COLUMNS, rows), ""]
        lines += ["Not caught by both together:" if left else "None survived both.", ""]
        lines += [f"- {e['module']}.py:{e['line']} {e['within']}: `{e['old']}` → `{e['new']}`" for e in left]
        lines += [f"- without a verdict, and not counted: {each}" for each in sample["no verdict"]]
        lines.append("")
    settings = ", ".join(f"{name} {value}" for name, value in found["settings"].items())
    return "\n".join([*lines, f"Measured with {settings}."]) + "\n"


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
    parser.add_argument("--together", action="store_true", help="notebooks judge what the tests let pass")
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
    chosen = [fault for fault in (*islice(generated, args.sample), *written) if args.only in str(fault)]
    if args.survivors:
        before = files.read(settings.path("results"))["package"]["samples"][sample]
        survived = set(map(key_of, before["survivors"]))
        chosen = [fault for fault in chosen if fault.key in survived]
    judges = JUDGES if args.judge == "both" else (args.judge,)
    together = args.together and judges == JUDGES
    verdicts = judge_all(book, chosen, judges, together)
    found = summary(book, chosen, verdicts, judges, together)
    print(report({"samples": {sample: found}, "settings": files.circumstances()}))
    if not (args.only or args.survivors or args.judge != "both"):
        with files.changed(settings.path("results")) as results:
            package = results.setdefault("package", {"samples": {}})
            package["samples"][sample] = found
            package["settings"] = files.circumstances()
    counts = {m: count for m, count in found["modules"].items() if count["faults"] > count["change nothing"]}
    weak = [count for module, count in counts.items() if within(module, book.taught)]
    asked = "notebooks" in judges and not together
    weak = [count for count in weak if asked and share(count, "notebooks") < OF_NOTEBOOKS]
    return 1 if weak or found["no verdict"] or share(total(counts.values()), "both") < WANTED else 0
