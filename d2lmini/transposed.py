"""The way back from a small map to a large picture: transposed convolution, upsampling, un-pooling.

All of these are linear in their input, so each is a matrix. A transposed convolution multiplies by the
transpose of a convolution's matrix, and none of torch's own functions for it is called here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from d2lmini._checks import Pair, as_pair, check_int, check_pair, check_tensor, check_window, pairs
from d2lmini.conv import check_same_dtype, corr2d, widened
from d2lmini.pooling import check_floating
from d2lmini.shapes import conv_output_size, conv_transpose_output_size


def conv_matrix(
    K: Tensor, input_shape: Sequence[int], stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> Tensor:
    """The matrix by which a convolution multiplies its input, read row by row into one long vector.

    Column c is what the convolution answers to a picture whose pixel c is 1 and all others 0.

    Args:
        K: the kernel, shape (kh, kw).
        input_shape: (H, W) of the pictures.
        stride, padding, dilation: one integer or (height, width), in pixels; zeros on each side.

    Returns:
        The matrix, shape (H'*W', H*W), in the dtype of `K`; int64 for all integers.

    Raises:
        TypeError: not a tensor, or settings that aren't integers.
        ValueError: a kernel that isn't a matrix or doesn't fit, a setting below its minimum.

    >>> conv_matrix(torch.tensor([[1, 2]]), (2, 3))
    tensor([[1, 2, 0, 0, 0, 0],
            [0, 1, 2, 0, 0, 0],
            [0, 0, 0, 1, 2, 0],
            [0, 0, 0, 0, 1, 2]])

    Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), section 4.1.
    """
    check_conv_matrix(K, input_shape, stride, padding, dilation)
    (H, W), (kh, kw) = input_shape, K.shape
    (sh, sw), (ph, pw), (dh, dw) = pairs(stride, padding, dilation)
    stretched = K.new_zeros(dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    stretched[::dh, ::dw] = K
    dots = torch.eye(H * W).to(K).reshape(H * W, H, W)  # picture c has one bright pixel, number c
    answers = [corr2d(F.pad(dot, [pw, pw, ph, ph]), stretched)[::sh, ::sw] for dot in dots]
    return torch.stack([answer.flatten() for answer in answers], dim=1)  # (H'*W', H*W)


def corr2d_transposed(X: Tensor, K: Tensor, stride: int = 1) -> Tensor:
    """Paint with the kernel: every pixel of `X` adds the kernel, times its value, to the output.

    Args:
        X: the input, shape (H, W), any real dtype.
        K: the kernel, shape (kh, kw), the same dtype.
        stride: pixels of the output between two strokes.

    Returns:
        The output, shape ((H - 1) * stride + kh, (W - 1) * stride + kw), in the dtype of `X`; int64 for
        all integers.

    Raises:
        TypeError: not tensors, two dtypes, or a stride that isn't an integer.
        ValueError: wrong number of axes, or a stride below 1.

    >>> corr2d_transposed(torch.tensor([[1, 2, 3]]), torch.tensor([[1, 1, 1]]), stride=2)
    tensor([[1, 1, 3, 2, 5, 3, 3]])

    Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), section 4.
    """
    check_tensor("X", X, "H, W")
    check_tensor("K", K, "kh, kw")
    check_same_dtype(X, K)
    check_int("stride", stride, 1)
    X, K = widened(X), widened(K)
    (H, W), (kh, kw) = X.shape, K.shape
    Y = X.new_zeros((H - 1) * stride + kh, (W - 1) * stride + kw)
    for i, j in product(range(H), range(W)):
        top, left = i * stride, j * stride
        Y[top : top + kh, left : left + kw] += X[i, j] * K
    return Y


def conv_transpose2d(
    X: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Tensor:
    """A transposed convolution with the arguments and defaults of torch's `conv_transpose2d`.

    All products are made at once, one for each input pixel and weight. Then every entry (a, b) of the kernel
    adds its products to the output, `stride` pixels apart.

    Args:
        X: the input, shape (N, ci, H, W).
        weight: the kernels, shape (ci, co / groups, kh, kw), input channels first; the dtype of `X`.
        bias: one number for each output channel, shape (co,), or None.
        stride: pixels of the output between two strokes.
        padding: pixels *cut off* on each side of the output.
        output_padding: pixels kept, or added, at the lower and right end; below `stride` or `dilation`.
        groups: parts into which the channels are divided; each part paints its own output channels.
        dilation: pixels between neighbouring weights of a stroke.

    Returns:
        The output, shape (N, co, H', W') by `conv_transpose_output_size`, in the dtype of `X`; int64 for
        all integers.

    Raises:
        TypeError: not tensors, two dtypes, or settings that aren't integers.
        ValueError: wrong axes, channels that don't match or can't be divided, nothing left to return.

    >>> conv_transpose2d(torch.ones(1, 3, 2, 2), torch.ones(3, 1, 2, 2), stride=2).shape
    torch.Size([1, 1, 4, 4])

    Source: torch.nn.ConvTranspose2d; Dumoulin & Visin (2016), section 4.
    """
    check_conv_transpose(X, weight, bias, stride, padding, output_padding, groups, dilation)
    X, weight = widened(X), widened(weight)
    (sh, sw), (ph, pw), (oh, ow), (dh, dw) = pairs(stride, padding, output_padding, dilation)
    N, ci, H, W = X.shape
    co, kh, kw = weight.shape[1:]  # co: output channels of one group
    parts = X.reshape(N, groups, ci // groups, H, W)
    kernels = weight.reshape(groups, ci // groups, co, kh, kw)
    strokes = torch.einsum("ngihw,gioab->ngoabhw", parts, kernels)  # every product there is
    height, width = (H - 1) * sh + dh * (kh - 1) + 1 + oh, (W - 1) * sw + dw * (kw - 1) + 1 + ow
    canvas = X.new_zeros(N, groups, co, height, width)
    for a, b in product(range(kh), range(kw)):
        canvas[..., a * dh :: sh, b * dw :: sw][..., :H, :W].add_(strokes[:, :, :, a, b])
    Y = canvas[..., ph : height - ph, pw : width - pw].flatten(1, 2)  # (N, groups * co, H', W')
    return Y if bias is None else Y + bias[:, None, None]


def upsample_nearest(X: Tensor, scale_factor: int) -> Tensor:
    """Enlarge a picture by a whole factor; every pixel becomes a block of equal pixels.

    Args:
        X: the input, shape (..., H, W), any real dtype.
        scale_factor: from 1.

    Returns:
        The enlarged picture, shape (..., H * scale_factor, W * scale_factor), in the dtype of `X`.

    Raises:
        TypeError: not a tensor, or a factor that isn't an integer.
        ValueError: too few axes, or a factor below 1.

    >>> upsample_nearest(torch.tensor([[1, 2]]), 2)
    tensor([[1, 1, 2, 2],
            [1, 1, 2, 2]])

    Source: torch.nn.Upsample, mode "nearest".
    """
    check_tensor("X", X, "..., H, W")
    check_int("scale_factor", scale_factor, 1)
    return X.repeat_interleave(scale_factor, dim=-2).repeat_interleave(scale_factor, dim=-1)


def upsample_bilinear(X: Tensor, scale_factor: int, align_corners: bool = False) -> Tensor:
    """Enlarge a picture by a whole factor; every new pixel is a mixture of the old ones next to it.

    Args:
        X: the input, shape (..., H, W), floating point.
        scale_factor: from 1.
        align_corners: see `interpolation_matrix`.

    Returns:
        The enlarged picture, shape (..., H * scale_factor, W * scale_factor), in the dtype of `X`.

    Raises:
        TypeError: not a floating-point tensor, or a factor that isn't an integer.
        ValueError: too few axes, or a factor below 1.

    >>> upsample_bilinear(torch.tensor([[0.0, 16.0]]), 2)
    tensor([[ 0.,  4., 12., 16.],
            [ 0.,  4., 12., 16.]])

    Source: torch.nn.Upsample, mode "bilinear".
    """
    check_tensor("X", X, "..., H, W")
    check_floating("X", X)
    rows, columns = (interpolation_matrix(n, scale_factor, align_corners).to(X) for n in X.shape[-2:])
    return rows @ X @ columns.T  # (H', H) (..., H, W) (W, W')


def interpolation_matrix(n: int, scale_factor: int, align_corners: bool = False) -> Tensor:
    """How much each of `n` pixels counts in each of the `n * scale_factor` new ones, along one axis.

    A new pixel whose centre lies at c, measured in old pixels, takes 1 - |c - j| of old pixel j, and nothing
    from where this is negative. Beyond the first and the last centre nothing is mixed.

    Args:
        n, scale_factor: integers from 1.
        align_corners: whether the first and the last centre stay where they are, and not the picture's edges.

    Returns:
        The weights, shape (n * scale_factor, n), float64; every row adds up to 1.

    Raises:
        TypeError, ValueError: not integers from 1.

    >>> interpolation_matrix(2, 2)[:, 1].tolist(), interpolation_matrix(2, 2, align_corners=True)[3].tolist()
    ([0.0, 0.25, 0.75, 1.0], [0.0, 1.0])

    Source: torch.nn.functional.interpolate.
    """
    check_int("n", n, 1)
    check_int("scale_factor", scale_factor, 1)
    centres = torch.arange(n * scale_factor, dtype=torch.float64)
    if align_corners:
        centres = centres * (n - 1) / max(n * scale_factor - 1, 1)
    else:
        centres = ((centres + 0.5) / scale_factor - 0.5).clamp(0, n - 1)
    return (1 - (centres[:, None] - torch.arange(n)).abs()).clamp(min=0)  # (n * scale_factor, n)


def max_unpool2d(
    X: Tensor,
    indices: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put the maxima of a pooling back where they came from, among zeros.

    Args:
        X: the maxima, shape (..., H, W).
        indices: where each came from, row * W' + column, shape (..., H, W): what `max_pool2d` gives with
            `return_indices`.
        kernel_size, stride, padding: those of the pooling; `stride=None` means the kernel size.
        output_size: height and width of the picture that was pooled (or its whole shape), when it isn't the
            smallest that gives H and W. Less than one stride away from it.

    Returns:
        The picture, shape (..., H', W'); of several maxima with one index the last is kept.

    Raises:
        TypeError: not tensors, indices that aren't int64, or settings that aren't integers.
        ValueError: another shape of the indices, an index outside the picture, an `output_size` too far off.

    >>> max_unpool2d(torch.tensor([[5.0]]), torch.tensor([[2]]), kernel_size=2)
    tensor([[0., 0.],
            [5., 0.]])

    Source: torch.nn.MaxUnpool2d.
    """
    height, width = unpooled_size(X, kernel_size, stride, padding, output_size)
    check_indices(X, indices, height * width)
    flat = X.new_zeros(*X.shape[:-2], height * width)
    return flat.scatter(-1, indices.flatten(-2), X.flatten(-2)).unflatten(-1, (height, width))


def unpooled_size(
    X: Tensor, kernel_size: Pair, stride: Pair | None, padding: Pair, output_size: Sequence[int] | None
) -> tuple[int, int]:
    """Height and width of the picture that was pooled to (..., H, W): (n − 1)s − 2p + k unless they're given.

    >>> unpooled_size(torch.ones(2, 3), 2, None, 0, None), unpooled_size(torch.ones(2, 2), 3, 2, 1, (3, 4))
    ((4, 6), (3, 4))
    """
    check_tensor("X", X, "..., H, W")
    stride = kernel_size if stride is None else stride
    check_window(kernel_size, stride, padding)
    settings = zip(X.shape[-2:], *pairs(kernel_size, stride, padding), strict=True)
    smallest = [(n - 1) * s - 2 * p + k for n, k, s, p in settings]
    sizes = tuple(smallest if output_size is None else output_size)[-2:]
    for size, usual, s in zip(sizes, smallest, as_pair(stride), strict=True):
        check_int("output_size", size, 1)
        if not usual - s < size < usual + s:
            raise ValueError(
                f"`output_size` (={size}) must be less than one stride ({s}) away from {usual}, "
                "or the pooling would have given another number of maxima."
            )
    return sizes


def check_conv_matrix(
    K: Tensor, input_shape: Sequence[int], stride: Pair, padding: Pair, dilation: Pair
) -> None:
    """Everything that has to hold before a convolution is written as a matrix."""
    check_tensor("K", K, "kh, kw")
    check_window(tuple(K.shape), stride, padding, dilation)
    check_pair("input_shape", tuple(input_shape), 1)
    for n, k, s, p, d in zip(input_shape, K.shape, *pairs(stride, padding, dilation), strict=True):
        conv_output_size(n, k, p, s, d)  # raises when the kernel doesn't fit


def check_conv_transpose(
    X: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    groups: int,
    dilation: Pair,
) -> None:
    """Everything that has to hold before kernels paint: axes, dtype, channels, settings, size."""
    check_tensor("X", X, "N, ci, H, W")
    check_tensor("weight", weight, "ci, co / groups, kh, kw")
    check_same_dtype(X, weight)
    check_window(tuple(weight.shape[2:]), stride, padding, dilation)
    check_pair("output_padding", output_padding, 0)
    check_int("groups", groups, 1)
    if X.shape[1] != weight.shape[0]:
        raise ValueError(
            f"`X` has {X.shape[1]} channels but `weight` (shape {tuple(weight.shape)}) expects "
            f"{weight.shape[0]}: a transposed convolution's weight has the input channels first."
        )
    if X.shape[1] % groups:
        raise ValueError(f"`X` has {X.shape[1]} channels, which must be divisible by `groups` (={groups}).")
    if bias is not None:
        check_tensor("bias", bias, "co")
        check_same_dtype(X, bias)
        if len(bias) != groups * weight.shape[1]:
            raise ValueError(
                f"`bias` must have one number for each of the {groups * weight.shape[1]} output channels, "
                f"got {len(bias)}."
            )
    axes = zip(X.shape[2:], weight.shape[2:], *pairs(padding, stride, output_padding, dilation), strict=True)
    for axis in axes:
        conv_transpose_output_size(*axis)  # raises when nothing is left, or `output_padding` is too large


def check_indices(X: Tensor, indices: Tensor, num_pixels: int) -> None:
    """Raise unless there is one index for each maximum, and all lie within the picture."""
    check_tensor("indices", indices, "..., H, W")
    if indices.dtype != torch.int64:
        raise TypeError(f"`indices` must be int64, got {indices.dtype}.")
    if indices.shape != X.shape:
        raise ValueError(
            f"`indices` {tuple(indices.shape)} and `X` {tuple(X.shape)} must have the same shape."
        )
    low, high = indices.min().item(), indices.max().item()
    if low < 0 or high >= num_pixels:
        raise ValueError(
            f"`indices` (from {low} to {high}) must lie within the {num_pixels} pixels of the output; "
            "was the pooled picture larger? Then give its `output_size`."
        )
