"""The validation split keeps every image with its label and no test image; luck by its formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d2lmini import expected_best, load_fashion_mnist, validation_split

SAMPLE = load_fashion_mnist("sample")


def numbered(n: int):
    """Numbers in place of images: image i is full of i, and so is its label."""
    images = torch.arange(n).reshape(n, 1, 1, 1).float()
    return replace(SAMPLE, train_images=images, train_labels=torch.arange(n))


@given(st.integers(2, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1))), st.integers(0, 99))
def test_a_split_loses_no_image_and_has_none_twice(sizes, seed):
    n, num_validation = sizes
    parts = validation_split(numbered(n), num_validation, seed)
    assert len(parts.test_images) == len(parts.test_labels) == num_validation
    assert parts.train_images.shape == (n - num_validation, 1, 1, 1)
    labels = torch.cat([parts.train_labels, parts.test_labels])
    assert labels.sort().values.tolist() == list(range(n))
    assert torch.equal(torch.cat([parts.train_images, parts.test_images]).flatten(), labels.float())


def test_a_split_is_the_same_every_time_and_another_with_another_seed():
    parts = [validation_split(numbered(50), 20, seed).test_labels for seed in (0, 0, 1)]
    assert torch.equal(parts[0], parts[1]) and not torch.equal(parts[0], parts[2])
    assert torch.equal(validation_split(numbered(50), 20).test_labels, parts[0])
    assert len(validation_split(numbered(10_001)).test_labels) == 10_000  # unless said otherwise


def test_a_split_doesnt_draw_from_torchs_generator():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    validation_split(numbered(50), 20)
    assert torch.rand(1) == wanted


def test_the_images_of_a_split_are_in_no_order():
    """The sample is in order of nothing, but a data set may be sorted by class: the split must mix it."""
    parts = validation_split(numbered(1000), 100)
    assert parts.test_labels.min() < 100 and parts.test_labels.max() >= 900
    assert not torch.equal(parts.train_labels, parts.train_labels.sort().values)


def test_the_test_images_are_gone_and_the_data_stays():
    before = SAMPLE.train_labels.clone()
    parts = validation_split(SAMPLE, 1000)
    assert not (parts.test_images[:100, None] == SAMPLE.test_images[None, :100]).flatten(2).all(2).any()
    assert len(SAMPLE.train_images) == 6000 and torch.equal(SAMPLE.train_labels, before)
    assert parts.class_names == SAMPLE.class_names and parts.is_sample
    assert parts.train_images.dtype == torch.uint8


@given(st.integers(1, 6), st.floats(0.05, 0.95), st.integers(1, 12))
def test_the_expected_best_by_summing_over_all_outcomes(k, accuracy, n):
    x = torch.arange(n + 1, dtype=torch.float64)
    one = torch.distributions.Binomial(n, torch.tensor(accuracy, dtype=torch.float64)).log_prob(x).exp()
    best = one
    for _ in range(k - 1):  # the distribution of the larger of two independent numbers
        below_best, below_one = best.cumsum(0), one.cumsum(0)
        best = best * below_one + one * below_best - best * one
    assert expected_best(k, accuracy, n) == pytest.approx((best * x).sum().item() / n, abs=1e-6)


def test_the_expected_best_by_drawing():
    torch.manual_seed(0)
    right = torch.distributions.Binomial(500, torch.tensor(0.8)).sample((4000, 20))
    assert expected_best(20, 0.8, 500) == pytest.approx(
        (right.max(dim=1).values / 500).mean().item(), abs=1e-3
    )


@pytest.mark.parametrize("accuracy", [0, 0.25, 1])
def test_one_candidate_has_its_accuracy_on_average(accuracy):
    assert expected_best(1, accuracy, 1000) == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: validation_split(numbered(6), 6),
            ValueError,
            r"`num_validation` \(=6\) must be less than the 6",
        ),
        (lambda: validation_split(numbered(6), 7), ValueError, "at least one must be left"),
        (lambda: validation_split(numbered(6), 0), ValueError, r"`num_validation` \(=0\) must be at least 1"),
        (lambda: validation_split(numbered(6), 0.2), TypeError, "must be an integer, got float"),
        (lambda: validation_split(numbered(6), 2, -1), ValueError, r"`seed` \(=-1\)"),
        (lambda: expected_best(0, 0.5, 10), ValueError, "`num_candidates`"),
        (lambda: expected_best(2, 0.5, 0), ValueError, "`num_images`"),
        (lambda: expected_best(2, 1.5, 10), ValueError, r"`accuracy` \(=1.5\) must be from 0 to 1"),
        (lambda: expected_best(2, 50, 10), ValueError, "`accuracy`"),
        (lambda: expected_best(2.0, 0.5, 10), TypeError, "must be an integer"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
