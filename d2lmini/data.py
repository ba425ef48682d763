"""Fashion-MNIST: found, downloaded or sampled, always verified; and minibatches of it.

`load_fashion_mnist` looks in several places. Whatever the place, the SHA-256 of the unpacked bytes
of all four files must be the official one, so the same 70 000 images arrive on every machine.
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
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pooch
import torch
from torch import Tensor

from d2lmini._checks import check_int


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


@dataclass(frozen=True, eq=False, repr=False)
class FashionMNIST:
    """Pictures of 28x28 grey pixels, 0 (background) to 255, each with a class number 0 to 9.

    >>> data = load_fashion_mnist("sample")
    >>> data
    FashionMNIST(6000 training + 1000 test images, 10 classes, shipped sample)
    >>> data.train_images.shape, data.class_names[data.train_labels[0]]
    (torch.Size([6000, 1, 28, 28]), 'Ankle boot')
    """

    train_images: Tensor  # (60000, 1, 28, 28) uint8; 6000 in the sample
    train_labels: Tensor  # (60000,) int64
    test_images: Tensor  # (10000, 1, 28, 28) uint8; 1000 in the sample
    test_labels: Tensor  # (10000,) int64
    class_names: tuple[str, ...]
    source: str  # "folder", "cache", "debian", "download" or "sample"
    is_sample: bool

    def __repr__(self) -> str:
        images = f"{len(self.train_images)} training + {len(self.test_images)} test images"
        sample = ", shipped sample" if self.is_sample else ""
        return f"FashionMNIST({images}, {len(self.class_names)} classes{sample})"


def load_fashion_mnist(root: str | os.PathLike[str] | None = None, download: bool = True) -> FashionMNIST:
    """Fashion-MNIST, 60 000 training and 10 000 test images, from the first place that has it.

    The places, in this order: the user's cache, Debian's package dataset-fashion-mnist, a download
    into the cache from one of two official mirrors, and last the sample that ships with d2lmini
    (600 + 100 images of each class), with a printed line that says so.

    Args:
        root: a folder with the four files, .gz or unpacked: then no other place is looked at. The
            word "sample" asks for the shipped sample (write "./sample" for a folder of that name).
            None means the environment variable D2LMINI_DATA if it is set, else the places above.
        download: whether the network may be used.

    Returns:
        Images (N, 1, 28, 28) uint8 in 0..255 and labels (N,) int64 in 0..9; see `FashionMNIST`.

    Raises:
        FileNotFoundError: `root` lacks one of the four files.
        DataError: (a ValueError) a file in `root` is truncated, altered or of another shape.

    >>> load_fashion_mnist(root="sample").train_labels.bincount().tolist()
    [600, 600, 600, 600, 600, 600, 600, 600, 600, 600]

    Source: Xiao, Rasul & Vollgraf, Fashion-MNIST (2017), https://github.com/zalandoresearch/fashion-mnist
    """
    if root is None:
        root = os.environ.get(VARIABLE) or None
    if root == "sample":
        return _load(SAMPLE_FOLDER, SAMPLE_FILES, "sample")
    if root is not None:
        return _load(Path(root).expanduser(), FILES, "folder")
    cache = pooch.os_cache("d2lmini")
    damage = ""  # what is wrong with files that are there but aren't used
    for source, folder in (("cache", cache), ("debian", DEBIAN_FOLDER)):
        try:
            data = _load(folder, FILES, source)
        except OSError:  # not there, or not ours to read
            continue
        except DataError as error:
            damage += f"{error} "
            continue
        if damage:
            warnings.warn(f"{damage}{folder} is used instead.", RuntimeWarning, stacklevel=2)
        return data
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


def minibatches(
    images: Tensor, labels: Tensor, batch_size: int, generator: torch.Generator | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Iterate once over the images, `batch_size` at a time; the last batch may be smaller.

    Args:
        images: (N, ...), uint8 in 0..255 or floating point.
        labels: (N,), any dtype.
        batch_size: images per batch, at least 1.
        generator: shuffles the images, by one permutation; None keeps their order.

    Returns:
        An iterator over (images, labels): images (B, ...) float32 in [0, 1] if they came as uint8,
        else as they came; labels (B,).

    Raises:
        ValueError: no images, as many labels as images aren't given, or `batch_size` is below 1.
        TypeError: images are neither uint8 nor floating point, or `batch_size` is no integer.

    >>> images, labels = torch.full((5, 1, 28, 28), 255, dtype=torch.uint8), torch.arange(5)
    >>> [(tuple(x.shape), x.max().item(), y.tolist()) for x, y in minibatches(images, labels, 3)]
    [((3, 1, 28, 28), 1.0, [0, 1, 2]), ((2, 1, 28, 28), 1.0, [3, 4])]
    """
    check_int("batch_size", batch_size, 1)
    _check_pairs(images, labels)
    order = torch.arange(len(images))
    if generator is not None:
        order = torch.randperm(len(images), generator=generator, device=generator.device)
    return (  # index_select copies whole images: three times faster than images[rows]
        (_to_float(images.index_select(0, rows)), labels.index_select(0, rows))
        for rows in order.to(images.device).split(batch_size)
    )


def _check_pairs(images: Tensor, labels: Tensor) -> None:
    """Raise unless there is one label for each of at least one image, and the dtype is known."""
    if images.ndim < 1 or labels.ndim < 1 or len(images) != len(labels):
        raise ValueError(
            f"`images` {tuple(images.shape)} and `labels` {tuple(labels.shape)} must have the same length."
        )
    if len(images) == 0:
        raise ValueError("`images` must not be empty.")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"`images` must be uint8 or floating point, got {images.dtype}.")


def _to_float(images: Tensor) -> Tensor:
    """Map uint8 0..255 to float32 0..1; leave floating point as it is."""
    return images / 255 if images.dtype == torch.uint8 else images


def _load(folder: Path, files: tuple[IDXFile, ...], source: str) -> FashionMNIST:
    """Read and verify the four files of a folder."""
    paths = [_find(folder, file) for file in files]
    missing = [file.name for file, path in zip(files, paths, strict=True) if path is None]
    if missing:
        raise FileNotFoundError(
            f"{folder} (asked for by `root` or {VARIABLE}) must hold the four files "
            f"{', '.join(file.name for file in files)}, each as it is or as .gz; "
            f"missing: {', '.join(missing)}."
        )
    train_images, train_labels, test_images, test_labels = (
        _read(path, file) for path, file in zip(paths, files, strict=True) if path is not None
    )
    return FashionMNIST(
        train_images.unsqueeze(1),  # (N, 28, 28) -> (N, 1, 28, 28): one channel
        train_labels.long(),
        test_images.unsqueeze(1),
        test_labels.long(),
        CLASS_NAMES,
        source,
        is_sample=source == "sample",
    )


def _find(folder: Path, file: IDXFile) -> Path | None:
    """The file's path in the folder, packed before unpacked, or None."""
    candidates = (folder / f"{file.name}.gz", folder / file.name)
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path, file: IDXFile) -> Tensor:
    """Unpack one file, verify it, and return its values: a uint8 tensor of `file.shape`."""
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
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8)  # a writable copy
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
