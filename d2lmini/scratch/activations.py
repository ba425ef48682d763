"""Activations: functions of each number by itself. Backwards, a gradient is multiplied by the slope."""

from __future__ import annotations

from typing import Any

import numpy as np

from d2lmini.scratch._checks import check_like


class ReLU:
    """max(0, x) of each number; the slope is 1 where x is above 0, else 0. Any shape.

    >>> Y, cache = ReLU().forward(np.array([-2.0, 0.0, 3.0]))
    >>> Y.tolist(), ReLU().backward(np.ones(3), cache)[0].tolist()
    ([0.0, 0.0, 3.0], [0.0, 0.0, 1.0])
    """

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The activations, and what `backward` needs."""
        return np.maximum(X, 0), X > 0

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient for the input, and no others."""
        check_like("dY", dY, cache.shape)
        return dY * cache, {}


class Sigmoid:
    """1 / (1 + e^-x) of each number; the slope is y (1 - y). Any shape.

    Computed as (1 + tanh(x / 2)) / 2, which is the same and never overflows.

    >>> Y, cache = Sigmoid().forward(np.array([0.0, -1000.0]))
    >>> Y.tolist(), Sigmoid().backward(np.ones(2), cache)[0].tolist()
    ([0.5, 0.0], [0.25, 0.0])
    """

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The activations, and what `backward` needs: the same."""
        Y = (1 + np.tanh(X / 2)) / 2
        return Y, Y

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient for the input, and no others."""
        check_like("dY", dY, cache.shape)
        return dY * cache * (1 - cache), {}
