"""The L2 penalty, dropout and early stopping against torch and against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from strategies import tensors
from torch import nn

from d2lmini import dropout, early_stopping, l2_penalty

OPTIMIZERS = [
    {"lr": 0.1},
    {"lr": 0.01, "momentum": 0.9},
    {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"lr": 0.03, "momentum": 0.5, "dampening": 0.2},
]


# --- the L2 penalty -----------------------------------------------------------------------------


@given(tensors(3, 4), tensors(5), st.floats(0, 10))
def test_the_penalty_is_half_the_sum_of_squares(W, b, weight_decay):
    wanted = 0.5 * weight_decay * (W.double().pow(2).sum() + b.double().pow(2).sum())
    torch.testing.assert_close(l2_penalty([W, b], weight_decay).double(), wanted, rtol=1e-5, atol=1e-5)


@given(tensors(3, 4, dtype=torch.float64), st.floats(0, 10))
def test_its_gradient_is_the_weight_times_the_decay(W, weight_decay):
    W.requires_grad_()
    l2_penalty([W], weight_decay).backward()
    torch.testing.assert_close(W.grad, weight_decay * W.detach())


@pytest.mark.parametrize("settings", OPTIMIZERS)
@pytest.mark.parametrize("weight_decay", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_training_with_it_is_training_with_weight_decay(settings, weight_decay, optimizer):
    if optimizer is torch.optim.Adam:
        settings = {"lr": settings["lr"]}
    torch.manual_seed(0)
    X, y = torch.randn(16, 6, dtype=torch.float64), torch.randn(16, 1, dtype=torch.float64)
    ours = nn.Linear(6, 1).double()
    theirs = nn.Linear(6, 1).double()
    theirs.load_state_dict(ours.state_dict())
    first = optimizer(ours.parameters(), **settings)
    second = optimizer(theirs.parameters(), weight_decay=weight_decay, **settings)
    for _ in range(5):
        first.zero_grad()
        (F.mse_loss(ours(X), y) + l2_penalty(ours.parameters(), weight_decay)).backward()
        first.step()
        second.zero_grad()
        F.mse_loss(theirs(X), y).backward()
        second.step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()), rtol=1e-6, atol=1e-8)


# --- dropout ------------------------------------------------------------------------------------


@given(
    st.sampled_from([torch.float32, torch.float64]).flatmap(lambda dtype: tensors(3, 5, 4, dtype=dtype)),
    st.sampled_from([0, 0.1, 0.5, 0.9, 1]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_dropout_is_torchs_to_the_last_bit(X, p, training, seed):
    torch.manual_seed(seed)
    ours = dropout(X, p, training)
    torch.manual_seed(seed)
    assert torch.equal(ours, F.dropout(X, float(p), training)) and ours.dtype == X.dtype


@given(tensors(40), st.sampled_from([0.2, 0.5, 1.0]), st.integers(0, 1000))
def test_its_gradient_passes_where_the_number_passed(X, p, seed):
    gradients = []
    for function in (dropout, F.dropout):
        torch.manual_seed(seed)
        leaf = X.clone().requires_grad_()
        (function(leaf, p) * torch.arange(40)).sum().backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_expectation_is_kept(p):
    torch.manual_seed(0)
    dropped = dropout(torch.full((100_000,), 3.0), p)
    assert abs((dropped == 0).float().mean() - p) < 0.01
    assert abs(dropped.mean() - 3) < 0.05
    assert dropped.max().item() == pytest.approx(3 / (1 - p))


def test_the_defaults_are_those_of_the_layer():
    X, layer = torch.ones(100), nn.Dropout()
    torch.manual_seed(0)
    ours = dropout(X)
    torch.manual_seed(0)
    assert torch.equal(ours, layer(X))
    assert dropout(X, training=False) is X and dropout(X, 0) is X


def test_the_input_stays_as_it_was():
    X = torch.ones(100)
    dropout(X, 0.5)
    assert X.eq(1).all()


# --- early stopping -----------------------------------------------------------------------------


def by_definition(scores, patience):
    """The slow way: go through all epochs, looking back from each."""
    for epoch in range(len(scores)):
        best = scores.index(max(scores[: epoch + 1]))
        if epoch - best >= patience:
            return best, epoch
    return scores.index(max(scores)), len(scores) - 1


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(1, 5))
def test_early_stopping_by_its_definition(scores, patience):
    assert early_stopping(scores, patience) == by_definition(scores, patience)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=12), st.integers(1, 5))
def test_it_can_be_asked_after_every_epoch(scores, patience):
    best, last = early_stopping(scores, patience)
    for epoch in range(last):
        found, end = early_stopping(scores[: epoch + 1], patience)
        assert end == epoch and epoch - found < patience
    assert early_stopping(scores[: last + 1], patience) == (best, last)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: l2_penalty([torch.ones(2)], -0.1), ValueError, r"`weight_decay` \(=-0.1\) must be finite"),
        (lambda: l2_penalty([torch.ones(2)], math.inf), ValueError, "finite"),
        (lambda: l2_penalty([torch.ones(2)], math.nan), ValueError, r"`weight_decay` \(=nan\)"),
        (lambda: l2_penalty([torch.ones(2)], "0.1"), TypeError, "must be a number, got str"),
        (lambda: dropout(torch.ones(2), 1.5), ValueError, r"`p` \(=1.5\) must be from 0 to 1"),
        (lambda: dropout(torch.ones(2), -0.1), ValueError, r"`p` \(=-0.1\)"),
        (lambda: dropout(torch.ones(2), True), TypeError, "must be a number, got bool"),
        (lambda: dropout(torch.ones(2).long(), 0.5), TypeError, "floating-point tensor, got torch.int64"),
        (lambda: dropout([1.0], 0.5), TypeError, "floating-point tensor, got list"),
        (lambda: dropout(torch.ones(2), 1.5, training=False), ValueError, "`p`"),
        (lambda: early_stopping([], 2), ValueError, "at least one score"),
        (lambda: early_stopping([0.5, math.nan], 2), ValueError, "must not hold NaN"),
        (lambda: early_stopping([0.5], 0), ValueError, r"`patience` \(=0\) must be at least 1"),
        (lambda: early_stopping([0.5], 1.5), TypeError, "must be an integer"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
