"""What a network costs and what it sees: parameters, multiply-accumulates, memory, receptive fields."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
from torch import nn

from d2lmini.shapes import Call, check_axis, layer_calls, owned_parameters, record_calls
from d2lmini.variants import as_tuple

WEIGHED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
PAINTED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
WINDOWED = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
)
NORMALISING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
POINTWISE = (
    *NORMALISING,
    *(nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish),
    *(nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout, nn.Dropout2d),
)
FREE = (*NORMALISING, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.PReLU, nn.Embedding)
"""Layers that have parameters and yet, by the usual convention, no multiply-accumulates."""


def parameter_count(model: nn.Module) -> int:
    """How many numbers a model learns; one that several layers share counts once, buffers not at all.

    >>> parameter_count(nn.Conv2d(3, 16, 3)), parameter_count(nn.BatchNorm2d(16))
    (448, 32)
    """
    return sum(parameter.numel() for parameter in model.parameters())


def layer_macs(layer: nn.Module, input_shape: Sequence[int], output_shape: Sequence[int]) -> int:
    """Multiply-accumulates of one call of one layer; 0 for pooling, batch norm, activations.

    A convolution or a dense layer spends one kernel on every number that it *gives*, a transposed
    convolution one on every number that it *gets*. Zeros of the padding count, biases don't.

    Args:
        layer: the layer; its kernel is `layer.weight[0]`, (in_channels / groups, kh, kw) or, transposed,
            (out_channels / groups, kh, kw).
        input_shape, output_shape: the full shapes, with the batch.

    >>> layer_macs(nn.Conv2d(3, 16, 3, padding=1), (1, 3, 32, 32), (1, 16, 32, 32))  # 27 * 16 * 1024
    442368
    >>> layer_macs(nn.ConvTranspose2d(3, 1, 2, stride=2), (1, 3, 2, 2), (1, 1, 4, 4))
    48

    Source: torch.utils.flop_counter, which counts each of them as two operations.
    """
    if isinstance(layer, WEIGHED):
        return prod(output_shape) * layer.weight[0].numel()
    if isinstance(layer, PAINTED):
        return prod(input_shape) * layer.weight[0].numel()
    return 0


def mac_count(model: nn.Module, input_shape: Sequence[int], dtype: torch.dtype | None = None) -> int:
    """Multiply-accumulates of one forward pass, by the rules of `layer_macs`.

    Only layers are seen, no functions: what `forward` computes without a module (`F.conv2d`, `@`) is missing.
    Arguments, and a model on the device "meta", as for `layer_shapes`.

    Raises:
        TypeError: a layer with parameters that no rule is known for, such as an LSTM.

    >>> from d2lmini import lenet
    >>> mac_count(lenet(), (1, 1, 28, 28))
    416520
    """
    calls = record_calls(model, input_shape, dtype)
    check_countable(model, calls)
    return sum(layer_macs(call.module, call.input_shape, call.output_shape) for call in calls)


def check_countable(model: nn.Module, calls: Collection[Call]) -> None:
    """Raise TypeError when a called module has parameters and no rule says what it does with them."""
    owned = owned_parameters(model, {call.name for call in calls})
    for call in calls:
        if owned.get(call.name) and not isinstance(call.module, (*WEIGHED, *PAINTED, *FREE)):
            raise TypeError(
                f"`{call.name or 'model'}` is a {type(call.module).__name__} with {owned[call.name]} "
                "parameters of its own, and no rule says how often it multiplies them."
            )


class Field(NamedTuple):
    """What output pixel i sees along one axis: `size` pixels, the first of them offset + i · jump."""

    size: int = 1
    jump: int = 1
    offset: int = 0


def field_after(
    field: Field, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Field:
    """The receptive field behind one more convolution or pooling, along one axis.

    With the field (size, jump, offset) before it: size + d(k − 1) · jump, jump · s, offset − p · jump.
    Raises TypeError, ValueError when a setting is no integer or too small.

    >>> field_after(Field(), 5, padding=2)
    Field(size=5, jump=1, offset=-2)

    Source: Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks (2019).
    """
    check_axis(1, kernel_size, padding, stride, dilation)
    size, jump, offset = field
    return Field(size + dilation * (kernel_size - 1) * jump, jump * stride, offset - padding * jump)


def field_of(layers: Sequence[Sequence[int]]) -> Field:
    """The receptive field behind a stack of layers, each (kernel_size, stride, padding, dilation).

    What is left out at the end of a layer is 1, 0, 1. An offset below zero lies in the padding.

    >>> field_of([(5, 1, 2), (2, 2), (5,), (2, 2)])  # the convolutional part of LeNet
    Field(size=16, jump=4, offset=-2)
    """
    field = Field()
    for layer in layers:
        field = field_after(field, *layer)
    return field


def fields_after(layer: nn.Module, fields: tuple[Field, ...] | None) -> tuple[Field, ...] | None:
    """The fields along every axis behind a layer; None when it is unknown, or each pixel sees all there is.

    >>> fields_after(nn.Conv2d(1, 1, (3, 5), stride=2), (Field(), Field()))
    (Field(size=3, jump=2, offset=0), Field(size=5, jump=2, offset=0))
    >>> fields_after(nn.Flatten(), (Field(), Field()))
    """
    if fields is None or isinstance(layer, POINTWISE):
        return fields
    if not isinstance(layer, WINDOWED):
        return None
    settings = [getattr(layer, name, 1) for name in ("kernel_size", "stride", "padding", "dilation")]
    if settings[2] == "same":
        settings[2] = [d * (k - 1) // 2 for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    if settings[2] == "valid":
        settings[2] = 0
    axes = [as_tuple(each, len(fields)) for each in settings]
    return tuple(field_after(field, *window) for field, *window in zip(fields, *axes, strict=True))


class LayerCost(NamedTuple):
    """One line of a summary. `fields` has a field for each axis, and is None where it isn't known."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    activation_bytes: int
    fields: tuple[Field, ...] | None


@dataclass(frozen=True, repr=False)
class Summary:
    """The costs of a model, layer by layer, that print as a table; the properties are their sums."""

    rows: tuple[LayerCost, ...]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        return sum(row.activation_bytes for row in self.rows)

    def __repr__(self) -> str:
        heads = ("layer", "type", "output", "parameters", "MACs", "bytes", "field", "jump")
        lines = [heads, *map(cells, self.rows)]
        sums = (f"{total:,}" for total in (self.parameters, self.macs, self.activation_bytes))
        lines.append(("total", "", "", *sums, "", ""))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = (
            "  ".join(
                cell.ljust(width) if i < 3 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )
        return "\n".join(line.rstrip() for line in aligned)


def cells(row: LayerCost) -> tuple[str, ...]:
    """A line of the table as text; a field that differs between the axes as 3x5."""
    sizes, jumps = ([field[i] for field in row.fields or ()] for i in (0, 1))
    seen = ("x".join(map(str, each if len(set(each)) > 1 else each[:1])) for each in (sizes, jumps))
    counts = (f"{count:,}" for count in (row.parameters, row.macs, row.activation_bytes))
    return (row.name, row.type, str(row.output_shape), *counts, *seen)


def summary(model: nn.Module, input_shape: Sequence[int], dtype: torch.dtype | None = None) -> Summary:
    """Shapes, parameters, multiply-accumulates, memory and receptive field of every layer, as one table.

    Rows, arguments and refusals are those of `layer_shapes` and `mac_count`. `activation_bytes` is the
    size of a layer's output: their sum is about what training keeps for the way back. The field is followed
    from layer to layer as long as each gets what another gave; behind a function of `forward`, a flatten or
    a dense layer it is left out.

    >>> summary(nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)), (1, 1, 28, 28))
    layer  type       output          parameters    MACs   bytes  field  jump
    0      Conv2d     (1, 6, 24, 24)         156  86,400  13,824      5     1
    1      ReLU       (1, 6, 24, 24)           0       0  13,824      5     1
    2      MaxPool2d  (1, 6, 12, 12)           0       0   3,456      6     2
    total                                    156  86,400  31,104
    """
    calls = record_calls(model, input_shape, dtype)
    check_countable(model, calls)
    fields = fields_behind(calls, len(input_shape) - 2)
    rows = []
    for i, parameters in layer_calls(model, calls):
        name, module, shape, output_shape, size, _ = calls[i]
        macs = layer_macs(module, shape, output_shape)
        rows.append(LayerCost(name, type(module).__name__, output_shape, parameters, macs, size, fields[i]))
    return Summary(tuple(rows))


def fields_behind(calls: Sequence[Call], num_axes: int) -> list[tuple[Field, ...] | None]:
    """The fields behind every call, where its input is the model's or an earlier call's output."""
    fields: dict[int | None, tuple[Field, ...] | None] = {None: None, -1: (Field(),) * num_axes}
    for i, call in enumerate(calls):
        fields[i] = fields_after(call.module, fields[call.source])
    return [fields[i] for i in range(len(calls))]
