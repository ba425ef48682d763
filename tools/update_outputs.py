"""Re-execute chapters and store their outputs. Nothing else writes them.

    python tools/update_outputs.py [02 07 ...]          (make update CHAPTERS="02 07")

A notebook is written only if every cell passed and its outputs may be stored: no stderr, no
absolute path, no object address, and, for a chapter that uses the data, the full data set. It is
written beside and renamed, so that Ctrl-C or a full disk leaves the old file whole. Two runs in a
row change no byte.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import chapters
import nbformat
from data_status import status, uses_data
from form import Unreadable, clean_metadata, read
from kernels import ChapterClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from outputs import faults, normalise

INTERRUPTED = 130  # the exit code of a command that Ctrl-C has ended


class Refused(Exception):
    """The notebook's outputs can't be stored; the message names the cell."""


def update(path: Path, timeout: int) -> bool:
    """Run a notebook and store its outputs; True if that changed the file."""
    before = path.read_bytes()
    if not os.access(path.parent, os.W_OK):
        raise Refused("its folder can't be written to")
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code" and uses_data(cell.source):
            require_full_data(cell)
    client = ChapterClient(notebook, timeout=timeout)
    with client.kernel(path.parent):
        count = 0
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and cell.source.strip():
                count += 1
                run_cell(client, cell, index, count)
            elif cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    clean_metadata(notebook)
    after = (nbformat.writes(notebook).rstrip("\n") + "\n").encode("utf-8")
    if after != before:
        write_atomically(path, after)
    return after != before


def require_full_data(cell: NotebookNode) -> None:
    """Refused if a cell that loads the data set doesn't get the whole of it."""
    try:
        is_sample = status().is_sample
    except (OSError, ValueError) as error:
        raise Refused(f"cell {cell.id}: {error}") from None
    if is_sample:
        raise Refused(
            f"cell {cell.id}: it loads Fashion-MNIST, and only the shipped sample is here; "
            "outputs are of the full data"
        )


def run_cell(client: ChapterClient, cell: NotebookNode, index: int, count: int) -> None:
    """Run one cell and bring its outputs into the stored form; Refused if they can't be stored."""
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        raise Refused(f"cell {cell.id}: {error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise Refused(f"cell {cell.id}: it runs longer than {client.limit(cell):g} s") from None
    except DeadKernelError:
        raise Refused(f"cell {cell.id}: {client.death()}") from None
    cell.execution_count = count
    cell.outputs = normalise(cell.outputs, count)
    raised = any(output.output_type == "error" for output in cell.outputs)
    if "raises-exception" in cell.metadata.get("tags", []) and not raised:
        raise Refused(f"cell {cell.id}: it is tagged raises-exception but raises none")
    if found := faults(cell.outputs):
        raise Refused(f"cell {cell.id}: " + "; ".join(found))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, or replace it by new content, wholly or not at all."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    chapters.add_arguments(parser)
    parser.add_argument("--timeout", type=int, default=1800, help="seconds a cell may take")
    args = parser.parse_args()
    try:
        paths = chapters.select(args.numbers, folder=args.notebooks)
    except chapters.ChapterError as error:
        print(f"update: {error}", file=sys.stderr)
        return 2
    refused = 0
    for path in paths:
        start = time.monotonic()
        try:
            outcome = "outputs written" if update(path, args.timeout) else "unchanged"
        except (Refused, Unreadable) as error:
            refused += 1
            outcome = f"NOT WRITTEN: {error}"
        except OSError as error:  # not the name of the file beside, which is gone
            refused += 1
            outcome = f"NOT WRITTEN: {error.strerror or error}"
        except KeyboardInterrupt:
            print(f"update: interrupted; {path.name} was not written", file=sys.stderr)
            return INTERRUPTED
        print(f"{path.name:<32} {time.monotonic() - start:6.1f} s  {outcome}", flush=True)
    return 1 if refused else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("update: interrupted before any chapter was run", file=sys.stderr)
        sys.exit(INTERRUPTED)
