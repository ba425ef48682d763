"""Folding against the two layers and against torch.nn.utils.fusion; whole models; what is refused."""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from d2lmini import batch_norm, fold_batch_norms, fold_conv_bn, lenet, scale_and_shift, vgg
from d2lmini.fold import NORMS


def unusual(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every batch norm statistics and affine parameters as no new one has them; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for bn in module.modules():
        if isinstance(bn, tuple(NORMS.values())) and bn.running_mean is not None:
            bn.running_mean.normal_(0, 3, generator=generator)
            bn.running_var.uniform_(0.05, 9, generator=generator)
            if bn.affine:
                nn.init.normal_(bn.weight, generator=generator)
                nn.init.normal_(bn.bias, generator=generator)
    return module.eval()


@st.composite
def pairs(draw):
    """A convolution, a batch norm and an input: 1 to 3 axes, groups, missing bias and affine parameters."""
    axes = draw(st.integers(1, 3))
    conv_type, bn_type = list(NORMS.items())[axes - 1]  # not the dense layer
    groups = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    seed = draw(st.integers(0, 2**31))
    torch.manual_seed(seed)
    conv = conv_type(
        groups * draw(st.integers(1, 2)),
        groups * draw(st.integers(1, 3)),
        kernel_size=draw(st.integers(1, 3)),
        stride=draw(st.integers(1, 2)),
        padding=draw(st.integers(0, 2)),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "replicate"])),
    )
    bn = bn_type(conv.out_channels, eps=draw(st.sampled_from([1e-5, 0.5])), affine=draw(st.booleans()))
    X = torch.randn(2, conv.in_channels, *(draw(st.integers(5, 7)) for _ in range(axes)))
    return conv.to(dtype), unusual(bn, seed).to(dtype), X.to(dtype)


@given(pairs())
def test_the_folded_convolution_does_the_work_of_two_layers(case):
    conv, bn, X = case
    folded, fused = fold_conv_bn(conv, bn), fuse_conv_bn_eval(conv.eval(), bn)
    torch.testing.assert_close(folded(X), bn(conv(X)), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(folded.weight, fused.weight, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(folded.bias, fused.bias, rtol=1e-5, atol=1e-5)
    assert folded.weight.dtype == conv.weight.dtype and type(folded) is type(conv)


@given(st.integers(1, 5), st.booleans(), st.booleans())
def test_a_dense_layer_folds_as_well(features, bias, affine):
    torch.manual_seed(0)
    linear, bn = nn.Linear(4, features, bias), unusual(nn.BatchNorm1d(features, affine=affine))
    X = torch.randn(6, 4)
    torch.testing.assert_close(fold_conv_bn(linear, bn)(X), bn(linear(X)), rtol=1e-5, atol=1e-5)
    if bias and affine:  # torch takes no others
        fused = fuse_linear_bn_eval(linear.eval(), bn)
        torch.testing.assert_close(fold_conv_bn(linear, bn).state_dict(), fused.state_dict())


@given(pairs())
def test_scale_and_shift_are_the_batch_norm(case):
    _, bn, _ = case
    X = torch.linspace(-3, 3, 4 * bn.num_features, dtype=bn.running_mean.dtype).reshape(4, -1)
    scale, shift = scale_and_shift(bn)
    Y = batch_norm(X, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps)
    torch.testing.assert_close(X * scale + shift, Y, rtol=1e-5, atol=1e-4)


def test_what_comes_in_stays_as_it_is():
    conv, bn = nn.Conv2d(2, 3, 3, bias=False), unusual(nn.BatchNorm2d(3))
    before = deepcopy((conv.state_dict(), bn.state_dict()))
    folded = fold_conv_bn(conv, bn)
    torch.testing.assert_close((conv.state_dict(), bn.state_dict()), before, rtol=0, atol=0)
    assert conv.bias is None and folded.bias.requires_grad and folded.weight.is_leaf
    assert folded.weight.data_ptr() != conv.weight.data_ptr()


def logits(model, size=32, channels=1):
    X = torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(X)


def test_a_whole_vgg():
    torch.manual_seed(0)
    model = unusual(vgg(((1, 4), (2, 8), (2, 8)), image_size=32, num_hidden=16, batch_norm=True))
    folded = fold_batch_norms(model)
    torch.testing.assert_close(logits(folded), logits(model), rtol=1e-5, atol=1e-5)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == 5
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert sum(isinstance(m, nn.Identity) for m in folded.modules()) == 5
    assert type(folded) is nn.Sequential and not any(m.training for m in folded.modules())
    names = [name for name, _ in model.named_modules()]
    assert [name for name, _ in folded.named_modules()] == names


class Residual(nn.Module):
    """Lists its layers in another order than it calls them, and has functions between them."""

    def __init__(self) -> None:
        super().__init__()
        self.bn2, self.conv2 = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1)
        self.bn1, self.conv1 = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1, bias=False)

    def forward(self, X):
        return X + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X)))))


def test_the_calls_count_and_not_the_list_of_layers():
    model = unusual(nn.Sequential(Residual(), nn.ReLU(), Residual()))
    folded = fold_batch_norms(model)
    torch.testing.assert_close(logits(folded, 9, 3), logits(model, 9, 3), rtol=1e-5, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_layers_may_be_called_like_the_nodes_of_a_graph():
    model = nn.Sequential(OrderedDict(output=nn.Conv2d(1, 2, 3), input=nn.BatchNorm2d(2)))
    folded = fold_batch_norms(unusual(model))
    torch.testing.assert_close(logits(folded, 9), logits(model, 9), rtol=1e-5, atol=1e-5)


def test_a_model_without_batch_norm_is_copied():
    model = lenet()
    folded = fold_batch_norms(model)
    assert torch.equal(logits(folded, 28), logits(model, 28)) and folded is not model


def test_a_frozen_batch_norm_folds_in_a_model_that_trains():
    model = unusual(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())).train()
    model[1].eval()
    folded = fold_batch_norms(model)
    assert folded.training and isinstance(folded[1], nn.Identity)


class Forward(nn.Module):
    """Layers and a forward of its own."""

    def __init__(self, forward) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)
        self.call = forward

    def forward(self, X):
        return self.call(self, X)


CONV = nn.Conv2d(1, 2, 3)
Own = type("Own", (nn.Conv2d,), {})
SHARED = nn.BatchNorm2d(1)


@pytest.mark.parametrize(
    ("model", "error", "says"),
    [
        (
            nn.Sequential(nn.BatchNorm2d(1), CONV),
            TypeError,
            "`0` must come right behind a layer.* `input",
        ),
        (nn.Sequential(CONV, nn.ReLU(), nn.BatchNorm2d(2)), TypeError, "`1` must be Conv1d.* got ReLU"),
        (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(2)), ValueError, r"as `0` gives \(3\)"),
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3), nn.BatchNorm2d(2)), TypeError, "got ConvTranspose2d"),
        (nn.Sequential(Own(1, 2, 3), nn.BatchNorm2d(2)), TypeError, "got Own"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm2d(2)), TypeError, "`1` must be BatchNorm1d"),
        (nn.Sequential(CONV, nn.BatchNorm2d(3)), ValueError, r"`1` must have as many channels \(3\)"),
        (
            nn.Sequential(CONV, nn.BatchNorm2d(2, track_running_stats=False)),
            ValueError,
            "`1` has no running statistics",
        ),
        (Forward(lambda m, X: m.bn(m.conv(m.conv(X)))), ValueError, "`conv` must be called once.* 2 times"),
        (Forward(lambda m, X: m.bn(m.conv(m.bn(m.conv(X))))), ValueError, "must be called once"),
        (
            Forward(lambda m, X: (c := m.conv(X)) + m.bn(c)),
            ValueError,
            "`conv` must feed its batch",
        ),
        (Forward(lambda m, X: m.bn(F.relu(m.conv(X)))), TypeError, "comes behind `relu`"),
        (Forward(lambda m, X: m.conv(X)), ValueError, "`bn` is a batch norm that .* doesn't call"),
        (Forward(lambda m, X: m.bn(m.conv(X)) if X.sum() > 0 else X), ValueError, "can't be told"),
        (
            nn.Sequential(nn.Conv2d(1, 1, 1), SHARED, nn.Conv2d(1, 1, 1), SHARED),
            ValueError,
            "`1` must be called once",
        ),
    ],
)
def test_what_cant_be_folded_is_refused_with_the_reason(model, error, says):
    with pytest.raises(error, match=says):
        fold_batch_norms(model.eval())


@pytest.mark.parametrize(
    ("conv", "bn", "error", "says"),
    [
        (CONV, nn.BatchNorm2d(2), ValueError, "`bn` is in training mode"),
        (CONV, nn.BatchNorm2d(3).eval(), ValueError, r"as many channels \(3\) as `conv` gives \(2\)"),
        (CONV, nn.BatchNorm2d(2, track_running_stats=False).eval(), ValueError, "no running statistics"),
        (CONV, nn.BatchNorm3d(2).eval(), TypeError, "`bn` must be BatchNorm2d, behind a Conv2d"),
        (nn.Linear(1, 2), nn.BatchNorm2d(2).eval(), TypeError, "`bn` must be BatchNorm1d, behind a Linear"),
        (nn.ReLU(), nn.BatchNorm2d(2).eval(), TypeError, "`conv` must be Conv1d, .* got ReLU"),
    ],
)
def test_a_pair_that_cant_be_folded_is_refused(conv, bn, error, says):
    with pytest.raises(error, match=says):
        fold_conv_bn(conv, bn)


def test_a_model_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="`1` is in training mode"):
        fold_batch_norms(nn.Sequential(CONV, nn.BatchNorm2d(2)))
