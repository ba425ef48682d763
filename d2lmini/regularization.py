"""What holds over-fitting down: the L2 penalty, dropout, stopping early."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from d2lmini._checks import check_int, check_number


def l2_penalty(parameters: Iterable[Tensor], weight_decay: float) -> Tensor:
    """Half of `weight_decay` times the sum of the squares of all numbers: a scalar to be added to a loss.

    Its gradient is `weight_decay` times the number itself, so plain gradient descent with it takes the
    steps of `torch.optim.SGD(..., weight_decay=weight_decay)`.

    Raises:
        ValueError: `weight_decay` is negative, or not finite.
        TypeError: `weight_decay` isn't a number.

    >>> l2_penalty([torch.tensor([1.0, 2.0]), torch.tensor([[3.0]])], weight_decay=0.1)
    tensor(0.7000)

    Source: Krogh & Hertz, A simple weight decay can improve generalization (1991).
    """
    check_number("weight_decay", weight_decay, 0, math.inf)
    return weight_decay / 2 * sum(p.square().sum() for p in parameters)


def dropout(X: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Set each number of X (...) to zero with probability `p`, and divide the others by 1 − p.

    The expected value of each number stays what it was. With `training=False` X comes back as it is.
    Draws from torch's global generator, as `torch.nn.functional.dropout` does, and gives the same.

    Raises:
        ValueError: `p` below 0 or above 1.
        TypeError: X isn't floating point, or `p` isn't a number.

    >>> _ = torch.manual_seed(0)
    >>> dropout(torch.ones(1000), p=0.75).unique().tolist()
    [0.0, 4.0]

    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, Dropout (2014), in the form that
    scales in training mode.
    """
    check_real("X", X)
    check_number("p", p, 0, 1)
    if not training or p == 0:
        return X
    keep = torch.empty_like(X).bernoulli_(1 - p)  # 1 with probability 1 - p, else 0
    return X * (keep if p == 1 else keep / (1 - p))


def early_stopping(scores: Sequence[float], patience: int) -> tuple[int, int]:
    """The best epoch so far, and the one after which to stop, both counted from 0.

    A training stops when `patience` epochs in a row were no better than the best one before them. Of equal
    scores the earliest is the best; the larger a score, the better.

    Raises:
        ValueError: `patience` below 1, no score, or a score that is NaN.

    >>> early_stopping([0.5, 0.7, 0.6, 0.7, 0.9], patience=2)  # the 0.9 comes too late
    (1, 3)

    Source: Prechelt, Early stopping – but when? (1998).
    """
    check_int("patience", patience, 1)
    check_scores(scores)
    best = 0
    for epoch in range(len(scores)):
        if scores[epoch] > scores[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(scores) - 1


def check_scores(scores: Sequence[float]) -> None:
    """Raise unless there is a score, and each is a number that can be compared."""
    if len(scores) == 0:
        raise ValueError("`scores` must hold at least one score.")
    if any(math.isnan(score) for score in scores):
        raise ValueError("`scores` must not hold NaN; was there nothing to measure on?")


def check_real(name: str, value: object) -> None:
    """Raise unless this is a tensor of floating-point numbers, which can be scaled."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        what = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"`{name}` must be a floating-point tensor, got {what}.")
