"""Batch normalisation from scratch, with the arguments and defaults of torch's `batch_norm`."""

from __future__ import annotations

import torch
from torch import Tensor

from d2lmini._checks import check_tensor
from d2lmini.pooling import check_floating


def channel_moments(X: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel, over all images of the minibatch and all places in them.

    Args:
        X: the input, shape (N, C, ...), floating point.

    Returns:
        Two tensors (C,). The variance is the biased one: the mean of the squared distances, divided by
        their number and not by one less.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: fewer than two axes, or nothing in it.

    >>> channel_moments(torch.tensor([[1.0, 0.0], [5.0, 0.0]]))
    (tensor([3., 0.]), tensor([4., 0.]))
    """
    check_channels("X", X)
    values = X.movedim(1, 0).flatten(1)  # (C, N·H·W)
    mean = values.mean(dim=1)
    var = (values - mean[:, None]).square().mean(dim=1)
    return mean, var


def batch_norm(
    X: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give each channel mean 0 and variance 1, then its own scale and shift.

    In training the mean and the variance are the minibatch's own, and they move the running ones *in
    place*, as in torch: running = (1 − momentum) · running + momentum · new. The variance that is divided
    by is the biased one, and the one that is remembered the unbiased one. In evaluation the running ones
    are used, and nothing changes.

    Args:
        X: the input, shape (N, C, ...), floating point.
        running_mean, running_var: shape (C,), or both None: then nothing is remembered.
        weight, bias: the scale gamma and the shift beta, shape (C,); None means 1 and 0.
        training: whether to use the statistics of `X`.
        momentum: the weight of the *new* statistics.
        eps: added to the variance, so that a constant channel doesn't divide by zero.

    Returns:
        A tensor like `X`.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: fewer than two axes; in training a single value for each channel; in evaluation no
            running statistics; a vector that doesn't have one number for each channel; `eps` below 0.

    >>> X = torch.tensor([[1.0, 0.0], [5.0, 0.0]])
    >>> mean, var = torch.zeros(2), torch.ones(2)
    >>> batch_norm(X, mean, var, training=True, eps=0.1).round(decimals=2)
    tensor([[-0.9900,  0.0000],
            [ 0.9900,  0.0000]])
    >>> mean, var  # of the new mean (3, 0) and the unbiased variance (8, 0) a tenth
    (tensor([0.3000, 0.0000]), tensor([1.7000, 0.9000]))

    Source: Ioffe & Szegedy, Batch Normalization (2015), algorithms 1 and 2; torch.nn.functional.batch_norm.
    """
    check_channels("X", X)
    check_statistics(X, running_mean, running_var, training)
    check_per_channel(X, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    check_eps(eps, training)
    mean, var = channel_moments(X) if training else (running_mean, running_var)
    if training and running_mean is not None:
        n = X.numel() // X.shape[1]  # values of each channel
        with torch.no_grad():
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (var * n / (n - 1) - running_var)
    shape = (1, -1) + (1,) * (X.ndim - 2)  # one number for each channel
    Y = (X - mean.reshape(shape)) / (var.reshape(shape) + eps).sqrt()
    if weight is not None:
        Y = Y * weight.reshape(shape)
    return Y if bias is None else Y + bias.reshape(shape)


def check_channels(name: str, value: object) -> None:
    """Raise unless this is a non-empty floating-point tensor (N, C, ...)."""
    check_tensor(name, value, "..., N, C")
    check_floating(name, value)


def check_statistics(
    X: Tensor, running_mean: Tensor | None, running_var: Tensor | None, training: bool
) -> None:
    """Raise unless there is a mean and a variance to normalise by."""
    if (running_mean is None) != (running_var is None):
        raise ValueError("`running_mean` and `running_var` must both be given, or both be None.")
    if not training and running_mean is None:
        raise ValueError("in evaluation there must be a `running_mean` and a `running_var`, got None.")
    if training and X.numel() == X.shape[1]:
        raise ValueError(
            f"`X` (shape {tuple(X.shape)}) has one value for each channel, and one value has no variance: "
            "in training there must be at least two. (Was `model.eval()` forgotten?)"
        )


def check_per_channel(X: Tensor, **vectors: Tensor | None) -> None:
    """Raise unless each vector that is given has one number for each channel of `X`."""
    for name, vector in vectors.items():
        if vector is not None and vector.shape != X.shape[1:2]:
            raise ValueError(
                f"`{name}` must have one number for each of the {X.shape[1]} channels, "
                f"got shape {tuple(vector.shape)}."
            )


def check_eps(eps: float, training: bool) -> None:
    """Raise when a constant channel would be divided by zero, or a root be drawn from a negative number."""
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"`eps` (={eps}) must be above 0 in training, and at least 0 in evaluation.")
