"""The first weights of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: Any) -> np.ndarray:
    """Weights drawn uniformly from ±1 / √fan_in, torch's rule for its dense and convolutional layers.

    >>> weights = uniform(np.random.default_rng(0), (1000,), 4, np.float32)
    >>> weights.dtype, bool(0.49 < abs(weights).max() <= 0.5)
    (dtype('float32'), True)

    Source: torch.nn.Linear, section Variables.
    """
    bound = fan_in**-0.5
    return rng.uniform(-bound, bound, shape).astype(dtype)
