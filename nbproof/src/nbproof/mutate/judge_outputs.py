"""Change stored outputs, one at a time, and see whether the plugin notices: `nbproof mutate-outputs`.

Every quick notebook runs three times for real: as it is, with one curve of each figure moved by 2 % of its
axis, and with one letter of each figure changed. Then hundreds of copies, each with one change in what is
stored, are judged by the plugin (all but its kernels) against the real run (those that take minutes, against
their stored outputs). Each must fail first at the changed cell, or at the form of its file, and those that
change nothing that is promised (`changes.HARMLESS`) must pass. The exit code is 1 if one verdict is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import defaultdict
from pathlib import Path

from nbproof import files
from nbproof.compare.outputs import stored_form
from nbproof.mutate.changes import HARMLESS, Change, Record, changes
from nbproof.notebooks.file import code_cells, read, text_of
from nbproof.notebooks.select import add_arguments, chosen, is_slow, select
from nbproof.run.harness import AtOnce, run_notebooks
from nbproof.settings import Settings

AT_ONCE = 2  # runs at a time, each with one kernel
RECORD = "record.json"

# What runs before the first cell: every figure is changed when it is drawn.
CHANGED = """
from matplotlib.backend_bases import FigureCanvasBase
def _move_a_curve(figure):
    lines = [(ax, line) for ax in figure.axes for line in ax.get_lines() if len(line.get_xdata()) > 2]
    if lines:
        ax, line = lines[len(lines) // 2]
        low, high = ax.get_ylim()
        line.set_ydata([y + 0.02 * (high - low) for y in line.get_ydata()])
        ax.set_ylim(low, high)
def _change_a_label(figure):
    texts = [text for ax in figure.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts)]
    texts += [text for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]
    texts = [text for text in texts if text.get_text()[-1:].isalnum() and text.get_visible()]
    if texts:
        text = texts[len(texts) // 2]
        last = text.get_text()[-1]
        text.set_text(text.get_text()[:-1] + ("3" if last in "178" else "8" if last.isdigit() else "x"))
def _draw(self, *args, draw=FigureCanvasBase.print_figure, **settings):
    {change}(self.figure)
    return draw(self, *args, **settings)
FigureCanvasBase.print_figure = _draw
"""
CURVE, LABEL = (CHANGED.replace("{change}", name) for name in ("_move_a_curve", "_change_a_label"))


def record(settings: Settings, path: Path, folder: Path, prelude: str = "") -> Record:
    """Run a notebook after the code `prelude`; the source and the outputs of each cell."""
    (folder / "prelude.py").write_text(prelude, encoding="utf-8")
    options = ["--nbproof-mode=run", f"--nbproof-build={folder}", f"--nbproof-prelude={folder}/prelude.py"]
    run = run_notebooks(settings, [path], options=options)
    if run.failures:
        raise RuntimeError(f"{path.name} fails without a change, at {run.failures[0].in_a_line}")
    return stored(folder / path.name)


def stored(path: Path) -> Record:
    """The source and the stored outputs of each cell."""
    cells = code_cells(read(path))
    return [(cell.source, stored_form(cell.outputs, 1)) for cell in cells]


def judge(settings: Settings, path: Path, folder: Path) -> dict[str, list[tuple[Change, str]]]:
    """All changes of a notebook by their kinds, each with the item that failed first ("" if all passed)."""
    folder.mkdir()
    slow = is_slow(settings, path)
    plain = stored(path) if slow else record(settings, path, folder)
    curves, labels = (plain if slow else record(settings, path, folder, code) for code in (CURVE, LABEL))
    (folder / path.name).unlink(missing_ok=True)
    (folder / RECORD).write_text(json.dumps(plain), encoding="utf-8")
    original = read(path)
    found = changes(original, plain, curves, labels, settings)
    made = [change for of_kind in found.values() for change in of_kind]
    copies = [folder / f"c{count:04}.ipynb" for count in range(len(made) + 1)]
    for file, notebook in zip(copies, [original, *(change.of(original) for change in made)], strict=True):
        file.write_bytes(text_of(notebook))
    run = run_notebooks(settings, copies, options=[f"--nbproof-replay={RECORD}"], root=folder)
    first = run.first_failures()
    if copies[0].name in first:
        raise RuntimeError(f"{path.name} fails without a change, at {first[copies[0].name]}")
    failed_at = (first.get(file.name, "") for file in copies[1:])
    return {kind: [(change, next(failed_at)) for change in of_kind] for kind, of_kind in found.items()}


def main(argv: list[str], settings: Settings) -> int:
    parser = argparse.ArgumentParser(prog="nbproof mutate-outputs", description=__doc__.splitlines()[0])
    add_arguments(parser)
    args = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # not the setting that the outputs were stored with
    settings, paths = chosen(settings, args)
    if lacks := settings.hooks.lacking([source for path in paths for source, _ in stored(path)]):
        print(f"mutate-outputs: {lacks}, and most cells wouldn't be compared")
        return 2
    judged: dict[str, list[tuple[str, Change, str]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, AtOnce(AT_ONCE) as pool:
        runs = {path.stem: pool.submit(judge, settings, path, Path(folder) / path.stem) for path in paths}
        for name, run in runs.items():
            for kind, of_kind in run.result().items():
                judged[kind] += ((name, change, failed_at) for change, failed_at in of_kind)
            print(f"{name}: {sum(map(len, run.result().values()))} changes judged", flush=True)
    figures, wrong = {}, []
    for kind, of_kind in judged.items():
        off = [each for each in of_kind if each[2] != each[1].fails_at]
        figures[kind] = {"made": len(of_kind), "right": len(of_kind) - len(off)}
        must = "pass" if kind in HARMLESS else "caught"
        print(f"{kind:<54} {figures[kind]['right']:>4} of {len(of_kind):>4} {must}")
        wrong += [f"WRONG: {name}, {kind}, cell {change.cell}: {at or 'passed'}" for name, change, at in off]
    print("\n".join(wrong))
    if args.notebooks is None and paths == select(settings):
        files.keep(settings.path("results"), "outputs", {"kinds": figures})
    return 1 if wrong else 0
