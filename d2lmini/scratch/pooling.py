"""Pooling layers. They have no weights; backwards they say which pixels get the gradient, and how much."""

from __future__ import annotations

from typing import Any

import numpy as np

from d2lmini._checks import Pair, as_pair, check_window
from d2lmini.scratch._checks import check_array, check_floating, check_like
from d2lmini.scratch.columns import Shape, col2im, im2col, output_size, to_images, to_rows
from d2lmini.shapes import check_pool_padding


def pool_columns(X: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, fill: float) -> np.ndarray:
    """The windows of each channel by itself: (N, C, H, W) -> (C, kh*kw, H'*W'*N)."""
    kh, kw = as_pair(kernel_size)
    return im2col(X, kernel_size, stride, padding, fill).reshape(X.shape[1], kh * kw, -1)


def max_pool_forward(
    X: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The largest value of each window.

    Args:
        X: images (N, C, H, W), floating point and finite.
        kernel_size, stride, padding: one integer or (height, width), in pixels. The padding is minus
            infinity, at most half of the window.

    Returns:
        The pooled images (N, C, H', W'), and for each value the pixel of its window that it came from,
        counted in reading order, (C, H'*W'*N): the first of equals.

    Raises:
        TypeError: not a floating-point array, or settings that aren't integers.
        ValueError: a window that doesn't fit, padding over half of the window.

    >>> Y, winner = max_pool_forward(np.arange(16.0).reshape(1, 1, 4, 4), 2, 2)
    >>> Y.tolist(), winner.tolist()
    ([[[[5.0, 7.0], [13.0, 15.0]]]], [[3, 3, 3, 3]])

    Source: torch.nn.MaxPool2d.
    """
    check_pool(X, kernel_size, stride, padding)
    columns = pool_columns(X, kernel_size, stride, padding, fill=-np.inf)  # (C, kh*kw, H'*W'*N)
    Y = to_images(columns.max(axis=1), *output_size(X.shape, kernel_size, stride, padding))
    return Y, columns.argmax(axis=1)


def max_pool_backward(
    dY: np.ndarray, winner: np.ndarray, shape: Shape, kernel_size: Pair, stride: Pair, padding: Pair = 0
) -> np.ndarray:
    """All of the gradient to the pixel that won, nothing to the others: (N, C, H', W') -> (N, C, H, W).

    Args:
        dY: the gradient with respect to the pooled images.
        winner: what `max_pool_forward` gave along with them.
        shape: that of the images, (N, C, H, W).
        kernel_size, stride, padding: as in the forward pass.

    Raises:
        ValueError: `dY` has another shape than the pooled images.

    >>> _, winner = max_pool_forward(np.arange(4.0).reshape(1, 1, 2, 2), 2, 2)
    >>> max_pool_backward(np.full((1, 1, 1, 1), 8.0), winner, (1, 1, 2, 2), 2, 2).tolist()
    [[[[0.0, 0.0], [0.0, 8.0]]]]
    """
    check_pooled(dY, shape, kernel_size, stride, padding)
    kh, kw = as_pair(kernel_size)
    places = np.arange(kh * kw)[:, None]
    columns = (places == winner[:, None]) * to_rows(dY)[:, None]  # (C, kh*kw, H'*W'*N)
    return col2im(columns.reshape(-1, columns.shape[-1]), shape, kernel_size, stride, padding)


def avg_pool_forward(X: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair = 0) -> np.ndarray:
    """The mean of each window, padded zeros included: (N, C, H, W) -> (N, C, H', W').

    Args and errors are those of `max_pool_forward`; the padding is zeros.

    >>> avg_pool_forward(np.arange(16.0).reshape(1, 1, 4, 4), 2, 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]

    Source: torch.nn.AvgPool2d.
    """
    check_pool(X, kernel_size, stride, padding)
    columns = pool_columns(X, kernel_size, stride, padding, fill=0)  # (C, kh*kw, H'*W'*N)
    return to_images(columns.mean(axis=1), *output_size(X.shape, kernel_size, stride, padding))


def avg_pool_backward(
    dY: np.ndarray, shape: Shape, kernel_size: Pair, stride: Pair, padding: Pair = 0
) -> np.ndarray:
    """The gradient in equal parts to all pixels of the window: (N, C, H', W') -> (N, C, H, W).

    Args and errors are those of `max_pool_backward`.

    >>> avg_pool_backward(np.full((1, 1, 1, 1), 8.0), (1, 1, 2, 2), 2, 2).tolist()
    [[[[2.0, 2.0], [2.0, 2.0]]]]
    """
    check_pooled(dY, shape, kernel_size, stride, padding)
    kh, kw = as_pair(kernel_size)
    columns = np.repeat(to_rows(dY) / (kh * kw), kh * kw, axis=0)  # (C*kh*kw, H'*W'*N)
    return col2im(columns, shape, kernel_size, stride, padding)


class MaxPool2D:
    """Max pooling, (N, C, H, W) -> (N, C, H', W'); the stride is the kernel size unless it's given.

    >>> MaxPool2D(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))[0].tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        self.settings = pool_settings(kernel_size, stride, padding)
        self.parameters: dict[str, np.ndarray] = {}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The pooled images, and what `backward` needs."""
        Y, winner = max_pool_forward(X, *self.settings)
        return Y, (winner, X.shape)

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient for the images, and no others."""
        return max_pool_backward(dY, *cache, *self.settings), {}


class AvgPool2D:
    """Average pooling, (N, C, H, W) -> (N, C, H', W'); the stride is the kernel size unless it's given.

    >>> AvgPool2D(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))[0].tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        self.settings = pool_settings(kernel_size, stride, padding)
        self.parameters: dict[str, np.ndarray] = {}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The pooled images, and what `backward` needs."""
        return avg_pool_forward(X, *self.settings), X.shape

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient for the images, and no others."""
        return avg_pool_backward(dY, cache, *self.settings), {}


class GlobalAvgPool2D:
    """The mean of each whole channel, (N, C, H, W) -> (N, C, 1, 1).

    >>> GlobalAvgPool2D().forward(np.arange(16.0).reshape(1, 1, 4, 4))[0].tolist()
    [[[[7.5]]]]

    Source: Lin, Chen & Yan, Network in Network (2014), section 3.2.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """One number for each channel, and what `backward` needs."""
        check_array("X", X, "N, C, H, W")
        check_floating("X", X)
        return avg_pool_forward(X, X.shape[2:], 1), X.shape

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient in equal parts to all pixels of the channel, and no others."""
        return avg_pool_backward(dY, cache, cache[2:], 1), {}


def pool_settings(kernel_size: Pair, stride: Pair | None, padding: Pair) -> tuple[Pair, Pair, Pair]:
    """The settings of a pooling layer, checked.

    >>> pool_settings((2, 3), None, 0)
    ((2, 3), (2, 3), 0)
    """
    stride = kernel_size if stride is None else stride
    check_settings(kernel_size, stride, padding)
    return kernel_size, stride, padding


def check_settings(kernel_size: Pair, stride: Pair, padding: Pair) -> None:
    """The rules of a pooling window, without the images."""
    check_window(kernel_size, stride, padding)
    for k, p in zip(as_pair(kernel_size), as_pair(padding), strict=True):
        check_pool_padding(k, p)


def check_pool(X: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair) -> None:
    """Everything that has to hold before images are pooled."""
    check_array("X", X, "N, C, H, W")
    check_floating("X", X)
    check_settings(kernel_size, stride, padding)


def check_pooled(dY: np.ndarray, shape: Shape, kernel_size: Pair, stride: Pair, padding: Pair) -> None:
    """Raise unless a gradient has the shape of the pooled images."""
    check_settings(kernel_size, stride, padding)
    check_like("dY", dY, (*shape[:2], *output_size(shape, kernel_size, stride, padding)))
