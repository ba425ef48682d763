"""The way back against torch: transposed convolution for every argument, upsampling, un-pooling; errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from strategies import pair_of, tensors
from torch import nn

from d2lmini import (
    conv_matrix,
    conv_transpose2d,
    corr2d_transposed,
    interpolation_matrix,
    max_pool2d,
    max_unpool2d,
    upsample_bilinear,
    upsample_nearest,
)
from d2lmini.transposed import pairs

NINE = torch.arange(9).reshape(3, 3)
FOUR = torch.arange(4).reshape(2, 2)
small = st.integers(1, 4)


@st.composite
def paintings(draw):
    """X (N, ci, H, W), a weight, a bias or none, and settings that torch may refuse."""
    groups = draw(st.integers(1, 3))
    ci, co = groups * draw(st.integers(1, 2)), draw(st.integers(1, 2))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    X = draw(tensors(draw(st.integers(1, 2)), ci, draw(small), draw(small), dtype=dtype))
    weight = draw(tensors(ci, co, draw(small), draw(small), dtype=dtype))
    bias = draw(st.none() | tensors(groups * co, dtype=dtype))
    settings = {
        "stride": draw(pair_of(st.integers(1, 3))),
        "padding": draw(pair_of(st.integers(0, 2))),
        "output_padding": draw(pair_of(st.integers(0, 2))),
        "groups": groups,
        "dilation": draw(pair_of(st.integers(1, 3))),
    }
    return X, weight, bias, settings


@given(paintings())
def test_a_transposed_convolution_agrees_with_torch(case):
    X, weight, bias, settings = case
    try:
        theirs = F.conv_transpose2d(X, weight, bias, **settings)
    except RuntimeError:
        theirs = torch.empty(0)
    if theirs.numel() == 0:  # refused, or an empty picture, which we refuse
        with pytest.raises(ValueError):
            conv_transpose2d(X, weight, bias, **settings)
        return
    torch.testing.assert_close(conv_transpose2d(X, weight, bias, **settings), theirs)


@given(paintings())
def test_its_gradients_agree_with_torch(case):
    X, weight, bias, settings = case
    settings["output_padding"], settings["padding"] = 0, 0
    leaves = [t.double().requires_grad_() for t in (X, weight, *(() if bias is None else (bias,)))]
    gradients = []
    for function in (conv_transpose2d, F.conv_transpose2d):
        Y = function(*leaves, **settings)
        gradients.append(torch.autograd.grad((Y.flatten() * torch.arange(1.0, Y.numel() + 1)).sum(), leaves))
    torch.testing.assert_close(*gradients)


@st.composite
def convolutions(draw):
    """A kernel of integers, (H, W), and settings with which it fits."""
    kh, kw = draw(small), draw(small)
    settings = {
        "stride": draw(pair_of(st.integers(1, 3))),
        "padding": draw(pair_of(st.integers(0, 2))),
        "dilation": draw(pair_of(st.integers(1, 2))),
    }
    shape = (draw(st.integers(2 * kh, 2 * kh + 3)), draw(st.integers(2 * kw, 2 * kw + 3)))
    return draw(tensors(kh, kw, dtype=torch.float64)), shape, settings


@given(convolutions())
def test_the_matrix_convolves_and_its_transpose_goes_back(case):
    K, (H, W), settings = case
    X = torch.linspace(-1, 1, H * W, dtype=torch.float64).reshape(H, W).sin().requires_grad_()
    M = conv_matrix(K, (H, W), **settings)
    Y = F.conv2d(X[None, None], K[None, None], **settings)[0, 0]
    torch.testing.assert_close(M @ X.flatten(), Y.flatten())
    G = torch.arange(1.0, Y.numel() + 1, dtype=torch.float64).reshape(Y.shape)
    back = (M.T @ G.flatten()).reshape(H, W)
    torch.testing.assert_close(back, torch.autograd.grad(Y, X, G)[0])
    (sh, sw), (ph, pw), (dh, dw) = pairs(*settings.values())
    kh, kw = K.shape
    rest = (H + 2 * ph - dh * (kh - 1) - 1) % sh, (W + 2 * pw - dw * (kw - 1) - 1) % sw
    painted = conv_transpose2d(G[None, None], K[None, None], output_padding=rest, **settings)[0, 0]
    torch.testing.assert_close(back, painted)


@given(tensors(3, 4, dtype=torch.int64), tensors(2, 3, dtype=torch.int64), st.integers(1, 4))
def test_strokes_and_all_products_at_once_agree_on_integers(X, K, stride):
    painted = corr2d_transposed(X, K, stride)
    assert torch.equal(painted, conv_transpose2d(X[None, None], K[None, None], stride=stride)[0, 0])
    theirs = F.conv_transpose2d(X[None, None].double(), K[None, None].double(), stride=stride)[0, 0]
    assert torch.equal(painted, theirs.long())


@given(tensors(2, 3, dtype=torch.int64), st.sampled_from([torch.uint8, torch.int16, torch.int64]))
def test_bytes_do_not_wrap_around(X, dtype):
    X, K = X.abs().to(dtype), torch.tensor([[100, 120]], dtype=dtype)
    assert torch.equal(corr2d_transposed(X, K), corr2d_transposed(X.long(), K.long()))
    assert torch.equal(conv_transpose2d(X[None, None], K[None, None])[0, 0], corr2d_transposed(X, K))
    assert conv_matrix(K, (2, 3)).dtype == torch.int64


def test_the_textbooks_numbers():
    assert corr2d_transposed(FOUR, FOUR).tolist() == [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    stride_two = [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]
    assert corr2d_transposed(FOUR, FOUR, stride=2).tolist() == stride_two
    G = torch.tensor([[1, 2], [3, 4]])
    assert corr2d_transposed(G, FOUR).tolist() == [
        [0, 1, 2],
        [2, 10, 10],
        [6, 17, 12],
    ]  # chapter 1's gradient
    assert (conv_matrix(FOUR, (3, 3)) @ NINE.flatten()).tolist() == [19, 25, 37, 43]


def test_height_and_width_are_told_apart():
    """The published formula has the height in place of the width; only other shapes than squares show it."""
    X, weight = torch.ones(1, 1, 4, 6), torch.ones(1, 1, 3, 5)
    settings = {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 2), "dilation": (2, 1)}
    ours = conv_transpose2d(X, weight, **settings)
    assert ours.shape == (1, 1, 12, 20)
    torch.testing.assert_close(ours, F.conv_transpose2d(X, weight, **settings))


def test_there_may_be_many_channels():
    assert conv_transpose2d(torch.ones(1, 300, 1, 1), torch.ones(300, 1, 1, 1)).item() == 300


def test_there_and_back_loses_the_values():
    """A transposed convolution brings back the shape; it is no inverse, whatever 'deconvolution' says."""
    X, K = NINE[None, None], FOUR[None, None]
    there = F.conv2d(X.double(), K.double()).long()
    back = conv_transpose2d(there, K)
    assert back.shape == X.shape and not torch.equal(back, X)
    assert torch.linalg.matrix_rank(conv_matrix(FOUR, (3, 3)).double()) == 4  # of nine


@given(tensors(2, 1, 3, 4), st.integers(1, 7), st.booleans())
def test_upsampling_agrees_with_torch(X, factor, align_corners):
    nearest = F.interpolate(X, scale_factor=factor, mode="nearest")
    torch.testing.assert_close(upsample_nearest(X, factor), nearest, rtol=0, atol=0)
    bilinear = F.interpolate(X, scale_factor=factor, mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(upsample_bilinear(X, factor, align_corners), bilinear)


def test_the_layer_of_another_name_aligns_corners():
    X = torch.tensor([[[[0.0, 16.0]]]])
    torch.testing.assert_close(
        upsample_bilinear(X, 2, align_corners=True), nn.UpsamplingBilinear2d(None, 2)(X)
    )
    torch.testing.assert_close(upsample_bilinear(X, 2), nn.Upsample(scale_factor=2, mode="bilinear")(X))


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_every_new_pixel_is_a_mixture(n, factor, align_corners):
    A = interpolation_matrix(n, factor, align_corners)
    assert A.shape == (n * factor, n) and A.min() >= 0
    torch.testing.assert_close(A.sum(1), torch.ones(n * factor, dtype=torch.float64))


def test_upsampling_keeps_integers_and_gradients():
    assert upsample_nearest(NINE, 2).dtype == torch.int64
    X = NINE.double().requires_grad_()
    assert torch.autograd.gradcheck(upsample_bilinear, (X, 3))
    upsample_nearest(X, 3).sum().backward()
    assert (X.grad == 9).all()


@st.composite
def poolings(draw):
    """An image and settings of a pooling, stride and padding among them."""
    k = draw(st.integers(1, 3))
    settings = {
        "kernel_size": k,
        "stride": draw(st.none() | pair_of(st.integers(1, 3))),
        "padding": draw(st.integers(0, k // 2)),
    }
    return draw(tensors(2, 2, draw(st.integers(k, 8)), draw(st.integers(k, 8)))), settings


@given(poolings())
def test_unpooling_agrees_with_torch(case):
    X, settings = case
    values, indices = max_pool2d(X, **settings, return_indices=True)
    size = X.shape[-2:]
    theirs = F.max_unpool2d(values, indices, **settings, output_size=size)
    torch.testing.assert_close(max_unpool2d(values, indices, **settings, output_size=size), theirs)
    torch.testing.assert_close(max_unpool2d(values, indices, **settings, output_size=X.shape), theirs)
    try:
        theirs = F.max_unpool2d(values, indices, **settings)
    except RuntimeError:  # an index beyond the smallest picture
        theirs = torch.empty(0)
    if theirs.numel() == 0:  # or a picture without pixels, into which torch puts its maxima all the same
        with pytest.raises(ValueError, match="indices|output_size"):
            max_unpool2d(values, indices, **settings)
        return
    torch.testing.assert_close(max_unpool2d(values, indices, **settings), theirs)


def test_unpooling_has_a_gradient():
    values, indices = max_pool2d(torch.randn(1, 6, 6, dtype=torch.float64), 2, return_indices=True)
    values.requires_grad_()
    max_unpool2d(values, indices, 2).sum().backward()
    assert (values.grad == 1).all()


IMAGE, WEIGHT = torch.ones(1, 4, 3, 3), torch.ones(4, 2, 3, 3)
VALUES, PLACES = torch.ones(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: conv_matrix(NINE, (2, 5)), ValueError, "the kernel reaches over 3 pixels"),
        (lambda: conv_matrix(FOUR, (5, 2), dilation=2), ValueError, "the kernel reaches over 3 pixels"),
        (lambda: conv_matrix(NINE[0], (5, 5)), ValueError, r"2 axes \(kh, kw\)"),
        (lambda: conv_matrix(NINE, (5, 5, 5)), ValueError, "`input_shape`"),
        (lambda: conv_matrix(NINE, (5, 5), stride=0), ValueError, r"`stride` \(=0\)"),
        (lambda: conv_matrix(NINE, (5, 5), padding=-1), ValueError, r"`padding` \(=-1\)"),
        (lambda: corr2d_transposed(NINE, FOUR.float()), TypeError, "the same dtype"),
        (lambda: corr2d_transposed(NINE[0], FOUR), ValueError, r"2 axes \(H, W\)"),
        (lambda: corr2d_transposed(NINE, FOUR[0]), ValueError, r"2 axes \(kh, kw\)"),
        (lambda: corr2d_transposed(NINE, FOUR, 0), ValueError, r"`stride` \(=0\)"),
        (lambda: conv_transpose2d(IMAGE[0], WEIGHT), ValueError, "4 axes"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT[0]), ValueError, "4 axes"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT.double()), TypeError, "the same dtype"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT.transpose(0, 1)), ValueError, "input channels first"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, groups=3), ValueError, r"divisible by `groups` \(=3\)"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, groups=0), ValueError, r"`groups` \(=0\)"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, torch.ones(4)), ValueError, "each of the 2 output channels"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, torch.ones(1)), ValueError, "each of the 2 output channels"),
        (lambda: max_unpool2d(VALUES, PLACES, 2, output_size=(2, 4)), ValueError, r"`output_size` \(=2\)"),
        (lambda: max_unpool2d(VALUES, PLACES, 2, output_size=(4, 6)), ValueError, r"`output_size` \(=6\)"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, torch.ones(2).double()), TypeError, "the same dtype"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, torch.ones(2, 1)), ValueError, "1 axes"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, output_padding=1), ValueError, "must be smaller than"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, padding=3), ValueError, "takes away more"),
        (lambda: conv_transpose2d(IMAGE, WEIGHT, dilation=0), ValueError, "`dilation`"),
        (lambda: upsample_nearest(NINE, 1.5), TypeError, r"`scale_factor` \(=1.5\)"),
        (lambda: upsample_nearest(NINE, 0), ValueError, r"`scale_factor` \(=0\)"),
        (lambda: upsample_nearest(NINE[0], 2), ValueError, "at least 2 axes"),
        (lambda: upsample_bilinear(NINE, 2), TypeError, "floating-point"),
        (lambda: upsample_bilinear(NINE[0].float(), 2), ValueError, "at least 2 axes"),
        (lambda: upsample_bilinear(NINE.float(), 0), ValueError, r"`scale_factor` \(=0\)"),
        (lambda: interpolation_matrix(0, 2), ValueError, r"`n` \(=0\)"),
        (lambda: max_unpool2d(VALUES, PLACES.int(), 2), TypeError, "must be int64"),
        (lambda: max_unpool2d(VALUES, PLACES[0], 2), ValueError, "the same shape"),
        (lambda: max_unpool2d(VALUES, PLACES + 16, 2), ValueError, "within the 16 pixels"),
        (lambda: max_unpool2d(VALUES, PLACES - 1, 2), ValueError, "from -1"),
        (lambda: max_unpool2d(VALUES, PLACES, 2, output_size=(6, 4)), ValueError, r"`output_size` \(=6\)"),
        (lambda: max_unpool2d(VALUES, PLACES, 2, output_size=(4, 2)), ValueError, r"`output_size` \(=2\)"),
        (lambda: max_unpool2d(VALUES, PLACES, 0), ValueError, r"`kernel_size` \(=0\)"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
