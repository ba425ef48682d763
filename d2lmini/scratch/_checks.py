"""Checks of NumPy arrays. Each returns nothing or raises an error that names the value and the rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from d2lmini._checks import check_int


def check_array(name: str, value: object, axes: str) -> None:
    """Raise unless `value` is a non-empty array of real numbers with axes such as "N, C, H, W"."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"`{name}` must be a numpy.ndarray, got {type(value).__name__}.")
    if value.dtype.kind not in "fiu":
        raise TypeError(f"`{name}` must hold real numbers, got {value.dtype}.")
    if value.ndim != len(axes.split(",")):
        raise ValueError(f"`{name}` must have the axes ({axes}), got shape {value.shape}.")
    if value.size == 0:
        raise ValueError(f"`{name}` must not be empty, got shape {value.shape}.")


def check_floating(name: str, value: np.ndarray) -> None:
    """Raise unless an array holds floating-point numbers: in bytes the sums of products would wrap around."""
    if value.dtype.kind != "f":
        raise TypeError(f"`{name}` must hold floating-point numbers, got {value.dtype}.")


def check_same_dtype(name: str, value: np.ndarray, other: str, wanted: np.ndarray) -> None:
    """Raise unless two arrays have one dtype, so that float32 isn't widened unseen."""
    if value.dtype != wanted.dtype:
        raise TypeError(f"`{name}` ({value.dtype}) and `{other}` ({wanted.dtype}) must have the same dtype.")


def check_like(name: str, value: object, shape: tuple[int, ...]) -> None:
    """Raise unless `value` is an array of this shape."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"`{name}` must be a numpy.ndarray, got {type(value).__name__}.")
    if value.shape != tuple(shape):
        raise ValueError(f"`{name}` must have the shape {tuple(shape)}, got {value.shape}.")


def check_shape(shape: Sequence[int]) -> None:
    """Raise unless `shape` is that of images, four integers (N, C, H, W) from 1."""
    if len(shape) != 4:
        raise ValueError(f"`shape` (={tuple(shape)}) must be (N, C, H, W).")
    for axis, length in zip("NCHW", shape, strict=True):
        check_int(f"shape ({axis})", length, 1)


def check_channels(name: str, found: int, wanted: int) -> None:
    """Raise unless there are as many channels (or features) as the weights expect."""
    if found != wanted:
        raise ValueError(f"`{name}` has {found} channels, but the weights expect {wanted}.")


def check_labels(labels: object, num_images: int, num_classes: int) -> None:
    """Raise unless there is one class, an integer from 0, for each image."""
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        raise TypeError("`labels` must be a numpy.ndarray of integers.")
    if labels.shape != (num_images,):
        raise ValueError(f"`labels` must have the shape ({num_images},), got {labels.shape}.")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`labels` must lie in 0 … {num_classes - 1}, got {labels.min()} … {labels.max()}: "
            "there is one logit for each class."
        )
