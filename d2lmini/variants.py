"""The convolutions beside the plain one: any number of axes, any frame, separable, and how weights start.

Nothing here calls a convolution or a padding of torch's: a frame is made by reading samples again, and
windows are cut out with `unfold`. Integers are computed as int64, as in `d2lmini.conv`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from d2lmini._checks import check_int, check_tensor
from d2lmini.conv import check_same_dtype, widened

Sides = Sequence[tuple[int, int]]
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def padded_index(i: Tensor, n: int, mode: str) -> Tensor:
    """Which of `n` samples each position `i` of a framed axis shows; positions count from the first sample.

    For "zeros" the position is clamped like for "replicate": what it reads is blanked afterwards.

    >>> i = torch.arange(-2, 6)
    >>> [padded_index(i, 4, mode).tolist() for mode in ("reflect", "replicate", "circular")]
    [[2, 1, 0, 1, 2, 3, 2, 1], [0, 0, 0, 1, 2, 3, 3, 3], [2, 3, 0, 1, 2, 3, 0, 1]]
    """
    if mode == "reflect":
        return n - 1 - (n - 1 - i.abs()).abs()
    if mode == "circular":
        return i % n
    return i.clamp(0, n - 1)


def pad_nd(X: Tensor, sides: Sides, mode: str = "zeros") -> Tensor:
    """Put a frame around the last axes of a tensor.

    Args:
        X: the input, shape (..., *space), any real dtype.
        sides: (before, after) for each of the last axes, in the order of the axes. (`F.pad` has them the
            other way round, the last axis first.)
        mode: what the frame shows: "zeros"; "reflect", mirrored at the last sample; "replicate", the last
            sample again; "circular", the opposite side.

    Returns:
        The framed tensor, longer by before + after along each of these axes, in the dtype of `X`.

    Raises:
        TypeError: not a tensor, or a width that isn't an integer.
        ValueError: a negative width, another mode, or a frame that shows more than there is: "reflect" needs
            a width below n, "circular" one of at most n.

    >>> pad_nd(torch.tensor([1, 2, 3, 4]), [(2, 1)], mode="reflect")
    tensor([3, 2, 1, 2, 3, 4, 3])

    Source: torch.nn.ReflectionPad2d, ReplicationPad2d, CircularPad2d.
    """
    check_frame(X, sides, mode)
    for axis, (before, after) in enumerate(sides, start=X.ndim - len(sides)):
        n = X.shape[axis]
        i = torch.arange(-before, n + after, device=X.device)
        X = X.index_select(axis, padded_index(i, n, mode))
        if mode == "zeros":
            outside = ((i < 0) | (i >= n)).reshape([-1] + [1] * (X.ndim - axis - 1))
            X = X.masked_fill(outside, 0)
    return X


def as_tuple(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """One integer for each axis, where one alone stands for all of them.

    >>> as_tuple(2, 3), as_tuple((1, 2), 2)
    ((2, 2, 2), (1, 2))
    """
    return (value,) * axes if isinstance(value, int) else tuple(value)


def sides_of(
    padding: int | str | Sequence[int], kernel_size: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """A convolution's `padding` as (before, after) for each axis; of an odd "same" the rest goes after.

    >>> sides_of(1, (3, 3), (1, 1)), sides_of("same", (4, 3), (1, 2)), sides_of("valid", (3,), (1,))
    ([(1, 1), (1, 1)], [(1, 2), (2, 2)], [(0, 0)])
    """
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    padding = 0 if padding == "valid" else padding
    return [(p, p) for p in as_tuple(padding, len(kernel_size))]


def corr_nd(
    X: Tensor,
    K: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Tensor:
    """The convolution of `nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d`, with their arguments, for any number of axes.

    Args:
        X: the input, shape (N, ci, *space), one axis of space or more.
        K: the kernels, shape (co, ci / groups, *kernel_size), the same dtype and as many axes.
        stride, dilation: in samples, one integer or one for each axis of space.
        padding: samples on each side, one integer or one for each axis; or "valid" (none) or "same" (as many
            in total as keep the size; needs stride 1).
        groups: packs of channels that don't see each other.
        padding_mode: what the frame shows, as in `pad_nd`.

    Returns:
        The feature maps, shape (N, co, *space'), each axis by `conv_output_size`; int64 for all integers.

    Raises:
        TypeError: not tensors, two dtypes, settings that aren't integers.
        ValueError: axes, channels or groups that don't match, a kernel that doesn't fit, "same" with a
            stride, or a frame that `pad_nd` refuses.

    >>> corr_nd(torch.arange(6).reshape(1, 1, 6), torch.tensor([[[-1, 0, 1]]]), stride=2, padding=1)
    tensor([[[1, 2, 2]]])

    Source: torch.nn.Conv3d; van den Oord et al., WaveNet (2016), for dilation along one axis.
    """
    check_corr_nd(X, K, stride, padding, dilation, groups)
    X, K = widened(X), widened(K)
    axes = K.ndim - 2
    stride, dilation = as_tuple(stride, axes), as_tuple(dilation, axes)
    X = pad_nd(X, sides_of(padding, K.shape[2:], dilation), padding_mode)  # (N, ci, *padded)
    check_window_fits_nd(X, K, dilation)
    for axis in range(axes):
        k, s, d = K.shape[2 + axis], stride[axis], dilation[axis]
        X = X.unfold(2 + axis, d * (k - 1) + 1, s)[..., ::d]  # one axis more at the end, (..., k)
    X = X.unflatten(1, (groups, -1)).flatten(-axes)  # (N, g, ci/g, *space', k*k*...)
    K = K.unflatten(0, (groups, -1)).flatten(3)  # (g, co/g, ci/g, k*k*...)
    return torch.einsum("ngc...k,gock->ngo...", X, K).flatten(1, 2)  # (N, co, *space')


def binomial_kernel(order: int) -> Tensor:
    """The window that averages two neighbours `order` times over: order + 1 weights that add up to 1.

    A wave of f periods a sample keeps the share cos(π f) ** order of its height. float32, exact up to 24.

    >>> binomial_kernel(2)
    tensor([0.2500, 0.5000, 0.2500])

    Source: Zhang, Making convolutional networks shift-invariant again (2019), section 3.
    """
    check_int("order", order, 0)
    return torch.tensor([math.comb(order, i) for i in range(order + 1)]) / 2**order


def depthwise_separable(
    in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1
) -> nn.Sequential:
    """A window for each channel alone, then a 1x1 convolution that mixes the channels.

    Shapes: (N, in_channels, H, W) -> (N, out_channels, H', W'), padded by ⌊k/2⌋. It has
    ci·k² + ci·co + co parameters in place of ci·co·k² + co; the first layer has no bias.

    Raises:
        TypeError, ValueError: a setting that isn't a positive integer.

    >>> sum(p.numel() for p in depthwise_separable(64, 64).parameters())
    4736

    Source: Howard et al., MobileNets (2017), section 3.1.
    """
    check_int("in_channels", in_channels, 1)
    check_int("out_channels", out_channels, 1)
    check_int("kernel_size", kernel_size, 1)
    check_int("stride", stride, 1)
    frame = kernel_size // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, kernel_size, stride, frame, groups=in_channels, bias=False),
        nn.Conv2d(in_channels, out_channels, kernel_size=1),
    )


def separable_kernel(depthwise: Tensor, pointwise: Tensor) -> Tensor:
    """The kernels of the one full layer that does what a depthwise and a 1x1 layer do in a row.

    Args:
        depthwise: shape (ci, 1, *kernel_size). pointwise: shape (co, ci, 1, ...), as many axes.

    Returns:
        Shape (co, ci, *kernel_size): the window of channel c times the weight from c to o.

    Raises:
        ValueError: shapes that don't fit together.

    >>> separable_kernel(torch.ones(4, 1, 3, 3), torch.ones(8, 4, 1, 1)).shape
    torch.Size([8, 4, 3, 3])
    """
    check_separable(depthwise, pointwise)
    return pointwise * depthwise.transpose(0, 1)  # (co, ci, 1, 1) * (1, ci, k, k)


def fans(weight: Tensor, groups: int = 1) -> tuple[int, int]:
    """How many numbers go into one output, and how many outputs (at stride 1) one number goes to.

    Args:
        weight: of a convolution, shape (co, ci / groups, *kernel_size), or of a dense layer, (co, ci).
        groups: of the convolution. (`nn.init` doesn't ask for it, and takes all `co` for the second.)

    Returns:
        (fan_in, fan_out).

    Raises:
        TypeError, ValueError: fewer than two axes, or `groups` that doesn't divide `co`.

    >>> fans(torch.empty(16, 3, 5, 5)), fans(torch.empty(32, 1, 3, 3), groups=32)
    ((75, 400), (9, 9))

    Source: Glorot & Bengio, Understanding the difficulty of training deep feedforward networks (2010).
    """
    check_fans(weight, groups)
    return weight[0].numel(), weight[:, 0].numel() // groups


def init_bound(weight: Tensor, rule: str = "xavier", groups: int = 1) -> float:
    """The bound b of a rule that draws weights uniformly from −b to b.

    "xavier": √(6 / (fan_in + fan_out)), for tanh and the like. "kaiming": √(6 / fan_in), for ReLU, which
    lets half of the signal through.

    Raises:
        ValueError: another rule; and what `fans` raises.

    >>> init_bound(torch.empty(3, 3)), init_bound(torch.empty(1, 6, 1, 1), "kaiming")
    (1.0, 1.0)

    Source: Glorot & Bengio (2010), equation 16; He, Zhang, Ren & Sun, Delving deep into rectifiers (2015).
    """
    check_rule(rule)
    fan_in, fan_out = fans(weight, groups)
    return math.sqrt(6 / (fan_in + fan_out if rule == "xavier" else fan_in))


# --- checks -------------------------------------------------------------------------------------


def check_frame(X: Tensor, sides: Sides, mode: str) -> None:
    """Everything that has to hold before a frame is put around the last axes of `X`."""
    check_tensor("X", X, "..., n")
    if mode not in PADDING_MODES:
        raise ValueError(f"`padding_mode` (={mode!r}) must be one of {', '.join(PADDING_MODES)}.")
    if len(sides) > X.ndim:
        raise ValueError(f"`sides` has {len(sides)} pairs, but `X` only {X.ndim} axes.")
    for axis, pair in enumerate(sides, start=X.ndim - len(sides)):
        if len(pair) != 2:
            raise ValueError(f"`sides` must hold pairs (before, after), got {pair!r}.")
        for width in pair:
            check_int("padding", width, 0)
        n, widest = X.shape[axis], max(pair)
        if mode == "reflect" and widest >= n:
            raise ValueError(f"`padding` (={widest}) must be smaller than the axis ({n}) to be reflected.")
        if mode == "circular" and widest > n:
            raise ValueError(f"`padding` (={widest}) must be at most the axis ({n}) to go round once.")


def check_corr_nd(
    X: Tensor, K: Tensor, stride: object, padding: object, dilation: object, groups: int
) -> None:
    """Everything that has to hold of a convolution's arguments before its input is framed."""
    check_tensor("K", K, "..., co, ci, k")
    check_tensor("X", X, "..., N, ci, n")
    check_same_dtype(X, K)
    if X.ndim != K.ndim:
        raise ValueError(
            f"`X` (N, channels, *space) and `K` (co, ci / groups, *kernel_size) must have as many axes, "
            f"got shapes {tuple(X.shape)} and {tuple(K.shape)}."
        )
    check_int("groups", groups, 1)
    if X.shape[1] != K.shape[1] * groups or K.shape[0] % groups:
        raise ValueError(
            f"`X` with {X.shape[1]} channels and `K` with shape {tuple(K.shape)} don't fit `groups` "
            f"(={groups}): needed are {K.shape[1]} x {groups} channels, and kernels that `groups` divides."
        )
    axes = K.ndim - 2
    check_axes("stride", stride, axes, 1)
    check_axes("dilation", dilation, axes, 1)
    if padding == "same":
        if set(as_tuple(stride, axes)) != {1}:
            raise ValueError(f"`padding` (='same') needs `stride` 1, got {stride!r}: a stride shrinks.")
    elif padding != "valid":
        check_axes("padding", padding, axes, 0)


def check_axes(name: str, value: object, axes: int, minimum: int) -> None:
    """Raise unless `value` is one integer or a sequence of one for each axis, each at least `minimum`."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != axes:
            raise ValueError(f"`{name}` (={value!r}) must be one integer or {axes}, one for each axis.")
        for each in value:
            check_int(name, each, minimum)
    else:
        check_int(name, value, minimum)


def check_window_fits_nd(X: Tensor, K: Tensor, dilation: Sequence[int]) -> None:
    """Raise when the dilated kernel is longer than the padded input along some axis."""
    for n, k, d in zip(X.shape[2:], K.shape[2:], dilation, strict=True):
        if d * (k - 1) + 1 > n:
            raise ValueError(
                f"the kernel reaches over {d * (k - 1) + 1} samples (`kernel_size` {k}, `dilation` {d}) "
                f"but the padded input has only {n}."
            )


def check_separable(depthwise: Tensor, pointwise: Tensor) -> None:
    """Raise unless a 1x1 layer's weight fits behind a depthwise layer's."""
    shapes = tuple(depthwise.shape), tuple(pointwise.shape)
    fitting = depthwise.ndim == pointwise.ndim >= 3 and shapes[0][0] == shapes[1][1]
    if not fitting or shapes[0][1] != 1 or set(shapes[1][2:]) != {1}:
        raise ValueError(
            f"needed are a depthwise weight (ci, 1, k, k) and a pointwise one (co, ci, 1, 1), got {shapes}."
        )


def check_fans(weight: Tensor, groups: int) -> None:
    """Raise unless a weight has output and input channels, and `groups` divides the outputs."""
    check_tensor("weight", weight, "..., co, ci")
    check_int("groups", groups, 1)
    if weight.shape[0] % groups:
        raise ValueError(f"`groups` (={groups}) must divide the output channels (={weight.shape[0]}).")


def check_rule(rule: str) -> None:
    """Raise unless a rule of initialisation is "xavier" or "kaiming"."""
    if rule not in ("xavier", "kaiming"):
        raise ValueError(f'`rule` (={rule!r}) must be "xavier" or "kaiming".')
