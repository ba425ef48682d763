"""Checks of arguments. Each one returns nothing or raises an error that names the value and the rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

Pair = int | Sequence[int]


def check_int(name: str, value: object, minimum: int) -> None:
    """Raise unless `value` is an integer (not a bool, not NaN) that is at least `minimum`."""
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"`{name}` (=nan) must be an integer; a size that is NaN has no meaning.")
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"`{name}` (={value!r}) must be an integer, got {type(value).__name__}.")
    if value < minimum:
        raise ValueError(f"`{name}` (={value}) must be at least {minimum}.")


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise unless `value` is a number from `low` to `high`, and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"`{name}` (={value!r}) must be a number, got {type(value).__name__}.")
    if not low <= value <= high or math.isinf(value):
        limits = f"from {low} to {high}" if math.isfinite(high) else f"finite and at least {low}"
        raise ValueError(f"`{name}` (={value}) must be {limits}.")


def check_pair(name: str, value: Pair, minimum: int) -> None:
    """Raise unless `value` is one integer or a pair of them, each at least `minimum`."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(
                f"`{name}` (={value!r}) must be one integer or two (height, width), got {len(value)} of them."
            )
        for axis, size in zip(("height", "width"), value, strict=True):
            check_int(f"{name} ({axis})", size, minimum)
    else:
        check_int(name, value, minimum)


def as_pair(value: Pair) -> tuple[int, int]:
    """Turn one integer into (height, width); leave a pair as it is. Checked by `check_pair` before."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def pairs(*settings: Pair) -> tuple[tuple[int, int], ...]:
    """Every setting as (height, width).

    >>> pairs(2, (0, 1))
    ((2, 2), (0, 1))
    """
    return tuple(as_pair(setting) for setting in settings)


def check_tensor(name: str, value: object, axes: str) -> None:
    """Raise unless `value` is a non-empty numeric tensor with the axes named in `axes`.

    `axes` is written as in the docstrings: "H, W" means two axes, "..., H, W" two or more.
    """
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"`{name}` must be a torch.Tensor, got {type(value).__name__}.")
    if value.dtype == torch.bool or value.dtype.is_complex:
        raise TypeError(f"`{name}` must hold real numbers, got {value.dtype}.")
    names = [axis.strip() for axis in axes.split(",")]
    open_front = names[0] == "..."
    needed = len(names) - open_front
    if value.ndim < needed or (value.ndim > needed and not open_front):
        at_least = "at least " if open_front else ""
        raise ValueError(
            f"`{name}` must have {at_least}{needed} axes ({axes}), got shape {tuple(value.shape)}."
        )
    if value.numel() == 0:
        raise ValueError(f"`{name}` must not be empty, got shape {tuple(value.shape)}.")


def check_window(kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = 1) -> None:
    """The settings of a sliding window, without the input: positive sizes, no negative padding."""
    check_pair("kernel_size", kernel_size, 1)
    check_pair("stride", stride, 1)
    check_pair("padding", padding, 0)
    check_pair("dilation", dilation, 1)
