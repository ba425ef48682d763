"""Cross-correlation against torch, over random shapes; its gradients; its errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from strategies import tensors
from torch import nn

from d2lmini import (
    comp_conv2d,
    corr2d,
    corr2d_multi_in,
    corr2d_multi_in_out,
    corr2d_multi_in_out_1x1,
    load_fashion_mnist,
)

NINE = torch.arange(9).reshape(3, 3)
FOUR = torch.arange(4).reshape(2, 2)


@st.composite
def images_and_kernels(draw, window: int = 5):
    """X (ci, H, W) and K (co, ci, kh, kw) of one dtype, the kernel never larger than the image."""
    co, ci = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kh, kw = draw(st.integers(1, window)), draw(st.integers(1, window))
    height, width = draw(st.integers(kh, kh + 6)), draw(st.integers(kw, kw + 6))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    return (
        draw(tensors(ci, height, width, dtype=dtype)),
        draw(tensors(co, ci, kh, kw, dtype=dtype)),
    )


@given(images_and_kernels())
def test_every_form_agrees_with_torch(pair):
    X, K = pair
    theirs = F.conv2d(X[None], K)[0]
    torch.testing.assert_close(corr2d_multi_in_out(X, K), theirs)
    torch.testing.assert_close(corr2d_multi_in(X, K[0]), theirs[0])
    torch.testing.assert_close(corr2d(X[0], K[0, 0]), F.conv2d(X[None, :1], K[:1, :1])[0, 0])


@given(images_and_kernels(window=1))
def test_the_matrix_product_agrees_with_torch(pair):
    X, K = pair
    torch.testing.assert_close(corr2d_multi_in_out_1x1(X, K), F.conv2d(X[None], K)[0])


@given(images_and_kernels())
def test_gradients_agree_with_torch(pair):
    X, K = (t.double().requires_grad_() for t in pair)
    weights = torch.linspace(-1, 1, corr2d_multi_in_out(X, K).numel(), dtype=torch.float64)
    ours = torch.autograd.grad((corr2d_multi_in_out(X, K).flatten() * weights).sum(), (X, K))
    theirs = torch.autograd.grad((F.conv2d(X[None], K).flatten() * weights).sum(), (X, K))
    torch.testing.assert_close(ours, theirs)


@given(images_and_kernels())
def test_correlation_is_linear_in_both_arguments(pair):
    X, K = (t[0].double() for t in pair)
    K = K[0]
    torch.testing.assert_close(corr2d(2 * X + 1, K), 2 * corr2d(X, K) + K.sum())
    torch.testing.assert_close(corr2d(X, 3 * K), 3 * corr2d(X, K))


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


@given(images_and_kernels(), st.sampled_from(INTEGERS))
def test_integers_of_every_size_are_summed_in_int64(pair, dtype):
    """The largest values of the dtype, whose products and sums would wrap around in it."""
    top = min(torch.iinfo(dtype).max, 2**31 - 1)
    X, K = (top - t.abs().long().clamp(max=top) for t in pair)
    X, K, exact = X.to(dtype), (K // 2**20 if top > 2**20 else K).to(dtype), F.conv2d
    truth = exact(X[None].long(), K.long())[0]
    one = K[:, :, :1, :1]
    for ours, theirs in (
        (corr2d(X[0], K[0, 0]), exact(X[None, :1].long(), K[:1, :1].long())[0, 0]),
        (corr2d_multi_in(X, K[0]), truth[0]),
        (corr2d_multi_in_out(X, K), truth),
        (corr2d_multi_in_out_1x1(X, one), exact(X[None].long(), one.long())[0]),
        (comp_conv2d(lambda x: x + x, X[0]), 2 * X[0].long()),
    ):
        assert ours.dtype == torch.int64 and torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floating_point_keeps_its_dtype_and_torchs_values(dtype):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(3, 9, 8, generator=generator).to(dtype)
    K = torch.randn(2, 3, 3, 2, generator=generator).to(dtype)
    torch.testing.assert_close(corr2d_multi_in_out(X, K), F.conv2d(X[None], K)[0])
    torch.testing.assert_close(corr2d_multi_in(X, K[0]), F.conv2d(X[None], K[:1])[0, 0])
    torch.testing.assert_close(corr2d(X[0], K[0, 0]), F.conv2d(X[None, :1], K[:1, :1])[0, 0])
    one = K[..., :1, :1]
    torch.testing.assert_close(corr2d_multi_in_out_1x1(X, one), F.conv2d(X[None], one)[0])
    layer = nn.Conv2d(1, 1, 3, dtype=dtype)
    assert comp_conv2d(layer, X[0]).dtype == dtype


def test_the_pixels_of_a_boot_dont_wrap():
    boot = load_fashion_mnist("sample").train_images[0, 0]
    assert corr2d(boot, torch.tensor([[1, 2, 1]], dtype=torch.uint8)).max() == 988


def test_the_reference_numbers():
    assert corr2d(NINE, FOUR).tolist() == [[19, 25], [37, 43]]
    padded = F.pad(NINE, [1] * 4)
    assert corr2d(padded, FOUR).tolist() == [[0, 3, 8, 4], [9, 19, 25, 10], [21, 37, 43, 16], [6, 7, 8, 0]]
    X, K = torch.stack([NINE, NINE + 1]), torch.stack([FOUR, FOUR + 1])
    assert corr2d_multi_in(X, K).tolist() == [[56, 72], [104, 120]]
    three = corr2d_multi_in_out(X, torch.stack([K, K + 1, K + 2]))
    assert three[1:].tolist() == [[[76, 100], [148, 172]], [[96, 128], [192, 224]]]


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"kernel_size": 3, "padding": 1}, (8, 8)),
        ({"kernel_size": (5, 3), "padding": (2, 1)}, (8, 8)),
        ({"kernel_size": 3, "padding": 1, "stride": 2}, (4, 4)),
        ({"kernel_size": (3, 5), "padding": (0, 1), "stride": (3, 4)}, (2, 2)),
    ],
)
def test_comp_conv2d_gives_the_layers_shape(settings, shape):
    assert comp_conv2d(nn.Conv2d(1, 1, **settings), torch.rand(8, 8)).shape == shape
    assert comp_conv2d(nn.LazyConv2d(1, **settings), torch.rand(8, 8)).shape == shape


def test_comp_conv2d_leaves_rows_rows():
    assert torch.equal(comp_conv2d(nn.Identity(), NINE), NINE)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: corr2d([[1]], FOUR), TypeError, "`X` must be a torch.Tensor, got list"),
        (lambda: corr2d(NINE[None], FOUR), ValueError, r"2 axes \(H, W\), got shape \(1, 3, 3\)"),
        (lambda: corr2d(NINE, FOUR.float()), TypeError, r"`X` \(torch.int64\) and `K` \(torch.float32\)"),
        (lambda: corr2d(FOUR, NINE), ValueError, "3x3 window must fit into `X` with 2x2 pixels"),
        (lambda: corr2d(NINE, torch.zeros(0, 2)), ValueError, "`K` must not be empty"),
        (lambda: corr2d(NINE > 3, FOUR > 1), TypeError, "must hold real numbers, got torch.bool"),
        (lambda: corr2d_multi_in(torch.zeros(3, 4, 4), torch.zeros(2, 1, 1)), ValueError, "3 channels"),
        (lambda: corr2d_multi_in(torch.zeros(2, 4, 4), torch.zeros(3, 1, 1)), ValueError, "2 channels"),
        (
            lambda: corr2d_multi_in_out(torch.zeros(3, 4, 4), torch.zeros(5, 2, 1, 1)),
            ValueError,
            r"`X` has 3 channels but `K` \(shape \(5, 2, 1, 1\)\) expects 2",
        ),
        (
            lambda: corr2d_multi_in(torch.zeros(3, 4, 5), torch.zeros(3, 7, 6)),
            ValueError,
            "7x6 window must fit into `X` with 4x5 pixels",
        ),
        (
            lambda: corr2d_multi_in_out_1x1(torch.zeros(3, 4, 4), torch.zeros(5, 3, 1, 2)),
            ValueError,
            "1x1 window",
        ),
        (lambda: comp_conv2d(nn.Conv2d(1, 2, 3), torch.zeros(8, 8)), ValueError, "out_channels=1"),
        (lambda: comp_conv2d(nn.Conv2d(1, 1, 3), torch.zeros(1, 8, 8)), ValueError, "2 axes"),
        (lambda: comp_conv2d(nn.Conv2d(1, 1, 2), NINE), TypeError, r"int64\) must have .* \(torch.float32\)"),
        (
            lambda: comp_conv2d(nn.Conv2d(1, 1, 2), NINE.double()),
            TypeError,
            r"convert it with `X.to\(torch.float32\)`",
        ),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
