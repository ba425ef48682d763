"""Fashion-MNIST as tensors, found, downloaded or sampled, always verified; and minibatches of it.

`load_fashion_mnist` looks in several places (`d2lmini.files`). Whatever the place, the SHA-256 of the
unpacked bytes of all four files must be the official one, so the same 70 000 images arrive on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from d2lmini._checks import check_int
from d2lmini.files import CLASS_NAMES, find_arrays


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
    arrays = find_arrays(root, download)
    train_images, train_labels, test_images, test_labels = map(torch.from_numpy, arrays[:4])
    return FashionMNIST(
        train_images.unsqueeze(1),  # (N, 28, 28) -> (N, 1, 28, 28): one channel
        train_labels.long(),
        test_images.unsqueeze(1),
        test_labels.long(),
        CLASS_NAMES,
        arrays.source,
        is_sample=arrays.source == "sample",
    )


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
