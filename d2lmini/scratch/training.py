"""Gradient descent in NumPy: the step, the loop, the accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np

from d2lmini._checks import check_int
from d2lmini.history import History
from d2lmini.scratch.loss import SoftmaxCrossEntropy
from d2lmini.scratch.network import Layer


def sgd_step(
    layer: Layer,
    gradients: dict[str, np.ndarray],
    velocity: dict[str, np.ndarray],
    lr: float,
    momentum: float = 0.0,
) -> dict[str, np.ndarray]:
    """Move the parameters in place by -lr times the velocity, and give the new velocity.

    The velocity is momentum times the old one plus the gradient, as in `torch.optim.SGD`; {} to begin with.

    >>> from d2lmini.scratch import Dense
    >>> layer = Dense(1, 1, rng=np.random.default_rng(0))
    >>> layer.parameters["weight"][:] = 1
    >>> gradients = {"weight": np.ones((1, 1), np.float32)}
    >>> velocity = sgd_step(layer, gradients, {}, lr=0.25, momentum=0.5)
    >>> velocity = sgd_step(layer, gradients, velocity, lr=0.25, momentum=0.5)
    >>> layer.parameters["weight"].item()  # 1 - 0.25 * 1 - 0.25 * 1.5
    0.375
    """
    velocity = {name: momentum * velocity.get(name, 0) + gradient for name, gradient in gradients.items()}
    parameters = layer.parameters
    for name, values in velocity.items():
        parameters[name] -= lr * values
    return velocity


def train(
    network: Layer,
    data: Any,
    *,
    num_epochs: int = 3,
    batch_size: int = 64,
    lr: float = 0.05,
    momentum: float = 0.9,
    seed: int = 0,
) -> History:
    """Train a network in place, and measure it on the test images after every epoch.

    Args:
        network: maps images (N, 1, 28, 28), float32 in [0, 1], to logits (N, classes).
        data: what `load_fashion_mnist` gives, or anything with the same four arrays: `train_images`,
            `train_labels`, `test_images`, `test_labels`; images (N, 1, 28, 28) as uint8 or float32.
        num_epochs, batch_size, lr, momentum: passes over the data, images a step, see `sgd_step`.
        seed: of the shuffles.

    Returns:
        The history. The same call on the same machine gives the same one.

    Raises:
        ValueError: a setting below its minimum; as many labels as images aren't given; no images.
        FloatingPointError: the loss became NaN or infinite.
    """
    check_int("num_epochs", num_epochs, 0)
    check_int("batch_size", batch_size, 1)
    images, labels = np.asarray(data.train_images), np.asarray(data.train_labels)
    check_same_length(images, labels)
    rng, loss_function = np.random.default_rng(seed), SoftmaxCrossEntropy()
    history, velocity = History(), {}
    for _ in range(num_epochs):
        total_loss, num_correct = 0.0, 0
        order = rng.permutation(len(images))
        for rows in np.split(order, range(batch_size, len(order), batch_size)):
            logits, caches = network.forward(as_float(images[rows]))
            loss, cache = loss_function.forward(logits, labels[rows])
            check_finite(loss)
            _, gradients = network.backward(loss_function.backward(cache), caches)
            velocity = sgd_step(network, gradients, velocity, lr, momentum)
            total_loss += loss * len(rows)
            num_correct += (logits.argmax(axis=1) == labels[rows]).sum()
        accuracy = evaluate(network, np.asarray(data.test_images), np.asarray(data.test_labels))
        history.append(float(total_loss / len(images)), float(num_correct / len(images)), accuracy)
    return history


def evaluate(network: Layer, images: np.ndarray, labels: np.ndarray, batch_size: int = 100) -> float:
    """The share of images (N, 1, 28, 28) whose largest logit is at the true label, from 0 to 1.

    Raises:
        ValueError: another number of labels than of images, no images, `batch_size` below 1.

    >>> from d2lmini.scratch import Flatten
    >>> evaluate(Flatten(), np.eye(2).reshape(2, 1, 1, 2), np.array([0, 0]))
    0.5
    """
    check_int("batch_size", batch_size, 1)
    check_same_length(images, labels)
    num_correct = 0
    for start in range(0, len(images), batch_size):
        logits, _ = network.forward(as_float(images[start : start + batch_size]))
        num_correct += (logits.argmax(axis=1) == labels[start : start + batch_size]).sum()
    return float(num_correct / len(images))


def as_float(images: np.ndarray) -> np.ndarray:
    """Map uint8 0..255 to float32 0..1; leave floating point as it is.

    >>> as_float(np.array([0, 255], np.uint8))
    array([0., 1.], dtype=float32)
    """
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images


def check_same_length(images: np.ndarray, labels: np.ndarray) -> None:
    """Raise unless there is one label for each of at least one image."""
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            f"there must be one label for each image, and at least one: got {len(images)} images and "
            f"{len(labels)} labels."
        )


def check_finite(loss: float) -> None:
    """Raise when the loss is NaN or infinite."""
    if not np.isfinite(loss):
        raise FloatingPointError(f"the loss became {loss}: try a smaller learning rate.")
