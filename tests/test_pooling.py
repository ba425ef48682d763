"""Pooling against torch for every argument, over random shapes; its gradients; its errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import pair_of, tensors

from d2lmini import avg_pool2d, global_avg_pool2d, max_pool2d, pool2d

NINE = torch.arange(9.0).reshape(3, 3)
SIXTEEN = torch.arange(16.0).reshape(4, 4)
ROWS = torch.arange(8.0).reshape(1, 2, 4, 1).expand(1, 2, 4, 4)  # channel 0: rows 0..3, channel 1: rows 4..7


@st.composite
def pooled(draw, dilated: bool):
    """An image (N, C, H, W) and settings that torch accepts for it."""
    kernel_size = draw(pair_of(st.integers(1, 4)))
    kh, kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    settings = {
        "kernel_size": kernel_size,
        "stride": draw(st.none() | pair_of(st.integers(1, 4))),
        "padding": draw(
            st.integers(0, min(kh, kw) // 2) | st.tuples(st.integers(0, kh // 2), st.integers(0, kw // 2))
        ),
        "ceil_mode": draw(st.booleans()),
    }
    if dilated:
        settings["dilation"] = draw(pair_of(st.integers(1, 3)))
    shape = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 9)),
    )
    return draw(tensors(*shape)), settings


def torch_accepts(function, X, settings) -> bool:
    """Whether torch takes these settings; where it doesn't, we must refuse them too."""
    try:
        function(X, **settings)
    except RuntimeError:
        return False
    return True


@given(pooled(dilated=True))
def test_max_pooling_agrees_with_torch(case):
    X, settings = case
    if not torch_accepts(F.max_pool2d, X, settings):
        with pytest.raises(ValueError):
            max_pool2d(X, **settings)
        return
    theirs = F.max_pool2d(X, **settings)
    torch.testing.assert_close(max_pool2d(X, **settings), theirs, rtol=0, atol=0)
    values, places = max_pool2d(X, **settings, return_indices=True)
    real = torch.isfinite(theirs)  # a dilated window can lie wholly in the padding
    torch.testing.assert_close(values, theirs, rtol=0, atol=0)
    assert torch.equal(places[real], F.max_pool2d(X, **settings, return_indices=True)[1][real])


@given(pooled(dilated=False), st.booleans(), st.none() | st.sampled_from([-3, 1, 7]))
def test_average_pooling_agrees_with_torch(case, count_include_pad, divisor):
    X, settings = case
    settings |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    if not torch_accepts(F.avg_pool2d, X, settings):
        with pytest.raises(ValueError):
            avg_pool2d(X, **settings)
        return
    torch.testing.assert_close(avg_pool2d(X, **settings), F.avg_pool2d(X, **settings))


@given(pooled(dilated=False))
def test_gradients_agree_with_torch(case):
    X, settings = case
    assume(torch_accepts(F.max_pool2d, X, settings))
    for ours, theirs in ((max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)):
        gradients = []
        for function in (ours, theirs):
            leaf = X.double().clone().requires_grad_()
            Y = function(leaf, **settings)
            (Y.flatten() * torch.arange(1.0, Y.numel() + 1)).sum().backward()
            gradients.append(leaf.grad)
        torch.testing.assert_close(*gradients)


@given(tensors(2, 3, 5, 5, dtype=torch.int64), st.booleans())
def test_max_pooling_takes_integers(X, ceil_mode):
    settings = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": ceil_mode}
    ours, places = max_pool2d(X, **settings, return_indices=True)
    theirs, their_places = F.max_pool2d(X, **settings, return_indices=True)
    assert torch.equal(ours, theirs)
    assert torch.equal(places, their_places)  # ties are frequent here: the first of equals wins


@given(pooled(dilated=True), st.sampled_from([torch.uint8, torch.int8, torch.float32]))
def test_a_pixel_as_low_as_the_padding_comes_before_it(case, dtype):
    """Half of the pixels have the lowest value of their dtype; each window's winner is torch's."""
    X, settings = case
    assume(torch_accepts(F.max_pool2d, X, settings))
    low = -float("inf") if dtype.is_floating_point else torch.iinfo(dtype).min
    X = torch.where(X.median() < X, 7, low).to(dtype)
    ours, theirs = (f(X, **settings, return_indices=True) for f in (max_pool2d, F.max_pool2d))
    pixels = F.max_pool2d(torch.zeros_like(X, dtype=torch.float32), **settings)
    real = torch.isfinite(pixels)  # a dilated window can lie wholly in the padding
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1][real], theirs[1][real]) and (ours[1][~real] == -1).all()


def test_unpooling_and_gradients_work_on_the_lowest_values():
    dark = torch.zeros(1, 1, 7, 7, dtype=torch.uint8)
    _, places = max_pool2d(dark, 3, 2, 1, return_indices=True)
    assert places.min() >= 0
    X = torch.full((1, 1, 4, 4), -float("inf"), requires_grad=True)
    max_pool2d(X, 3, 2, 1).sum().backward()
    assert X.grad.sum() == 4 and X.grad[0, 0, 0, 0] == 1  # one for each window, none lost in the padding


def test_a_nan_stays_visible():
    X = SIXTEEN.clone()
    X[0, 1] = float("nan")
    assert max_pool2d(X, 2).isnan().tolist() == [[True, False], [False, False]]


@given(tensors(2, 3, 4, 6))
def test_global_average_is_the_mean_twice(X):
    torch.testing.assert_close(global_avg_pool2d(X), F.adaptive_avg_pool2d(X, 1))
    torch.testing.assert_close(global_avg_pool2d(X), X.mean(3, keepdim=True).mean(2, keepdim=True))


@pytest.mark.parametrize(("ours", "theirs"), [(max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)])
def test_the_defaults_are_torchs(ours, theirs):
    X = torch.randn(1, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(X, 2), theirs(X, 2))
    torch.testing.assert_close(ours(X, 3, padding=1), theirs(X, 3, padding=1))


def test_the_textbooks_numbers():
    assert pool2d(NINE, 2).tolist() == [[4, 5], [7, 8]]
    assert pool2d(NINE, 2, mode="avg").tolist() == [[2, 3], [5, 6]]
    assert pool2d(SIXTEEN, 3, stride=3).tolist() == [[10]]
    assert pool2d(SIXTEEN, 3, padding=1, stride=2).tolist() == [[5, 7], [13, 15]]
    assert pool2d(SIXTEEN, (2, 3), padding=(0, 1), stride=(2, 3)).tolist() == [[5, 7], [13, 15]]
    assert pool2d(NINE, 2).shape == (2, 2)  # stride 1 unless said
    assert max_pool2d(NINE, 2).shape == (1, 1)  # stride = kernel_size unless said


def test_the_numbers_of_two_channels():
    assert max_pool2d(ROWS, 2)[0].tolist() == [[[1, 1], [3, 3]], [[5, 5], [7, 7]]]
    assert max_pool2d(ROWS, 2, stride=1)[0, :, :, 0].tolist() == [[1, 2, 3], [5, 6, 7]]
    assert avg_pool2d(ROWS, 2, stride=1, padding=1)[0, 0].tolist() == [
        [0, 0, 0, 0, 0],
        [0.25, 0.5, 0.5, 0.5, 0.25],
        [0.75, 1.5, 1.5, 1.5, 0.75],
        [1.25, 2.5, 2.5, 2.5, 1.25],
        [0.75, 1.5, 1.5, 1.5, 0.75],
    ]
    assert avg_pool2d(ROWS, 4).flatten().tolist() == [1.5, 5.5]
    assert global_avg_pool2d(ROWS).flatten().tolist() == [1.5, 5.5]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: pool2d(NINE, 2, mode="min"), ValueError, r"`mode` \(='min'\) must be \"max\" or \"avg\""),
        (lambda: pool2d(NINE[None], 2), ValueError, r"2 axes \(H, W\)"),
        (lambda: max_pool2d(NINE, 4), ValueError, "the kernel reaches over 4 pixels"),
        (lambda: max_pool2d(NINE, 2, padding=2), ValueError, r"`padding` \(=2\) must be at most half"),
        (lambda: max_pool2d(NINE, 2, stride=0), ValueError, r"`stride` \(=0\) must be at least 1"),
        (lambda: max_pool2d(NINE, (2, 2, 2)), ValueError, "one integer or two"),
        (lambda: max_pool2d(NINE, 2.5), TypeError, r"`kernel_size` \(=2.5\) must be an integer"),
        (lambda: max_pool2d(NINE, float("nan")), ValueError, r"`kernel_size` \(=nan\)"),
        (lambda: max_pool2d(NINE, (1, 0)), ValueError, r"`kernel_size \(width\)` \(=0\)"),
        (lambda: max_pool2d(NINE, 2, dilation=0), ValueError, "`dilation`"),
        (lambda: max_pool2d(torch.zeros(3), 2), ValueError, "at least 2 axes"),
        (lambda: max_pool2d(torch.zeros(0, 3, 3), 2), ValueError, "must not be empty"),
        (lambda: avg_pool2d(NINE.long(), 2), TypeError, "must be a floating-point tensor"),
        (lambda: avg_pool2d(NINE, 2, divisor_override=0), ValueError, "must not be zero"),
        (lambda: avg_pool2d(NINE, 2, divisor_override=1.5), TypeError, "must be an integer or None"),
        (lambda: global_avg_pool2d(NINE.long()), TypeError, "floating-point"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
