"""Run chapters in their order, each in a fresh kernel, into build/.

    python tools/run_chapters.py [02 07 ...]          (make run CHAPTERS="02 07")

Prints one line a chapter: its seconds and what its cell tagged `headline` prints. A chapter that
fails is named with the cell and the error, the others still run, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import chapters
import form
import nbformat
from data_status import status, uses_data
from kernels import ChapterClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from outputs import merge_streams
from tqdm import tqdm

BUILD = chapters.ROOT / "build"
INTERRUPTED = 130  # the exit code of a command that Ctrl-C has ended


class Result(NamedTuple):
    """How a chapter went."""

    headline: str
    error: str = ""  # empty if every cell passed


def run(path: Path, build: Path, timeout: int, bar: tqdm) -> Result:
    """Execute one notebook and write the executed copy, complete or up to the failing cell."""
    try:
        notebook = form.read(path)
    except form.Unreadable as error:
        return Result("", str(error))
    variables = {}
    if any(uses_data(cell.source) for cell in code_cells(notebook)):
        with contextlib.suppress(OSError, ValueError):  # damaged data: the cell that loads it says so
            variables = status().kernel_variables()
    client = ChapterClient(notebook, timeout=timeout)
    try:
        with client.kernel(path.parent, **variables):
            for index, cell in enumerate(notebook.cells):
                error = run_cell(client, cell, index)
                if error:
                    return Result("", f"cell {cell.get('id', index)}: {error}")
                bar.update(cell.cell_type == "code")
    except RuntimeError as error:  # jupyter_client's, for a kernel that doesn't start
        return Result("", f"the kernel didn't start: {error}")
    finally:
        nbformat.write(notebook, build / path.name)
    return Result(headline(notebook))


def run_cell(client: ChapterClient, cell: NotebookNode, index: int) -> str:
    """Execute one cell; what went wrong, or an empty string."""
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        return f"it runs longer than {client.limit(cell):g} s"
    except DeadKernelError:
        return client.death()
    finally:
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
    return ""


def number_of_cells(path: Path) -> int:
    """The code cells of a file, as far as it can be read."""
    try:
        return len(code_cells(form.read(path)))
    except form.Unreadable:
        return 0


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def headline(notebook: NotebookNode) -> str:
    """What the cell tagged `headline` printed, on one line."""
    for cell in code_cells(notebook):
        if "headline" in cell.metadata.get("tags", []):
            printed = (o.text for o in cell.outputs if o.output_type == "stream")
            return " | ".join("".join(printed).strip().splitlines())
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    chapters.add_arguments(parser)
    parser.add_argument("--build", type=Path, default=BUILD, help="where the executed copies go")
    parser.add_argument("--timeout", type=int, default=1800, help="seconds a cell may take")
    args = parser.parse_args()
    try:
        paths = chapters.select(args.numbers, folder=args.notebooks)
    except chapters.ChapterError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    try:
        args.build.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=args.build).close()
    except OSError as error:
        print(f"run: {args.build} can't be written to: {error.strerror}", file=sys.stderr)
        return 2
    failed, start = [], time.monotonic()
    with tqdm(
        total=sum(map(number_of_cells, paths)), unit="cell", leave=False, disable=not sys.stderr.isatty()
    ) as bar:
        for path in paths:
            begun = time.monotonic()
            bar.set_description(path.stem)
            try:
                result = run(path, args.build, args.timeout, bar)
            except OSError as error:  # such as a full disk
                result = Result("", str(error))
            except KeyboardInterrupt:
                bar.close()
                print(f"run: interrupted in {path.name}", file=sys.stderr)
                return INTERRUPTED
            seconds = time.monotonic() - begun
            outcome = f"FAILED  {result.error}" if result.error else result.headline
            bar.write(f"{path.stem:<26} {seconds:6.1f} s  {outcome}", file=sys.stdout)
            sys.stdout.flush()
            if result.error:
                failed.append(path.name)
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    print(f"{len(paths)} chapters in {minutes} min {seconds:02d} s, {len(failed)} failed", end="")
    print(f": {', '.join(failed)}" if failed else f"; executed copies in {args.build.name}/")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("run: interrupted before any chapter ran", file=sys.stderr)
        sys.exit(INTERRUPTED)
