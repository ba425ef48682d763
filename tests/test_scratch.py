"""The layers in NumPy: against torch over random settings, against numerical gradients; training."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import pair_of
from torch import nn

import d2lmini
from d2lmini import load_fashion_mnist, scratch

SCRATCH = Path(inspect.getfile(scratch)).parent
NINE = np.arange(9.0).reshape(1, 1, 3, 3)
ONES = np.ones((2, 2, 5, 6))
KERNEL, BIAS = np.ones((3, 2, 3, 3)), np.ones(3)


def random_numbers(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def made(kind, *arguments, dtype=np.float64, **settings):
    return kind(*arguments, **settings, rng=np.random.default_rng(0), dtype=dtype)


def torchs_gradients(function, dY, *leaves):
    leaves = [torch.from_numpy(np.ascontiguousarray(leaf)).requires_grad_() for leaf in leaves]
    gradients = torch.autograd.grad(function(*leaves), leaves, torch.from_numpy(dY.copy()))
    return [gradient.numpy() for gradient in gradients]


def assert_close(ours, theirs, dtype):
    tolerance = 1e-10 if dtype == np.float64 else 1e-4
    assert ours.dtype == dtype and ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@st.composite
def windows(draw, pooling=False):
    """Images, and the settings of a window that fits; those of pooling are padded by half of it at most."""
    kernel_size = draw(pair_of(st.integers(1, 4)))
    kh, kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    most = (kh // 2, kw // 2) if pooling else (3, 3)
    padding = draw(st.integers(0, min(most)) | st.tuples(*(st.integers(0, p) for p in most)))
    shape = tuple(draw(st.integers(1, top)) for top in (3, 3, 8, 8))
    ph, pw = (padding, padding) if isinstance(padding, int) else padding
    assume(shape[2] + 2 * ph >= kh and shape[3] + 2 * pw >= kw)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    X = random_numbers(*shape, seed=draw(st.integers(0, 999)), dtype=dtype) - draw(st.sampled_from([0, 3]))
    return X.astype(dtype), kernel_size, draw(pair_of(st.integers(1, 3))), padding


# --- columns ------------------------------------------------------------------------------------


@given(windows())
def test_columns_are_torchs_in_another_order(case):
    X, *setting = case
    N, C = X.shape[:2]
    size, stride, padding = setting
    theirs = F.unfold(torch.from_numpy(X), size, padding=padding, stride=stride)  # (N, C*kh*kw, places)
    ours = scratch.im2col(X, *setting)
    np.testing.assert_array_equal(ours.reshape(len(ours), -1, N).transpose(2, 0, 1), theirs.numpy())
    back = F.fold(theirs, X.shape[2:], size, padding=padding, stride=stride)
    np.testing.assert_allclose(scratch.col2im(ours, X.shape, *setting), back.numpy(), rtol=1e-5, atol=1e-5)


@given(windows())
def test_col2im_is_the_transpose_of_im2col(case):
    X, *setting = np.round(case[0]).astype(np.float64), *case[1:]
    C = np.round(4 * random_numbers(*scratch.im2col(X, *setting).shape, seed=1))
    assert (scratch.im2col(X, *setting) * C).sum() == (X * scratch.col2im(C, X.shape, *setting)).sum()


def test_the_textbooks_columns():
    picture = np.zeros((1, 3, 32, 32), np.float32)
    assert scratch.im2col(picture, 3, stride=2).shape == (27, 225)
    assert scratch.im2col(picture, 3, stride=2, padding=1).shape == (27, 256)
    layer = scratch.Conv2D(3, 16, 3, stride=2, rng=np.random.default_rng(0))
    assert layer.forward(picture)[0].shape == (1, 16, 15, 15)
    assert sum(values.size for values in layer.parameters.values()) == 448


def test_columns_take_integers_as_they_are():
    assert scratch.im2col(np.full((1, 1, 2, 2), 255, np.uint8), 2).dtype == np.uint8


def test_rows_and_images_are_inverse_and_share_memory():
    X = random_numbers(2, 3, 4, 5)
    rows = scratch.to_rows(X)
    images = scratch.to_images(rows, 4, 5)
    assert rows.shape == (3, 40) and np.array_equal(images, X) and np.shares_memory(images, rows)


# --- convolution --------------------------------------------------------------------------------


@given(windows(), st.integers(1, 3))
def test_convolution_agrees_with_torch(case, co):
    X, size, stride, padding = case
    kh, kw = (size, size) if isinstance(size, int) else size
    weight = random_numbers(co, X.shape[1], kh, kw, seed=1, dtype=X.dtype)
    bias = random_numbers(co, seed=2, dtype=X.dtype)
    Y, columns = scratch.conv2d_forward(X, weight, bias, stride, padding)

    def theirs(*leaves):
        return F.conv2d(*leaves, stride=stride, padding=padding)

    assert_close(Y, theirs(*map(torch.from_numpy, (X, weight, bias))), X.dtype)
    dY = random_numbers(*Y.shape, seed=3, dtype=X.dtype)
    ours = scratch.conv2d_backward(dY, columns, weight, X.shape, stride, padding)
    for a, b in zip(ours, torchs_gradients(theirs, dY, X, weight, bias), strict=True):
        assert_close(a, b, X.dtype)


def test_the_kernel_is_rotated_not_transposed():
    K, dY = np.arange(4.0).reshape(1, 1, 2, 2), np.arange(1.0, 5).reshape(1, 1, 2, 2)
    _, columns = scratch.conv2d_forward(NINE, K, np.zeros(1))
    dX, dK, db = scratch.conv2d_backward(dY, columns, K, NINE.shape)
    assert dX[0, 0].tolist() == [[0, 1, 2], [2, 10, 10], [6, 17, 12]]
    assert dK[0, 0].tolist() == [[27, 37], [57, 67]] and db.tolist() == [10]


def test_the_first_weights_follow_torchs_rule():
    layer, other = made(scratch.Conv2D, 4, 50, (5, 5)), nn.Conv2d(4, 50, 5)
    for name, theirs in other.named_parameters():
        ours = layer.parameters[name]
        assert ours.shape == tuple(theirs.shape)
        assert 0.09 < np.abs(ours).max() <= 0.1  # 1 / sqrt(100)


# --- pooling ------------------------------------------------------------------------------------


@given(windows(pooling=True), st.booleans())
def test_pooling_agrees_with_torch(case, with_ties):
    X, *setting = case
    X = np.round(X) if with_ties else X
    for kind, function in ((scratch.MaxPool2D, F.max_pool2d), (scratch.AvgPool2D, F.avg_pool2d)):
        layer = kind(*setting)
        Y, cache = layer.forward(X)
        assert_close(Y, function(torch.from_numpy(X), *setting), X.dtype)
        dY = random_numbers(*Y.shape, seed=1, dtype=X.dtype)
        dX, gradients = layer.backward(dY, cache)
        (theirs,) = torchs_gradients(lambda leaf, f=function: f(leaf, *setting), dY, X)
        assert_close(dX, theirs, X.dtype)
        assert gradients == {}


@given(windows())
def test_the_global_average_agrees_with_torch(case):
    X = case[0]
    layer = scratch.GlobalAvgPool2D()
    Y, cache = layer.forward(X)
    assert_close(Y, F.adaptive_avg_pool2d(torch.from_numpy(X), 1), X.dtype)
    dY = random_numbers(*Y.shape, seed=1, dtype=X.dtype)
    (theirs,) = torchs_gradients(lambda leaf: F.adaptive_avg_pool2d(leaf, 1), dY, X)
    assert_close(layer.backward(dY, cache)[0], theirs, X.dtype)


def test_sixteen_gradients_become_64():
    X = (np.arange(64.0) * 37 % 64).reshape(1, 1, 8, 8)
    dY = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    results = []
    for layer in (scratch.MaxPool2D(2), scratch.AvgPool2D(2)):
        dX, _ = layer.backward(dY, layer.forward(X)[1])
        assert dX.sum() == dY.sum()
        results.append(np.count_nonzero(dX))
    assert results == [16, 64]


def test_the_stride_of_a_pooling_layer_is_its_window_unless_said():
    assert scratch.MaxPool2D(2).forward(np.ones((1, 1, 6, 6)))[0].shape == (1, 1, 3, 3)
    assert scratch.AvgPool2D(2, 1).forward(np.ones((1, 1, 6, 6)))[0].shape == (1, 1, 5, 5)


def test_padding_never_wins_and_a_nan_stays_visible():
    Y, _ = scratch.MaxPool2D(3, 2, 1).forward(NINE - 100)
    assert (Y < -90).all()
    X = NINE.copy()
    X[0, 0, 1, 1] = np.nan
    assert np.isnan(scratch.MaxPool2D(3).forward(X)[0]).all()


# --- the other layers ---------------------------------------------------------------------------

RANDOM, VECTORS = random_numbers(2, 2, 5, 6), random_numbers(3, 4)
LAYERS = {
    "conv": (made(scratch.Conv2D, 2, 3, (3, 2), (2, 1), padding=(0, 1)), RANDOM),
    "max": (scratch.MaxPool2D(3, 2, 1), RANDOM),
    "average": (scratch.AvgPool2D((2, 3), (1, 2), (1, 0)), RANDOM),
    "global": (scratch.GlobalAvgPool2D(), RANDOM),
    "flatten": (scratch.Flatten(), RANDOM),
    "dense": (made(scratch.Dense, 4, 5), VECTORS),
    "relu": (scratch.ReLU(), RANDOM),
    "sigmoid": (scratch.Sigmoid(), VECTORS),
    "network": (
        scratch.Sequential(
            made(scratch.Conv2D, 2, 3, 3),
            scratch.Sigmoid(),
            scratch.AvgPool2D(2, 1),
            scratch.Flatten(),
            made(scratch.Dense, 18, 4),
        ),
        RANDOM,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_gradient_agrees_with_the_numerical_one(name):
    layer, X = LAYERS[name]
    errors = scratch.check_gradient(layer, X.copy())
    assert set(errors) == {"X", *layer.parameters} and max(errors.values()) < 1e-6


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_keeps_nothing_of_a_call(name):
    layer, X = LAYERS[name]
    before = {key: values.copy() for key, values in vars(layer).items() if isinstance(values, np.ndarray)}
    attributes = set(vars(layer))
    Y, cache = layer.forward(X)
    dY = random_numbers(*Y.shape, seed=1)
    first = layer.backward(dY, cache)
    layer.forward(X * 2)  # another call in between
    again = layer.backward(dY, cache)
    assert np.array_equal(first[0], again[0])
    assert all(np.array_equal(first[1][key], again[1][key]) for key in first[1])
    assert set(vars(layer)) == attributes and before.keys() <= attributes


@pytest.mark.parametrize("kind", [scratch.ReLU, scratch.Sigmoid])
def test_activations_agree_with_torch(kind):
    X = np.array([-1000.0, -1, -0.0, 0.5, 3, 1000], np.float32)
    function = {scratch.ReLU: torch.relu, scratch.Sigmoid: torch.sigmoid}[kind]
    Y, cache = kind().forward(X)  # a warning of an overflow would be an error
    assert_close(Y, function(torch.from_numpy(X)), np.float32)
    (theirs,) = torchs_gradients(function, np.ones_like(X), X)
    assert_close(kind().backward(np.ones_like(X), cache)[0], theirs, np.float32)


def test_the_dense_layer_agrees_with_torch():
    layer = made(scratch.Dense, 4, 5, dtype=np.float32)
    X = VECTORS.astype(np.float32)
    Y, cache = layer.forward(X)
    parameters = layer.parameters["weight"], layer.parameters["bias"]
    assert_close(Y, F.linear(*map(torch.from_numpy, (X, *parameters))), np.float32)
    dX, gradients = layer.backward(np.ones_like(Y), cache)
    theirs = torchs_gradients(F.linear, np.ones_like(Y), X, *parameters)
    for a, b in zip((dX, gradients["weight"], gradients["bias"]), theirs, strict=True):
        assert_close(a, b, np.float32)


@given(st.integers(1, 5), st.integers(1, 6), st.sampled_from([0.1, 1, 1000]), st.integers(0, 99))
def test_the_loss_agrees_with_torch(num_images, num_classes, scale, seed):
    logits = random_numbers(num_images, num_classes, seed=seed) * scale
    labels = np.random.default_rng(seed).integers(0, num_classes, num_images)
    loss, cache = scratch.SoftmaxCrossEntropy().forward(logits, labels)
    target = torch.from_numpy(labels)
    np.testing.assert_allclose(loss, F.cross_entropy(torch.from_numpy(logits), target).item(), atol=1e-12)
    (theirs,) = torchs_gradients(lambda leaf: F.cross_entropy(leaf, target), np.array(1.0), logits)
    np.testing.assert_allclose(scratch.SoftmaxCrossEntropy().backward(cache), theirs, atol=1e-12)
    np.testing.assert_allclose(scratch.softmax(logits).sum(axis=1), 1)


# --- the gradient check -------------------------------------------------------------------------


class Broken(scratch.Dense):
    """A dense layer with one mistake."""

    def backward(self, dY, cache):
        dX, gradients = super().backward(dY, cache)
        return dX, gradients | {"bias": gradients["bias"] / len(dY)}


def test_a_wrong_gradient_is_named():
    errors = scratch.check_gradient(made(Broken, 4, 5), VECTORS)
    assert errors["bias"] > 0.1 and max(errors["X"], errors["weight"]) < 1e-6


def test_the_numerical_gradient_puts_everything_back():
    X = VECTORS.copy()
    gradient = scratch.numerical_gradient(lambda: (X**2).sum(), X)
    assert np.array_equal(X, VECTORS)
    np.testing.assert_allclose(gradient, 2 * X, rtol=1e-8)


def test_the_relative_error_of_nothing_is_zero():
    assert scratch.relative_error(np.zeros(2), np.zeros(2)) == 0
    assert scratch.relative_error(np.array([0.0, -4]), np.array([0.0, 4])) == 2


class OfOtherNames(scratch.Dense):
    def backward(self, dY, cache):
        dX, gradients = super().backward(dY, cache)
        return dX, {"weight": gradients["weight"]}


class OfOtherShapes(scratch.Dense):
    def backward(self, dY, cache):
        dX, gradients = super().backward(dY, cache)
        return dX, gradients | {"bias": gradients["bias"][:1]}


# --- networks and training ----------------------------------------------------------------------


def same_weights():
    network = scratch.lenet(rng=np.random.default_rng(0))
    theirs = d2lmini.lenet(nn.ReLU, nn.MaxPool2d)
    theirs.load_state_dict({name: torch.from_numpy(p.copy()) for name, p in network.parameters.items()})
    return network, theirs


def sample(num_images=200):
    data = load_fashion_mnist(root="sample")
    arrays = {
        name: getattr(data, name)[:num_images].numpy()
        for name in ("train_images", "train_labels", "test_images", "test_labels")
    }
    return SimpleNamespace(**arrays)


def test_lenet_has_torchs_logits_and_gradients():
    network, theirs = same_weights()
    data = sample(8)
    images = data.train_images.astype(np.float32) / 255
    logits, caches = network.forward(images)
    assert_close(logits, theirs(torch.from_numpy(images)).detach(), np.float32)
    loss, cache = scratch.SoftmaxCrossEntropy().forward(logits, data.train_labels)
    _, gradients = network.backward(scratch.SoftmaxCrossEntropy().backward(cache), caches)
    F.cross_entropy(theirs(torch.from_numpy(images)), torch.from_numpy(data.train_labels)).backward()
    for name, parameter in theirs.named_parameters():
        assert_close(gradients[name], parameter.grad, np.float32)


@given(st.floats(0, 0.99), st.floats(0.01, 1))
def test_the_step_is_that_of_torchs_sgd(momentum, lr):
    layer = made(scratch.Dense, 3, 2)
    theirs = [torch.from_numpy(values.copy()).requires_grad_() for values in layer.parameters.values()]
    optimizer = torch.optim.SGD(theirs, lr=lr, momentum=momentum)
    velocity = {}
    for step in range(3):
        gradients = {name: random_numbers(*p.shape, seed=step) for name, p in layer.parameters.items()}
        velocity = scratch.sgd_step(layer, gradients, velocity, lr, momentum)
        for parameter, gradient in zip(theirs, gradients.values(), strict=True):
            parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    for ours, parameter in zip(layer.parameters.values(), theirs, strict=True):
        np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-9)


def test_training_learns_and_repeats_itself():
    data = sample(600)
    networks = [scratch.lenet(rng=np.random.default_rng(0)) for _ in range(2)]
    histories = [scratch.train(network, data, num_epochs=8, batch_size=32) for network in networks]
    assert histories[0] == histories[1]
    assert histories[0].train_loss[-1] < 0.8 * histories[0].train_loss[0]
    assert histories[0].test_accuracy[-1] > 0.5
    assert histories[0].test_accuracy[-1] == scratch.evaluate(networks[0], data.test_images, data.test_labels)
    other = scratch.train(
        scratch.lenet(rng=np.random.default_rng(0)), data, num_epochs=1, batch_size=32, seed=1
    )
    assert other.train_loss[0] != histories[0].train_loss[0]
    assert all(values.dtype == np.float32 for values in networks[0].parameters.values())


def test_training_takes_tensors_floats_and_no_epoch():
    data = load_fashion_mnist(root="sample")
    network = scratch.Sequential(scratch.Flatten(), made(scratch.Dense, 784, 10, dtype=np.float32))
    before = network.parameters["1.weight"].copy()
    assert len(scratch.train(network, data, num_epochs=0)) == 0
    assert np.array_equal(network.parameters["1.weight"], before)
    few = sample(70)
    floats = SimpleNamespace(**vars(few) | {"train_images": few.train_images.astype(np.float32) / 255})
    twin = scratch.Sequential(scratch.Flatten(), made(scratch.Dense, 784, 10, dtype=np.float32))
    assert scratch.train(network, few, num_epochs=1) == scratch.train(twin, floats, num_epochs=1)


def test_a_loss_that_is_no_number_stops_the_training():
    with pytest.raises(FloatingPointError, match="the loss became"), np.errstate(all="ignore"):
        scratch.train(scratch.lenet(rng=np.random.default_rng(0)), sample(), lr=1e6)


@pytest.mark.parametrize("path", sorted(SCRATCH.glob("*.py")), ids=lambda path: path.stem)
def test_nothing_here_imports_torch(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.split(".")[0] == "torch" for name in names)


DENSE = made(scratch.Dense, 4, 5)
LOSS = scratch.SoftmaxCrossEntropy()
CONV = made(scratch.Conv2D, 2, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: scratch.im2col([1], 2), TypeError, "`X` must be a numpy.ndarray, got list"),
        (lambda: scratch.im2col(ONES > 0, 2), TypeError, "real numbers, got bool"),
        (lambda: scratch.im2col(ONES[0], 2), ValueError, r"axes \(N, C, H, W\), got shape \(2, 5, 6\)"),
        (lambda: scratch.im2col(ONES[:0], 2), ValueError, "must not be empty"),
        (lambda: scratch.im2col(ONES, 6), ValueError, "the kernel reaches over 6 pixels"),
        (lambda: scratch.im2col(ONES, 2.0), TypeError, r"`kernel_size` \(=2.0\) must be an integer"),
        (lambda: scratch.im2col(ONES, 2, 0), ValueError, r"`stride` \(=0\)"),
        (lambda: scratch.im2col(ONES, 2, 1, -1), ValueError, r"`padding` \(=-1\)"),
        (
            lambda: scratch.col2im(np.ones((4, 4)), (1, 1, 3, 4), 2),
            ValueError,
            r"shape \(4, 6\), got \(4, 4\)",
        ),
        (lambda: scratch.col2im(np.ones((4, 4)), (1, 3, 3), 2), ValueError, r"must be \(N, C, H, W\)"),
        (lambda: scratch.col2im(np.ones((4, 4)), (0, 1, 3, 3), 2), ValueError, r"`shape \(N\)` \(=0\)"),
        (lambda: scratch.col2im(np.ones(4), (1, 1, 3, 3), 2), ValueError, "rows, columns"),
        (lambda: scratch.to_rows(ONES[0]), ValueError, "N, C, H, W"),
        (lambda: scratch.to_images(np.ones((2, 6)), 0, 3), ValueError, r"`height` \(=0\)"),
        (lambda: scratch.to_images(np.ones((2, 6)), 2, 0), ValueError, r"`width` \(=0\)"),
        (lambda: scratch.to_images(np.ones(6), 2, 3), ValueError, "C, H"),
        (lambda: scratch.conv2d_forward(ONES[:, :1], KERNEL, BIAS), ValueError, "has 1 channels, but .* 2"),
        (
            lambda: scratch.conv2d_forward(ONES.astype("f"), KERNEL, BIAS),
            TypeError,
            "must have the same dtype",
        ),
        (lambda: scratch.conv2d_forward(ONES, KERNEL, BIAS.astype("f")), TypeError, "`bias` .*same dtype"),
        (
            lambda: scratch.conv2d_forward(ONES, KERNEL, BIAS[:2]),
            ValueError,
            r"`bias` must have the shape \(3,\)",
        ),
        (
            lambda: scratch.conv2d_forward(ONES, KERNEL, 0),
            TypeError,
            "`bias` must be a numpy.ndarray, got int",
        ),
        (lambda: scratch.conv2d_forward(ONES, KERNEL[0], BIAS), ValueError, "co, ci, kh, kw"),
        (lambda: scratch.conv2d_forward(ONES[0], KERNEL, BIAS), ValueError, "N, ci, H, W"),
        (
            lambda: scratch.conv2d_forward(ONES.astype(int), KERNEL.astype(int), BIAS.astype(int)),
            TypeError,
            "`X` must hold floating-point numbers",
        ),
        (lambda: CONV.backward(ONES, CONV.forward(ONES)[1]), ValueError, r"`dY` .* \(2, 3, 3, 4\)"),
        (lambda: CONV.backward(ONES[0], CONV.forward(ONES)[1]), ValueError, "N, co, H', W'"),
        (lambda: made(scratch.Conv2D, 0, 1, 1), ValueError, "`in_channels`"),
        (lambda: made(scratch.Conv2D, 1, 0, 1), ValueError, "`out_channels`"),
        (lambda: made(scratch.Conv2D, 1, 1, 0), ValueError, "`kernel_size`"),
        (lambda: made(scratch.Conv2D, 1, 1, 1, 0), ValueError, "`stride`"),
        (lambda: scratch.MaxPool2D(2, padding=2), ValueError, "at most half"),
        (lambda: scratch.AvgPool2D((2, 1), padding=(1, 1)), ValueError, "at most half"),
        (lambda: scratch.AvgPool2D(2, 0), ValueError, "`stride`"),
        (lambda: scratch.MaxPool2D(2).forward(ONES.astype(int)), TypeError, "floating-point"),
        (lambda: scratch.MaxPool2D(2).forward(ONES[0]), ValueError, "N, C, H, W"),
        (lambda: scratch.max_pool_forward(ONES, 2, 2, 2), ValueError, "at most half"),
        (lambda: scratch.avg_pool_backward(ONES, ONES.shape, 2, 2), ValueError, r"`dY` .* \(2, 2, 2, 3\)"),
        (lambda: scratch.avg_pool_backward(ONES, ONES.shape, 2, 2, 2), ValueError, "at most half"),
        (lambda: scratch.GlobalAvgPool2D().forward(ONES[0]), ValueError, "N, C, H, W"),
        (lambda: scratch.GlobalAvgPool2D().forward(ONES.astype(int)), TypeError, "floating-point"),
        (lambda: scratch.Flatten().forward(VECTORS), ValueError, "N, C, H, W"),
        (lambda: made(scratch.Dense, 0, 5), ValueError, "`in_features`"),
        (lambda: made(scratch.Dense, 5, 0), ValueError, "`out_features`"),
        (lambda: DENSE.forward(VECTORS[:, :3]), ValueError, "has 3 channels, but the weights expect 4"),
        (lambda: DENSE.forward(VECTORS[0]), ValueError, "N, in_features"),
        (lambda: DENSE.forward(VECTORS.astype("f")), TypeError, "same dtype"),
        (lambda: DENSE.forward(VECTORS.astype(int)), TypeError, "floating-point"),
        (lambda: DENSE.backward(VECTORS, VECTORS), ValueError, r"`dY` must have the shape \(3, 5\)"),
        (lambda: scratch.ReLU().backward(BIAS, np.ones(2) > 0), ValueError, "`dY`"),
        (lambda: scratch.Sigmoid().backward(BIAS, np.ones(2)), ValueError, "`dY`"),
        (lambda: LOSS.forward(VECTORS, np.array([0, 1, 4])), ValueError, "0 … 3, got 0 … 4"),
        (lambda: LOSS.forward(VECTORS, np.array([0, 1, -1])), ValueError, "got -1 … 1"),
        (lambda: LOSS.forward(VECTORS, np.array([0, 1])), ValueError, r"shape \(3,\), got \(2,\)"),
        (lambda: LOSS.forward(VECTORS, BIAS), TypeError, "integers"),
        (lambda: LOSS.forward(VECTORS, [0, 1, 2]), TypeError, "integers"),
        (lambda: LOSS.forward(VECTORS.astype(int), np.zeros(3, int)), TypeError, "floating-point"),
        (lambda: LOSS.forward(BIAS, np.zeros(3, int)), ValueError, "N, classes"),
        (
            lambda: scratch.numerical_gradient(float, BIAS.astype(complex)),
            TypeError,
            "needs float64, got complex128",
        ),
        (
            lambda: scratch.numerical_gradient(float, BIAS.astype("f")),
            TypeError,
            "needs float64, got float32",
        ),
        (lambda: scratch.check_gradient(made(OfOtherNames, 4, 5), VECTORS), ValueError, "gradients for"),
        (
            lambda: scratch.check_gradient(made(OfOtherShapes, 4, 5), VECTORS),
            ValueError,
            "`bias` has the shape",
        ),
        (lambda: scratch.evaluate(DENSE, VECTORS, np.zeros(2, int)), ValueError, "3 images and 2 labels"),
        (lambda: scratch.evaluate(DENSE, VECTORS[:0], np.zeros(0, int)), ValueError, "at least one"),
        (lambda: scratch.evaluate(DENSE, VECTORS, np.zeros(3, int), 0), ValueError, "`batch_size`"),
        (lambda: scratch.train(DENSE, sample(), num_epochs=-1), ValueError, "`num_epochs`"),
        (lambda: scratch.train(DENSE, sample(), batch_size=0), ValueError, "`batch_size`"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
