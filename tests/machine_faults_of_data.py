"""Faults of the data set, really provoked: damaged files, no network; what a run on a small chapter says."""

from __future__ import annotations

import gzip
import math
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbproof.provoke import Finding, NotPossible, Scenario, possible, start_command, start_pytest, write
from nbproof.settings import load

from d2lmini.files import DEBIAN_FOLDER, FILES

ROOT = Path(__file__).parents[1]
DAMAGED = "train-images-idx3-ubyte"  # the file that is read first, whatever the others are
LOAD = "from d2lmini import load_fashion_mnist\nlen(load_fashion_mnist().train_images)"
NO_CHOICE = {"D2LMINI_DATA": ""}  # whatever the user's environment says
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'
UNSHARE = ("unshare", "--map-root-user", "--mount")


def code(id: str, source: str, value: str = "", **marks: str) -> NotebookNode:
    """A cell whose last expression has a value."""
    output = nbformat.v4.new_output("execute_result", {"text/plain": value})
    metadata = {"d2lmini": marks} if marks else {}
    return nbformat.v4.new_code_cell(source, id=id, outputs=[output] if value else [], metadata=metadata)


def later() -> NotebookNode:
    cell = code("later", "print(1)")
    cell.metadata["tags"] = ["headline"]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    return cell


def data_set(folder: Path) -> Path:
    """The four files: the real ones where they are installed, else of their names and shapes only."""
    folder.mkdir()
    for name, shape, _ in FILES:
        packed = folder / f"{name}.gz"
        if (DEBIAN_FOLDER / packed.name).is_file():
            packed.symlink_to(DEBIAN_FOLDER / packed.name)
        else:
            packed.write_bytes(gzip.compress(idx(shape), compresslevel=1))
    return folder


def idx(shape: tuple[int, ...]) -> bytes:
    """A file of zeros in the format IDX."""
    return struct.pack(f">{1 + len(shape)}i", 2048 + len(shape), *shape) + bytes(math.prod(shape))


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def alter(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    path.unlink()
    content[len(content) // 2] ^= 1
    path.with_suffix("").write_bytes(content)


def reshape(path: Path) -> None:
    path.unlink()
    path.with_suffix("").write_bytes(idx((60000, 28, 29)))


def damaged(folder: Path, damage: Callable[[Path], None], says: str) -> Finding:
    data = data_set(folder / "data")
    damage(data / f"{DAMAGED}.gz")
    path = write(folder / "a.ipynb", [code("first", "1", "1"), code("load", LOAD, "60000"), later()])
    run = start_pytest(load(ROOT), path, variables={"D2LMINI_DATA": data})
    said = run.said("a", "load")
    at = said.rfind(says)
    return run.finding(
        f"{run.verdict('a')}: {DAMAGED} {said[at : at + 45] if at >= 0 else ''}…",
        fails_at_load=run.outcomes("a") == {"first": "passed", "load": "failed", "later": "skipped"},
        names_the_file=str(data / DAMAGED) in said or f"missing: {DAMAGED}" in said,
        says_what_is_wrong=at >= 0,
        says_what_was_not_run="not run: load failed" in run.said("a", "later"),
        exit_code_is_1=run.code == 1,
    )


def damaged_cache(folder: Path) -> Finding:
    """Debian's copy is used in its place, with a warning, which a chapter's output hasn't."""
    if not DEBIAN_FOLDER.exists():
        raise NotPossible("there is no second copy of the data to fall back on")
    (folder / "cache").mkdir()
    truncate(data_set(folder / "cache" / "d2lmini") / f"{DAMAGED}.gz")
    path = write(folder / "a.ipynb", [code("load", LOAD, "60000"), later()])
    run = start_pytest(load(ROOT), path, variables=NO_CHOICE | {"XDG_CACHE_HOME": folder / "cache"})
    differs = "stderr" in run.said("a", "load")
    return run.finding(
        run.verdict("a") + (", stderr differs" if differs else ""),
        fails_at_load=run.outcomes("a") == {"load": "failed", "later": "skipped"},
        says_what_differs=differs,
        exit_code_is_1=run.code == 1,
    )


def damaged_command(folder: Path, name: str, says: str) -> Finding:
    data = data_set(folder / "data")
    truncate(data / f"{DAMAGED}.gz")
    before = write(folder / "01_a.ipynb", [code("load", LOAD, "60000")]).read_bytes()
    write(folder / "02_b.ipynb", [later()])
    run = start_command(name, folder, book=ROOT, variables={"D2LMINI_DATA": data})
    line = run.line("01_a", says, DAMAGED)
    return run.finding(
        f"{says} {line.partition(says)[2].replace(f'{data}/', '').strip()[:75]}…" if line else "",
        names_the_cell="cell load: " in line,
        names_the_file=str(data / DAMAGED) in line,
        the_next_chapter_runs=bool(run.line("02_b")) and not run.line("02_b", says),
        the_file_is_whole=(folder / "01_a.ipynb").read_bytes() == before,
        exit_code_is_1=run.code == 1,
    )


@contextmanager
def deaf_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def without_debian() -> tuple[str | Path, ...]:
    """How to run where Debian's data set isn't: under what."""
    if not DEBIAN_FOLDER.exists():
        return ()
    if not possible(*UNSHARE, "sh", "-c", HIDE, DEBIAN_FOLDER, sys.executable, "-c", ""):
        raise NotPossible("Debian's data set can't be hidden: unshare doesn't work here")
    return (*UNSHARE, "sh", "-c", HIDE, DEBIAN_FOLDER)


def offline(folder: Path, answers: bool) -> Finding:
    """The network refuses every connection; or it takes it and says nothing, and a cell is bad."""
    under = without_debian()
    show = "from d2lmini import load_fashion_mnist\ndata = load_fashion_mnist()\ndata.is_sample"
    full = code("full", "len(data.train_images)", "60000", data="full")
    cells = [code("load", show, "True"), full, *([code("bad", "1 + 1", "3")] if answers else []), later()]
    with deaf_server() as port:
        proxy = f"http://127.0.0.1:{port if answers else closed_port()}"
        variables = NO_CHOICE | {
            "http_proxy": proxy,
            "https_proxy": proxy,
            "XDG_CACHE_HOME": folder / "cache",
        }
        run = start_pytest(load(ROOT), write(folder / "a.ipynb", cells), under=under, variables=variables)
    outcomes = {"load": "passed", "full": "passed"}
    outcomes |= {"bad": "failed", "later": "skipped"} if answers else {"later": "passed"}
    reason = run.line("not compared: a.ipynb, cell full: only the sample of the data is here")
    return run.finding(
        run.verdict("a") + (", full not compared: only the sample" if reason else ""),
        outcomes_are_right=run.outcomes("a") == outcomes,
        the_cell_is_counted_as_not_compared="1 not compared" in run.line("cells: "),
        the_reason_is_told=bool(reason),
        exit_code_is_right=run.code == (1 if answers else 0),
    )


AT_LOAD = "fail at load, naming the file; later cells not run"
AT_LOAD_ONLY = "fail at load, naming the file; the next chapter runs"
SCENARIOS = [
    *(
        Scenario(f"data: {name}", AT_LOAD, partial(damaged, damage=damage, says=says))
        for name, damage, says in (
            ("a file truncated", truncate, "can't be unpacked"),
            ("a byte altered", alter, "has the right size, but alter"),
            ("a file missing", Path.unlink, "missing: "),
            ("another shape", reshape, "has the shape (60000, 28, 29)"),
        )
    ),
    Scenario("data: make run", AT_LOAD_ONLY, partial(damaged_command, name="run", says="FAILED")),
    Scenario("data: make update", AT_LOAD_ONLY, partial(damaged_command, name="update", says="NOT WRITTEN:")),
    Scenario("data: a damaged cache", "fail at load, for it warns; no internal error", damaged_cache),
    Scenario("network: refused", "pass on the sample, and say so", partial(offline, answers=False)),
    Scenario("network: no answer", "the same, but fail at a bad cell", partial(offline, answers=True)),
]
