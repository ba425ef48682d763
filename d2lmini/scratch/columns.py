"""im2col and col2im: the windows of images as the columns of one matrix, and the way back.

With the windows as columns a convolution is one matrix product, forwards and backwards. The loops here run
over the kernel, a few passes, never over pixels.

In memory the minibatch is the last axis: (C, H, W, N). Whatever a window needs of all images then lies
side by side, and copies run through long stretches. Callers don't see it: they get and give (N, C, H, W),
as a view.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from d2lmini._checks import Pair, as_pair, check_int, check_window
from d2lmini.scratch._checks import check_array, check_like, check_shape
from d2lmini.shapes import conv_output_size

Shape = tuple[int, ...]


def im2col(
    X: np.ndarray, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0, fill: float = 0
) -> np.ndarray:
    """Copy every window of every image into a column of its own.

    Args:
        X: images, shape (N, C, H, W), any real dtype.
        kernel_size, stride, padding: one integer or (height, width), in pixels; the padding on each side.
        fill: the value of the padding.

    Returns:
        A matrix (C * kh * kw, H' * W' * N) in the dtype of `X`: a row for each pixel of a window, a column
        for each window. First comes the upper left window of each image, then the one to the right of it.

    Raises:
        TypeError: not an array of numbers, or settings that aren't integers.
        ValueError: another number of axes, no numbers, a window that doesn't fit.

    >>> im2col(np.arange(9).reshape(1, 1, 3, 3), 2)
    array([[0, 1, 3, 4],
           [1, 2, 4, 5],
           [3, 4, 6, 7],
           [4, 5, 7, 8]])

    Source: Chellapilla, Puri & Simard, High performance convolutional neural networks for document processing
    (2006). The order of the axes in memory: Krizhevsky, cuda-convnet (2012).
    """
    check_array("X", X, "N, C, H, W")
    check_window(kernel_size, stride, padding)
    (kh, kw), (sh, sw), (ph, pw) = as_pair(kernel_size), as_pair(stride), as_pair(padding)
    Ho, Wo = output_size(X.shape, kernel_size, stride, padding)
    pixels = X.transpose(1, 2, 3, 0)  # (C, H, W, N)
    pixels = np.pad(pixels, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=fill)
    windows = sliding_window_view(pixels, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]  # (C, H', W', N, kh, kw)
    return windows.transpose(0, 4, 5, 1, 2, 3).reshape(-1, Ho * Wo * len(X))


def col2im(
    columns: np.ndarray, shape: Shape, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0
) -> np.ndarray:
    """Add every column back onto the pixels that it was copied from: the backward pass of `im2col`.

    Args:
        columns: a matrix (C * kh * kw, H' * W' * N) in the order that `im2col` gives.
        shape: that of the images, (N, C, H, W).
        kernel_size, stride, padding: as for `im2col`.

    Returns:
        Images (N, C, H, W) in the dtype of `columns`. What falls onto the padding is dropped.

    Raises:
        TypeError: not an array of numbers, or settings that aren't integers.
        ValueError: `columns` has another shape than these settings give; a window that doesn't fit.

    >>> col2im(np.ones((4, 4), int), (1, 1, 3, 3), 2)  # how many of the four windows hold a pixel
    array([[[[1, 2, 1],
             [2, 4, 2],
             [1, 2, 1]]]])

    Source: the transpose of `im2col`, which is a linear map.
    """
    check_array("columns", columns, "rows, columns")
    check_shape(shape)
    check_window(kernel_size, stride, padding)
    N, C, H, W = shape
    (kh, kw), (sh, sw), (ph, pw) = as_pair(kernel_size), as_pair(stride), as_pair(padding)
    Ho, Wo = output_size(shape, kernel_size, stride, padding)
    check_like("columns", columns, (C * kh * kw, Ho * Wo * N))
    columns = columns.reshape(C, kh, kw, Ho, Wo, N)
    padded = np.zeros((C, H + 2 * ph, W + 2 * pw, N), columns.dtype)
    for a in range(kh):
        for b in range(kw):
            padded[:, a : a + sh * Ho : sh, b : b + sw * Wo : sw] += columns[:, a, b]
    return padded[:, ph : ph + H, pw : pw + W].transpose(3, 0, 1, 2)


def output_size(shape: Shape, kernel_size: Pair, stride: Pair, padding: Pair) -> tuple[int, int]:
    """Height and width of the output of a window that slides over images (N, C, H, W).

    >>> output_size((1, 3, 32, 32), 3, 2, 0), output_size((1, 3, 32, 32), 3, 2, 1)
    ((15, 15), (16, 16))
    """
    axes = zip(shape[2:], as_pair(kernel_size), as_pair(padding), as_pair(stride), strict=True)
    height, width = (conv_output_size(n, k, p, s) for n, k, p, s in axes)
    return height, width


def to_rows(images: np.ndarray) -> np.ndarray:
    """Images as a matrix with a row for each channel, (N, C, H, W) -> (C, H * W * N), ordered as by `im2col`.

    >>> to_rows(np.arange(8).reshape(2, 2, 1, 2))  # two images of two channels
    array([[0, 4, 1, 5],
           [2, 6, 3, 7]])
    """
    check_array("images", images, "N, C, H, W")
    return images.transpose(1, 2, 3, 0).reshape(images.shape[1], -1)


def to_images(rows: np.ndarray, height: int, width: int) -> np.ndarray:
    """The way back from `to_rows`, a view: (C, height * width * N) -> (N, C, height, width).

    >>> to_images(to_rows(np.arange(8).reshape(2, 2, 1, 2)), 1, 2).ravel()
    array([0, 1, 2, 3, 4, 5, 6, 7])
    """
    check_array("rows", rows, "C, H*W*N")
    check_int("height", height, 1)
    check_int("width", width, 1)
    return rows.reshape(len(rows), height, width, -1).transpose(3, 0, 1, 2)
