"""Pooling as a scene, forwards and backwards."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from d2lmini._checks import check_tensor, check_window
from d2lmini.pooling import avg_pool2d, check_mode, max_pool2d
from d2lmini.watch.geometry import all_windows, in_brackets, unread
from d2lmini.watch.scene import Panel, Scene, Step, empty_rows, to_rows, to_text

NAMES = {"max": "Max", "avg": "Average"}


def pool2d(
    X: Tensor,
    kernel_size: int,
    mode: str = "max",
    padding: int = 0,
    stride: int | None = None,
    fill: float | None = None,
    title: str = "",
) -> Scene:
    """A window passes on the largest or the mean of its pixels.

    Args:
        X: the input, shape (H, W), any real dtype; it is shown as floating-point numbers.
        kernel_size, padding, stride: in pixels; `stride=None` means the kernel size.
        mode: "max" or "avg".
        fill: what the padding holds; None is minus infinity for "max" and 0 for "avg", as in torch.
        title: one line about the whole.

    Returns:
        A scene with one step for each number of the output.

    Raises:
        TypeError: not a tensor, or a setting that isn't an integer.
        ValueError: another mode, a window that doesn't fit, a setting below its minimum.

    >>> import torch
    >>> X = torch.arange(9).reshape(3, 3)
    >>> pool2d(X, 2, stride=1).steps[0].say
    'Window at row 0, column 0: the largest of 0, 1, 3, 4 is 4'
    >>> pool2d(X, 2, "avg", stride=1).steps[0].say
    'Window at row 0, column 0: (0 + 1 + 3 + 4) / 4 = 2'
    """
    check_tensor("X", X, "H, W")
    check_mode(mode)
    stride = kernel_size if stride is None else stride
    check_window(kernel_size, stride, padding)
    fill = {"max": -float("inf"), "avg": 0.0}[mode] if fill is None else fill
    padded = F.pad(X.double(), [padding] * 4, value=fill)  # (H + 2p, W + 2p)
    Y, winners = max_pool2d(padded, kernel_size, stride, return_indices=True)
    if mode == "avg":
        Y = avg_pool2d(padded, kernel_size, stride)
    windows = all_windows(Y.shape, (kernel_size, kernel_size), padded.shape[1], (stride, stride))
    crossed = unread(windows.values(), padded.shape, (padding, padding))
    panels = [Panel("input", to_rows(padded), (padding, padding), crossed)]
    panels.append(Panel({"max": "largest", "avg": "mean"}[mode], empty_rows(Y.shape)))
    steps = []
    for place, ((i, j), window) in enumerate(windows.items()):
        pixels = [to_text(value) for value in padded.flatten()[window]]
        picked = {0: [int(winners[i, j])]} if mode == "max" else {}
        say = f"Window at row {i * stride}, column {j * stride}: {told(mode, pixels, to_text(Y[i, j]))}"
        steps.append(Step(say, {0: window, 1: [place]}, picked, {1: {place: to_text(Y[i, j])}}))
    return Scene(title or f"{NAMES[mode]} pooling, window by window", panels, steps)


def pool2d_backward(
    X: Tensor, G: Tensor, kernel_size: int, mode: str = "max", stride: int | None = None, title: str = ""
) -> Scene:
    """Each gradient goes back through its window: to the largest pixel, or to all of them in equal parts.

    Args:
        X: the input of the pooling, shape (H, W).
        G: the gradients of its output, shape (H', W').
        kernel_size, stride: in pixels; `stride=None` means the kernel size.
        mode: "max" or "avg".
        title: one line about the whole.

    Returns:
        A scene with one step for each gradient.

    Raises:
        TypeError: not tensors, or a setting that isn't an integer.
        ValueError: another mode, a window that doesn't fit, gradients of another shape than the output.

    >>> import torch
    >>> pool2d_backward(torch.tensor([[1, 5], [3, 4]]), torch.tensor([[8]]), 2).steps[0].say
    'Gradient 8 goes to the 5 at row 0, column 1, which was the largest of its window'
    """
    check_tensor("X", X, "H, W")
    check_tensor("G", G, "H', W'")
    check_mode(mode)
    stride = kernel_size if stride is None else stride
    Y, winners = max_pool2d(X.double(), kernel_size, stride, return_indices=True)
    if Y.shape != G.shape:
        raise ValueError(f"`G` must have the shape of the output, {tuple(Y.shape)}, got {tuple(G.shape)}.")
    windows = all_windows(Y.shape, (kernel_size, kernel_size), X.shape[1], (stride, stride))
    back = X.new_zeros(X.numel()).double()
    panels = [
        Panel("input", to_rows(X)),
        Panel("gradients of the output", to_rows(G)),
        Panel("gradients of the input", to_rows(back.reshape(X.shape))),
    ]
    steps = []
    for place, ((i, j), window) in enumerate(windows.items()):
        takers = [int(winners[i, j])] if mode == "max" else window
        back[takers] += G[i, j].double() / len(takers)
        row, column = divmod(takers[0], X.shape[1])
        say = f"Gradient {to_text(G[i, j])} "
        if mode == "max":
            largest = to_text(X[row, column])
            say += f"goes to the {largest} at row {row}, column {column}, which was the largest of its window"
        else:
            say += (
                f"is divided among {len(takers)} pixels, {to_text(G[i, j].double() / len(takers))} for each"
            )
        write = {2: {cell: to_text(back[cell]) for cell in takers}}
        picked = {0: takers} if mode == "max" else {}
        steps.append(Step(say, {0: window, 1: [place], 2: takers}, picked, write))
    return Scene(title or f"Back through {NAMES[mode].lower()} pooling", panels, steps)


def told(mode: str, pixels: Sequence[str], result: str) -> str:
    """What a window does with its pixels, in words."""
    if mode == "max":
        return f"the largest of {', '.join(pixels)} is {result}"
    return f"({' + '.join(map(in_brackets, pixels))}) / {len(pixels)} = {result}"
