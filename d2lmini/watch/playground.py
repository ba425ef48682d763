"""A playground: settings that a reader changes, and the window, the size and the output change with them."""

from __future__ import annotations

import torch
from torch import Tensor

from d2lmini._checks import check_int
from d2lmini.watch.correlation import corr2d
from d2lmini.watch.page import LOOK, bundle, to_script
from d2lmini.watch.scene import Scene

LIMITS = {"n": (1, 10), "kernel_size": (1, 5), "padding": (0, 4), "stride": (1, 4), "dilation": (1, 3)}


class Playground:
    """What `playground` gives: a scene to begin with, and controls that compute others in the browser.

    Attributes:
        scene: what is shown first.
        settings: n, k, p, s, d to begin with.
    """

    def __init__(self, scene: Scene, settings: dict[str, int]) -> None:
        self.scene = scene
        self.settings = settings

    def __repr__(self) -> str:
        return f"Playground({', '.join(f'{name}={value}' for name, value in self.settings.items())})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        start = {
            "settings": self.settings,
            "picture": picture(10).tolist(),
            "kernel": kernel(5).tolist(),
        }
        call = f"playground(figure, {to_script(start)}, {to_script(LOOK)});"
        return bundle(self.scene, repr(self), ["watch.js", "playground.js"], call)


def playground(
    n: int = 8, kernel_size: int = 3, padding: int = 1, stride: int = 2, dilation: int = 1
) -> Playground:
    """A figure in which the reader changes settings and the kernel's values; the arguments are its start.

    It shows the formula of the output's size with the numbers in it, the pixels that no window reads, and why
    a setting is impossible. Input and output are square.

    Args:
        n, kernel_size, padding, stride, dilation: in pixels, at most 10, 5, 4, 4 and 3.

    Raises:
        TypeError: a setting that isn't an integer.
        ValueError: one that is too large or too small, or a kernel that doesn't fit.

    >>> playground(n=6, kernel_size=2, padding=0)
    Playground(n=6, k=2, p=0, s=2, d=1)
    """
    values = (n, kernel_size, padding, stride, dilation)
    for (name, (least, most)), value in zip(LIMITS.items(), values, strict=True):
        check_int(name, value, least)
        if value > most:
            raise ValueError(f"`{name}` (={value}) must be at most {most}, so that the figure fits a page.")
    title = "Playground: settings of a convolution and what comes out"
    scene = corr2d(picture(n), kernel(kernel_size), padding, stride, dilation, title=title)
    return Playground(scene, dict(zip("nkpsd", values, strict=True)))


def picture(n: int) -> Tensor:
    """The input, shape (n, n): digits in no order that the eye could follow.

    >>> picture(3).tolist()
    [[2, 7, 5], [8, 4, 4], [9, 7, 9]]
    """
    row, column = torch.arange(n)[:, None], torch.arange(n)
    return (2 + 3 * row * row + 2 * column * column + 3 * row + 3 * column + 2 * row * column) % 11 % 10


def kernel(k: int) -> Tensor:
    """The kernel to begin with, shape (k, k): it subtracts the third column from the first.

    >>> kernel(3).tolist()
    [[1, 0, -1], [1, 0, -1], [1, 0, -1]]
    """
    weights = torch.zeros(k, k, dtype=torch.int64)
    weights[:, 0] = 1
    weights[:, 2:3] = -1
    return weights
