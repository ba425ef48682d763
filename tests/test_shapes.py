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
from d2lmini.shapes import shape_of

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


def test_layer_shapes_keeps_every_modules_own_mode():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2).eval(), nn.Dropout())
    layer_shapes(model, (1, 1, 2, 2))
    assert [module.training for module in model.modules()] == [True, True, False, True]


class Scaled(nn.Module):
    """A container with a parameter of its own, a list of parameters, and a layer that it never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 5)
        self.scale = nn.Parameter(torch.ones(5))
        self.shifts = nn.ParameterList([torch.zeros(5), torch.zeros(5)])
        self.uncalled = nn.Linear(2, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * self.scale + sum(self.shifts) + self.uncalled.weight.sum()


def test_layer_shapes_gives_a_containers_own_parameters_a_row():
    model = nn.Sequential(nn.ReLU(), Scaled())
    assert layer_shapes(model, (3, 4)) == [
        ("0", "ReLU", (3, 4), 0),
        ("1.layer", "Linear", (3, 5), 25),
        ("1", "Scaled", (3, 5), 17),
    ]


def tied() -> nn.Module:
    """Two layers with one weight."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    return model


def shared() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


@pytest.mark.parametrize(
    ("make", "shape", "dtype"),
    [
        (shared, (1, 4), None),
        (tied, (1, 4), None),
        (Scaled, (1, 4), None),
        (lambda: nn.Sequential(nn.Embedding(9, 4), nn.LSTM(4, 3, 2)), (5, 2), torch.int64),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8), None),
        (lambda: nn.Sequential(nn.LazyLinear(3), nn.LazyConv1d(2, 1)), (1, 4, 5), None),
        (lambda: lenet().double(), (1, 1, 28, 28), None),
        (lambda: nn.Sequential(nn.Flatten()), (2, 3, 4), None),
    ],
)
def test_layer_shapes_adds_up_to_the_models_parameters(make, shape, dtype):
    model = make()
    rows = layer_shapes(model, shape, dtype)
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())


def test_layer_shapes_takes_the_first_of_several_outputs():
    rows = layer_shapes(nn.LSTM(4, 3, batch_first=True), (2, 5, 4))
    assert rows == [("", "LSTM", (2, 5, 3), 108)]
    assert layer_shapes(nn.MaxPool2d(2, return_indices=True), (1, 1, 4, 6))[0].output_shape == (1, 1, 2, 3)


def test_layer_shapes_takes_integers():
    rows = layer_shapes(nn.Embedding(10, 3), (2, 7), dtype=torch.int64)
    assert rows == [("", "Embedding", (2, 7, 3), 30)]


def test_layer_shapes_sees_a_block_with_an_empty_shortcut():
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shortcut = nn.Sequential()
            self.conv = nn.Conv2d(1, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) + self.shortcut(x)

    rows = layer_shapes(nn.Sequential(nn.Sequential(Block())), (1, 1, 2, 2))
    assert [row.name for row in rows] == ["0.0.conv", "0.0.shortcut"]
    assert [row.name for row in layer_shapes(nn.Sequential(nn.Sequential()), (1, 2))] == ["0"]


def test_outputs_without_a_tensor_have_no_shape():
    assert shape_of("text") == shape_of(None) == shape_of([1, "a"]) == ()


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
        (lambda: conv_transpose_output_size(0, 3), ValueError, r"`n` \(=0\) must be at least 1"),
        (lambda: conv_transpose_output_size(4, 3, stride=0), ValueError, r"`stride` \(=0\)"),
        (lambda: conv_transpose_output_size(4, 3, padding=-1), ValueError, r"`padding` \(=-1\)"),
        (lambda: conv_transpose_output_size(4, 3, dilation=0), ValueError, r"`dilation` \(=0\)"),
        (lambda: conv_transpose_output_size(1, 1, padding=1), ValueError, "would have -1 pixels"),
        (lambda: conv_transpose_output_size(2, 2, output_padding=1), ValueError, "`output_padding`"),
        (
            lambda: conv_transpose_output_size(2, 2, output_padding=-1),
            ValueError,
            r"`output_padding` \(=-1\)",
        ),
        (lambda: receptive_field([(3, 0)]), ValueError, "`stride`"),
        (lambda: layer_shapes(nn.Flatten(), (1, 0)), ValueError, r"`input_shape\[1\]` \(=0\)"),
    ],
)
def test_bad_settings_are_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
