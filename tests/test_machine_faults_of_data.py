"""Faults of the data set, really provoked: damaged files, no network; what a run on a small chapter says.

Each test's docstring is what must come of its fault, and its property "verdict" what was said.
"""

import gzip
import math
import socket
import struct
import sys
from pathlib import Path

import nbformat
import pytest
from nbproof.machine.provoke import possible, start_command, start_pytest, write
from nbproof.settings import load

from d2lmini.files import DEBIAN_FOLDER, FILES

ROOT = Path(__file__).parents[1]
DAMAGED = "train-images-idx3-ubyte"  # the file that is read first, whatever the others are
LOAD = "from d2lmini import load_fashion_mnist\nlen(load_fashion_mnist().train_images)"
NO_CHOICE = {"D2LMINI_DATA": ""}  # whatever the user's environment says
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'
UNSHARE = ("unshare", "--map-root-user", "--mount")


def code(id, source, value="", **marks):
    """A cell whose last expression has a value."""
    output = nbformat.v4.new_output("execute_result", {"text/plain": value})
    metadata = {"d2lmini": marks} if marks else {}
    return nbformat.v4.new_code_cell(source, id=id, outputs=[output] if value else [], metadata=metadata)


def later():
    cell = code("later", "print(1)")
    cell.metadata["tags"] = ["headline"]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    return cell


def data_set(folder):
    """The four files: the real ones where they are installed, else of their names and shapes only."""
    folder.mkdir()
    for name, shape, _ in FILES:
        packed = folder / f"{name}.gz"
        if (DEBIAN_FOLDER / packed.name).is_file():
            packed.symlink_to(DEBIAN_FOLDER / packed.name)
        else:
            packed.write_bytes(gzip.compress(idx(shape), compresslevel=1))
    return folder


def idx(shape):
    """A file of zeros in the format IDX."""
    return struct.pack(f">{1 + len(shape)}i", 2048 + len(shape), *shape) + bytes(math.prod(shape))


def truncate(path):
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def alter(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    path.unlink()
    content[len(content) // 2] ^= 1
    path.with_suffix("").write_bytes(content)


def reshape(path):
    path.unlink()
    path.with_suffix("").write_bytes(idx((60000, 28, 29)))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(truncate, "can't be unpacked", id="a file truncated"),
        pytest.param(alter, "has the right size, but altered bytes", id="a byte altered"),
        pytest.param(Path.unlink, "missing: ", id="a file missing"),
        pytest.param(reshape, "has the shape (60000, 28, 29)", id="another shape"),
    ],
)
def test_data(tmp_path, damage, says, record_property):
    """fail at load, naming the file; later cells not run"""
    data = data_set(tmp_path / "data")
    damage(data / f"{DAMAGED}.gz")
    path = write(tmp_path / "a.ipynb", [code("first", "1", "1"), code("load", LOAD, "60000"), later()])
    run = start_pytest(load(ROOT), path, variables={"D2LMINI_DATA": data})
    said = run.said("a", "load")
    record_property("verdict", f"{run.verdict('a')}: {said[said.rfind(says) :][:60]}…")
    assert run.outcomes("a") == {"first": "passed", "load": "failed", "later": "skipped"} and run.code == 1
    assert says in said and (str(data / DAMAGED) in said or f"missing: {DAMAGED}" in said)
    assert "not run: load failed" in run.said("a", "later")


@pytest.mark.parametrize(
    ("name", "says"), [("run", "FAILED"), ("update", "NOT WRITTEN:")], ids=["make run", "make update"]
)
def test_data_truncated(tmp_path, name, says, record_property):
    """fail at load, naming the file; the next chapter runs"""
    data = data_set(tmp_path / "data")
    truncate(data / f"{DAMAGED}.gz")
    before = write(tmp_path / "01_a.ipynb", [code("load", LOAD, "60000")]).read_bytes()
    write(tmp_path / "02_b.ipynb", [later()])
    run = start_command(name, tmp_path, book=ROOT, variables={"D2LMINI_DATA": data})
    line = run.line("01_a", says)
    record_property("verdict", f"{says} {line.partition(says)[2].replace(f'{data}/', '').strip()[:75]}…")
    assert "cell load: " in line and str(data / DAMAGED) in line and run.code == 1
    assert run.line("02_b") and not run.line("02_b", says)
    assert (tmp_path / "01_a.ipynb").read_bytes() == before


@pytest.mark.skipif(not DEBIAN_FOLDER.exists(), reason="there is no second copy of the data to fall back on")
def test_data_cache_damaged(tmp_path, record_property):
    """fail at load: Debian's copy is used in its place with a warning, which the chapter's output hasn't"""
    (tmp_path / "cache").mkdir()
    truncate(data_set(tmp_path / "cache" / "d2lmini") / f"{DAMAGED}.gz")
    path = write(tmp_path / "a.ipynb", [code("load", LOAD, "60000"), later()])
    run = start_pytest(load(ROOT), path, variables=NO_CHOICE | {"XDG_CACHE_HOME": tmp_path / "cache"})
    differs = "stderr" in run.said("a", "load")
    record_property("verdict", run.verdict("a") + ", stderr differs" * differs)
    assert differs and run.outcomes("a") == {"load": "failed", "later": "skipped"} and run.code == 1


@pytest.fixture
def without_debian():
    """How to run where Debian's data set isn't: under what."""
    if not DEBIAN_FOLDER.exists():
        return ()
    if not possible(*UNSHARE, "sh", "-c", HIDE, DEBIAN_FOLDER, sys.executable, "-c", ""):
        pytest.skip("Debian's data set can't be hidden: unshare doesn't work here")
    return (*UNSHARE, "sh", "-c", HIDE, DEBIAN_FOLDER)


@pytest.mark.parametrize("answers", [False, True], ids=["refused", "no answer"])
def test_network(tmp_path, without_debian, answers, record_property):
    """pass on the sample, and say so; or the same, but fail at a bad cell"""
    show = "from d2lmini import load_fashion_mnist\ndata = load_fashion_mnist()\ndata.is_sample"
    full = code("full", "len(data.train_images)", "60000", data="full")
    cells = [code("load", show, "True"), full, *([code("bad", "1 + 1", "3")] if answers else []), later()]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:  # it takes connections, and is deaf
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not answers:
            server.close()
        cache = {"XDG_CACHE_HOME": tmp_path / "cache", "http_proxy": proxy, "https_proxy": proxy}
        path = write(tmp_path / "a.ipynb", cells)
        run = start_pytest(load(ROOT), path, under=without_debian, variables=NO_CHOICE | cache)
    reason = run.line("not compared: a.ipynb, cell full: only the sample of the data is here")
    record_property("verdict", run.verdict("a") + ", full not compared: only the sample" * bool(reason))
    later_ones = {"bad": "failed", "later": "skipped"} if answers else {"later": "passed"}
    assert run.outcomes("a") == {"load": "passed", "full": "passed"} | later_ones
    assert reason and "1 not compared" in run.line("cells: ") and run.code == answers
