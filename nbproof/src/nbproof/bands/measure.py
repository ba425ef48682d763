"""Measure the bands of the statistical cells over seeds and thread counts: `nbproof bands`.

A copy of each notebook, up to its last band, runs once for each seed in a kernel that records where the
notebook asserts (`record`): the value, and both ends, which may depend on the data, but not on training. The
book's own code before the first cell (`preludes`) puts in NBPROOF_SEED, and makes the result wrong in the way
that NBPROOF_WRONG names. A band counts if all right results lie within it with room, and a wrong one doesn't
(`flaws`). The runs are stored one by one in a JSON file, and shown in a page beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode

from nbproof import files
from nbproof.bands import record
from nbproof.bands.record import Band
from nbproof.compare.kinds import bands_of
from nbproof.notebooks.file import code_cells, marks_of, read, tags_of, text_of
from nbproof.notebooks.select import add_arguments, chosen, select
from nbproof.report.columns import table
from nbproof.run.harness import AtOnce, run_notebooks
from nbproof.settings import Settings, SettingsError

SEEDS = 10  # of the first variant, at least; the others have FEW
FEW = 3  # and so many at each number of threads
LEFT_OUT = ("raises-exception", "solution")  # tags of cells that no later one needs
LONGEST = 24 * 60 * 60  # seconds that a cell may take: nobody waits
NOTHING = {"runs": {}, "wrong": {}, "low": 0.0, "high": 0.0}  # measured on a variant
RECORDER = "__import__('nbproof.bands.record', fromlist=['install']).install()\n"


class Job(NamedTuple):
    """One run of a notebook: on a variant of the data, right or wrong in a way that has a name."""

    path: Path
    variant: str
    seed: int
    wrong: str = ""

    @property
    def threads(self) -> int:
        return 1 + self.seed % 2

    def __str__(self) -> str:
        how = self.wrong or f"seed {self.seed}, {plural(self.threads, 'thread')}"
        return f"{self.path.stem} {self.variant}: {how}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


# --- what a book asserts ------------------------------------------------------------------------


def of_notebook(notebook: NotebookNode, key: str) -> dict[str, Band]:
    """A notebook's bands by name. SettingsError if a name has no assert, or two have the same expression."""
    found: dict[str, Band] = {}
    for cell in code_cells(notebook):
        if names := marks_of(cell, key).get("bands"):
            asserted = {band.middle: band for band in bands_of(cell.source)}
            if missing := [name for name, middle in names.items() if middle not in asserted]:
                raise SettingsError(f"cell {cell.id}: no assert has the band {missing[0]!r} in its middle")
            if double := sorted(set(names) & set(found)):
                raise SettingsError(f"cell {cell.id}: another cell has a band {double[0]!r} as well")
            found |= {name: asserted[middle] for name, middle in names.items()}
    middles = [band.middle for band in found.values()]
    if double := next((m for m in middles if middles.count(m) > 1), None):
        raise SettingsError(f"two bands measure {double}: give one of them another name for it")
    return found


def of_book(settings: Settings) -> dict[str, dict[str, Band]]:
    """The bands of every notebook that has some."""
    found = {path.stem: of_notebook(read(path), settings.key) for path in select(settings)}
    return {name: bands for name, bands in found.items() if bands}


# --- measuring ----------------------------------------------------------------------------------


def cut(notebook: NotebookNode, key: str) -> NotebookNode:
    """A copy without what no band needs: solutions, errors on purpose, and all after the last band."""
    copy = deepcopy(notebook)
    last = max(i for i, cell in enumerate(copy.cells) if marks_of(cell, key).get("bands"))
    copy.cells = [
        cell
        for cell in copy.cells[: last + 1]
        if marks_of(cell, key).get("bands") or not set(tags_of(cell)) & set(LEFT_OUT)
    ]
    return copy


def measure(settings: Settings, job: Job) -> dict[str, list[float]]:
    """Run a notebook once: {assert: [low, value, high]}."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy, prelude, found = folder / job.path.name, folder / "prelude.py", folder / "found"
        notebook = read(job.path)
        copy.write_bytes(text_of(cut(notebook, settings.key)))
        prelude.write_text(RECORDER, encoding="utf-8")
        preludes = [prelude, *(settings.root / path for path in settings.preludes)]
        variables = {
            **settings.variants[job.variant],
            **{variable: str(job.threads) for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")},
            **{"NBPROOF_SEED": str(job.seed), "NBPROOF_WRONG": job.wrong, record.VARIABLE: str(found)},
        }
        options = ["--nbproof-mode=run", f"--nbval-cell-timeout={LONGEST}"]
        options += [f"--nbproof-prelude={path}" for path in preludes]
        run = run_notebooks(settings, [copy], options=options, variables=variables, root=folder)
        if run.failures:
            raise RuntimeError(f"{run.failures[0].item}: {run.failures[0].in_a_line}")
        lines = found.read_text(encoding="utf-8").splitlines() if found.exists() else []
    measured = {text: values for text, *values in map(json.loads, lines)}
    for name, band in of_notebook(notebook, settings.key).items():
        if band.text not in measured:
            raise RuntimeError(f"{name}: `assert {band.text}` wasn't reached, or compares no numbers")
    return measured


def keep(settings: Settings, job: Job, measured: Mapping[str, list[float]]) -> None:
    """Store a run. A band whose expression has changed loses its old runs, and so does one whose ends have
    other values though its assert is the same. One that is gone goes, one edited meanwhile gets nothing."""
    bands = of_notebook(read(job.path), settings.key)
    with files.changed(settings.path("bands")) as content:
        content["settings"] = files.circumstances()
        old = content.setdefault("bands", {}).setdefault(job.path.stem, {})
        content["bands"][job.path.stem] = new = {}
        for name, band in bands.items():
            same = old.get(name, {}).get("expression") == band.middle
            new[name] = kept = old[name] if same else {"expression": band.middle, "data": {}}
            if band.text not in measured:
                continue
            found = kept["data"].setdefault(job.variant, {"runs": {}, "wrong": {}})
            low, value, high = (float(f"{x:.5g}") for x in measured[band.text])
            asserted, *ends = (found.get(key) for key in ("asserted", "low", "high"))
            differ = (asserted, *ends) != (band.text, low, high)
            if found["runs"] and differ and (job.wrong or asserted == band.text):
                dropped = "this run is" if job.wrong else "its earlier runs are"
                print(f"{job}: {name}: its ends {tuple(ends)} became {(low, high)}: {dropped} dropped")
                if job.wrong:
                    continue
                found.update(runs={}, wrong={})
            found.update(asserted=band.text, low=low, high=high)
            if job.wrong:
                found["wrong"][job.wrong] = value
            else:
                found["runs"].setdefault(str(job.threads), {})[str(job.seed)] = value


def jobs(settings: Settings, paths: Sequence[Path]) -> Iterator[Job]:
    """All runs, of each notebook and variant; the wrong ones last."""
    for number, variant in enumerate(settings.variants):
        for seed in range(FEW if number else SEEDS):
            yield from (Job(path, variant, seed) for path in paths)
    for wrong in settings.wrong:
        yield from (Job(path, variant, 0, wrong) for variant in settings.variants for path in paths)


def stored(content: Mapping[str, Any], notebook: str, name: str) -> Mapping[str, Any]:
    """What the file of bands holds of one of them."""
    return content.get("bands", {}).get(notebook, {}).get(name, {"data": {}})


def is_stored(settings: Settings, job: Job) -> bool:
    """Whether a run was made of all bands of a notebook, as they are measured today."""
    content = files.read(settings.path("bands"))
    for name, band in of_notebook(read(job.path), settings.key).items():
        measured = stored(content, job.path.stem, name)
        data = measured["data"].get(job.variant, NOTHING)
        found = data["wrong"] if job.wrong else seeds_of(data)
        if measured.get("expression") != band.middle or (job.wrong or str(job.seed)) not in found:
            return False
    return True


# --- what counts --------------------------------------------------------------------------------


def seeds_of(data: Mapping[str, Any]) -> set[str]:
    return {seed for runs in data["runs"].values() for seed in runs}


def values_of(data: Mapping[str, Any]) -> list[float]:
    """What the right runs on a variant measured."""
    return [value for runs in data["runs"].values() for value in runs.values()]


def deviation(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def room(band: Band, data: Mapping[str, Any]) -> float:
    """How far the run nearest to an end is within it; an end that no value can pass needs no room."""
    values, ends = values_of(data), zip(band.closed, (-data["low"], data["high"]), (-1, 1), strict=True)
    return min((end - max(sign * v for v in values) for shut, end, sign in ends if not shut), default=0.0)


def inside(band: Band, data: Mapping[str, Any], value: float) -> bool:
    low, high = data["low"] - value, value - data["high"]
    return all(d <= 0 if shut else d < 0 for shut, d in zip(band.closed, (low, high), strict=True))


def flaws(settings: Settings, band: Band, measured: Mapping[str, Any]) -> list[str]:
    """Why a measured band doesn't count.

    All right runs must lie inside, at least one deviation from each end (that another machine may pass), and
    on the first variant at least one wrong result must lie outside.
    """
    found = []
    for number, variant in enumerate(settings.variants):
        data = measured.get("data", {}).get(variant, NOTHING)
        values, seeds = values_of(data), seeds_of(data)
        if len(seeds) < (FEW if number else SEEDS):
            found.append(f"{variant}: {plural(len(seeds), 'seed')} measured")
        elif data.get("asserted") != band.text:
            found.append(f"{variant}: it asserts {band.text}, but {data.get('asserted')} was measured")
        elif not number and any(len(data["runs"].get(threads, ())) < FEW for threads in ("1", "2")):
            found.append(f"{variant}: fewer than {FEW} seeds at a number of threads")
        elif not all(inside(band, data, value) for value in values):
            found.append(f"{variant}: a right run lies outside")
        elif room(band, data) < deviation(values):
            found.append(f"{variant}: {room(band, data):.2g} of room, deviation {deviation(values):.2g}")
        if not number and all(inside(band, data, value) for value in data["wrong"].values()):
            found.append(f"{variant}: no wrong result lies outside")
    return found


# --- the page -----------------------------------------------------------------------------------

INTRODUCTION = """# The measured bands

What the {noun}s assert of training, and what it rests on: their own code, run with other seeds and other
numbers of threads. `nbproof bands` measures again, which takes hours, `nbproof bands --page` writes this page
only; the runs themselves are in [{json}]({json}). Settings: {settings}.

- *room* is how far the run nearest to an end of the band is within it: one standard *deviation* at least. An
  end with `<=` can't be passed by any value, such as 1 for a share, and needs none.
- *wrong* is what wrong results come to; in bold those outside the band, which the {noun} notices.
"""
COLUMNS = ("data", "mean", "deviation", "lowest", "highest", "runs", "room", "wrong")


def heading(notebook: str, name: str) -> str:
    return f"{notebook}: {name}"


def page(settings: Settings, content: Mapping[str, Any]) -> str:
    """A section for each notebook, and a table for each of its bands."""
    words = {"noun": settings.noun, "json": settings.path("bands").name}
    versions = ", ".join(f"{name} {version}" for name, version in content.get("settings", {}).items())
    blocks = [INTRODUCTION.format(**words, settings=versions)]
    folder = os.path.relpath(settings.path("notebooks"), settings.path("bands").parent)
    for notebook, bands in of_book(settings).items():
        blocks.append(f"## {notebook}\n\nMeasured in [{notebook}.ipynb]({folder}/{notebook}.ipynb).\n")
        for name, band in bands.items():
            of_variants = stored(content, notebook, name)["data"].items()
            rows = [figures(band, variant, data) for variant, data in of_variants if data["runs"]]
            lines = [f"### {heading(notebook, name)}", "", f"`{band.text}`", "", *table(COLUMNS, rows)]
            blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def figures(band: Band, variant: str, data: Mapping[str, Any]) -> list[str]:
    """A line of a band's table."""
    values = values_of(data)
    counts = [f"{len(runs)} with {plural(int(n), 'thread')}" for n, runs in sorted(data["runs"].items())]
    marks = {name: "" if inside(band, data, value) else "**" for name, value in data["wrong"].items()}
    wrong = [f"{name} {mark}{data['wrong'][name]:.4g}{mark}" for name, mark in marks.items()]
    told = (statistics.mean(values), deviation(values), min(values), max(values))
    numbers = (f"{value:.4f}" for value in told)
    return [variant, *numbers, ", ".join(counts), f"{room(band, data):.4f}", ", ".join(wrong) or "–"]


def weak(settings: Settings) -> list[str]:
    """The bands that don't count, each with its reasons."""
    content = files.read(settings.path("bands"))
    return [
        f"{heading(notebook, name)}: {'; '.join(found)}"
        for notebook, bands in of_book(settings).items()
        for name, band in bands.items()
        if (found := flaws(settings, band, stored(content, notebook, name)))
    ]


def main(argv: list[str], settings: Settings) -> int:
    parser = argparse.ArgumentParser(prog="nbproof bands", description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="a seed or a wrong result, and the data")
    parser.add_argument("--missing", action="store_true", help="only runs that aren't stored yet")
    parser.add_argument("--at-once", type=int, default=2, help="runs at a time")
    parser.add_argument("--page", action="store_true", help="only write the page from the stored runs")
    args = parser.parse_args(argv)
    settings, found = chosen(settings, args)
    failed = False
    if not args.page:
        paths = [path for path in found if of_notebook(read(path), settings.key)]
        wanted = [job for job in jobs(settings, paths) if not (args.missing and is_stored(settings, job))]
        words = set(args.only or ())
        wanted = [job for job in wanted if words <= {job.variant, job.wrong or str(job.seed)}]
        with AtOnce(args.at_once) as pool:
            runs = {job: pool.submit(measure, settings, job) for job in wanted}
            for job, run in runs.items():
                try:
                    keep(settings, job, run.result())
                    print(f"{job}: {len(run.result())} bands", flush=True)
                except (RuntimeError, SettingsError) as error:
                    failed = True
                    print(f"{job}: FAILED {error}", flush=True)
    if args.notebooks is None:
        file = settings.path("bands")
        files.write_atomically(file.with_suffix(".md"), page(settings, files.read(file)).encode("utf-8"))
    found_weak = weak(settings)
    print(*found_weak, sep="\n")
    return 1 if found_weak or failed else 0
