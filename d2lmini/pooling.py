"""Pooling: the largest or the mean value of each window, written without torch's own pooling.

A window is cut out of the padded image with `unfold`. What a window may *not* count is told by the
padding's value: minus infinity never is the largest, and a zero adds nothing to a sum.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from d2lmini._checks import Pair, check_tensor, check_window, pairs
from d2lmini.shapes import pool_output_size


def pool2d(X: Tensor, pool_size: Pair, mode: str = "max", padding: Pair = 0, stride: Pair = 1) -> Tensor:
    """Pool one matrix, by the textbook's definition: the window moves by one pixel unless told otherwise.

    Args:
        X: the input, shape (H, W); floating point for mode "avg".
        pool_size: the window, one integer or (height, width), in pixels.
        mode: "max" or "avg". An average counts the padded zeros.
        padding: pixels added on each side, at most half of the window.
        stride: pixels between neighbouring windows.

    Returns:
        The pooled matrix, shape (H', W') by `pool_output_size`.

    Raises:
        TypeError: not a tensor, or integers to be averaged.
        ValueError: another mode, a window that doesn't fit, padding over half of the window.

    >>> X = torch.arange(9.0).reshape(3, 3)
    >>> pool2d(X, 2)
    tensor([[4., 5.],
            [7., 8.]])
    >>> pool2d(X, 2, mode="avg")
    tensor([[2., 3.],
            [5., 6.]])
    """
    check_tensor("X", X, "H, W")
    check_mode(mode)
    if mode == "max":
        return max_pool2d(X, pool_size, stride, padding)
    return avg_pool2d(X, pool_size, stride, padding)


def max_pool2d(
    X: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest value of each window, with the arguments and defaults of torch's `max_pool2d`.

    Args:
        X: the input, shape (..., H, W).
        kernel_size, stride, padding, dilation: one integer or (height, width), in pixels. `stride=None`
            means the kernel size; the padding is minus infinity, at most half of the dilated window.
        ceil_mode: keep a last window that hangs over the edge.
        return_indices: give back as well where each value came from, as row * W + column: the first of
            equals, never the padding (−1 stands only where a dilated window has no pixel at all).

    Returns:
        The pooled tensor, shape (..., H', W'); with `return_indices` also an int64 tensor of that shape.

    Raises:
        TypeError: not a tensor, or settings that aren't integers.
        ValueError: too few axes, a window that doesn't fit, padding over half of the window.

    >>> X = torch.arange(16.0).reshape(4, 4)
    >>> max_pool2d(X, 2)
    tensor([[ 5.,  7.],
            [13., 15.]])
    >>> max_pool2d(X - 100, 3, stride=2, padding=1)  # never a zero from the padding
    tensor([[-95., -93.],
            [-87., -85.]])

    Source: torch.nn.MaxPool2d.
    """
    check_tensor("X", X, "..., H, W")
    H, W = X.shape[-2:]
    places = torch.arange(H * W, device=X.device).reshape(H, W)  # (H, W): row * W + column
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    values = windows(X, *settings, fill=lowest(X.dtype)).flatten(-2)  # (..., H', W', kh*kw)
    origin = windows(places, *settings, fill=-1).flatten(-2)  # (H', W', kh*kw)
    origin = origin.expand_as(values)
    winner = values.argmax(dim=-1, keepdim=True)  # (..., H', W', 1): the first of equals
    # Where the padding wins, every pixel of the window is as low as the padding: the first pixel is meant.
    padding_won = origin.gather(-1, winner) < 0
    winner = winner.where(~padding_won, (origin >= 0).int().argmax(dim=-1, keepdim=True))
    Y = values.gather(-1, winner).squeeze(-1)  # (..., H', W')
    if not return_indices:
        return Y
    return Y, origin.gather(-1, winner).squeeze(-1)


def avg_pool2d(
    X: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window, with the arguments and defaults of torch's `avg_pool2d`.

    Args:
        X: the input, shape (..., H, W), floating point.
        kernel_size, stride, padding: one integer or (height, width), in pixels. `stride=None` means the
            kernel size; the padding is zeros, at most half of the window.
        ceil_mode: keep a last window that hangs over the edge.
        count_include_pad: whether padded zeros count in the divisor. What hangs over beyond the padding
            (`ceil_mode`) never counts.
        divisor_override: divide every sum by this number instead.

    Returns:
        The pooled tensor, shape (..., H', W').

    Raises:
        TypeError: not a floating-point tensor, or settings that aren't integers.
        ValueError: too few axes, a window that doesn't fit, padding over half of the window, divisor 0.

    >>> X = torch.arange(4.0).reshape(4, 1).expand(4, 4)  # row i holds the number i
    >>> avg_pool2d(X, 2, stride=1, padding=1)[0]
    tensor([0., 0., 0., 0., 0.])
    >>> avg_pool2d(X, 2, stride=1, padding=1, count_include_pad=False)[1]
    tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000])

    Source: torch.nn.AvgPool2d.
    """
    check_tensor("X", X, "..., H, W")
    check_floating("X", X)
    check_divisor(divisor_override)
    sums = windows(X, kernel_size, stride, padding, 1, ceil_mode, fill=0).sum(dim=(-2, -1))
    if divisor_override is not None:
        return sums / divisor_override
    rows, columns = (
        cells_counted(n, k, s, p, ceil_mode, count_include_pad)
        for n, k, s, p in zip(X.shape[-2:], *per_axis(kernel_size, stride, padding), strict=True)
    )
    return sums / (rows[:, None] * columns).to(X)  # (..., H', W') / (H', W')


def global_avg_pool2d(X: Tensor) -> Tensor:
    """The mean of each whole channel: a window as large as the image.

    Args:
        X: the input, shape (..., H, W), floating point.

    Returns:
        One number for each channel, shape (..., 1, 1).

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: fewer than two axes.

    >>> global_avg_pool2d(torch.arange(16.0).reshape(1, 4, 4))
    tensor([[[7.5000]]])

    Source: Lin, Chen & Yan, Network in Network (2014), section 3.2.
    """
    check_tensor("X", X, "..., H, W")
    check_floating("X", X)
    return X.mean(dim=(-2, -1), keepdim=True)


def windows(
    X: Tensor,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    fill: float,
) -> Tensor:
    """Cut every window out of the padded image: (..., H, W) -> (..., H', W', kh, kw).

    `fill` is the value of the padding, and of what a last window of `ceil_mode` reaches over beyond it.

    >>> windows(torch.arange(4).reshape(1, 4), (1, 2), None, 0, 1, False, fill=0)
    tensor([[[[0, 1]],
    <BLANKLINE>
             [[2, 3]]]])
    """
    check_window(kernel_size, kernel_size if stride is None else stride, padding, dilation)
    sides: list[int] = []  # left, right, top, bottom: the order of F.pad
    axes = zip(X.shape[-2:], *per_axis(kernel_size, stride, padding, dilation), strict=True)
    cuts = []
    for n, k, s, p, d in axes:
        reach = d * (k - 1) + 1
        last_end = (pool_output_size(n, k, p, s, d, ceil_mode) - 1) * s + reach
        overhang = max(0, last_end - (n + 2 * p))
        sides = [p, p + overhang, *sides]
        cuts.append((reach, s, d))
    (reach_h, sh, dh), (reach_w, sw, dw) = cuts
    padded = F.pad(X, sides, value=fill)
    cut = padded.unfold(-2, reach_h, sh).unfold(-2, reach_w, sw)  # (..., H', W', reach_h, reach_w)
    return cut[..., ::dh, ::dw]  # (..., H', W', kh, kw)


def per_axis(kernel_size: Pair, stride: Pair | None, *others: Pair) -> tuple[tuple[int, int], ...]:
    """Settings as (height, width) pairs, the stride being the kernel size unless it's given.

    >>> per_axis(2, None, (0, 1))
    ((2, 2), (2, 2), (0, 1))
    """
    stride = kernel_size if stride is None else stride
    return pairs(kernel_size, stride, *others)


def cells_counted(
    n: int, kernel_size: int, stride: int, padding: int, ceil_mode: bool, count_include_pad: bool
) -> Tensor:
    """How many cells each window counts along one axis of `n` pixels, shape (n',).

    >>> cells_counted(4, 2, 1, 1, False, count_include_pad=False)
    tensor([1, 2, 2, 2, 1])
    """
    size = pool_output_size(n, kernel_size, padding, stride, ceil_mode=ceil_mode)
    start = torch.arange(size) * stride - padding
    end = (start + kernel_size).clamp(max=n + padding)  # nothing beyond the padding counts
    if not count_include_pad:
        start, end = start.clamp(min=0), end.clamp(max=n)
    return end - start


def lowest(dtype: torch.dtype) -> float:
    """The value that is never larger than another: minus infinity, or the smallest integer.

    >>> lowest(torch.float32), lowest(torch.uint8)
    (-inf, 0)
    """
    return -float("inf") if dtype.is_floating_point else torch.iinfo(dtype).min


def check_mode(mode: str) -> None:
    """Raise unless a pooling mode is "max" or "avg"."""
    if mode not in ("max", "avg"):
        raise ValueError(f'`mode` (={mode!r}) must be "max" or "avg".')


def check_floating(name: str, value: Tensor) -> None:
    """Raise unless the tensor holds floating-point numbers (a mean of integers isn't an integer)."""
    if not value.is_floating_point():
        raise TypeError(
            f"`{name}` must be a floating-point tensor to be averaged, got {value.dtype}; "
            f"convert it with `{name}.float()`."
        )


def check_divisor(divisor: int | None) -> None:
    """Raise unless a divisor is None or an integer other than 0."""
    if divisor is None:
        return
    if isinstance(divisor, bool) or not isinstance(divisor, int):
        raise TypeError(f"`divisor_override` (={divisor!r}) must be an integer or None.")
    if divisor == 0:
        raise ValueError("`divisor_override` (=0) must not be zero.")
