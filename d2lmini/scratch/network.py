"""Layers one after the other, and LeNet made of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from d2lmini.scratch.activations import ReLU
from d2lmini.scratch.conv import Conv2D
from d2lmini.scratch.dense import Dense, Flatten
from d2lmini.scratch.pooling import MaxPool2D


class Layer(Protocol):
    """What a layer is. It holds its parameters and nothing of the last call: that is in the cache."""

    parameters: dict[str, np.ndarray]

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The output, and the cache that `backward` needs."""

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The gradients for the input, and for the parameters by name."""


class Sequential:
    """Layers one after the other, themselves a layer. The parameters are named "0.weight", "0.bias", …

    >>> rng = np.random.default_rng(0)
    >>> network = Sequential(Flatten(), Dense(784, 10, rng=rng))
    >>> sorted(network.parameters)
    ['1.bias', '1.weight']
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters of all layers: the arrays themselves, no copies."""
        layers = enumerate(self.layers)
        return {f"{i}.{name}": values for i, layer in layers for name, values in layer.parameters.items()}

    def forward(self, X: np.ndarray) -> tuple[np.ndarray, Any]:
        """The last layer's output, and the caches of all layers."""
        caches = []
        for layer in self.layers:
            X, cache = layer.forward(X)
            caches.append(cache)
        return X, caches

    def backward(self, dY: np.ndarray, cache: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """From the last layer to the first: the gradient for the input, and those for all parameters."""
        gradients = {}
        for i, layer in reversed(list(enumerate(self.layers))):
            dY, of_layer = layer.backward(dY, cache[i])
            gradients |= {f"{i}.{name}": gradient for name, gradient in of_layer.items()}
        return dY, gradients


def lenet(*, rng: np.random.Generator, num_classes: int = 10, dtype: Any = np.float32) -> Sequential:
    """The modern LeNet (ReLU, max pooling) for 28x28 pixels: (N, 1, 28, 28) -> (N, num_classes) logits.

    >>> sum(values.size for values in lenet(rng=np.random.default_rng(0)).parameters.values())
    61706

    Source: as `d2lmini.lenet`.
    """
    drawn = {"rng": rng, "dtype": dtype}
    return Sequential(
        Conv2D(1, 6, kernel_size=5, padding=2, **drawn),  # (N, 6, 28, 28)
        ReLU(),
        MaxPool2D(2),  # (N, 6, 14, 14)
        Conv2D(6, 16, kernel_size=5, **drawn),  # (N, 16, 10, 10)
        ReLU(),
        MaxPool2D(2),  # (N, 16, 5, 5)
        Flatten(),  # (N, 400)
        Dense(400, 120, **drawn),
        ReLU(),
        Dense(120, 84, **drawn),
        ReLU(),
        Dense(84, num_classes, **drawn),
    )
