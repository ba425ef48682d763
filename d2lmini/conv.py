"""Two-dimensional cross-correlation, the operation behind every convolutional layer.

No convolution of torch's is called here: windows are cut out with `unfold`, multiplied and summed.
All functions are differentiable, so that a kernel can be learned by gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from d2lmini._checks import check_1x1, check_corr2d, check_one_map, check_tensor


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Slide the kernel `K` over the image `X`; each output is the sum of the products below it.

    Args:
        X: the input, shape (H, W), any real dtype.
        K: the kernel, shape (kh, kw), the same dtype; at most as large as `X`.

    Returns:
        The feature map, shape (H - kh + 1, W - kw + 1): Y[i, j] = sum of X[i:i+kh, j:j+kw] * K.

    Raises:
        TypeError: not tensors, or two dtypes.
        ValueError: wrong number of axes, or a kernel larger than the input.

    >>> corr2d(torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2))
    tensor([[19, 25],
            [37, 43]])

    Source: Goodfellow, Bengio, Courville, Deep Learning (2016), equation 9.6.
    """
    check_corr2d(X, K)
    kh, kw = K.shape
    windows = X.unfold(0, kh, 1).unfold(1, kw, 1)  # (H', W', kh, kw)
    return (windows * K).sum(dim=(-2, -1))  # (H', W')


def corr2d_multi_in(X: Tensor, K: Tensor) -> Tensor:
    """Cross-correlate an image of several channels with a kernel as deep, and add the channels up.

    Args:
        X: the input, shape (ci, H, W).
        K: the kernel, shape (ci, kh, kw), the same dtype.

    Returns:
        One feature map, shape (H - kh + 1, W - kw + 1).

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
    kh, kw = K.shape[1:]
    windows = X.unfold(1, kh, 1).unfold(2, kw, 1)  # (ci, H', W', kh, kw)
    return (windows * K[:, None, None]).sum(dim=(0, -2, -1))  # (H', W')


def corr2d_multi_in_out(X: Tensor, K: Tensor) -> Tensor:
    """Apply `co` kernels to the same image; each gives one output channel.

    Args:
        X: the input, shape (ci, H, W).
        K: the kernels, shape (co, ci, kh, kw), the same dtype.

    Returns:
        The feature maps, shape (co, H - kh + 1, W - kw + 1).

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
        The feature maps, shape (co, H, W).

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
    ci, H, W = X.shape
    co = K.shape[0]
    pixels = X.reshape(ci, H * W)  # (ci, H*W)
    return (K.reshape(co, ci) @ pixels).reshape(co, H, W)  # (co, H, W)


def comp_conv2d(conv2d: Callable[[Tensor], Tensor], X: Tensor) -> Tensor:
    """Apply a layer to one matrix: add the axes for batch and channel, and take them off again.

    Args:
        conv2d: a module such as `nn.Conv2d(1, 1, 3)` that maps (1, 1, H, W) to (1, 1, H', W').
        X: the input, shape (H, W), in the layer's dtype.

    Returns:
        The layer's output, shape (H', W').

    Raises:
        TypeError: `X` is not a tensor.
        ValueError: `X` is not a matrix, or the layer has more than one output channel.

    >>> comp_conv2d(torch.nn.Conv2d(1, 1, kernel_size=3, padding=1), torch.ones(8, 8)).shape
    torch.Size([8, 8])
    """
    check_tensor("X", X, "H, W")
    Y = conv2d(X[None, None])  # (1, 1, H, W) -> (1, 1, H', W')
    check_one_map(Y)
    return Y[0, 0]  # (H', W')
