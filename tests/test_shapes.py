"""Every size formula against what torch's layers return; receptive fields; the shapes of whole models."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from d2lmini import (
    VGG11,
    conv_output_size,
    conv_transpose_output_size,
    layer_shapes,
    lenet,
    pool_output_size,
    receptive_field,
    vgg,
)

small = st.integers(1, 4)


def size_or_refusal(function, *args, **kwargs):
    """What a function returns, or None when it refuses."""
    try:
        return function(*args, **kwargs)
    except (RuntimeError, ValueError):
        return None


@given(n=st.integers(1, 20), k=small, p=st.integers(0, 3), s=small, d=small)
def test_convolution(n, k, p, s, d):
    def theirs():
        return F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, s, p, d).shape[-1]

    assert size_or_refusal(conv_output_size, n, k, p, s, d) == size_or_refusal(theirs)


@example(n=1, k=2, p=0, s=None, d=1, ceil_mode=True)  # a window larger than the input, hanging over
@example(n=1, k=4, p=0, s=2, d=1, ceil_mode=True)  # and one too large even for that
@given(
    n=st.integers(1, 20),
    k=small,
    p=st.integers(0, 3),
    s=st.none() | small,
    d=small,
    ceil_mode=st.booleans(),
)
def test_pooling(n, k, p, s, d, ceil_mode):
    def theirs():
        return F.max_pool2d(torch.zeros(1, 1, n), (1, k), (1, s or k), (0, p), (1, d), ceil_mode).shape[-1]

    assert size_or_refusal(pool_output_size, n, k, p, s, d, ceil_mode) == size_or_refusal(theirs)


@given(n=st.integers(1, 12), k=small, p=st.integers(0, 3), s=small, o=st.integers(0, 3), d=small)
def test_transposed_convolution(n, k, p, s, o, d):
    def theirs():
        X, K = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
        return F.conv_transpose1d(X, K, None, s, p, o, 1, d).shape[-1]

    assert size_or_refusal(conv_transpose_output_size, n, k, p, s, o, d) == size_or_refusal(theirs)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4))
def test_receptive_field_is_where_the_gradient_is_not_zero(layers):
    field, jump = receptive_field(layers)
    net = nn.Sequential(*(nn.Conv1d(1, 1, k, s, bias=False).double() for k, s in layers))
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    X = torch.zeros(1, 1, field + jump, dtype=torch.float64, requires_grad=True)
    Y = net(X)[0, 0]
    seen = [torch.autograd.grad(y, X, retain_graph=True)[0][0, 0].nonzero().flatten() for y in Y[:2]]
    assert (seen[0][0].item(), seen[0][-1].item()) == (0, field - 1)
    assert seen[1][0].item() == jump


def test_receptive_fields_of_the_book():
    assert receptive_field([(3, 1)] * 2) == (5, 1)
    assert receptive_field([(3, 1)] * 3) == (7, 1)
    assert receptive_field([(5, 1)] * 2) == (9, 1)
    assert receptive_field([(5, 1), (2, 2)] * 2) == (16, 4)
    vgg11 = [layer for convs, _ in VGG11 for layer in [(3, 1)] * convs + [(2, 2)]]
    assert receptive_field(vgg11) == (150, 32)


def test_layer_shapes_of_lenet():
    rows = layer_shapes(lenet(), (1, 1, 28, 28))
    assert [row.output_shape[1:] for row in rows if row.type in ("Conv2d", "AvgPool2d", "Linear")] == [
        (6, 28, 28),
        (6, 14, 14),
        (16, 10, 10),
        (16, 5, 5),
        (120,),
        (84,),
        (10,),
    ]
    assert [row.parameters for row in rows if row.parameters] == [156, 2416, 48120, 10164, 850]


def test_layer_shapes_of_vgg11_need_no_memory():
    with torch.device("meta"):
        model = vgg(VGG11)
    pooled = [row.output_shape for row in layer_shapes(model, (1, 1, 224, 224)) if row.type == "MaxPool2d"]
    assert pooled == [(1, c, s, s) for c, s in ((64, 112), (128, 56), (256, 28), (512, 14), (512, 7))]


def test_layer_shapes_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout())
    before = model[0].running_mean.clone()
    layer_shapes(model, (2, 1, 3, 3))
    with pytest.raises(RuntimeError):
        layer_shapes(nn.Sequential(model, nn.Linear(7, 1)), (2, 1, 3, 3))
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(model[0].running_mean, before)
    assert model.training
    assert layer_shapes(model.eval(), (2, 1, 3, 3))[0].parameters == 2
    assert not model.training


def test_layer_shapes_evaluates():
    """In training mode a batch norm refuses a single value for each channel."""
    assert layer_shapes(nn.BatchNorm1d(4), (1, 4))[0].output_shape == (1, 4)


def test_layer_shapes_counts_every_call():
    shared = nn.Linear(4, 4)
    assert [row.name for row in layer_shapes(nn.Sequential(shared, nn.ReLU(), shared), (1, 4))] == [
        "0",
        "1",
        "0",
    ]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: conv_output_size(4, 5), ValueError, "reaches over 5 pixels .* only 4"),
        (
            lambda: conv_output_size(2, 5, 1, dilation=2),
            ValueError,
            r"over 9 .* only 4 \(`n` 2 \+ 2 x `padding` 1",
        ),
        (lambda: conv_output_size(4, 3, stride=0), ValueError, r"`stride` \(=0\) must be at least 1"),
        (lambda: conv_output_size(4, 3, padding=-1), ValueError, r"`padding` \(=-1\)"),
        (lambda: conv_output_size(float("nan"), 3), ValueError, r"`n` \(=nan\)"),
        (lambda: conv_output_size(4.0, 3), TypeError, r"`n` \(=4.0\) must be an integer, got float"),
        (lambda: conv_output_size(True, 1), TypeError, "bool"),
        (lambda: pool_output_size(4, 2, padding=2), ValueError, "at most half of `kernel_size`"),
        (lambda: conv_transpose_output_size(1, 1, padding=1), ValueError, "would have -1 pixels"),
        (lambda: conv_transpose_output_size(2, 2, output_padding=1), ValueError, "`output_padding`"),
        (lambda: receptive_field([(3, 0)]), ValueError, "`stride`"),
        (lambda: layer_shapes(nn.Flatten(), (1, 0)), ValueError, r"`input_shape\[1\]` \(=0\)"),
    ],
)
def test_bad_settings_are_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
