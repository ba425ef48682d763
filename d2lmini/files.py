"""The files of Fashion-MNIST: the places where they can be, their checksums, reading them, a download.

Nothing here needs torch, nor another module of the package: a tool that only asks whether the data is
here may load this one file, and doesn't wait for torch. `d2lmini.data` makes tensors of what it gives.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import math
import os
import struct
import sys
import threading
import time
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch


class IDXFile(NamedTuple):
    """A file of the data set: a header (magic number, then the shape), then one byte per value."""

    name: str
    shape: tuple[int, ...]
    sha256: str  # of the unpacked bytes


FILES = (
    IDXFile("train-images-idx3-ubyte", (60000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    IDXFile("train-labels-idx1-ubyte", (60000,),
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    IDXFile("t10k-images-idx3-ubyte", (10000, 28, 28),
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    IDXFile("t10k-labels-idx1-ubyte", (10000,),
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
)  # fmt: skip
SAMPLE_FILES = (
    IDXFile("train-images-idx3-ubyte.xz", (6000, 28, 28),
            "cf313073c7eb485392848071d5c433571d7166043e971e3345b095cc30518084"),
    IDXFile("train-labels-idx1-ubyte.xz", (6000,),
            "097b93fbcf9bd5bc648b1a457ddc55c9e4ab49afb33f9ecae8ce068399a75e3a"),
    IDXFile("t10k-images-idx3-ubyte.xz", (1000, 28, 28),
            "7cee33c3c6414b1b86c25e665a6c4f41584269de3b7cc9768b1d351922845eef"),
    IDXFile("t10k-labels-idx1-ubyte.xz", (1000,),
            "3128d790775889812b73c4f13923559c8b9e281d112c6ea7862acf60a206a909"),
)  # fmt: skip
DOWNLOADS = {  # SHA-256 of the official packed files
    "train-images-idx3-ubyte.gz":
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz":
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz":
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz":
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}  # fmt: skip
CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
VARIABLE = "D2LMINI_DATA"
SAMPLE_FOLDER = Path(__file__).parent / "sample"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
ANSWER_SECONDS = 4  # a mirror must answer within this time: an offline reader waits no longer
READ_SECONDS = 15  # a download that stands still for longer is broken


class DataError(ValueError):
    """A data file is there, but it isn't the official one."""


class Arrays(NamedTuple):
    """The four files' values, all uint8, and where they come from."""

    train_images: np.ndarray  # (60000, 28, 28); 6000 in the sample
    train_labels: np.ndarray  # (60000,)
    test_images: np.ndarray  # (10000, 28, 28); 1000 in the sample
    test_labels: np.ndarray  # (10000,)
    source: str  # "folder", "cache", "debian", "download" or "sample"


def is_at_hand() -> bool:
    """Whether the four files stand where `find_arrays` looks before it downloads. It doesn't read them."""
    if root := os.environ.get(VARIABLE):
        places = () if root == "sample" else (Path(root).expanduser(),)
    else:
        places = (cache_folder(), DEBIAN_FOLDER)
    return any(all(_find(folder, file) for file in FILES) for folder in places)


def cache_folder() -> Path:
    """Where downloads go, in the user's own folder of caches."""
    return Path(pooch.os_cache("d2lmini"))


def find_arrays(root: str | os.PathLike[str] | None = None, download: bool = True) -> Arrays:
    """The values of the four files, from the first place that has them; see `load_fashion_mnist`.

    Raises:
        FileNotFoundError: `root` lacks one of the four files.
        DataError: (a ValueError) a file in `root` is truncated, altered or of another shape.

    >>> find_arrays("sample").train_images.shape
    (6000, 28, 28)
    """
    if root is None:
        root = os.environ.get(VARIABLE) or None
    if root == "sample":
        return _load(SAMPLE_FOLDER, SAMPLE_FILES, "sample")
    if root is not None:
        return _load(Path(root).expanduser(), FILES, "folder")
    cache = cache_folder()
    damage = ""  # what is wrong with files that are there but aren't used
    for source, folder in (("cache", cache), ("debian", DEBIAN_FOLDER)):
        try:
            arrays = _load(folder, FILES, source)
        except OSError:  # not there, or not ours to read
            continue
        except DataError as error:
            damage += f"{error} "
            continue
        if damage:
            warnings.warn(f"{damage}{folder} is used instead.", RuntimeWarning, stacklevel=3)
        return arrays
    reason = "download=False"
    if download:
        try:
            _download(cache)
            return _load(cache, FILES, "download")
        except (DataError, OSError) as error:
            reason = str(error)
    print(
        f"Fashion-MNIST: only the shipped sample of 6000 + 1000 images is used ({damage}{reason}). "
        "To get all 60000 + 10000, go online, install Debian's package dataset-fashion-mnist, "
        f"or set {VARIABLE} to a folder with the four files."
    )
    return _load(SAMPLE_FOLDER, SAMPLE_FILES, "sample")


def _load(folder: Path, files: tuple[IDXFile, ...], source: str) -> Arrays:
    """Read and verify the four files of a folder."""
    paths = [_find(folder, file) for file in files]
    missing = [file.name for file, path in zip(files, paths, strict=True) if path is None]
    if missing:
        raise FileNotFoundError(
            f"{folder} (asked for by `root` or {VARIABLE}) must hold the four files "
            f"{', '.join(file.name for file in files)}, each as it is or as .gz; "
            f"missing: {', '.join(missing)}."
        )
    values = (_read(path, file) for path, file in zip(paths, files, strict=True) if path is not None)
    return Arrays(*values, source)


def _find(folder: Path, file: IDXFile) -> Path | None:
    """The file's path in the folder, packed before unpacked, or None."""
    candidates = (folder / f"{file.name}.gz", folder / file.name)
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path, file: IDXFile) -> np.ndarray:
    """Unpack one file, verify it, and return its values: a uint8 array of `file.shape`."""
    content, fault = path.read_bytes(), ""
    unpack = {".gz": gzip.decompress, ".xz": lzma.decompress}.get(path.suffix, bytes)
    try:
        content = unpack(content)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        fault = f"can't be unpacked ({error})"
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(
            f"{path} {fault or _fault(content, file)}: "
            f"the SHA-256 of the unpacked bytes must be {file.sha256}, found {found}."
        )
    values = np.frombuffer(bytearray(content), dtype=np.uint8)  # a writable copy
    return values[-math.prod(file.shape) :].reshape(file.shape)


def _fault(content: bytes, file: IDXFile) -> str:
    """Say in words what is wrong with bytes that have another checksum.

    The header is big-endian: 2048 + number of axes, then the length of each axis, 4 bytes apiece.
    """
    magic, header = 2048 + len(file.shape), 4 + 4 * len(file.shape)
    size = header + math.prod(file.shape)
    if int.from_bytes(content[:4], "big") != magic:
        return f"has the magic number {int.from_bytes(content[:4], 'big')}, which must be {magic}"
    if len(content) < header:
        return f"ends inside its header, after {len(content)} of {size} bytes"
    shape = struct.unpack_from(f">{len(file.shape)}i", content, 4)
    if shape != file.shape:
        return f"has the shape {shape}, which must be {file.shape}"
    if len(content) != size:
        return f"has {len(content)} bytes unpacked, which must be {size}"
    return "has the right size, but altered bytes"


def _download(folder: Path) -> None:
    """Fetch the official .gz files into a folder; raise OSError if no mirror gives them all.

    Pooch writes each file beside its place, verifies it and renames it, so the folder never holds
    a half-written file; one that is already there and right isn't fetched again.
    """
    pooch.get_logger().setLevel("WARNING")  # its news name local paths: not for a notebook's output
    failure: Exception = OSError(f"no mirror answered within {ANSWER_SECONDS} s")
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(), chunk_size=2**16, timeout=(ANSWER_SECONDS, READ_SECONDS)
    )
    for mirror in _answering_mirrors():
        fetcher = pooch.create(folder, mirror, registry=DOWNLOADS, retry_if_failed=1)
        try:
            for name in DOWNLOADS:
                fetcher.fetch(name, downloader=downloader)
            return
        except (OSError, ValueError) as error:  # no connection, no such file, wrong checksum
            failure = error
    raise OSError(" ".join(str(failure).split())[:200]) from failure


def _answering_mirrors() -> list[str]:
    """The mirrors that answer in time, in their order. All are asked at once.

    Each is asked in a thread of its own, because looking up a name has no time-out that Python
    could set: without a network it may take half a minute.
    """
    answered: set[str] = set()
    downloader = pooch.HTTPDownloader(timeout=ANSWER_SECONDS)

    def ask(mirror: str) -> None:
        with suppress(OSError, ValueError):
            if downloader(f"{mirror}{FILES[-1].name}.gz", None, None, check_only=True):
                answered.add(mirror)

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in MIRRORS]
    deadline = time.monotonic() + ANSWER_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [mirror for mirror in MIRRORS if mirror in answered]
