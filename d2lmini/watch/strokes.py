"""Transposed convolution as a scene: every pixel paints the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from d2lmini._checks import check_tensor, check_window
from d2lmini.conv import check_same_dtype, widened
from d2lmini.shapes import conv_transpose_output_size
from d2lmini.transposed import corr2d_transposed
from d2lmini.watch.geometry import window_cells
from d2lmini.watch.scene import Panel, Scene, Step, empty_rows, to_rows, to_text


def conv_transpose2d(
    X: Tensor,
    K: Tensor,
    padding: int = 0,
    stride: int = 1,
    names: Sequence[str] = ("input", "kernel", "output"),
    title: str = "Transposed convolution, stroke by stroke",
) -> Scene:
    """Every pixel of the input adds the kernel, times its value, to the output.

    Seen from an error it is the way back through a convolution: what stood below the window gets its share.

    Args:
        X: the input, shape (H, W), any real dtype.
        K: the kernel, shape (kh, kw), the same dtype.
        padding: pixels taken off each side of the output; they are shown as a frame.
        stride: pixels between two strokes.
        names: of input, kernel and output.
        title: one line about the whole.

    Returns:
        A scene with one step for each pixel of the input.

    Raises:
        TypeError: not tensors, two dtypes, or a setting that isn't an integer.
        ValueError: wrong axes, nothing left of the output, a setting below its minimum.

    >>> scene = conv_transpose2d(torch.tensor([[1, 2]]), torch.tensor([[3, 4]]))
    >>> scene.steps[1].say
    '2 at row 0, column 1 paints 2 times the kernel at row 0, column 1'
    >>> scene.texts(1)[-1]
    ['3', '10', '8']
    """
    check_tensor("X", X, "H, W")
    check_tensor("K", K, "kh, kw")
    check_same_dtype(X, K)
    check_window(1, stride, padding)
    for n, k in zip(X.shape, K.shape, strict=True):
        conv_transpose_output_size(n, k, padding, stride)
    X, K = widened(X), widened(K)
    so_far = torch.zeros_like(X)
    Y = corr2d_transposed(X, K, stride)
    panels = [
        Panel(names[0], to_rows(X)),
        Panel(names[1], to_rows(K)),
        Panel("stroke", empty_rows(K.shape), passing=True),
        Panel(names[2], to_rows(torch.zeros_like(Y)), (padding, padding)),
    ]
    steps = []
    for i, j in product(*map(range, X.shape)):
        so_far[i, j] = X[i, j]
        painted = corr2d_transposed(so_far, K, stride).flatten()
        cells = window_cells((i * stride, j * stride), K.shape, Y.shape[1])
        value = to_text(X[i, j])
        steps.append(
            Step(
                f"{value} at row {i}, column {j} paints {value} times the kernel "
                f"at row {i * stride}, column {j * stride}",
                lit={0: [i * X.shape[1] + j], 1: range(K.numel()), 2: range(K.numel()), 3: cells},
                write={
                    2: dict(enumerate(map(to_text, (X[i, j] * K).flatten()))),
                    3: {cell: to_text(painted[cell]) for cell in cells},
                },
            )
        )
    return Scene(title, panels, steps)
