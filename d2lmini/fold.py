"""Folding: in evaluation a batch norm is a line for each channel, and the layer before it can draw that."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy

import torch
from torch import Tensor, fx, nn

NORMS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.Linear: nn.BatchNorm1d,
}
"""The batch norm that goes with each layer."""


def scale_and_shift(bn: nn.Module) -> tuple[Tensor, Tensor]:
    """What a batch norm does in evaluation, as one multiplication and one addition for each channel.

    Returns:
        (scale, shift), both of shape (C,): γ / √(σ² + ε) and β − μ · scale. Without affine parameters γ is 1
        and β is 0.

    >>> bn = nn.BatchNorm2d(1, eps=0.0).eval()
    >>> bn.running_mean.fill_(6), bn.running_var.fill_(4)
    (tensor([6.]), tensor([4.]))
    >>> [numbers.tolist() for numbers in scale_and_shift(bn)]
    [[0.5], [-3.0]]
    """
    scale = 1 / (bn.running_var + bn.eps).sqrt()
    if bn.weight is not None:
        scale = bn.weight * scale
    shift = -bn.running_mean * scale
    return scale, shift if bn.bias is None else bn.bias + shift


@torch.no_grad()
def fold_conv_bn(conv: nn.Module, bn: nn.Module) -> nn.Module:
    """One convolution that does the work of a convolution and of the batch norm behind it, in evaluation.

    W' = Wγ / √(σ² + ε) and b' = β + (b − μ)γ / √(σ² + ε).

    Args:
        conv: `nn.Conv1d`, `nn.Conv2d` or `nn.Conv3d`, with or without bias; or `nn.Linear`, which is a
            convolution of one pixel: (N, features) -> (N, features).
        bn: the batch norm of as many axes, in evaluation mode.

    Returns:
        A new layer with the settings of `conv`, and with a bias. The two that come in stay as they are.

    Raises:
        TypeError: layers of other types (a subclass may compute something else).
        ValueError: a batch norm in training mode, without running statistics, or for another number of
            channels.

    >>> conv, bn = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8).eval()
    >>> fold_conv_bn(conv, bn)
    Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))

    Source: Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only
    inference (2018), section 3.2; torch.nn.utils.fusion.
    """
    check_foldable(conv, bn)
    scale, shift = scale_and_shift(bn)
    folded = deepcopy(conv)
    rows = (-1,) + (1,) * (conv.weight.ndim - 1)  # one number for each output channel
    folded.weight = nn.Parameter(conv.weight * scale.reshape(rows))
    folded.bias = nn.Parameter(shift if conv.bias is None else conv.bias * scale + shift)
    return folded


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """A copy of a model in which every batch norm is folded into the convolution or dense layer before it.

    Which layer comes before which is read from the calls, written down by `torch.fx`, and not from the
    order in which a model lists its layers. A place where a batch norm was holds an `nn.Identity`, so all
    layers keep their names.

    Raises:
        TypeError: a batch norm behind anything else.
        ValueError: a batch norm that `fold_conv_bn` refuses; that is called twice, or behind a convolution
            that is, or whose output goes elsewhere too; that isn't called; or a model whose calls depend
            on its input.

    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU()).eval()
    >>> fold_batch_norms(model)
    Sequential(
      (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
      (2): ReLU()
    )

    Source: torch.fx.experimental.optimization.fuse, which leaves what it can't fold.
    """
    folded = deepcopy(model)
    for conv_name, bn_name in conv_bn_pairs(model):
        conv, bn = model.get_submodule(conv_name), model.get_submodule(bn_name)
        replace_module(folded, conv_name, fold_conv_bn(conv, bn))
        replace_module(folded, bn_name, nn.Identity().train(bn.training))
    return folded


def conv_bn_pairs(model: nn.Module) -> list[tuple[str, str]]:
    """The names of each layer and of the batch norm behind it, in the order of the calls.

    Raises what `fold_batch_norms` raises.

    >>> conv_bn_pairs(nn.Sequential(nn.ReLU(), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval())
    [('1', '2')]
    """
    nodes = list(trace(model).nodes)
    modules = dict(model.named_modules())
    calls = Counter(node.target for node in nodes if node.op == "call_module")
    pairs = []
    for node in nodes:
        if node.op != "call_module" or not is_batch_norm(modules[node.target]):
            continue
        before = node.all_input_nodes[0]
        check_before(node.target, before)
        check_foldable(modules[before.target], modules[node.target], before.target, node.target)
        check_alone(before, calls)
        check_called_once(node.target, calls)
        pairs.append((before.target, node.target))
    check_all_called(modules, {name for _, name in pairs})
    return pairs


def trace(model: nn.Module) -> fx.Graph:
    """The calls of a model's forward, written down with stand-ins in place of tensors.

    Raises:
        ValueError: the calls depend on the input, so nobody can tell them beforehand.
    """
    try:
        return Tracer().trace(model)
    except Exception as error:  # whatever a forward raises when its input is no tensor
        raise ValueError(f"the model's calls can't be told before it runs: {error}") from error


class Tracer(fx.Tracer):
    """Looks into modules of other people's making, but not into their convolutions and batch norms."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        known = is_batch_norm(module) or isinstance(module, tuple(NORMS))
        return known or super().is_leaf_module(module, name)


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of the one called `name`, as `named_modules` calls it.

    >>> model = nn.Sequential(nn.Sequential(nn.ReLU()))
    >>> replace_module(model, "0.0", nn.Tanh())
    >>> model[0][0]
    Tanh()
    """
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)


def is_batch_norm(module: nn.Module) -> bool:
    """Whether this is a batch norm of any number of axes."""
    return isinstance(module, tuple(NORMS.values()))


def check_foldable(conv: nn.Module, bn: nn.Module, conv_name: str = "conv", bn_name: str = "bn") -> None:
    """Raise unless a layer and a batch norm can become one."""
    if type(conv) not in NORMS:
        raise TypeError(f"`{conv_name}` must be Conv1d, Conv2d, Conv3d or Linear, got {type(conv).__name__}.")
    if type(bn) is not NORMS[type(conv)]:
        wanted = NORMS[type(conv)].__name__
        raise TypeError(
            f"`{bn_name}` must be {wanted}, behind a {type(conv).__name__}, got {type(bn).__name__}."
        )
    if bn.num_features != len(conv.weight):
        raise ValueError(
            f"`{bn_name}` must have as many channels ({bn.num_features}) as `{conv_name}` gives "
            f"({len(conv.weight)})."
        )
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError(f"`{bn_name}` has no running statistics: it always uses those of its input.")
    if bn.training:
        raise ValueError(
            f"`{bn_name}` is in training mode, where it uses the statistics of its input: "
            "call `.eval()` first."
        )


def check_before(bn_name: str, node: fx.Node) -> None:
    """Raise unless what a batch norm takes in comes from a layer, and not from a function or the input."""
    if node.op != "call_module":
        raise TypeError(f"`{bn_name}` must come right behind a layer, and comes behind `{node.name}`.")


def check_alone(conv: fx.Node, calls: Counter) -> None:
    """Raise unless a convolution is called once, and only the batch norm reads its output."""
    check_called_once(conv.target, calls)
    if len(conv.users) > 1:
        raise ValueError(
            f"`{conv.target}` must feed its batch norm alone, but {len(conv.users)} calls read its output."
        )


def check_called_once(name: str, calls: Counter) -> None:
    """Raise when a layer has several places in the network, of which folding would change all."""
    if calls[name] > 1:
        raise ValueError(f"`{name}` must be called once, and is called {calls[name]} times.")


def check_all_called(modules: dict[str, nn.Module], called: set[str]) -> None:
    """Raise when a batch norm was never met."""
    for name, module in modules.items():
        if is_batch_norm(module) and name not in called:
            raise ValueError(f"`{name}` is a batch norm that the model's forward doesn't call.")
