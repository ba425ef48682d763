"""Put faults into d2lmini, one at a time, and see whether the chapters notice: `make mutate`.

For each fault of package_faults.py the chapters that use the faulty module run in their order, the quick
ones first, until a cell fails. Nothing else judges: no unit test, no doctest. A kernel that dies or stands
still is no verdict. Before that, the quick chapters must pass without a fault (`make stability` runs the
training chapters so). Survivors are printed, and stored with the rest in results.json; the exit code is 1
if fewer than 95 of 100 were caught.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chapters
import results
from judge import AT_ONCE, Copies, Failure, require_full_data, run_copy
from package_faults import FAULTS, Fault
from usage import chapters_for, modules_of_chapters

WANTED = 0.95


def judge(fault: Fault, paths: Sequence[Path], copies: Copies) -> dict[str, Any]:
    """Run chapters with a fault in a copy of the package, until one fails; what was found."""
    with copies.one() as copy:
        start = time.monotonic()
        with rewritten(copy / "d2lmini" / f"{fault.module}.py", fault.old, fault.new):
            failure = first_failure(copy, paths)
    verdict = {"caught": failure is not None, "seconds": round(time.monotonic() - start)}
    if failure:
        verdict |= {"by": f"{failure.chapter[:2]} {failure.cell}", "said": failure.said}
    return verdict


@contextmanager
def rewritten(path: Path, old: str, new: str) -> Iterator[None]:
    """Inside it a file has `new` for `old`."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def first_failure(copy: Path, paths: Sequence[Path]) -> Failure | None:
    """The first cell that fails; once more if it was the machine's fault, which says nothing of the code."""
    notebooks = [copy / "notebooks" / path.name for path in paths]
    for _ in range(2):
        found = run_copy(copy, notebooks, ["-x"]).failures if notebooks else []
        if not found or not found[0].by_machine:
            return found[0] if found else None
    raise RuntimeError(f"no verdict: {found[0]}")


def check_that_copies_are_used(copy: Path) -> None:
    """A fault in a copy must be a fault in the kernel: break the package there, and see a chapter fail."""
    first = chapters.find(copy / "notebooks")[:1]
    with rewritten(
        copy / "d2lmini" / "__init__.py", "from d2lmini.conv", "raise ImportError\nfrom d2lmini.conv"
    ):
        if not run_copy(copy, first, ["-x"]).failures:
            sys.exit("mutate: the chapters didn't notice a package that can't be imported")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", help="faults whose name has this text; the others' verdicts stay"
    )
    parser.add_argument(
        "--survivors", action="store_true", help="only the faults that survived the last time"
    )
    parser.add_argument(
        "--fast", action="store_true", help="without the training chapters; survivors are not stored"
    )
    args = parser.parse_args()
    require_full_data()
    used = modules_of_chapters(chapters.select(fast=args.fast))
    before = results.load().get("package", {}).get("faults", {})
    if not (args.only or args.survivors or args.fast):
        before = {}  # everything is judged anew
    verdicts = {f.name: before[f.name] for f in FAULTS if f.name in before}
    chosen = [f for f in FAULTS if args.only in f.name]
    if args.survivors:
        chosen = [f for f in chosen if not verdicts.get(f.name, {}).get("caught")]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        copies = Copies(Path(folder))
        with copies.one() as copy:
            check_that_copies_are_used(copy)
            failure = first_failure(copy, chapters.select(fast=True))
        if failure:
            sys.exit(f"mutate: without a fault a chapter fails too: {failure}")
        runs = {pool.submit(judge, fault, chapters_for(fault, used), copies): fault for fault in chosen}
        for run in as_completed(runs):
            fault, verdict = runs[run], run.result()
            if verdict["caught"] or not args.fast:
                verdicts[fault.name] = verdict
            said = f"caught by {verdict['by']}: {verdict['said']}" if verdict["caught"] else "SURVIVED"
            print(f"{fault.name:<65} {verdict['seconds']:>4} s  {said}", flush=True)
            results.store("package", {"faults": dict(sorted(verdicts.items()))})
    survivors = [fault.name for fault in FAULTS if not verdicts.get(fault.name, {}).get("caught")]
    caught = len(FAULTS) - len(survivors)
    print(f"{caught} of {len(FAULTS)} caught; survivors: {', '.join(survivors) or 'none'}")
    return 1 if caught < WANTED * len(FAULTS) else 0


if __name__ == "__main__":
    sys.exit(main())
