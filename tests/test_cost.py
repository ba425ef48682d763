"""Counts against torch's own counter, fields against the gradient mask, over random layers and stacks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import pair_of
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from d2lmini import (
    VGG11,
    Field,
    field_after,
    field_of,
    layer_shapes,
    lenet,
    mac_count,
    mlp,
    parameter_count,
    receptive_field,
    softmax_regression,
    summary,
    vgg,
)

VGG16 = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
small = st.integers(1, 3)


def torchs_macs(model: nn.Module, *shape: int) -> int:
    """Half of the operations that torch counts, which are products and sums."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(*shape, device=next(model.parameters()).device))
    return counter.get_total_flops() // 2


def convnet() -> nn.Sequential:
    """The textbook's ConvNet, its functions as layers."""
    body = (nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 3), nn.ReLU())
    head = (nn.Flatten(), nn.Linear(2000, 500), nn.ReLU(), nn.Linear(500, 10), nn.LogSoftmax(dim=1))
    return nn.Sequential(*body, *head)


# --- parameters and multiply-accumulates --------------------------------------------------------


@st.composite
def convolutions(draw):
    """A convolution, plain, grouped or transposed, with one to three axes, and the shape of an input."""
    axes, groups = draw(small), draw(small)
    transposed = draw(st.booleans())
    name = f"Conv{'Transpose' * transposed}{axes}d"
    stride = draw(small)
    layer = getattr(nn, name)(
        groups * draw(small),
        groups * draw(small),
        draw(small),
        stride=stride,
        padding=draw(st.integers(0, 2)),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
        bias=draw(st.booleans()),
    )
    return layer, (draw(small), layer.in_channels, *(draw(st.integers(3, 7)) for _ in range(axes)))


@given(convolutions())
@settings(deadline=None)
def test_a_convolution_counts_as_by_torch(case):
    layer, shape = case
    try:
        expected = torchs_macs(layer, *shape)
    except RuntimeError:
        assume(False)  # the window doesn't fit
    assert mac_count(layer, shape) == expected
    shape_of_weight = layer.weight.shape
    assert parameter_count(layer) == shape_of_weight.numel() + (layer.bias is not None) * layer.out_channels


@given(st.lists(st.integers(1, 9), min_size=0, max_size=2), st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None)
def test_a_dense_layer_counts_as_by_torch(rows, inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    assert mac_count(layer, (2, *rows, inputs)) == torchs_macs(layer, 2, *rows, inputs)


@pytest.mark.parametrize(
    ("make", "side"),
    [
        (lenet, 28),
        (convnet, 28),
        (mlp, 28),
        (softmax_regression, 28),
        (lambda: vgg(VGG11), 224),
        (lambda: vgg(VGG16), 224),
        (lambda: vgg(VGG11, image_size=32, batch_norm=True), 32),
    ],
)
def test_the_books_models_count_as_by_torch_without_memory(make, side):
    with torch.device("meta"):
        model = make()
    table = summary(model, (2, 1, side, side))
    assert table.macs == mac_count(model, (2, 1, side, side)) == torchs_macs(model, 2, 1, side, side)
    assert table.parameters == parameter_count(model)


def test_the_textbooks_numbers():
    assert parameter_count(nn.Conv2d(3, 16, 3)) == 448
    assert mac_count(nn.Conv2d(1, 1, 3, padding=1), (1, 1, 32, 32)) == 9 * 1024
    assert mac_count(nn.ConvTranspose2d(3, 1, 2, stride=2), (1, 3, 2, 2)) == 48  # not 192
    assert [row.macs for row in summary(convnet(), (1, 1, 28, 28)).rows if row.macs] == [
        144_000,
        180_000,
        1_000_000,
        5_000,
    ]
    assert parameter_count(convnet()) == 1_007_590
    assert (parameter_count(lenet()), mac_count(lenet(), (1, 1, 28, 28))) == (61_706, 416_520)
    with torch.device("meta"):
        model, large = vgg(VGG11), nn.Conv2d(128, 128, 5, padding=2)
    assert parameter_count(model) == 128_806_154
    assert mac_count(large, (1, 128, 256, 256)) == 26_843_545_600


def test_what_only_moves_or_scales_costs_nothing():
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.BatchNorm2d(4), nn.ReLU(), nn.PReLU(), nn.Flatten()):
        assert mac_count(layer, (2, 4, 6, 6)) == 0
    assert mac_count(nn.Embedding(9, 4), (2, 3), torch.int64) == 0


def test_a_shared_layer_works_twice_and_is_stored_once():
    layer = nn.Conv2d(4, 4, 3, padding=1)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert parameter_count(model) == parameter_count(layer)
    shape = (1, 4, 8, 8)
    assert mac_count(model, shape) == 2 * mac_count(layer, shape) == torchs_macs(model, *shape)


def test_a_transposed_layer_called_by_keyword():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.ConvTranspose2d(3, 1, 2, stride=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(input=x)

    assert mac_count(Named(), (1, 3, 2, 2)) == 48


class Own(nn.Module):
    """A module that multiplies by a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.kernel)


@pytest.mark.parametrize(
    ("model", "shape", "says"),
    [
        (nn.LSTM(4, 3), (2, 5, 4), "`model` is a LSTM with 108 parameters of its own"),
        (nn.Sequential(nn.ReLU(), Own()), (1, 1, 5, 5), "`1` is a Own with 9 parameters of its own"),
        (nn.TransformerEncoderLayer(8, 2, 16), (2, 3, 8), "parameters of its own"),
    ],
)
def test_what_has_no_rule_is_refused(model, shape, says):
    for count in (mac_count, summary):
        with pytest.raises(TypeError, match=says):
            count(model, shape)


# --- receptive fields ---------------------------------------------------------------------------

step = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3))


def seen(net: nn.Module, n: int, i: int) -> tuple[int, int]:
    """The first and the last pixel with a gradient of output i, along one axis of n pixels."""
    X = torch.zeros(1, 1, n, dtype=torch.float64, requires_grad=True)
    net(X)[0, 0, i].backward()
    where = X.grad[0, 0].nonzero().flatten()
    return where[0].item(), where[-1].item()


def layer_of(window: tuple[int, int, int, int], pooling: bool) -> nn.Module:
    k, s, p, d = window
    if pooling and d == 1 and p <= k // 2:
        return nn.AvgPool1d(k, s, p)
    layer = nn.Conv1d(1, 1, k, s, p, d, bias=False).double()
    nn.init.ones_(layer.weight)
    return layer


@given(st.lists(st.tuples(step, st.booleans()), min_size=1, max_size=4))
@settings(deadline=None, max_examples=250)
def test_the_field_is_where_the_gradient_is(layers):
    windows = [window for window, _ in layers]
    field = field_of(windows)
    net = nn.Sequential(*(layer_of(*layer) for layer in layers))
    i = -(-max(0, -field.offset) // field.jump)  # the first output whose field begins in the picture
    n = field.offset + i * field.jump + field.size
    first = field.offset + i * field.jump
    assert seen(net, n, i) == (first, first + field.size - 1)
    assert seen(net, n + field.jump, i + 1)[0] == first + field.jump
    (row,) = summary(net, (1, 1, n)).rows[-1:]
    assert row.fields == (field,)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), max_size=5))
def test_without_padding_it_is_the_receptive_field(layers):
    assert field_of(layers)[:2] == receptive_field(layers)


@given(pair_of(small), pair_of(small), pair_of(st.integers(0, 2)), pair_of(small))
def test_every_axis_has_its_own_field(kernel_size, stride, padding, dilation):
    layer = nn.Conv2d(1, 1, kernel_size, stride, padding, dilation)
    (row,) = summary(layer, (1, 1, 9, 9)).rows
    windows = zip(layer.kernel_size, layer.stride, layer.padding, layer.dilation, strict=True)
    assert row.fields == tuple(field_of([window]) for window in windows)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("k", "d"), [(3, 1), (5, 1), (3, 2), (5, 3), (1, 1), (4, 1), (2, 3)])
def test_same_padding_begins_where_torchs_does(k, d):
    layer = nn.Conv1d(1, 1, k, dilation=d, padding="same", bias=False)
    nn.init.ones_(layer.weight)
    first = 10 - d * (k - 1) // 2 if d * (k - 1) % 2 == 0 else 10 - (d * (k - 1) - 1) // 2
    assert seen(layer.double(), 20, 10)[0] == first
    (row,) = summary(layer, (1, 1, 20)).rows
    assert row.fields == (Field(d * (k - 1) + 1, 1, -(d * (k - 1) // 2)),)
    (row,) = summary(nn.Conv1d(1, 1, k, dilation=d, padding="valid"), (1, 1, 20)).rows
    assert row.fields == (Field(d * (k - 1) + 1, 1, 0),)


def test_the_fields_of_the_book():
    assert field_of([(3,)] * 2).size == field_of([(5,)]).size == 5
    assert (field_of([(3,)] * 3).size, field_of([(5,)] * 2).size) == (7, 9)  # not the same
    assert field_of([(5, 1, 2), (2, 2), (5,), (2, 2)]) == (16, 4, -2)
    with torch.device("meta"):
        rows = summary(vgg(VGG11), (1, 1, 224, 224)).rows
    (last,) = [row for row in rows if row.name == "4.4"]
    assert last.fields == (Field(150, 32, -59),) * 2
    assert rows[-1].fields is None and rows[-1].output_shape == (1, 10)


class Step(nn.Module):
    """Two convolutions with what `between` does to the map."""

    def __init__(self, between) -> None:
        super().__init__()
        self.first, self.second, self.between = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), between

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.between(self.first(x)))


@pytest.mark.parametrize(
    ("between", "field"),
    [
        (nn.Identity(), 5),
        (nn.ReLU(inplace=True), 5),
        (nn.Sequential(nn.ReLU(inplace=True), nn.Sequential(nn.AvgPool2d(2))), 8),
        (lambda x: x, 5),
        (lambda x: F.max_pool2d(x, 2), None),  # a function: a hook doesn't hear it
        (lambda x: x.add_(1), None),  # changed in place, by whatever
        (nn.Softmax(dim=3), None),
    ],
)
def test_a_field_is_told_only_where_it_is_known(between, field):
    row = summary(Step(between), (1, 1, 12, 12)).rows[-1]
    assert (row.fields and row.fields[0].size) == field


def test_branches_don_t_mix():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 5, padding=2)
            self.after = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.after(self.a(x) + self.b(x))

    sizes = [row.fields and row.fields[0].size for row in summary(Branches(), (1, 1, 9, 9)).rows]
    assert sizes == [3, 5, None]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: field_after(Field(), 0), ValueError, r"`kernel_size` \(=0\) must be at least 1"),
        (lambda: field_after(Field(), 3, 0), ValueError, r"`stride` \(=0\) must be at least 1"),
        (lambda: field_after(Field(), 3, 1, -1), ValueError, r"`padding` \(=-1\)"),
        (lambda: field_after(Field(), 3, 1, 0, 0), ValueError, r"`dilation` \(=0\)"),
        (lambda: field_of([(3, 1), (2.0, 2)]), TypeError, r"`kernel_size` \(=2.0\) must be an integer"),
        (lambda: mac_count(nn.Flatten(), (1, 0)), ValueError, r"`input_shape\[1\]`"),
    ],
)
def test_bad_settings_are_named(call, error, says):
    with pytest.raises(error, match=says):
        call()


# --- memory and the table -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_activations_are_the_bytes_of_all_outputs(dtype):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2)).to(dtype)
    size = dtype.itemsize
    rows = summary(model, (2, 1, 8, 8)).rows
    assert [row.activation_bytes for row in rows] == [2 * 4 * 36 * size, 2 * 4 * 36 * size, 2 * 4 * 9 * size]
    pooled = summary(nn.MaxPool2d(2, return_indices=True), (1, 1, 4, 4))
    assert pooled.activation_bytes == 4 * 4 + 4 * 8  # values, and places as int64


def test_the_rows_are_those_of_layer_shapes():
    model, shape = vgg(((1, 4), (2, 8)), image_size=8, num_hidden=5), (2, 1, 8, 8)
    rows = summary(model, shape).rows
    assert [row[:4] for row in rows] == [tuple(row) for row in layer_shapes(model, shape)]


def test_the_table_can_be_read():
    layers = (nn.Conv2d(1, 6, (3, 5), stride=(1, 2)), nn.ReLU(), nn.Flatten(), nn.Linear(1872, 10))
    assert repr(summary(nn.Sequential(*layers), (1, 1, 28, 28))).splitlines() == [
        "layer  type     output          parameters    MACs   bytes  field  jump",
        "0      Conv2d   (1, 6, 26, 12)          96  28,080   7,488    3x5   1x2",
        "1      ReLU     (1, 6, 26, 12)           0       0   7,488    3x5   1x2",
        "2      Flatten  (1, 1872)                0       0   7,488",
        "3      Linear   (1, 10)             18,730  18,720      40",
        "total                               18,826  46,800  22,504",
    ]


def test_nothing_is_left_behind():
    model = lenet().train()
    summary(model, (1, 1, 28, 28))
    with pytest.raises(RuntimeError):
        summary(model, (1, 1, 20, 20))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model.training
