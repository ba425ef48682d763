"""The receptive field as a scene: what each pixel of the last map sees, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from d2lmini.cost import field_of
from d2lmini.shapes import conv_output_size
from d2lmini.transposed import conv_transpose2d
from d2lmini.watch.scene import Panel, Scene, Step, empty_rows, to_text


def receptive_field(
    n: int, layers: Sequence[Sequence[int]], title: str = "What one pixel sees, and in how many ways"
) -> Scene:
    """For each pixel of the last map, the pixels it sees in every map before.

    A cell says in how many ways the pixel is reached, which is its gradient when all weights are 1.

    Args:
        n: height and width of the input, in pixels.
        layers: each (kernel_size, stride, padding); what is left out at the end is 1, 0.
        title: one line about the whole.

    Returns:
        A scene with one step for each pixel of the last map.

    Raises:
        TypeError: a setting that isn't an integer.
        ValueError: no layers, a window that doesn't fit, a setting below its minimum.

    >>> scene = receptive_field(5, [(3,), (3,)])
    >>> scene.steps[0].say
    'Pixel at row 0, column 0 sees rows 0 to 4, columns 0 to 4 of the input: 25 pixels'
    >>> scene.texts(0)[0][:5]
    ['1', '2', '3', '2', '1']
    """
    if not layers:
        raise ValueError("`layers` must name at least one layer, got none.")
    windows = [(*layer, *(1, 0)[len(layer) - 1 :]) for layer in layers]  # each (k, s, p)
    sizes = [n]
    for k, s, p in windows:
        sizes.append(conv_output_size(sizes[-1], k, p, s))
    names = ["input", *(f"after layer {i}" for i in range(1, len(sizes)))]
    panels = [
        Panel(name, empty_rows((size, size)), passing=True) for name, size in zip(names, sizes, strict=True)
    ]
    size, jump, offset = field_of(windows)
    steps = []
    for i, j in product(range(sizes[-1]), repeat=2):
        down, across = ((max(0, offset + jump * at), min(n, offset + jump * at + size) - 1) for at in (i, j))
        say = (
            f"Pixel at row {i}, column {j} sees rows {down[0]} to {down[1]}, columns {across[0]} to "
            f"{across[1]} of the input: {(down[1] - down[0] + 1) * (across[1] - across[0] + 1)} pixels"
        )
        maps = [way.flatten() for way in ways(sizes, windows, (i, j))]
        lit = {panel: way.nonzero().flatten().tolist() for panel, way in enumerate(maps)}
        write = {
            panel: {cell: to_text(w) if w else "" for cell, w in enumerate(way)}
            for panel, way in enumerate(maps)
        }
        steps.append(Step(say, lit=lit, write=write))
    return Scene(title, panels, steps)


def ways(sizes: Sequence[int], windows: Sequence[Sequence[int]], place: tuple[int, int]) -> list[Tensor]:
    """For each map, from the input to the last one, in how many ways a pixel of the last one reaches it.

    >>> ways([3, 1], [(3, 1, 0)], (0, 0))[0].tolist()
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    """
    way = torch.zeros(sizes[-1], sizes[-1], dtype=torch.int64)
    way[place] = 1
    found = [way]
    for n, (k, s, p) in zip(reversed(sizes[:-1]), reversed(windows), strict=True):
        ones = torch.ones(1, 1, k, k, dtype=torch.int64)
        unread = (n + 2 * p - k) % s  # at the end of the padded map: no window reaches there
        back = conv_transpose2d(found[0][None, None], ones, stride=s, padding=p, output_padding=unread)
        found.insert(0, back[0, 0])
    return found
