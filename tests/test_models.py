"""Parameter counts and shapes of the book's models; Xavier's bound."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from d2lmini import VGG11, init_xavier, lenet, mlp, softmax_regression, vgg, vgg_block


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_parameters():
    assert count(softmax_regression()) == 784 * 10 + 10
    assert count(mlp()) == 784 * 256 + 256 + 256 * 10 + 10
    assert count(lenet()) == count(lenet(nn.ReLU, nn.MaxPool2d)) == 61_706
    with torch.device("meta"):
        assert count(vgg(VGG11)) == 128_806_154


@pytest.mark.parametrize("model", [softmax_regression(), mlp(), lenet(), lenet(nn.ReLU, nn.MaxPool2d)])
def test_logits(model):
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


def test_lenets_differ_in_activation_and_pooling_alone():
    classic, modern = lenet(), lenet(nn.ReLU, nn.MaxPool2d)
    kinds = [(type(a), type(b)) for a, b in zip(classic, modern, strict=True) if type(a) is not type(b)]
    assert kinds == [(nn.Sigmoid, nn.ReLU), (nn.AvgPool2d, nn.MaxPool2d)] * 2 + [(nn.Sigmoid, nn.ReLU)] * 2


def test_a_block_halves_the_image_and_sets_the_channels():
    for batch_norm in (False, True):
        block = vgg_block(2, 3, 8, batch_norm)
        assert block(torch.rand(2, 3, 9, 12)).shape == (2, 8, 4, 6)
        assert sum(isinstance(m, nn.BatchNorm2d) for m in block) == 2 * batch_norm
        assert (block[0].bias is None) == batch_norm


def test_vgg_at_28_pixels():
    model = vgg(((1, 4), (2, 8)), image_size=28, num_hidden=16, batch_norm=True)
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_xavier_keeps_within_its_bound_and_reaches_it():
    torch.manual_seed(0)
    model = init_xavier(lenet())
    conv, dense = model[3], model[7]
    for layer, fan_in, fan_out in ((conv, 6 * 25, 16 * 25), (dense, 400, 120)):
        bound = math.sqrt(6 / (fan_in + fan_out))
        assert 0.97 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()


def kinds(model: nn.Module) -> str:
    """A model's layers in their order, by the first letters of their names."""
    letters = {nn.Conv2d: "C", nn.BatchNorm2d: "B", nn.ReLU: "R", nn.MaxPool2d: "P", nn.Flatten: "F"}
    letters |= {nn.Linear: "L", nn.Dropout: "D"}
    return "".join(letters[type(m)] for m in model.modules() if not isinstance(m, nn.Sequential))


def test_models_are_built_of_these_layers_and_give_logits():
    assert kinds(softmax_regression()) == "FL"  # no softmax: it's in the loss
    assert kinds(mlp()) == "FLRL"
    assert kinds(lenet(nn.ReLU, nn.MaxPool2d)) == "CRPCRPFLRLRL"
    assert kinds(vgg_block(2, 3, 8)) == "CRCRP"
    assert kinds(vgg_block(2, 3, 8, batch_norm=True)) == "CBRCBRP"
    model = vgg(((1, 4), (2, 8)), image_size=28, num_hidden=16, dropout=0.3)
    assert kinds(model) == "CRP" + "CRCRP" + "FLRDLRDL"
    assert {m.p for m in model if isinstance(m, nn.Dropout)} == {0.3}


@pytest.mark.parametrize(
    "build", [softmax_regression, mlp, lenet, lambda num_classes: vgg(((1, 2),), 1, num_classes, 4, 2)]
)
def test_one_class_is_enough_and_none_is_too_few(build):
    assert list(build(num_classes=1).children())[-1].out_features == 1
    with pytest.raises(ValueError, match=r"`num_classes` \(=0\)"):
        build(num_classes=0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: vgg(VGG11, image_size=28), r"`image_size` \(=28\) must be at least 32"),
        (lambda: vgg_block(0, 1, 1), "`num_convs`"),
    ],
)
def test_bad_settings_are_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
