"""Change stored outputs, one at a time, and see whether the plugin notices: `make mutate-outputs`.

Every quick chapter runs three times for real: as it is, with one curve of each figure moved by 2 % of its
axis, and with one letter of each figure changed. Then hundreds of copies of the chapters, each with one
change in what is stored, are judged by the plugin (all but its kernels) against the real run (the training
chapters, which take minutes, against their stored outputs). Each must fail first at the changed cell, and
those whose number moved by a tenth of its tolerance must pass. The exit code is 1 if one verdict is wrong.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chapters
import nbformat
import results
from checkout import ROOT
from judge import AT_ONCE, require_full_data, run_pytest
from output_changes import HARMLESS, PER_CHAPTER, Change, changes
from recording import CURVE, LABEL, record, stored
from replay import RECORD


def judge_chapter(path: Path, folder: Path) -> list[tuple[Change, str]]:
    """All changes of a chapter, each with the item that failed first ("" if all passed)."""
    folder.mkdir()
    trains = chapters.number(path) in chapters.TRAINING_CHAPTERS
    plain = stored(path) if trains else record(path)
    curves, labels = (plain if trains else record(path, before) for before in (CURVE, LABEL))
    (folder / RECORD).write_text(json.dumps(plain), encoding="utf-8")
    made = list(changes(nbformat.read(path, as_version=4), plain, curves, labels))
    files = [folder / f"c{number:04}.ipynb" for number in range(len(made) + 1)]
    for file, notebook in zip(
        files, [nbformat.read(path, as_version=4), *(c.notebook for c in made)], strict=True
    ):
        file.write_text(nbformat.writes(notebook), encoding="utf-8")
    variables = {"PYTHONPATH": str(ROOT / "tests" / "proof")}
    first: dict[str, str] = {}
    for failure in run_pytest(folder, ROOT / "pyproject.toml", files, ["-p", "replay"], variables).failures:
        first.setdefault(failure.chapter, failure.cell)
    if files[0].stem in first:
        raise RuntimeError(f"{path.name} fails without a change, at {first[files[0].stem]}")
    return [(change, first.get(file.stem, "")) for change, file in zip(made, files[1:], strict=True)]


def main() -> int:
    require_full_data()
    paths = chapters.select(sys.argv[1:])
    judged: list[tuple[str, Change, str]] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {path.stem: pool.submit(judge_chapter, path, Path(folder) / path.stem) for path in paths}
        for name, run in runs.items():
            judged += ((name, change, found) for change, found in run.result())
            print(f"{name}: {len(run.result())} changes judged", flush=True)
    wrong = [(name, c, found) for name, c, found in judged if found != c.fails_at]
    figures = {}
    for kind in PER_CHAPTER:
        of_kind = [(c, found) for _, c, found in judged if c.kind == kind]
        right = sum(found == c.fails_at for c, found in of_kind)
        figures[kind] = {"made": len(of_kind), "right": right}
        print(f"{kind:<45} {right:>4} of {len(of_kind):>4} {'pass' if kind == HARMLESS else 'caught'}")
    for name, change, found in wrong:
        print(f"WRONG: {name}, {change.kind}, cell {change.cell}: {found or 'passed'}")
    if len(paths) == len(chapters.find()):
        results.store("outputs", {"kinds": figures})
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # not the setting that the outputs were stored with
    sys.exit(main())
