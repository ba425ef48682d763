"""Batch norm against torch in training and in evaluation, over random shapes; its gradients; its errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from strategies import tensors
from torch import nn

from d2lmini import batch_norm, channel_moments

X = torch.arange(24.0).reshape(2, 3, 2, 2).square()  # (N, C, H, W)
STATISTICS = (torch.zeros(3), torch.ones(3))


@st.composite
def normalized(draw):
    """A minibatch (N, C, ...) of up to five axes, and settings for it."""
    shape = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    settings = {
        "weight": draw(st.none() | tensors(shape[1], dtype=dtype)),
        "bias": draw(st.none() | tensors(shape[1], dtype=dtype)),
        "momentum": draw(st.sampled_from([0.0, 0.1, 0.9, 1.0])),
        "eps": draw(st.sampled_from([1e-5, 0.1, 3.0])),
    }
    mean = draw(st.none() | tensors(shape[1], dtype=dtype))
    var = None if mean is None else draw(tensors(shape[1], dtype=dtype)).square()
    return draw(tensors(*shape, dtype=dtype)), (mean, var), settings


def copies(statistics):
    return [None if each is None else each.clone() for each in statistics]


def accepts(X, statistics, training, settings) -> bool:
    try:
        F.batch_norm(X, *copies(statistics), training=training, **settings)
    except (RuntimeError, ValueError):
        return False
    return True


@given(normalized(), st.booleans())
def test_batch_norm_agrees_with_torch(case, training):
    X, statistics, settings = case
    ours, theirs = copies(statistics), copies(statistics)
    if not accepts(X, statistics, training, settings):
        with pytest.raises(ValueError):
            batch_norm(X, *ours, training=training, **settings)
        return
    Y = batch_norm(X, *ours, training=training, **settings)
    torch.testing.assert_close(
        Y, F.batch_norm(X, *theirs, training=training, **settings), rtol=1e-4, atol=1e-4
    )
    for mine, torchs in zip(ours, theirs, strict=True):
        if mine is not None:
            torch.testing.assert_close(mine, torchs, rtol=1e-4, atol=1e-4)


@given(tensors(4, 3, 2, 5, dtype=torch.float64), st.booleans())
def test_gradients_agree_with_torch(X, training):
    found = []
    for function in (batch_norm, F.batch_norm):
        leaves = [X.clone().requires_grad_(), *(torch.arange(1.0, 4).double() for _ in range(2))]
        weight, bias = (leaf.requires_grad_() for leaf in leaves[1:])
        statistics = torch.full((3,), 2.0).double(), torch.full((3,), 5.0).double()
        Y = function(leaves[0], *statistics, weight, bias, training=training)
        (Y.flatten() * torch.arange(1.0, Y.numel() + 1)).sum().backward()
        found.append([leaf.grad for leaf in leaves])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_defaults_are_torchs():
    ours, theirs = copies(STATISTICS), copies(STATISTICS)
    torch.testing.assert_close(batch_norm(X, *ours), F.batch_norm(X, *theirs))
    torch.testing.assert_close(batch_norm(X, *ours, training=True), F.batch_norm(X, *theirs, training=True))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3), nn.BatchNorm3d(3)])
def test_a_layer_of_torch_trains_like_the_function(layer):
    shape = (5, 3) + (2,) * int(type(layer).__name__[-2])
    mean, var = torch.zeros(3), torch.ones(3)
    generator = torch.Generator().manual_seed(0)
    for training in (True, True, True, False):
        batch = torch.randn(shape, generator=generator) * 4 + 7
        Y = batch_norm(batch, mean, var, torch.ones(3), torch.zeros(3), training=training)
        torch.testing.assert_close(layer.train(training)(batch), Y, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close((layer.running_mean, layer.running_var), (mean, var))


def test_evaluation_changes_nothing_and_training_keeps_no_graph():
    statistics = copies(STATISTICS)
    batch_norm(X, *statistics)
    torch.testing.assert_close(statistics, copies(STATISTICS), rtol=0, atol=0)
    batch_norm(X.clone().requires_grad_(), *statistics, training=True)
    assert not any(each.requires_grad for each in statistics)
    assert not torch.equal(statistics[0], STATISTICS[0])


@given(tensors(3, 2, 4, 5))
def test_the_moments_are_those_of_each_channel_alone(X):
    mean, var = channel_moments(X)
    for channel in range(2):
        part = X[:, channel].flatten()
        torch.testing.assert_close(mean[channel], part.mean())
        torch.testing.assert_close(var[channel], part.var(correction=0))


def test_a_constant_channel_and_a_large_mean_make_no_nan():
    Y = batch_norm(torch.full((4, 1, 3, 3), 7.0), None, None, training=True)
    assert not Y.any()
    far = torch.randn(64, 1, 4, 4, generator=torch.Generator().manual_seed(0)) + 1e4
    Y = batch_norm(far, None, None, training=True)
    assert abs(Y.mean()) < 1e-2 and abs(Y.std() - 1) < 1e-2


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: batch_norm(X.long(), *STATISTICS), TypeError, "floating-point"),
        (lambda: batch_norm([1.0], *STATISTICS), TypeError, "torch.Tensor"),
        (lambda: batch_norm(torch.zeros(3), *STATISTICS), ValueError, r"at least 2 axes \(..., N, C\)"),
        (lambda: batch_norm(X[:0], *STATISTICS), ValueError, "must not be empty"),
        (lambda: batch_norm(X, None, None), ValueError, "in evaluation there must be"),
        (lambda: batch_norm(X, None, torch.ones(3), training=True), ValueError, "both be None"),
        (lambda: batch_norm(X[:1, :, :1, :1], None, None, training=True), ValueError, "one value"),
        (lambda: batch_norm(X, torch.zeros(2), torch.ones(3)), ValueError, "`running_mean` must have one"),
        (lambda: batch_norm(X, torch.zeros(3), torch.ones(1)), ValueError, "`running_var` must have one"),
        (lambda: batch_norm(X, *STATISTICS, weight=torch.ones(3, 1)), ValueError, "`weight` must have one"),
        (lambda: batch_norm(X, *STATISTICS, bias=torch.ones(4)), ValueError, "`bias`.* of the 3 channels"),
        (lambda: batch_norm(X, *STATISTICS, eps=-1e-5), ValueError, r"`eps` \(=-1e-05\)"),
        (lambda: batch_norm(X, *STATISTICS, eps=0, training=True), ValueError, "above 0 in training"),
        (lambda: channel_moments(X.int()), TypeError, "floating-point"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
