"""Which cells a window covers, and the sums that a sentence spells out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from torch import Tensor

from d2lmini.watch.scene import Cells, to_number, to_text

Place = tuple[int, int]  # (row, column), or (down, across)


def window_cells(
    corner: Place, kernel_shape: Sequence[int], width: int, dilation: Place = (1, 1)
) -> list[int]:
    """The cells below a window whose upper left corner stands at `corner`, row by row.

    Args:
        corner: (row, column) in a matrix that is `width` cells wide.
        kernel_shape: (height, width) of the kernel.
        dilation: (down, across), cells from one weight of the kernel to the next.

    >>> window_cells((1, 0), (2, 2), width=5)
    [5, 6, 10, 11]
    >>> window_cells((0, 0), (2, 2), width=5, dilation=(2, 1))
    [0, 1, 10, 11]
    """
    row, column = corner
    return [
        (row + dilation[0] * a) * width + column + dilation[1] * b
        for a, b in product(range(kernel_shape[0]), range(kernel_shape[1]))
    ]


def all_windows(
    size: Sequence[int], kernel_shape: Sequence[int], width: int, stride: Place, dilation: Place = (1, 1)
) -> dict[Place, list[int]]:
    """For each place (row, column) of an output, the input's cells below the window.

    >>> all_windows((1, 2), (2, 2), width=4, stride=(1, 2))
    {(0, 0): [0, 1, 4, 5], (0, 1): [2, 3, 6, 7]}
    """
    return {
        (i, j): window_cells((i * stride[0], j * stride[1]), kernel_shape, width, dilation)
        for i, j in product(range(size[0]), range(size[1]))
    }


def unread(windows: Iterable[Cells], shape: Sequence[int], padding: Place) -> list[int]:
    """The cells of a padded matrix that are no padding, and below no window.

    >>> unread([[0, 1, 3, 4]], (3, 3), padding=(0, 0))
    [2, 5, 6, 7, 8]
    """
    read = {cell for window in windows for cell in window}
    height, width = shape
    rows, columns = range(padding[0], height - padding[0]), range(padding[1], width - padding[1])
    return [cell for i, j in product(rows, columns) if (cell := i * width + j) not in read]


def numbered(name: str, count: int) -> list[str]:
    """One name for each of several panels; the name itself if there is one.

    >>> numbered("input", 1), numbered("input", 2)
    (['input'], ['input 0', 'input 1'])
    """
    return [name] if count == 1 else [f"{name} {i}" for i in range(count)]


def sum_of_products(pixels: Tensor, weights: Tensor, total: Tensor) -> str:
    """A sum, written out: pixels times weights.

    >>> import torch
    >>> sum_of_products(torch.tensor([2, 3]), torch.tensor([-1, 0]), torch.tensor(-2))
    '2·(−1) + 3·0 = −2'
    """
    products = [f"{to_text(x)}·{in_brackets(to_text(w))}" for x, w in zip(pixels, weights, strict=True)]
    return f"{' + '.join(products)} = {to_text(total)}"


def in_brackets(text: str) -> str:
    """A number as a factor: in brackets when it is negative."""
    return f"({text})" if to_number(text) < 0 else text
