"""The dense layer, and the one that makes a vector of an image for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from d2lmini._checks import check_int
from d2lmini.scratch._checks import check_array, check_channels, check_floating, check_like, check_same_dtype
from d2lmini.scratch.init import uniform


class Dense:
    """One weight for each pair of input and output, (N, in_features) -> (N, out_features): Y = X Wᵀ + b.

    Args:
        in_features, out_features: as torch's `nn.Linear`; the weight is (out_features, in_features).
        rng: where the first weights are drawn from, uniformly from ±1 / √in_features (torch's rule).
        dtype: of the weights, and so of the input.

    >>> layer = Dense(400, 120, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((2, 400), np.float32))[0].shape
    (2, 120)
    """

    def __init__(
        self, in_features: int, out_features: int, *, rng: np.random.Generator, dtype: Any = np.float32
    ) -> None:
        check_int("in_features", in_features, 1)
        check_int("out_features", out_features, 1)
        self.parameters = {
            "weight": uniform(rng, (out_features, in_features), in_features, dtype),
            "bias": uniform(rng, (out_features,), in_features, dtype),
        }

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The weighted sums, and what `backward` needs.

        Raises:
            TypeError: not a floating-point array of the weights' dtype.
            ValueError: not (N, in_features).
        """
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        check_array("X", X, "N, in_features")
        check_floating("X", X)
        check_same_dtype("X", X, "weight", weight)
        check_channels("X", X.shape[1], weight.shape[1])
        return X @ weight.T + bias, X

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradient for the input, and those for the parameters by name."""
        X, weight = cache, self.parameters["weight"]
        check_like("dY", dY, (len(X), len(weight)))
        return dY @ weight, {"weight": dY.T @ X, "bias": dY.sum(axis=0)}


class Flatten:
    """Each image as one vector, (N, C, H, W) -> (N, C*H*W).

    >>> Flatten().forward(np.zeros((2, 16, 5, 5)))[0].shape
    (2, 400)
    """

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The vectors, and what `backward` needs."""
        check_array("X", X, "N, C, H, W")
        return X.reshape(len(X), -1), X.shape

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The same numbers as images again, and no other gradients."""
        return dY.reshape(cache), {}
