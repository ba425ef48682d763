"""Softmax and cross-entropy in one step, as in torch: apart they lose digits and can overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from d2lmini.scratch._checks import check_array, check_floating, check_labels


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities that add up to 1 in each row, (N, classes) -> (N, classes).

    The largest logit is taken off first, which changes no quotient, and no exponential overflows.

    >>> softmax(np.array([[1000.0, 1000.0, -1000.0]])).tolist()
    [[0.5, 0.5, 0.0]]
    """
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


class SoftmaxCrossEntropy:
    """The mean over the minibatch of -log q, q being the probability of the true class.

    >>> loss, cache = SoftmaxCrossEntropy().forward(np.zeros((2, 10)), np.array([3, 7]))
    >>> round(float(loss), 4), SoftmaxCrossEntropy().backward(cache)[0, :4].tolist()
    (2.3026, [0.05, 0.05, 0.05, -0.45])
    """

    def forward(self, logits: np.ndarray, labels: np.ndarray) -> tuple[float, Any]:
        """The loss, and what `backward` needs.

        Args:
            logits: (N, classes), floating point.
            labels: the true classes (N,), integers from 0.

        Raises:
            TypeError: logits that aren't floating point, labels that aren't integers.
            ValueError: another number of labels, a label without a logit.
        """
        check_array("logits", logits, "N, classes")
        check_floating("logits", logits)
        check_labels(labels, *logits.shape)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(shifted).sum(axis=1))  # (N,)
        loss = (log_sums - shifted[np.arange(len(labels)), labels]).mean()
        return loss, (softmax(logits), labels)

    def backward(self, cache: Any) -> np.ndarray:
        """The gradient for the logits (N, classes): probabilities, minus 1 at the true class, over N."""
        probabilities, labels = cache
        gradient = probabilities.copy()
        gradient[np.arange(len(labels)), labels] -= 1
        return gradient / len(labels)
