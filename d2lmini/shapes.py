"""The arithmetic of shapes: how long an axis is after a layer, and what every layer of a model gives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from d2lmini._checks import check_int, check_window
from d2lmini.modes import evaluation_mode


def conv_output_size(n: int, kernel_size: int, padding: int = 0, stride: int = 1, dilation: int = 1) -> int:
    """Length of a convolution's output along one axis: ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1.

    Args are integers, in pixels; `padding` counts zeros on *each* side, as in torch.
    Raises ValueError when the dilated kernel is longer than the padded input, or a setting is too
    small; TypeError when one is not an integer.

    >>> conv_output_size(28, 5, padding=2), conv_output_size(8, 3, padding=1, stride=2)
    (28, 4)

    Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), relationship 6,
    with the kernel's reach d(k − 1) + 1 in place of k.
    """
    check_axis(n, kernel_size, padding, stride, dilation)
    check_window_fits(n, kernel_size, padding, dilation)
    reach = dilation * (kernel_size - 1) + 1
    return (n + 2 * padding - reach) // stride + 1


def pool_output_size(
    n: int,
    kernel_size: int,
    padding: int = 0,
    stride: int | None = None,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Length of a pooling layer's output along one axis: ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1.

    Args are integers, in pixels. `stride=None` means the kernel size, as in torch. With `ceil_mode` the
    division is rounded up, and a last window that would start beyond the input and its left padding is
    dropped. Raises ValueError when the padding exceeds half of the window, the window doesn't fit, or a
    setting is too small; TypeError when one is not an integer.

    >>> pool_output_size(24, 2), pool_output_size(5, 2), pool_output_size(5, 2, ceil_mode=True)
    (12, 2, 3)

    Source: torch.nn.MaxPool2d, section Shape, and the note on `ceil_mode`.
    """
    stride = kernel_size if stride is None else stride
    check_axis(n, kernel_size, padding, stride, dilation)
    check_pool_padding(kernel_size, padding)
    reach = dilation * (kernel_size - 1) + 1
    free = n + 2 * padding - reach  # pixels that the window can still move
    if not ceil_mode or free <= -stride:
        check_window_fits(n, kernel_size, padding, dilation)
        return free // stride + 1
    size = -(-free // stride) + 1
    starts_outside = (size - 1) * stride >= n + padding
    return size - starts_outside


def conv_transpose_output_size(
    n: int,
    kernel_size: int,
    padding: int = 0,
    stride: int = 1,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Length after a transposed convolution: (n − 1)s − 2p + d(k − 1) + output_padding + 1.

    Args are integers, in pixels. Raises ValueError when nothing would be left, when `output_padding` is
    neither below `stride` nor below `dilation` (torch's rule), or a setting is too small; TypeError when
    one is not an integer.

    >>> conv_transpose_output_size(512, 3, stride=2), conv_transpose_output_size(2, 2, stride=2)
    (1025, 4)

    Source: torch.nn.ConvTranspose2d, section Shape.
    """
    check_int("n", n, 1)
    check_window(kernel_size, stride, padding, dilation)
    check_int("output_padding", output_padding, 0)
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"`output_padding` (={output_padding}) must be smaller than `stride` (={stride}) "
            f"or `dilation` (={dilation})."
        )
    size = (n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
    if size < 1:
        raise ValueError(
            f"the output would have {size} pixels: `padding` (={padding}) takes away more than "
            f"`n` (={n}) pixels give."
        )
    return size


def check_axis(n: int, kernel_size: int, padding: int, stride: int, dilation: int) -> None:
    """The rules that a window obeys along one axis, whether it convolves or pools."""
    check_int("n", n, 1)
    check_int("kernel_size", kernel_size, 1)
    check_int("padding", padding, 0)
    check_int("stride", stride, 1)
    check_int("dilation", dilation, 1)


def check_pool_padding(kernel_size: int, padding: int) -> None:
    """Torch's rule: the padding may be at most half of the pooling window, dilation not counted."""
    if padding > kernel_size // 2:
        raise ValueError(
            f"`padding` (={padding}) must be at most half of `kernel_size` (={kernel_size}), "
            "or a window could lie wholly outside the input."
        )


def check_window_fits(n: int, kernel_size: int, padding: int, dilation: int) -> None:
    """Raise when the dilated kernel is longer than the padded input."""
    reach = dilation * (kernel_size - 1) + 1
    if reach > n + 2 * padding:
        raise ValueError(
            f"the kernel reaches over {reach} pixels (`kernel_size` {kernel_size}, `dilation` "
            f"{dilation}) but the padded input has only {n + 2 * padding} "
            f"(`n` {n} + 2 x `padding` {padding})."
        )


def receptive_field(layers: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How many input pixels one output pixel sees along an axis, and how far apart neighbours look.

    Args:
        layers: (kernel_size, stride) of each layer, from the input upwards; pooling layers count too.

    Returns:
        (field, jump): field = 1 + Σ (k_l − 1) · Π s_i over the layers i before l; jump = Π s_i over all.

    Raises:
        TypeError, ValueError: a kernel size or a stride that is not a positive integer.

    >>> receptive_field([(3, 1), (3, 1)]), receptive_field([(5, 1), (2, 2), (5, 1), (2, 2)])
    ((5, 1), (16, 4))

    Source: Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks (2019).
    """
    field, jump = 1, 1
    for kernel_size, stride in layers:
        check_int("kernel_size", kernel_size, 1)
        check_int("stride", stride, 1)
        field += (kernel_size - 1) * jump
        jump *= stride
    return field, jump


class LayerShape(NamedTuple):
    """One line of `layer_shapes`: what one layer gives and how many numbers it learns."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int


class Call(NamedTuple):
    """One call of one module, seen by a hook: which module, the shapes that it got and gave, and from whom.

    `source` is the number of the innermost call that made the input, −1 for the model's own input, None when
    neither did: a function in between made it, or changed it in place. `output_bytes` counts all outputs.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    output_bytes: int
    source: int | None


def layer_shapes(
    model: nn.Module, input_shape: Sequence[int], dtype: torch.dtype | None = None
) -> list[LayerShape]:
    """Send zeros through a model and write down every layer's output shape, in the order of the calls.

    A forward hook on each module sees its output; the hooks are removed again whatever happens. The model
    is run in evaluation mode without gradients, and every module is left in the mode it was in. A model on
    the device "meta" works too: shapes without memory.

    Args:
        model: any module whose forward takes one tensor.
        input_shape: the input's full shape, batch first, such as (1, 1, 28, 28).
        dtype: of the input, such as `torch.int64` for an embedding; None takes the parameters' dtype.

    Returns:
        A row (name, type, output_shape, parameters) for each call of each innermost module, and one for a
        module that has parameters of its own beside its layers. The column of parameters adds up to the
        model's: a layer that is called again, or shares its weights with another, counts once. Of several
        outputs (an LSTM's, or a pooling's with its indices) the shape is that of the first tensor.

    Raises:
        TypeError, ValueError: an input shape that isn't made of positive integers.

    >>> for row in layer_shapes(nn.Sequential(nn.Conv2d(1, 6, 5), nn.Flatten()), (1, 1, 28, 28)):
    ...     print(*row)
    0 Conv2d (1, 6, 24, 24) 156
    1 Flatten (1, 3456) 0

    Source: torch.nn.Module.register_forward_hook.
    """
    calls = record_calls(model, input_shape, dtype)
    return [
        LayerShape(calls[i].name, type(calls[i].module).__name__, calls[i].output_shape, parameters)
        for i, parameters in layer_calls(model, calls)
    ]


def layer_calls(model: nn.Module, calls: Sequence[Call]) -> list[tuple[int, int]]:
    """The numbers of the calls that a table shows, each with the parameters that it answers for.

    They are those of the innermost modules, and of modules that have parameters beside their layers'.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))
    >>> layer_calls(model, record_calls(model, (1, 2)))
    [(0, 9), (1, 0)]
    """
    owned = owned_parameters(model, {call.name for call in calls})
    rows = []
    for i, call in enumerate(calls):
        name, module = call.name, call.module
        parameters = owned.pop(name, 0)  # with the first call; a further one has nothing to add
        if parameters or next(module.children(), None) is None:
            rows.append((i, parameters))
    return rows


def record_calls(
    model: nn.Module, input_shape: Sequence[int], dtype: torch.dtype | None = None
) -> list[Call]:
    """Run a model on zeros and write down every call of every module, containers too, as it ends.

    The last call is the model's own, under the name "". Arguments and errors are those of `layer_shapes`.

    >>> model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    >>> [(call.name, call.source) for call in record_calls(model, (1, 4))]
    [('0', -1), ('1.0', 0), ('1', 0), ('', -1)]
    """
    for axis, size in enumerate(input_shape):
        check_int(f"input_shape[{axis}]", size, 1)
    calls: list[Call] = []
    begun: list[tuple[tuple[int, ...], int | None]] = []  # shape and source of what running calls got
    made_by = WeakTensorKeyDictionary()  # {tensor: (number of the call, how often it had been changed then)}

    def begin(module: nn.Module, args: tuple, kwargs: dict) -> None:
        given = next(tensors_of([*args, *kwargs.values()]), None)
        number, version = (None, None) if given is None else made_by.get(given, (None, None))
        unchanged = given is not None and given._version == version
        begun.append((shape_of(given), number if unchanged else None))

    def hook_for(name: str):
        def end(module: nn.Module, args: tuple, output: object) -> None:
            made = list(tensors_of(output))
            if made and not list(module.children()):
                made_by[made[0]] = (len(calls), made[0]._version)
            size = sum(tensor.numel() * tensor.element_size() for tensor in made)
            shape, source = begun.pop()
            calls.append(Call(name, module, shape, shape_of(output), size, source))

        return end

    first = next(model.parameters(), torch.empty(0))
    zeros = torch.zeros(*input_shape, dtype=dtype or first.dtype, device=first.device)
    made_by[zeros] = (-1, zeros._version)
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(begin, with_kwargs=True))
        handles.append(module.register_forward_hook(hook_for(name)))
    try:
        with evaluation_mode(model), torch.no_grad():
            model(zeros)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def tensors_of(output: object) -> Iterator[Tensor]:
    """All tensors of a module's output, in order: of a tuple, a list or a dictionary, nested or not.

    >>> len(list(tensors_of((torch.zeros(2), {"state": [torch.zeros(3)]}, "text"))))
    2
    """
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Iterable) and not isinstance(output, str):
        for part in output.values() if isinstance(output, Mapping) else output:
            yield from tensors_of(part)


def shape_of(output: object) -> tuple[int, ...]:
    """The shape of a module's output: of the first tensor that has axes; () if there is none.

    >>> shape_of((torch.zeros(2, 3), torch.zeros(2))), shape_of({"loss": torch.zeros(4)})
    ((2, 3), (4,))
    """
    return next((tuple(tensor.shape) for tensor in tensors_of(output) if tensor.ndim), ())


def owned_parameters(model: nn.Module, called: Collection[str]) -> dict[str, int]:
    """How many parameters each called module answers for: its own, and those of parts that aren't called.

    Every parameter counts once. Names are those of `named_modules`.

    >>> owned_parameters(nn.Sequential(nn.Linear(2, 3), nn.PReLU()), {"", "0"})
    {'0': 9, '': 1}
    """
    counts: dict[str, int] = {}
    for full_name, parameter in model.named_parameters():
        owner = full_name.rpartition(".")[0]
        while owner and owner not in called:
            owner = owner.rpartition(".")[0]
        counts[owner] = counts.get(owner, 0) + parameter.numel()
    return counts
