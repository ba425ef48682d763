"""The numerical gradient, which knows nothing of the chain rule and therefore can judge a backward pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from d2lmini.scratch.network import Layer


def numerical_gradient(function: Callable[[], float], values: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """How `function` changes with each of the `values`, which it reads: central differences.

    Args:
        function: called without arguments; returns one number. It's called twice for each value.
        values: float64, any shape; moved in place, one after the other, and put back.
        step: how far each value is moved, up and down.

    Returns:
        The gradient, in the shape of `values`. Its error is of the order of step².

    Raises:
        TypeError: not float64: in float32 the difference would drown in rounding.

    >>> x = np.array([1.0, 2.0])
    >>> numerical_gradient(lambda: (x**3).sum(), x).round(6).tolist()
    [3.0, 12.0]
    """
    check_float64(values)
    gradient = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        middle = values[place]
        values[place] = middle + step
        above = function()
        values[place] = middle - step
        below = function()
        values[place] = middle
        gradient[place] = (above - below) / (2 * step)
    return gradient


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, in units of the largest number of either array; 0 when both are zero.

    >>> relative_error(np.array([1.0, 4.0]), np.array([1.0, 3.0]))
    0.25
    """
    largest = max(np.abs(ours).max(), np.abs(theirs).max())
    return float(np.abs(ours - theirs).max() / largest) if largest else 0.0


def check_gradient(layer: Layer, X: np.ndarray, seed: int = 0, step: float = 1e-5) -> dict[str, float]:
    """Compare a layer's backward pass with the numerical gradient, for a loss drawn at random.

    The loss is the sum of the outputs, each times a random number: then the numbers are dY.

    Args:
        layer: anything with `parameters`, `forward` and `backward`; parameters in float64.
        X: the input of the layer, float64. It should lie away from kinks such as ReLU's at 0.
        seed: of the random numbers.
        step: see `numerical_gradient`.

    Returns:
        The relative error of each gradient: of "X" and of each parameter by its name. A right backward pass
        has errors below 1e-6.

    Raises:
        TypeError: not float64.
        ValueError: `backward` gives gradients of other names, or of other shapes.

    >>> from d2lmini.scratch import Dense
    >>> layer = Dense(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    >>> errors = check_gradient(layer, np.ones((4, 3)))
    >>> sorted(errors), max(errors.values()) < 1e-6
    (['X', 'bias', 'weight'], True)

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 11.5.
    """
    Y, cache = layer.forward(X)
    dY = np.random.default_rng(seed).normal(size=Y.shape)
    dX, gradients = layer.backward(dY, cache)
    check_names(gradients, layer)
    errors = {}
    for name, values in ({"X": X} | layer.parameters).items():
        ours = dX if name == "X" else gradients[name]
        theirs = numerical_gradient(lambda: (layer.forward(X)[0] * dY).sum(), values, step)
        check_same_shape(name, ours, theirs)
        errors[name] = relative_error(ours, theirs)
    return errors


def check_float64(values: np.ndarray) -> None:
    """Raise unless the numbers have enough digits for a difference quotient."""
    if values.dtype != np.float64:
        raise TypeError(
            f"a numerical gradient needs float64, got {values.dtype}: the difference of two nearly equal "
            "numbers has lost most of its digits."
        )


def check_names(gradients: dict[str, np.ndarray], layer: Layer) -> None:
    """Raise unless there is a gradient for each parameter, and no other."""
    if set(gradients) != set(layer.parameters):
        raise ValueError(
            f"`backward` gave gradients for {sorted(gradients)}, but the parameters are "
            f"{sorted(layer.parameters)}."
        )


def check_same_shape(name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raise unless a gradient has the shape of what it belongs to."""
    if ours.shape != theirs.shape:
        raise ValueError(f"the gradient of `{name}` has the shape {ours.shape}, not {theirs.shape}.")
