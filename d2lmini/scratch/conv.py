"""The convolutional layer: one matrix product forwards, two backwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from d2lmini._checks import Pair, as_pair, check_int, check_window
from d2lmini.scratch._checks import check_array, check_channels, check_floating, check_like, check_same_dtype
from d2lmini.scratch.columns import Shape, col2im, im2col, output_size, to_images, to_rows
from d2lmini.scratch.init import uniform


def conv2d_forward(
    X: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: Pair = 1, padding: Pair = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cross-correlate images with `co` kernels.

    Args:
        X: images (N, ci, H, W), floating point.
        weight: kernels (co, ci, kh, kw), the same dtype.
        bias: one number for each kernel, (co,).
        stride, padding: one integer or (height, width), in pixels; the padding is zeros on each side.

    Returns:
        The feature maps (N, co, H', W'), and the columns of `im2col`, which the backward pass needs.

    Raises:
        TypeError: not floating-point arrays of one dtype, or settings that aren't integers.
        ValueError: channels that don't match, a window that doesn't fit.

    >>> X, K = np.arange(9.0).reshape(1, 1, 3, 3), np.arange(4.0).reshape(1, 1, 2, 2)
    >>> conv2d_forward(X, K, np.zeros(1))[0]
    array([[[[19., 25.],
             [37., 43.]]]])

    Source: Chellapilla, Puri & Simard (2006), see `im2col`.
    """
    check_conv(X, weight, bias)
    kernel_size = weight.shape[2:]
    columns = im2col(X, kernel_size, stride, padding)  # (ci*kh*kw, H'*W'*N)
    Y = weight.reshape(len(weight), -1) @ columns + bias[:, None]  # (co, H'*W'*N)
    return to_images(Y, *output_size(X.shape, kernel_size, stride, padding)), columns


def conv2d_backward(
    dY: np.ndarray,
    columns: np.ndarray,
    weight: np.ndarray,
    shape: Shape,
    stride: Pair = 1,
    padding: Pair = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of the loss with respect to images, kernels and biases.

    Args:
        dY: the gradient with respect to the feature maps, (N, co, H', W').
        columns: what `conv2d_forward` gave along with them.
        weight, stride, padding: as in the forward pass.
        shape: that of the images, (N, ci, H, W).

    Returns:
        dX (N, ci, H, W), dweight (co, ci, kh, kw), dbias (co,).

    Raises:
        TypeError: not arrays of numbers.
        ValueError: `dY` has another shape than the feature maps.

    >>> X, K = np.arange(9.0).reshape(1, 1, 3, 3), np.arange(4.0).reshape(1, 1, 2, 2)
    >>> _, columns = conv2d_forward(X, K, np.zeros(1))
    >>> conv2d_backward(np.arange(1.0, 5).reshape(1, 1, 2, 2), columns, K, X.shape)[0]
    array([[[[ 0.,  1.,  2.],
             [ 2., 10., 10.],
             [ 6., 17., 12.]]]])

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 9.5.
    """
    check_array("dY", dY, "N, co, H', W'")
    kernel_size, matrix = weight.shape[2:], weight.reshape(len(weight), -1)
    check_like("dY", dY, (shape[0], len(weight), *output_size(shape, kernel_size, stride, padding)))
    rows = to_rows(dY)  # (co, H'*W'*N)
    dX = col2im(matrix.T @ rows, shape, kernel_size, stride, padding)
    return dX, (rows @ columns.T).reshape(weight.shape), rows.sum(axis=1)


class Conv2D:
    """A convolutional layer, (N, in_channels, H, W) -> (N, out_channels, H', W').

    Args:
        in_channels, out_channels, kernel_size, stride, padding: as torch's `nn.Conv2d`.
        rng: where the first weights are drawn from, uniformly from ±1 / √fan_in (torch's rule).
        dtype: of the weights, and so of the images.

    >>> layer = Conv2D(3, 16, 3, stride=2, rng=np.random.default_rng(0))
    >>> Y, cache = layer.forward(np.ones((1, 3, 32, 32), np.float32))
    >>> Y.shape, sum(values.size for values in layer.parameters.values())
    ((1, 16, 15, 15), 448)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        check_int("in_channels", in_channels, 1)
        check_int("out_channels", out_channels, 1)
        check_window(kernel_size, stride, padding)
        kh, kw = as_pair(kernel_size)
        fan_in = in_channels * kh * kw
        self.stride, self.padding = stride, padding
        self.parameters = {
            "weight": uniform(rng, (out_channels, in_channels, kh, kw), fan_in, dtype),
            "bias": uniform(rng, (out_channels,), fan_in, dtype),
        }

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The feature maps, and what `backward` needs."""
        Y, columns = conv2d_forward(X, **self.parameters, stride=self.stride, padding=self.padding)
        return Y, (columns, X.shape)

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient for the images, and those for the parameters by name."""
        columns, shape = cache
        weight = self.parameters["weight"]
        dX, dweight, dbias = conv2d_backward(dY, columns, weight, shape, self.stride, self.padding)
        return dX, {"weight": dweight, "bias": dbias}


def check_conv(X: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> None:
    """Everything that has to hold of images, kernels and biases together."""
    check_array("X", X, "N, ci, H, W")
    check_array("weight", weight, "co, ci, kh, kw")
    check_floating("X", X)
    check_same_dtype("X", X, "weight", weight)
    check_channels("X", X.shape[1], weight.shape[1])
    check_like("bias", bias, (len(weight),))
    check_same_dtype("bias", bias, "weight", weight)
