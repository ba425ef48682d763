"""Images to choose by, cut from the training images; and what the best of many scores owes to luck."""

from __future__ import annotations

from dataclasses import replace

import torch

from d2lmini._checks import check_int, check_number
from d2lmini.data import FashionMNIST


def validation_split(data: FashionMNIST, num_validation: int = 10_000, seed: int = 0) -> FashionMNIST:
    """A data set to make choices on: validation images stand where the test images stood.

    `num_validation` of the N training images, drawn at random, become its test images; the others stay its
    training images. The test images of `data` aren't in it, so nothing can be chosen by them.

    Shapes: training images (N − num_validation, 1, 28, 28), test images (num_validation, 1, 28, 28).

    Raises:
        ValueError: `num_validation` below 1, or no training image would be left; a negative `seed`.
        TypeError: one of them isn't an integer.

    >>> from d2lmini import load_fashion_mnist
    >>> validation_split(load_fashion_mnist("sample"), 1000)
    FashionMNIST(5000 training + 1000 test images, 10 classes, shipped sample)
    """
    check_int("num_validation", num_validation, 1)
    check_int("seed", seed, 0)
    check_some_left(num_validation, len(data.train_images))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.train_images), generator=generator)
    validation, training = order[:num_validation], order[num_validation:]
    return replace(
        data,
        train_images=data.train_images[training],
        train_labels=data.train_labels[training],
        test_images=data.train_images[validation],
        test_labels=data.train_labels[validation],
    )


def expected_best(num_candidates: int, accuracy: float, num_images: int) -> float:
    """The mean of the highest of `num_candidates` measured accuracies, if all have the same true one.

    Each is measured on `num_images` images of its own: the number of right answers is binomial, and the
    largest of k such numbers is at most x with probability F(x)^k, F being the binomial distribution. With
    one candidate it's `accuracy`. Candidates that share their images have luck in common, and less of it.

    Raises:
        ValueError: `accuracy` isn't between 0 and 1, or a number below 1.
        TypeError: a number that isn't an integer.

    >>> [round(expected_best(k, 0.9, 1000), 3) for k in (1, 10, 100)]
    [0.9, 0.914, 0.923]

    Source: the distribution of the largest of k independent values, in any text on order statistics.
    """
    check_int("num_candidates", num_candidates, 1)
    check_int("num_images", num_images, 1)
    check_number("accuracy", accuracy, 0, 1)
    right = torch.arange(num_images + 1, dtype=torch.float64)  # 0, 1, ..., num_images right answers
    binomial = torch.distributions.Binomial(num_images, torch.tensor(accuracy, dtype=torch.float64))
    at_most = binomial.log_prob(right).exp().cumsum(0)  # F(x)
    return (1 - at_most[:-1] ** num_candidates).sum().item() / num_images


def check_some_left(num_validation: int, num_images: int) -> None:
    """Raise unless a training image is left."""
    if num_validation >= num_images:
        raise ValueError(
            f"`num_validation` (={num_validation}) must be less than the {num_images} training images: "
            "at least one must be left to learn from."
        )
