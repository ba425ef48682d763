"""Two-dimensional cross-correlation, the operation behind every convolutional layer.

No convolution of torch's is called here: windows are cut out with `unfold`, multiplied and summed.
All functions are differentiable, so that a kernel can be learned by gradient descent.

One rule of dtypes holds for all: floating-point numbers keep their dtype; integers of whatever size are
computed as int64 and come out as int64, because in a byte the sums of products of pixels would wrap around.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from d2lmini._checks import check_tensor


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Slide the kernel `K` over the image `X`; each output is the sum of the products below it.

    Args:
        X: the input, shape (H, W), any real dtype.
        K: the kernel, shape (kh, kw), the same dtype; at most as large as `X`.

    Returns:
        The feature map, shape (H - kh + 1, W - kw + 1): Y[i, j] = sum of X[i:i+kh, j:j+kw] * K. Its
        dtype is that of `X`; int64 for all integers.

    Raises:
        TypeError: not tensors, or two dtypes.
        ValueError: wrong number of axes, or a kernel larger than the input.

    >>> corr2d(torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2))
    tensor([[19, 25],
            [37, 43]])
    >>> corr2d(torch.full((1, 3), 255, dtype=torch.uint8), torch.tensor([[1, 2, 1]], dtype=torch.uint8))
    tensor([[1020]])

    Source: Goodfellow, Bengio, Courville, Deep Learning (2016), equation 9.6.
    """
    check_corr2d(X, K)
    X, K = widened(X), widened(K)
    kh, kw = K.shape
    windows = X.unfold(0, kh, 1).unfold(1, kw, 1)  # (H', W', kh, kw)
    return torch.tensordot(K, windows, dims=([0, 1], [2, 3]))  # (H', W')


def corr2d_multi_in(X: Tensor, K: Tensor) -> Tensor:
    """Cross-correlate an image of several channels with a kernel as deep, and add the channels up.

    Args:
        X: the input, shape (ci, H, W).
        K: the kernel, shape (ci, kh, kw), the same dtype.

    Returns:
        One feature map, shape (H - kh + 1, W - kw + 1), in the dtype of `X`; int64 for all integers.

    Raises:
        TypeError: not tensors, or two dtypes.
        ValueError: wrong number of axes, channels that don't match, or a kernel that doesn't fit.

    >>> X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
    >>> corr2d_multi_in(torch.stack([X, X + 1]), torch.stack([K, K + 1]))
    tensor([[ 56,  72],
            [104, 120]])

    Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), section 1.1.
    """
    check_corr2d(X, K, "ci, H, W", "ci, kh, kw")
    X, K = widened(X), widened(K)
    kh, kw = K.shape[1:]
    windows = X.unfold(1, kh, 1).unfold(2, kw, 1)  # (ci, H', W', kh, kw)
    return torch.tensordot(K, windows, dims=([0, 1, 2], [0, 3, 4]))  # (H', W')


def corr2d_multi_in_out(X: Tensor, K: Tensor) -> Tensor:
    """Apply `co` kernels to the same image; each gives one output channel.

    Args:
        X: the input, shape (ci, H, W).
        K: the kernels, shape (co, ci, kh, kw), the same dtype.

    Returns:
        The feature maps, shape (co, H - kh + 1, W - kw + 1), in the dtype of `X`; int64 for all integers.

    Raises:
        TypeError: not tensors, or two dtypes.
        ValueError: wrong number of axes, channels that don't match, or a kernel that doesn't fit.

    >>> corr2d_multi_in_out(torch.ones(3, 8, 8), torch.ones(5, 3, 3, 3)).shape
    torch.Size([5, 6, 6])

    Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), section 1.1.
    """
    check_corr2d(X, K, "ci, H, W", "co, ci, kh, kw")
    return torch.stack([corr2d_multi_in(X, kernel) for kernel in K])  # (co, H', W')


def corr2d_multi_in_out_1x1(X: Tensor, K: Tensor) -> Tensor:
    """A 1x1 convolution as one matrix product: every pixel's channels are mixed by the same weights.

    Args:
        X: the input, shape (ci, H, W).
        K: the kernels, shape (co, ci, 1, 1), the same dtype.

    Returns:
        The feature maps, shape (co, H, W), in the dtype of `X`; int64 for all integers.

    Raises:
        TypeError: not tensors, or two dtypes.
        ValueError: a window that isn't 1x1, or channels that don't match.

    >>> X, K = torch.arange(8).reshape(2, 2, 2), torch.tensor([[1, 1]]).reshape(1, 2, 1, 1)
    >>> corr2d_multi_in_out_1x1(X, K)
    tensor([[[ 4,  6],
             [ 8, 10]]])

    Source: Lin, Chen & Yan, Network in Network (2014), section 3.
    """
    check_corr2d(X, K, "ci, H, W", "co, ci, 1, 1")
    check_1x1(K)
    X, K = widened(X), widened(K)
    ci, H, W = X.shape
    co = K.shape[0]
    pixels = X.reshape(ci, H * W)  # (ci, H*W)
    return (K.reshape(co, ci) @ pixels).reshape(co, H, W)  # (co, H, W)


def comp_conv2d(conv2d: Callable[[Tensor], Tensor], X: Tensor) -> Tensor:
    """Apply a layer to one matrix: add the axes for batch and channel, and take them off again.

    Args:
        conv2d: a module such as `nn.Conv2d(1, 1, 3)` that maps (1, 1, H, W) to (1, 1, H', W').
        X: the input, shape (H, W), in the dtype of the layer's weights.

    Returns:
        The layer's output, shape (H', W').

    Raises:
        TypeError: `X` is not a tensor, or in another dtype than the layer's weights.
        ValueError: `X` is not a matrix, or the layer has more than one output channel.

    >>> comp_conv2d(torch.nn.Conv2d(1, 1, kernel_size=3, padding=1), torch.ones(8, 8)).shape
    torch.Size([8, 8])
    """
    check_tensor("X", X, "H, W")
    check_layers_dtype(conv2d, X)
    X = widened(X)
    Y = conv2d(X[None, None])  # (1, 1, H, W) -> (1, 1, H', W')
    check_one_map(Y)
    return Y[0, 0]  # (H', W')


def widened(values: Tensor) -> Tensor:
    """Integers as int64, in which sums of products of pixels don't wrap around; other numbers as they are.

    >>> widened(torch.tensor([200], dtype=torch.uint8)) * 2, widened(torch.ones(1, dtype=torch.float16)).dtype
    (tensor([400]), torch.float16)
    """
    return values if values.is_floating_point() else values.long()


def check_corr2d(X: Tensor, K: Tensor, axes_X: str = "H, W", axes_K: str = "kh, kw") -> None:
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


def check_same_dtype(X: Tensor, K: Tensor) -> None:
    """Raise unless input and kernel have one dtype."""
    if X.dtype != K.dtype:
        raise TypeError(f"`X` ({X.dtype}) and `K` ({K.dtype}) must have the same dtype.")


def check_kernel_fits(X: Tensor, K: Tensor) -> None:
    """Raise unless the kernel's last two axes are at most as long as the input's."""
    if K.shape[-2] > X.shape[-2] or K.shape[-1] > X.shape[-1]:
        raise ValueError(
            f"`K` with a {K.shape[-2]}x{K.shape[-1]} window must fit into "
            f"`X` with {X.shape[-2]}x{X.shape[-1]} pixels."
        )


def check_1x1(K: Tensor) -> None:
    """Raise unless the kernel's window is a single pixel."""
    if K.shape[-2:] != (1, 1):
        raise ValueError(f"`K` must have a 1x1 window (co, ci, 1, 1), got shape {tuple(K.shape)}.")


def check_layers_dtype(layer: Callable[[Tensor], Tensor], X: Tensor) -> None:
    """Raise when a layer has weights, and `X` is in another dtype."""
    weight = next(layer.parameters(), None) if isinstance(layer, nn.Module) else None
    if weight is not None and weight.dtype != X.dtype:
        raise TypeError(
            f"`X` ({X.dtype}) must have the dtype of the layer's weights ({weight.dtype}): "
            f"convert it with `X.to({weight.dtype})`."
        )


def check_one_map(Y: Tensor) -> None:
    """Raise unless the output is one image with one channel, so that it can be shown as a matrix."""
    if Y.ndim != 4 or Y.shape[:2] != (1, 1):
        raise ValueError(
            f"the layer must give one feature map (1, 1, H', W'), got shape {tuple(Y.shape)}; "
            "build it with `out_channels=1`."
        )
