"""Cross-correlation as a scene."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch.nn.functional as F
from torch import Tensor

from d2lmini._checks import Pair, check_tensor, check_window, pairs
from d2lmini.conv import check_corr2d, corr2d_multi_in_out, widened
from d2lmini.shapes import conv_output_size
from d2lmini.watch.geometry import all_windows, numbered, sum_of_products, unread
from d2lmini.watch.scene import Panel, Scene, Step, empty_rows, to_rows, to_text


def corr2d(
    X: Tensor,
    K: Tensor,
    padding: Pair = 0,
    stride: Pair = 1,
    dilation: Pair = 1,
    names: Sequence[str] = ("input", "kernel", "output"),
    title: str = "Cross-correlation, window by window",
) -> Scene:
    """A kernel slides over an input; the products below it are summed into the output.

    Args:
        X: the input, shape (H, W) or (ci, H, W), any real dtype.
        K: the kernel, shape (kh, kw), (ci, kh, kw) or (co, ci, kh, kw), the same dtype.
        padding: zeros on each side, in pixels; like the next two, one integer or (height, width).
        stride: pixels from one window to the next.
        dilation: pixels from one weight of the kernel to the next.
        names: of input, kernel and output.
        title: one line about the whole.

    Returns:
        A scene with one step for each number of the output.

    Raises:
        TypeError: not tensors, two dtypes, or a setting that isn't an integer.
        ValueError: channels that don't match, a kernel that doesn't fit, a setting below its minimum.

    >>> import torch
    >>> scene = corr2d(torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2))
    >>> scene.steps[0].say
    'Window at row 0, column 0: 0·0 + 1·1 + 3·2 + 4·3 = 19'
    >>> scene.texts(3)[-1]
    ['19', '25', '37', '43']
    """
    X, K, padded, stretched = prepare(X, K, padding, stride, dilation)
    frame, (sh, sw), spread = pairs(padding, stride, dilation)
    (co, ci, kh, kw), (height, width) = K.shape, padded.shape[1:]
    Y = corr2d_multi_in_out(padded, stretched)[:, ::sh, ::sw]  # (co, H', W')
    windows = all_windows(Y.shape[1:], (kh, kw), width, (sh, sw), spread)
    crossed = unread(windows.values(), (height, width), frame)
    inputs = [
        Panel(n, to_rows(x), frame, crossed) for n, x in zip(numbered(names[0], ci), padded, strict=True)
    ]
    kernels = [
        Panel(kernel_name(names[1], co, ci, o, c), to_rows(K[o, c])) for o, c in product(range(co), range(ci))
    ]
    products = [Panel(name, empty_rows((kh, kw)), passing=True) for name in numbered("products", ci)]
    outputs = [Panel(name, empty_rows(Y.shape[1:])) for name in numbered(names[2], co)]
    steps = []
    for o, ((i, j), window) in product(range(co), windows.items()):
        pixels, weights = padded.flatten(1)[:, window], K[o].flatten(1)  # (ci, kh*kw)
        where = f"Window at row {i * sh}, column {j * sw}" + f", kernel {o}" * (co > 1)
        place, writes = i * Y.shape[2] + j, {}
        for c in range(ci):
            writes[len(inputs + kernels) + c] = dict(enumerate(map(to_text, pixels[c] * weights[c])))
        last = len(inputs + kernels + products) + o
        lit = {c: window for c in range(ci)} | {ci + o * ci + c: range(kh * kw) for c in range(ci)}
        steps.append(
            Step(
                f"{where}: {sum_of_products(pixels.flatten(), weights.flatten(), Y[o, i, j])}",
                lit={**lit, last: [place]},
                write={**writes, last: {place: to_text(Y[o, i, j])}},
            )
        )
    return Scene(title, inputs + kernels + products + outputs, steps)


def prepare(X: Tensor, K: Tensor, padding: Pair, stride: Pair, dilation: Pair) -> tuple[Tensor, ...]:
    """Input and kernels with all their axes, the padded input, and the kernels with gaps between the weights.

    Raises what `corr2d` raises.
    """
    check_window(1, stride, padding, dilation)
    check_tensor("X", X, "..., H, W")
    check_tensor("K", K, "..., kh, kw")
    X = X if X.ndim == 3 else X[None]  # (ci, H, W)
    K = K.reshape(1, *K.shape) if K.ndim == 3 else K if K.ndim == 4 else K[None, None]  # (co, ci, kh, kw)
    check_corr2d(X, K[..., :1, :1], "ci, H, W", "co, ci, kh, kw")  # whether K fits, the next lines say
    axes = list(zip(X.shape[1:], K.shape[2:], *pairs(padding, stride, dilation), strict=True))
    for n, k, p, s, d in axes:
        conv_output_size(n, k, p, s, d)
    down, across = (p for _, _, p, _, _ in axes)
    padded = F.pad(widened(X), [across, across, down, down])
    stretched = widened(K).new_zeros(*K.shape[:2], *(d * (k - 1) + 1 for _, k, _, _, d in axes))
    stretched[:, :, :: axes[0][-1], :: axes[1][-1]] = K
    return X, widened(K), padded, stretched


def kernel_name(name: str, co: int, ci: int, o: int, c: int) -> str:
    """A kernel's name: with its output channel and its input channel, if there are several.

    >>> kernel_name("kernel", 1, 2, 0, 1), kernel_name("kernel", 2, 2, 0, 1)
    ('kernel, channel 1', 'kernel 0, channel 1')
    """
    which = f"{name} {o}" if co > 1 else name
    return f"{which}, channel {c}" if ci > 1 else which
