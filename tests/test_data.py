"""Fashion-MNIST from every place it can come from, and what happens when a file is broken.

Most tests put a tiny data set of the same format in the place of the real one, so they need neither
the network nor the 30 MB; the tests of the real data are skipped where no full copy is installed.
"""

from __future__ import annotations

import gc
import gzip
import hashlib
import logging
import lzma
import os
import re
import socket
import struct
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d2lmini import files
from d2lmini.data import FashionMNIST, load_fashion_mnist, minibatches
from d2lmini.files import DataError

NAMES = tuple(file.name for file in files.FILES)
# Pooch leaves the connection of a failed download open until the garbage is collected.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
LINE = "only the shipped sample of 6000 + 1000 images is used"


# ------------------------------------------------------------------------------------------ places


def idx_bytes(values: torch.Tensor) -> bytes:
    """A uint8 tensor as an unpacked IDX file."""
    header = struct.pack(f">{1 + values.ndim}i", 2048 + values.ndim, *values.shape)
    return header + bytes(values.flatten().tolist())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """A data set of 20 + 10 images in the place of the official one; no place holds it yet.

    Returns the official packed files, by name.
    """
    g = torch.Generator().manual_seed(0)
    tensors = (
        torch.randint(0, 256, (20, 28, 28), generator=g),
        torch.arange(20) % 10,
        torch.randint(0, 256, (10, 28, 28), generator=g),
        torch.arange(10),
    )
    content = {name: idx_bytes(t) for name, t in zip(NAMES, tensors, strict=True)}
    packed = {f"{name}.gz": gzip.compress(raw, mtime=1) for name, raw in content.items()}
    official = tuple(
        files.IDXFile(name, tuple(t.shape), hashlib.sha256(content[name]).hexdigest())
        for name, t in zip(NAMES, tensors, strict=True)
    )
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in packed.items()}
    monkeypatch.setattr(files, "FILES", official)
    monkeypatch.setattr(files, "DOWNLOADS", sums)
    monkeypatch.setattr(files, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(files, "MIRRORS", (closed_port(), closed_port()))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "home" / project)
    monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)  # between two tries
    monkeypatch.delenv(files.VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return packed


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "d2lmini"


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    return tmp_path / "debian"


def fill(folder: Path, packed: dict[str, bytes], unpacked: bool = False) -> Path:
    """Write the four files, as .gz or unpacked."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in packed.items():
        path = folder / (name.removesuffix(".gz") if unpacked else name)
        path.write_bytes(gzip.decompress(raw) if unpacked else raw)
    return folder


def closed_port() -> str:
    """The address of a port on this machine where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}/"


class Mirror(ThreadingHTTPServer):
    """A web server on this machine that gives `files`, and counts the answers by (method, name).

    A file in `cut` breaks off in the middle, as when the connection is lost.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], cut: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), MirrorHandler)
        self.files, self.cut, self.asked = files, cut, Counter[tuple[str, str]]()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class MirrorHandler(BaseHTTPRequestHandler):
    server: Mirror

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        name = self.path.strip("/")
        body = self.server.files.get(name, b"")
        self.answer(body[: len(body) // 2] if name in self.server.cut else body)

    def answer(self, body: bytes) -> None:
        name = self.path.strip("/")
        self.server.asked[self.command, name] += 1
        self.send_response(200 if name in self.server.files else 404)
        self.send_header("Content-Length", str(len(self.server.files.get(name, b""))))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


MakeMirror = Callable[..., Mirror]


@pytest.fixture
def mirror() -> Iterator[MakeMirror]:
    """Make mirrors that are shut down after the test."""
    servers: list[Mirror] = []

    def make(files: dict[str, bytes], cut: tuple[str, ...] = ()) -> Mirror:
        server = Mirror(files, cut)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
    gc.collect()  # here, where an open connection is no error


def check_tiny(loaded: FashionMNIST, source: str) -> None:
    assert loaded.source == source
    assert not loaded.is_sample
    assert loaded.train_images.shape == (20, 1, 28, 28)
    assert loaded.test_images.shape == (10, 1, 28, 28)
    assert loaded.train_labels.tolist() == list(range(10)) * 2
    assert loaded.test_labels.tolist() == list(range(10))
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20, 28, 28), generator=g)
    assert torch.equal(loaded.train_images[:, 0], images.to(torch.uint8))


def test_explicit_folder_packed_or_not(tiny: dict[str, bytes], tmp_path: Path) -> None:
    check_tiny(load_fashion_mnist(fill(tmp_path / "gz", tiny)), "folder")
    check_tiny(load_fashion_mnist(str(fill(tmp_path / "raw", tiny, unpacked=True))), "folder")


def test_a_browser_may_have_unpacked_a_file_and_kept_its_name(tiny: dict[str, bytes], tmp_path: Path) -> None:
    folder = fill(tmp_path / "x", tiny)
    name = f"{NAMES[0]}.gz"
    (folder / name).write_bytes(gzip.decompress(tiny[name]))
    check_tiny(load_fashion_mnist(folder), "folder")


def test_home_is_expanded(tiny: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    fill(tmp_path / "pictures", tiny)
    check_tiny(load_fashion_mnist("~/pictures"), "folder")


def test_order_of_places(
    tiny: dict[str, bytes],
    cache: Path,
    debian: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mirror: MakeMirror,
) -> None:
    """From the last place to the first: each one, once it has the data, comes before the others."""
    server = mirror(tiny)
    monkeypatch.setattr(files, "MIRRORS", (server.url,))
    assert load_fashion_mnist(download=False).source == "sample"
    assert LINE in capsys.readouterr().out
    assert not server.asked, "download=False must not use the network"
    check_tiny(load_fashion_mnist(), "download")
    check_tiny(load_fashion_mnist(), "cache")
    (cache / f"{NAMES[0]}.gz").unlink()
    fill(debian, tiny)
    check_tiny(load_fashion_mnist(), "debian")
    fill(cache, tiny)
    check_tiny(load_fashion_mnist(), "cache")
    monkeypatch.setenv(files.VARIABLE, "")
    check_tiny(load_fashion_mnist(), "cache")
    monkeypatch.setenv(files.VARIABLE, str(fill(tmp_path / "env", tiny)))
    check_tiny(load_fashion_mnist(), "folder")
    monkeypatch.setenv(files.VARIABLE, str(tmp_path / "nothing"))
    check_tiny(load_fashion_mnist(tmp_path / "env"), "folder")
    captured = capsys.readouterr()
    assert captured.out + captured.err == "", "only the sample is announced"


def test_places_are_the_ones_documented() -> None:
    assert files.DEBIAN_FOLDER.as_posix() == "/usr/share/datasets/fashion-mnist"
    assert files.MIRRORS == (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )


# ------------------------------------------------------------------------------------ broken files


def broken(kind: str, raw: bytes) -> bytes:
    """The unpacked file `raw`, packed, with one thing wrong."""
    if kind == "truncated gzip":
        return gzip.compress(raw)[:-20]
    if kind == "no gzip":
        return b"<html>Please log in to this network</html>"
    if kind == "altered gzip":
        packed = bytearray(gzip.compress(raw))
        packed[len(packed) // 2] ^= 255
        return bytes(packed)
    altered = {
        "empty": b"",
        "altered pixel": raw[:-1] + bytes([raw[-1] ^ 1]),
        "magic number": struct.pack(">i", 1234) + raw[4:],
        "another shape": raw[:4] + struct.pack(">i", 19) + raw[8:],
        "truncated": raw[:-100],
        "inside its header": raw[:10],
        "too long": raw + b"\0",
    }
    return gzip.compress(altered[kind])


FAULTS = {
    "truncated gzip": "can't be unpacked",
    "no gzip": "can't be unpacked",
    "altered gzip": "can't be unpacked",
    "empty": "magic number 0, which must be 2051",
    "altered pixel": "altered bytes",
    "magic number": "magic number 1234, which must be 2051",
    "another shape": r"shape \(19, 28, 28\), which must be \(20, 28, 28\)",
    "truncated": "15596 bytes unpacked, which must be 15696",
    "inside its header": "ends inside its header, after 10 of 15696 bytes",
    "too long": "15697 bytes unpacked, which must be 15696",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_broken_file_in_an_explicit_folder(
    kind: str, tiny: dict[str, bytes], tmp_path: Path, cache: Path
) -> None:
    """The error names the file, the rule and both checksums, and no other place is used."""
    fill(cache, tiny)
    folder = fill(tmp_path / "x", tiny)
    path = folder / f"{NAMES[0]}.gz"
    path.write_bytes(broken(kind, gzip.decompress(tiny[path.name])))
    with pytest.raises(DataError, match=FAULTS[kind]) as caught:
        load_fashion_mnist(folder)
    message = str(caught.value)
    assert str(path) in message
    found = path.read_bytes() if "unpacked (" in message else gzip.decompress(path.read_bytes())
    sums = re.findall(r"\b[0-9a-f]{64}\b", message)
    assert sums == [files.FILES[0].sha256, hashlib.sha256(found).hexdigest()]
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("number", range(4))
def test_each_of_the_four_files_is_verified(number: int, tiny: dict[str, bytes], tmp_path: Path) -> None:
    folder = fill(tmp_path / "x", tiny, unpacked=True)
    path = folder / NAMES[number]
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(DataError, match=NAMES[number]):
        load_fashion_mnist(folder)


def test_swapped_files_are_refused(tiny: dict[str, bytes], tmp_path: Path) -> None:
    folder = fill(tmp_path / "x", tiny)
    (folder / f"{NAMES[0]}.gz").write_bytes(tiny[f"{NAMES[2]}.gz"])
    with pytest.raises(DataError, match=r"\(10, 28, 28\), which must be \(20, 28, 28\)"):
        load_fashion_mnist(folder)


def test_missing_file_names_the_four_and_the_folder(
    tiny: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    fill(cache, tiny)
    folder = fill(tmp_path / "x", tiny)
    (folder / f"{NAMES[1]}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=f"missing: {NAMES[1]}\\.") as caught:
        load_fashion_mnist(folder)
    assert all(name in str(caught.value) for name in (*NAMES, str(folder)))
    monkeypatch.setenv(files.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=f"nowhere.*{files.VARIABLE}"):
        load_fashion_mnist()


# ------------------------------------------------------------------------- the cache and downloads


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_broken_cache_is_mended_by_a_download(
    tiny: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: MakeMirror
) -> None:
    name = f"{NAMES[0]}.gz"
    fill(cache, tiny)
    (cache / name).write_bytes(tiny[name][:-9])
    server = mirror(tiny)
    monkeypatch.setattr(files, "MIRRORS", (server.url,))
    check_tiny(load_fashion_mnist(), "download")
    assert listing(cache) == tiny
    assert [key for key in server.asked if key[0] == "GET"] == [("GET", name)], "only the broken one"


def test_broken_unpacked_file_in_the_cache_does_not_stand_in_the_way(
    tiny: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: MakeMirror
) -> None:
    fill(cache, tiny, unpacked=True)
    (cache / NAMES[3]).write_bytes(b"")
    monkeypatch.setattr(files, "MIRRORS", (mirror(tiny).url,))
    check_tiny(load_fashion_mnist(), "download")
    check_tiny(load_fashion_mnist(), "cache")


def test_broken_cache_is_reported(
    tiny: dict[str, bytes], cache: Path, debian: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a network it can't be mended: it isn't used, and the reader is told."""
    path = fill(cache, tiny) / f"{NAMES[2]}.gz"
    path.write_bytes(tiny[path.name][:-9])
    assert load_fashion_mnist().is_sample
    out = capsys.readouterr().out
    assert str(path) in out
    assert LINE in out
    assert out.count("\n") == 1
    fill(debian, tiny)
    with pytest.warns(RuntimeWarning, match=re.escape(str(path))):
        check_tiny(load_fashion_mnist(), "debian")


@pytest.mark.parametrize("fault", ["cut", "altered", "absent"])
def test_second_mirror_takes_over(
    fault: str,
    tiny: dict[str, bytes],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    mirror: MakeMirror,
) -> None:
    """The first mirror fails at its third file; the second one gives that and the fourth."""
    name = f"{NAMES[2]}.gz"
    offered = dict(tiny)
    if fault == "altered":
        offered[name] = tiny[name][:-1] + b"\1"
    if fault == "absent":
        del offered[name]
    first, second = mirror(offered, (name,) if fault == "cut" else ()), mirror(tiny)
    monkeypatch.setattr(files, "MIRRORS", (first.url, second.url))
    check_tiny(load_fashion_mnist(), "download")
    assert listing(cache) == tiny
    assert first.asked["GET", name] == 2, "one more try before the mirror is given up"
    assert [key[1] for key in second.asked if key[0] == "GET"] == [name, f"{NAMES[3]}.gz"]


def test_second_mirror_when_the_first_is_down(
    tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, mirror: MakeMirror
) -> None:
    monkeypatch.setattr(files, "MIRRORS", (closed_port(), mirror(tiny).url))
    check_tiny(load_fashion_mnist(), "download")


@pytest.mark.parametrize("fault", ["cut", "altered"])
def test_cache_is_never_half_written(
    fault: str,
    tiny: dict[str, bytes],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    mirror: MakeMirror,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both mirrors break off in the middle of the first file: nothing of it stays behind."""
    name = f"{NAMES[0]}.gz"
    offered = {**tiny, name: tiny[name][:-1] + b"\1"} if fault == "altered" else tiny
    cut = (name,) if fault == "cut" else ()
    monkeypatch.setattr(files, "MIRRORS", (mirror(offered, cut).url, mirror(offered, cut).url))
    assert load_fashion_mnist().source == "sample"
    assert listing(cache) == {}
    captured = capsys.readouterr()
    assert LINE in captured.out
    assert captured.err == ""


def test_log_of_pooch_stays_out_of_the_notebooks(
    tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, mirror: MakeMirror
) -> None:
    """It names local paths, on the standard error stream, which a notebook stores."""
    log: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", log.append)
    logger = pooch.get_logger()
    logger.setLevel(logging.INFO)  # pooch's own setting
    logger.addHandler(handler)
    monkeypatch.setattr(files, "MIRRORS", (mirror(tiny, (f"{NAMES[0]}.gz",)).url, mirror(tiny).url))
    try:
        check_tiny(load_fashion_mnist(), "download")
    finally:
        logger.removeHandler(handler)
    assert log == []


def test_interrupted_download_leaves_nothing(
    tiny: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: MakeMirror
) -> None:
    """Ctrl-C with half of the second file on disk."""
    monkeypatch.setattr(files, "MIRRORS", (mirror(tiny).url,))
    call = pooch.HTTPDownloader.__call__
    seen: list[dict[str, bytes]] = []

    def interrupted(self, url, output_file, pooch, check_only=False):  # type: ignore[no-untyped-def]
        if check_only or NAMES[1] not in url:
            return call(self, url, output_file, pooch, check_only)
        Path(output_file).write_bytes(b"half")
        seen.append(listing(cache))
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_fashion_mnist()
    assert b"half" in seen[0].values(), "the new file is written in the cache folder"
    assert f"{NAMES[1]}.gz" not in seen[0], "but under another name"
    assert listing(cache) == {f"{NAMES[0]}.gz": tiny[f"{NAMES[0]}.gz"]}


def test_wrong_download_sum_cannot_smuggle_in_other_data(
    tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, mirror: MakeMirror
) -> None:
    """The unpacked bytes are verified after a download, too."""
    name = f"{NAMES[1]}.gz"
    other = gzip.compress(broken("altered pixel", gzip.decompress(tiny[name])))
    sums = {**files.DOWNLOADS, name: hashlib.sha256(other).hexdigest()}
    monkeypatch.setattr(files, "DOWNLOADS", sums)
    monkeypatch.setattr(files, "MIRRORS", (mirror({**tiny, name: other}).url,))
    assert load_fashion_mnist().is_sample


def test_unwritable_cache(
    tiny: dict[str, bytes],
    debian: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mirror: MakeMirror,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A folder can't be made under a file, whoever asks: a stand-in for a read-only home."""
    (tmp_path / "home").write_text("not a folder")
    monkeypatch.setattr(files, "MIRRORS", (mirror(tiny).url,))
    assert load_fashion_mnist().is_sample
    assert LINE in capsys.readouterr().out
    fill(debian, tiny)
    check_tiny(load_fashion_mnist(), "debian")


def test_unreadable_cache_counts_as_none(
    tiny: dict[str, bytes], cache: Path, debian: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, tiny)
    fill(debian, tiny)
    is_file = Path.is_file

    def locked(path: Path) -> bool:
        if cache in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", locked)
    check_tiny(load_fashion_mnist(), "debian")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions don't bind this user"
)
def test_read_only_home(tiny: dict[str, bytes], debian: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    assert load_fashion_mnist().is_sample
    fill(debian, tiny)
    check_tiny(load_fashion_mnist(), "debian")


# ----------------------------------------------------------------------------------------- offline


def test_offline_falls_to_the_sample_at_once(
    tiny: dict[str, bytes], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    loaded = load_fashion_mnist()
    assert time.monotonic() - start < 5
    assert loaded.is_sample
    assert loaded.source == "sample"
    out = capsys.readouterr().out
    assert LINE in out
    assert files.VARIABLE in out
    assert out.count("\n") == 1
    assert str(cache) not in out
    assert not cache.exists()


def test_silent_mirrors_cost_one_timeout_in_all(
    tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mirrors that take the connection and never answer, as behind some firewalls."""
    monkeypatch.setattr(files, "ANSWER_SECONDS", 1)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        urls = tuple(f"http://127.0.0.1:{s.getsockname()[1]}/" for s in (one, two))
        monkeypatch.setattr(files, "MIRRORS", urls)
        start = time.monotonic()
        assert files._answering_mirrors() == []
        assert time.monotonic() - start < 1.9


def test_slow_name_lookup_is_bounded(tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up a name may hang for half a minute without a network; a reader doesn't wait."""
    monkeypatch.setattr(files, "ANSWER_SECONDS", 1.5)
    monkeypatch.setattr(files, "MIRRORS", ("http://one.invalid/", "http://two.invalid/"))
    done = threading.Event()

    def hang(*args: object, **kwargs: object) -> None:
        done.wait(30)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()
    assert files._answering_mirrors() == []
    assert time.monotonic() - start < 2.8
    done.set()


def test_answer_time_is_a_few_seconds() -> None:
    assert files.ANSWER_SECONDS <= 5


# ------------------------------------------------------------------------ the sample, the real data


def test_sample_on_request_is_silent(
    tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    by_name = load_fashion_mnist("sample")
    monkeypatch.setenv(files.VARIABLE, "sample")
    by_variable = load_fashion_mnist()
    for sample in (by_name, by_variable):
        assert sample.is_sample
        assert sample.source == "sample"
        assert sample.train_images.shape == (6000, 1, 28, 28)
        assert sample.test_images.shape == (1000, 1, 28, 28)
        assert sample.train_images.dtype == sample.test_images.dtype == torch.uint8
        assert sample.train_labels.dtype == sample.test_labels.dtype == torch.int64
        assert sample.train_labels.bincount().tolist() == [600] * 10
        assert sample.test_labels.bincount().tolist() == [100] * 10
    assert capsys.readouterr().out == ""


def test_sample_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in files.SAMPLE_FILES:
        (tmp_path / file.name).write_bytes((files.SAMPLE_FOLDER / file.name).read_bytes())
    path = tmp_path / files.SAMPLE_FILES[3].name
    raw = lzma.decompress(path.read_bytes())
    path.write_bytes(lzma.compress(raw[:-1] + bytes([raw[-1] ^ 1])))
    monkeypatch.setattr(files, "SAMPLE_FOLDER", tmp_path)
    with pytest.raises(DataError, match="altered bytes"):
        load_fashion_mnist("sample")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="can't be unpacked"):
        load_fashion_mnist("sample")


def test_sample_is_small_and_licensed() -> None:
    assert sum(path.stat().st_size for path in files.SAMPLE_FOLDER.iterdir()) < 3_000_000
    licence = (files.SAMPLE_FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "MIT" in licence
    assert "Zalando SE" in licence


def test_images_are_writable_and_own_their_memory() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = load_fashion_mnist("sample"), load_fashion_mnist("sample")
    before = two.test_images[0, 0, 14, 14].item()
    one.test_images.zero_()
    assert two.test_images[0, 0, 14, 14].item() == before
    assert two.test_images.is_contiguous()


def test_repr_is_one_line_and_the_same_for_every_place(
    tiny: dict[str, bytes], cache: Path, debian: Path
) -> None:
    fill(debian, tiny)
    from_debian = repr(load_fashion_mnist())
    fill(cache, tiny)
    assert repr(load_fashion_mnist()) == from_debian
    assert from_debian == "FashionMNIST(20 training + 10 test images, 10 classes)"


def test_data_set_is_frozen() -> None:
    sample = load_fashion_mnist("sample")
    with pytest.raises(AttributeError):
        sample.source = "elsewhere"  # type: ignore[misc]


@pytest.fixture(scope="module")
def full() -> FashionMNIST:
    """The real data, if this machine has them already: no download in a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(files.VARIABLE, raising=False)
        loaded = load_fashion_mnist(download=False)
    if loaded.is_sample:
        pytest.skip("the full data set isn't installed")
    return loaded


def test_full_data(full: FashionMNIST) -> None:
    assert full.train_images.shape == (60000, 1, 28, 28)
    assert full.test_images.shape == (10000, 1, 28, 28)
    assert full.train_images.dtype == full.test_images.dtype == torch.uint8
    assert full.train_labels.dtype == full.test_labels.dtype == torch.int64
    assert full.train_labels.bincount().tolist() == [6000] * 10
    assert full.test_labels.bincount().tolist() == [1000] * 10
    assert full.class_names[full.train_labels[0]] == "Ankle boot"
    names = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    assert ", ".join(full.class_names) == names
    assert full.source in ("cache", "debian")
    assert abs(full.train_images.double().mean().item() / 255 - 0.2860) < 1e-4


@pytest.mark.parametrize(("split", "number"), [("train", 600), ("test", 100)])
def test_sample_is_the_first_of_each_class(full: FashionMNIST, split: str, number: int) -> None:
    """This is how the sample was made: the first images of each class, in their original order."""
    images, labels = getattr(full, f"{split}_images"), getattr(full, f"{split}_labels")
    rows = [torch.nonzero(labels == c).flatten()[:number] for c in range(10)]
    kept = torch.cat(rows).sort().values
    sample = load_fashion_mnist("sample")
    assert torch.equal(getattr(sample, f"{split}_images"), images[kept])
    assert torch.equal(getattr(sample, f"{split}_labels"), labels[kept])


def test_real_files_download(
    full: FashionMNIST,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mirror: MakeMirror,
) -> None:
    """The official .gz files, from a mirror on this machine, pass the official checksums.

    Debian's .gz files have the official compressed bytes under a header without the original name
    and date; with those put back, they are the official files to the byte.
    """
    if not files.DEBIAN_FOLDER.is_dir():
        pytest.skip("rebuilt from the Debian package, which isn't installed")
    official = {}
    for name in files.DOWNLOADS:
        date = 1504176606 if name.startswith("train") else 1504176627  # 31 August 2017
        header = b"\x1f\x8b\x08\x08" + struct.pack("<I", date) + b"\x00\x03"
        body = (files.DEBIAN_FOLDER / name).read_bytes()[10:]
        official[name] = header + name.removesuffix(".gz").encode() + b"\0" + body
    monkeypatch.delenv(files.VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(files, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(files, "MIRRORS", (closed_port(), mirror(official).url))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "home" / project)
    downloaded = load_fashion_mnist()
    assert downloaded.source == "download"
    assert torch.equal(downloaded.train_images, full.train_images)
    assert torch.equal(downloaded.test_labels, full.test_labels)


# ------------------------------------------------------------------------------------- minibatches


def numbered(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that bear their own number in two pixels, and labels that say it, too."""
    number = torch.arange(n)
    images = torch.zeros(n, 1, 1, 2, dtype=torch.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = (number // 256).byte(), (number % 256).byte()
    return images, number


def test_an_image_may_be_one_number() -> None:
    ((x, y),) = minibatches(torch.tensor([0.5, 0.25]), torch.tensor([1, 0]), 2)
    assert (x.tolist(), y.tolist()) == ([0.5, 0.25], [1, 0])


@given(
    n=st.integers(1, 600),
    batch_size=st.integers(1, 700),
    seed=st.none() | st.integers(0, 2**32),
)
def test_every_image_comes_once_with_its_label(n: int, batch_size: int, seed: int | None) -> None:
    images, labels = numbered(n)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    batches = list(minibatches(images, labels, batch_size, generator))
    sizes = [len(y) for _, y in batches]
    assert sizes == [batch_size] * (n // batch_size) + ([n % batch_size] if n % batch_size else [])
    for x, y in batches:
        assert x.dtype == torch.float32
        assert x.shape == (len(y), 1, 1, 2)
        number = (x * 255).round().long() @ torch.tensor([256, 1])
        assert torch.equal(number.flatten(), y)
    seen = torch.cat([y for _, y in batches])
    assert torch.equal(seen.sort().values, labels)
    if seed is None:
        assert torch.equal(seen, labels)


def test_shuffling_is_one_seeded_permutation() -> None:
    images, labels = numbered(1000)

    def order(generator: torch.Generator) -> torch.Tensor:
        return torch.cat([y for _, y in minibatches(images, labels, 64, generator)])

    generator = torch.Generator().manual_seed(3)
    first, second = order(generator), order(generator)
    assert torch.equal(first, torch.randperm(1000, generator=torch.Generator().manual_seed(3)))
    assert not torch.equal(first, second), "another epoch, another order"


def test_shuffling_leaves_the_global_seed_alone() -> None:
    images, labels = numbered(10)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    list(minibatches(images, labels, 3, torch.Generator().manual_seed(0)))
    list(minibatches(images, labels, 3))
    assert torch.equal(torch.get_rng_state(), state)


def test_range_and_dtype() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    ((x, _),) = minibatches(images, torch.zeros(256), 256)
    assert torch.equal(x, images.float() / 255)
    assert (x.min().item(), x.max().item()) == (0.0, 1.0)
    assert images.dtype == torch.uint8
    for dtype in (torch.float32, torch.float64, torch.float16):
        floats = torch.randn(4, 3, 2, 2).to(dtype)
        ((x, _),) = minibatches(floats, torch.zeros(4), 4)
        assert x.dtype == dtype
        assert torch.equal(x, floats), "floating point stays as it is"


def test_labels_may_have_any_shape() -> None:
    labels = torch.arange(6).reshape(3, 2)
    assert torch.equal(torch.cat([y for _, y in minibatches(torch.zeros(3, 1, 1, 1), labels, 2)]), labels)


def test_changing_a_batch_leaves_the_data_alone() -> None:
    images, labels = torch.ones(4, 1, 2, 2), torch.ones(4)
    for x, y in minibatches(images, labels, 2):
        x.zero_()
        y.zero_()
    assert images.sum().item() == 16
    assert labels.sum().item() == 4


@pytest.mark.parametrize(
    ("images", "labels", "batch_size", "error", "rule"),
    [
        (torch.zeros(3, 1, 2, 2), torch.zeros(4), 2, ValueError, "same length"),
        (torch.zeros(3, 1, 2, 2), torch.tensor(3), 2, ValueError, "same length"),
        (torch.tensor(3.0), torch.zeros(3), 2, ValueError, "same length"),
        (torch.zeros(0, 1, 2, 2), torch.zeros(0), 2, ValueError, "not be empty"),
        (torch.zeros(3, 1, 2, 2), torch.zeros(3), 0, ValueError, r"batch_size.*\(=0\)"),
        (torch.zeros(3, 1, 2, 2), torch.zeros(3), -1, ValueError, r"batch_size.*\(=-1\)"),
        (torch.zeros(3, 1, 2, 2), torch.zeros(3), 2.0, TypeError, r"batch_size.*\(=2.0\)"),
        (torch.zeros(3, 1, 2, 2).long(), torch.zeros(3), 2, TypeError, "uint8"),
    ],
)
def test_minibatches_refuses(
    images: torch.Tensor, labels: torch.Tensor, batch_size: int, error: type, rule: str
) -> None:
    """At the call, before the first batch is asked for."""
    with pytest.raises(error, match=rule):
        minibatches(images, labels, batch_size)
