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


def check_floating(name: str, value: torch.Tensor) -> None:
    """Raise unless the tensor holds floating-point numbers (a mean of integers isn't an integer)."""
    if not value.is_floating_point():
        raise TypeError(
            f"`{name}` must be a floating-point tensor to be averaged, got {value.dtype}; "
            f"convert it with `{name}.float()`."
        )


def check_same_dtype(X: torch.Tensor, K: torch.Tensor) -> None:
    """Raise unless input and kernel have one dtype."""
    if X.dtype != K.dtype:
        raise TypeError(f"`X` ({X.dtype}) and `K` ({K.dtype}) must have the same dtype.")


def check_kernel_fits(X: torch.Tensor, K: torch.Tensor) -> None:
    """Raise unless the kernel's last two axes are at most as long as the input's."""
    if K.shape[-2] > X.shape[-2] or K.shape[-1] > X.shape[-1]:
        raise ValueError(
            f"`K` with a {K.shape[-2]}x{K.shape[-1]} window must fit into "
            f"`X` with {X.shape[-2]}x{X.shape[-1]} pixels."
        )


def check_corr2d(X: torch.Tensor, K: torch.Tensor, axes_X: str = "H, W", axes_K: str = "kh, kw") -> None:
    """Everything that has to hold before `K` slides over `X`: axes, dtype, channels, size."""
    check_tensor("X", X, axes_X)
    check_tensor("K", K, axes_K)
    check_same_dtype(X, K)
    if X.ndim == 3 and X.shape[0] != K.shape[-3]:
        raise ValueError(
            f"`X` has {X.shape[0]} channels but `K` (shape {tuple(K.shape)}) expects {K.shape[-3]}: "
            "every input channel needs a kernel slice of its own."
        )
    check_kernel_fits(X, K)


def check_1x1(K: torch.Tensor) -> None:
    """Raise unless the kernel's window is a single pixel."""
    if K.shape[-2:] != (1, 1):
        raise ValueError(f"`K` must have a 1x1 window (co, ci, 1, 1), got shape {tuple(K.shape)}.")


def check_window(kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = 1) -> None:
    """The settings of a sliding window, without the input: positive sizes, no negative padding."""
    check_pair("kernel_size", kernel_size, 1)
    check_pair("stride", stride, 1)
    check_pair("padding", padding, 0)
    check_pair("dilation", dilation, 1)


def check_pool_padding(kernel_size: int, padding: int) -> None:
    """Torch's rule: the padding may be at most half of the pooling window, dilation not counted."""
    if padding > kernel_size // 2:
        raise ValueError(
            f"`padding` (={padding}) must be at most half of `kernel_size` (={kernel_size}), "
            "or a window could lie wholly outside the input."
        )


def check_window_fits(n: int, kernel_size: int, padding: int, dilation: int) -> None:
    """Raise when the dilated kernel is longer than the padded input."""
    reach = dilation * (kernel_size - 1) + 1
    if reach > n + 2 * padding:
        raise ValueError(
            f"the kernel reaches over {reach} pixels (`kernel_size` {kernel_size}, `dilation` "
            f"{dilation}) but the padded input has only {n + 2 * padding} "
            f"(`n` {n} + 2 x `padding` {padding})."
        )


def check_one_map(Y: torch.Tensor) -> None:
    """Raise unless the output is one image with one channel, so that it can be shown as a matrix."""
    if Y.ndim != 4 or Y.shape[:2] != (1, 1):
        raise ValueError(
            f"the layer must give one feature map (1, 1, H', W'), got shape {tuple(Y.shape)}; "
            "build it with `out_channels=1`."
        )


def check_mode(mode: str) -> None:
    """Raise unless a pooling mode is "max" or "avg"."""
    if mode not in ("max", "avg"):
        raise ValueError(f'`mode` (={mode!r}) must be "max" or "avg".')


def check_divisor(divisor: int | None) -> None:
    """Raise unless a divisor is None or an integer other than 0."""
    if divisor is None:
        return
    if isinstance(divisor, bool) or not isinstance(divisor, int):
        raise TypeError(f"`divisor_override` (={divisor!r}) must be an integer or None.")
    if divisor == 0:
        raise ValueError("`divisor_override` (=0) must not be zero.")


def check_lr(lr: float) -> None:
    """Raise unless a learning rate is a finite number above 0."""
    if isinstance(lr, bool) or not isinstance(lr, int | float):
        raise TypeError(f"`lr` (={lr!r}) must be a number.")
    if not 0 < lr < math.inf:
        raise ValueError(f"`lr` (={lr}) must be a finite number above 0.")


def check_same_length(name: str, images: torch.Tensor, other: str, labels: torch.Tensor) -> None:
    """Raise unless there is one label for each image."""
    if len(images) != len(labels):
        raise ValueError(f"`{name}` ({len(images)}) and `{other}` ({len(labels)}) must have the same length.")
