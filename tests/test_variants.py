"""Convolutions along any number of axes, frames, separable layers and first weights, against torch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import tensors
from torch import nn

from d2lmini import (
    binomial_kernel,
    conv_output_size,
    corr2d_multi_in_out,
    corr_nd,
    depthwise_separable,
    fans,
    init_bound,
    pad_nd,
    separable_kernel,
)
from d2lmini.variants import PADDING_MODES

LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
modes = st.sampled_from(PADDING_MODES)
# Torch warns of one case alone: "same" with an odd frame of zeros. Its result is held to ours all the same.
of_odd_frames = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def result(function, *args, **kwargs):
    """What a function returns, or None when it refuses."""
    try:
        return function(*args, **kwargs)
    except (ValueError, RuntimeError):
        return None


@st.composite
def convolutions(draw):
    """An input, a kernel and settings; torch may refuse them, by a window or a frame that doesn't fit."""
    axes, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    co, ci = groups * draw(st.integers(1, 2)), draw(st.integers(1, 2))

    def each(low, high):
        one = st.integers(low, high)
        return draw(one | st.tuples(*[one] * axes))

    kernel_size = draw(st.tuples(*[st.integers(1, 4)] * axes))
    space = draw(st.tuples(*[st.integers(1, 7)] * axes))
    settings = {
        "stride": each(1, 3),
        "padding": draw(st.sampled_from(["same", "valid", 0])) or each(0, 3),
        "dilation": each(1, 3),
        "groups": groups,
    }
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    X = draw(tensors(draw(st.integers(1, 2)), ci * groups, *space, dtype=dtype))
    return X, draw(tensors(co, ci, *kernel_size, dtype=dtype)), settings, draw(modes)


def by_torch(X, K, settings, mode):
    """The same by a layer of torch's."""
    channels = X.shape[1], K.shape[0]
    layer = LAYERS[K.ndim - 2](
        *channels, tuple(K.shape[2:]), bias=False, padding_mode=mode, dtype=K.dtype, **settings
    )
    layer.weight = nn.Parameter(K)
    return layer(X)


@of_odd_frames
@given(convolutions())
def test_corr_nd_agrees_with_torchs_layers_where_they_agree_to_run(case):
    X, K, settings, mode = case
    theirs = result(by_torch, X, K, settings, mode)
    ours = result(corr_nd, X, K, **settings, padding_mode=mode)
    assert (ours is None) == (theirs is None)
    if ours is not None:
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@of_odd_frames
@given(convolutions())
def test_gradients_agree_with_torch(case):
    X, K, settings, mode = case
    assume(result(by_torch, X, K, settings, mode) is not None)
    gradients = []
    for function in (corr_nd, by_torch):
        leaf, kernel = X.double().requires_grad_(), K.double().requires_grad_()
        if function is corr_nd:
            Y = corr_nd(leaf, kernel, **settings, padding_mode=mode)
            weights = kernel
        else:
            layer = LAYERS[K.ndim - 2](
                X.shape[1],
                K.shape[0],
                tuple(K.shape[2:]),
                bias=False,
                padding_mode=mode,
                dtype=torch.float64,
                **settings,
            )
            layer.weight.data, weights = K.double(), layer.weight
            Y = layer(leaf)
        (Y.flatten() * torch.arange(1.0, Y.numel() + 1)).sum().backward()
        gradients.append((leaf.grad, weights.grad))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


@given(tensors(2, 3, 6, 5, dtype=torch.int64), tensors(4, 3, 2, 3, dtype=torch.int64))
def test_corr_nd_is_corr2d_for_pictures_and_stays_whole(X, K):
    assert corr_nd(X, K).equal(torch.stack([corr2d_multi_in_out(x, K) for x in X]))


def test_bytes_do_not_wrap_around():
    X, K = torch.full((1, 1, 3), 255, dtype=torch.uint8), torch.tensor([[[1, 2, 1]]], dtype=torch.uint8)
    assert corr_nd(X, K).tolist() == [[[1020]]]


def test_four_axes_work_too():
    """Torch has no layer for them: a kernel of ones counts its window."""
    Y = corr_nd(torch.ones(1, 1, 4, 5, 4, 5), torch.ones(1, 1, 2, 3, 1, 2), stride=(1, 2, 3, 1))
    assert Y.shape == (1, 1, 3, 2, 2, 4) and (Y == 12).all()


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
def test_sizes_are_those_of_the_formula(n, k, s, p, d):
    ours = result(corr_nd, torch.zeros(1, 1, n), torch.zeros(1, 1, k), s, p, d)
    size = result(conv_output_size, n, k, p, s, d)
    assert (None if ours is None else ours.shape[-1]) == size


@given(
    tensors(2, 3, 4, 5),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=2),
    modes,
)
def test_frames_agree_with_torch_where_it_has_them(X, sides, mode):
    widths = [width for pair in reversed(sides) for width in pair]
    theirs = result(
        F.pad, X, widths if mode == "zeros" or len(sides) == 2 else [*widths, 0, 0], mode_of(mode)
    )
    ours = result(pad_nd, X, sides, mode)
    assert (ours is None) == (theirs is None)
    if ours is not None:
        assert ours.equal(theirs) and ours.dtype == X.dtype


def mode_of(mode):
    return "constant" if mode == "zeros" else mode


def test_zeros_stay_zeros_beside_what_is_not_a_number():
    X = torch.tensor([torch.inf, 1.0, torch.nan])
    assert pad_nd(X, [(2, 1)])[[0, 1, 5]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("order", range(25))
def test_a_binomial_window_keeps_the_mean_and_cos_of_a_wave(order):
    K = binomial_kernel(order).double()
    assert K.sum() == 1 and K.equal(K.flip(0)) and len(K) == order + 1
    f, places = torch.linspace(0, 0.5, 9, dtype=torch.float64), torch.arange(order + 1) - order / 2
    kept = (K * torch.cos(2 * torch.pi * f[:, None] * places)).sum(dim=1)
    torch.testing.assert_close(kept, torch.cos(torch.pi * f) ** order)


@given(st.integers(1, 4), st.integers(1, 5), st.sampled_from([1, 3, 5]), st.integers(1, 3))
def test_a_separable_layer_is_one_full_layer(ci, co, k, stride):
    torch.manual_seed(0)
    split = depthwise_separable(ci, co, k, stride)
    depthwise, pointwise = split[0].weight, split[1].weight
    K = separable_kernel(depthwise, pointwise)
    X = torch.randn(2, ci, 7, 8)
    full = F.conv2d(X, K, split[1].bias, stride=stride, padding=k // 2)
    torch.testing.assert_close(split(X), full, rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in split.parameters()) == ci * k * k + ci * co + co
    assert split[0](X).shape[-2:] == full.shape[-2:]  # the first layer strides: a quarter of the work at 2
    if stride == 1:
        assert full.shape[-2:] == X.shape[-2:]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.lists(st.integers(1, 4), max_size=3))
def test_fans_count_what_the_gradient_sees(ci, co, groups, kernel_size):
    """The middle of a large layer of ones: how many inputs one output has, and outputs one input."""
    axes = len(kernel_size)
    K = torch.ones(co * groups, ci, *kernel_size)
    X = torch.ones(1, ci * groups, *[11] * axes, requires_grad=True)
    padding = 3
    Y = corr_nd(X, K, padding=padding, groups=groups) if axes else dense(X, K, groups)
    Y.sum().backward()
    middle = [slice(None), slice(None), *[5] * axes]
    fan_in = Y[tuple(middle)].flatten()[0].item()
    fan_out = X.grad[tuple(middle)].flatten()[0].item()
    assert fans(K, groups) == (fan_in, fan_out)


def dense(X, K, groups):
    return F.conv1d(X[..., None], K[..., None], groups=groups)[..., 0]


@pytest.mark.parametrize("shape", [(8, 5), (16, 3, 5), (6, 4, 3, 5), (8, 4, 3, 1, 2)])
def test_bounds_are_torchs(shape):
    for rule, draw in (("xavier", nn.init.xavier_uniform_), ("kaiming", kaiming)):
        bound = init_bound(torch.empty(shape), rule)
        torch.manual_seed(0)
        ours = torch.empty(shape).uniform_(-bound, bound)
        torch.manual_seed(0)
        torch.testing.assert_close(ours, draw(torch.empty(shape)))


def kaiming(weight):
    return nn.init.kaiming_uniform_(weight, nonlinearity="relu")


def test_torch_takes_all_outputs_for_a_depthwise_layers_fan_out():
    """A trap that the book shows: `nn.init` sees a weight, not its groups."""
    layer = nn.Conv2d(64, 64, 3, groups=64)
    torch.manual_seed(0)
    nn.init.xavier_uniform_(layer.weight)
    assert layer.weight.abs().max() <= init_bound(layer.weight) < init_bound(layer.weight, groups=64) / 5


X4, K3 = torch.ones(1, 4, 6), torch.ones(4, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(X=[1.0]), TypeError, "`X` must be a torch.Tensor"),
        (dict(K=torch.ones(4, 2)), ValueError, "`K` must have at least 3 axes"),
        (dict(X=X4[0]), ValueError, "`X` must have at least 3 axes"),
        (dict(X=X4[None]), ValueError, "as many axes"),
        (dict(X=X4.double()), TypeError, "same dtype"),
        (dict(groups=1), ValueError, "4 channels .* `groups`"),
        (dict(groups=0), ValueError, "`groups` .=0. must be at least 1"),
        (dict(K=K3[:3]), ValueError, "that `groups` divides"),
        (dict(stride=0), ValueError, "`stride` .=0."),
        (dict(stride=(1, 1)), ValueError, "`stride` .*one for each axis"),
        (dict(stride=(0,)), ValueError, "`stride` .=0."),
        (dict(X=X4[..., :1], K=K3[..., :2]), ValueError, "reaches over 2 samples .* only 1"),
        (dict(stride=1.5), TypeError, "`stride`"),
        (dict(dilation=0), ValueError, "`dilation`"),
        (dict(padding=-1), ValueError, "`padding` .=-1."),
        (dict(padding="all"), TypeError, "`padding` .='all'."),
        (dict(padding="same", stride=2), ValueError, "needs `stride` 1"),
        (dict(padding="same", stride=(2,)), ValueError, "needs `stride` 1"),
        (dict(dilation=3), ValueError, "reaches over 7 samples .* only 6"),
        (dict(padding_mode="mirror"), ValueError, "`padding_mode` .='mirror'. must be one of zeros, reflect"),
        (dict(padding=6, padding_mode="reflect"), ValueError, "smaller than the axis .6."),
        (dict(padding=7, padding_mode="circular"), ValueError, "at most the axis .6."),
    ],
)
def test_what_corr_nd_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        corr_nd(**({"X": X4, "K": K3, "groups": 2} | arguments))


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        (pad_nd, (torch.ones(3), [(1, 1)] * 2), ValueError, "2 pairs, but `X` only 1 axes"),
        (pad_nd, (torch.ones(3), [(1, 1, 1)]), ValueError, "pairs"),
        (pad_nd, (torch.ones(3), [(0, -1)]), ValueError, "`padding` .=-1."),
        (pad_nd, (torch.ones(3), [(0, 1.0)]), TypeError, "`padding`"),
        (binomial_kernel, (-1,), ValueError, "`order`"),
        (depthwise_separable, (0, 1), ValueError, "`in_channels`"),
        (depthwise_separable, (1, 0), ValueError, "`out_channels`"),
        (depthwise_separable, (1, 1, 0), ValueError, "`kernel_size`"),
        (depthwise_separable, (1, 1, 1, 0), ValueError, "`stride`"),
        (separable_kernel, (torch.ones(3, 2, 3), torch.ones(4, 3, 1)), ValueError, "depthwise weight"),
        (separable_kernel, (torch.ones(3, 1, 3), torch.ones(4, 2, 1)), ValueError, "depthwise weight"),
        (separable_kernel, (torch.ones(3, 1, 3), torch.ones(4, 3, 2)), ValueError, "depthwise weight"),
        (separable_kernel, (torch.ones(3, 1, 3), torch.ones(4, 3, 1, 1)), ValueError, "depthwise weight"),
        (separable_kernel, (torch.ones(3, 1, 3, 3), torch.ones(4, 3, 1)), ValueError, "depthwise weight"),
        (fans, (torch.ones(3),), ValueError, "`weight` must have at least 2 axes"),
        (fans, (torch.ones(4, 2), 3), ValueError, "must divide the output channels .=4."),
        (init_bound, (torch.ones(2, 2), "he"), ValueError, '"xavier" or "kaiming"'),
    ],
)
def test_what_the_others_refuse(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(*arguments)
