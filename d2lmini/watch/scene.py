"""What a figure to watch consists of: panels of cells, and steps that light cells and write into them.

A scene knows nothing of how it is drawn. All numbers in it were computed before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Cells = Sequence[int]  # of one panel, each as row * columns + column


@dataclass(frozen=True)
class Panel:
    """A small matrix with a name.

    Args:
        name: what stands above it.
        rows: what its cells say, each row as long; "" in a cell that a step fills in.
        padding: (rows, columns) of padding on each side.
        crossed: cells that no window reads.
        passing: its cells belong to one step each, like the products below a window.
    """

    name: str
    rows: Sequence[Sequence[str]]
    padding: tuple[int, int] = (0, 0)
    crossed: Cells = ()
    passing: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.rows), len(self.rows[0])

    def is_padding(self, cell: int) -> bool:
        """Whether a cell belongs to the frame."""
        (height, width), (down, across) = self.shape, self.padding
        row, column = divmod(cell, width)
        return not (down <= row < height - down and across <= column < width - across)


@dataclass(frozen=True)
class Step:
    """One moment of a scene.

    Args:
        say: a sentence with the numbers of this moment.
        lit: for panels by their index, the cells in a frame.
        picked: the same for cells in a bold frame, such as the largest of a window.
        write: for panels by their index, what cells say from this step on.
    """

    say: str
    lit: Mapping[int, Cells] = field(default_factory=dict)
    picked: Mapping[int, Cells] = field(default_factory=dict)
    write: Mapping[int, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """Panels, and what happens to them step by step. A notebook shows it as a figure to step through.

    Args:
        title: one line that says what is shown.
        panels: the matrices, from left to right.
        steps: at least one.

    >>> scene = Scene("a sum", [Panel("in", [["1", "2"]]), Panel("out", [[""]])],
    ...               [Step("1 + 2 = 3", lit={0: [0, 1], 1: [0]}, write={1: {0: "3"}})])
    >>> scene
    Scene('a sum', 1 step)
    >>> scene.texts(0)
    [['1', '2'], ['3']]
    """

    title: str
    panels: Sequence[Panel]
    steps: Sequence[Step]

    def __post_init__(self) -> None:
        check_scene(self)

    def __repr__(self) -> str:
        return f"Scene({self.title!r}, {len(self.steps)} step{'s' * (len(self.steps) != 1)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from d2lmini.watch import page  # what draws knows scenes, and no scene knows how it is drawn

        call = f"watch(figure, {page.to_script(page.data_of(self))}, {page.to_script(page.LOOK)});"
        return page.bundle(self, repr(self), ["watch.js"], call)

    def texts(self, step: int) -> list[list[str]]:
        """What the cells of each panel say after a step, row by row."""
        found = [[text for row in panel.rows for text in row] for panel in self.panels]
        for past in self.steps[: step + 1]:
            for panel, written in past.write.items():
                for cell, text in written.items():
                    found[panel][cell] = text
        return found

    def scales(self) -> list[tuple[float, bool]]:
        """For each panel the largest absolute value it ever shows, and whether one is below zero."""
        found = []
        for panel, now in enumerate(self.texts(0)):
            ever = [*now, *(text for step in self.steps for text in step.write.get(panel, {}).values())]
            values = [value for value in map(to_number, ever) if math.isfinite(value)]
            found.append((max(map(abs, values), default=0), min(values, default=0) < 0))
        return found


def to_text(value: Tensor | float) -> str:
    """A number as a cell shows it: at most four digits of a fraction, a real minus, and ∞.

    >>> to_text(torch.tensor(-3)), to_text(0.25), to_text(float("-inf")), to_text(12345), to_text(1 / 3)
    ('−3', '0.25', '−∞', '12345', '0.333')
    """
    value = value.item() if isinstance(value, torch.Tensor) else value
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = str(value) if isinstance(value, int) else f"{round(value, 3) + 0:.15g}"
    return text.replace("-", "−")


def to_number(text: str) -> float:
    """What a cell says, as a number; nan for an empty one.

    >>> to_number("−3"), to_number("")
    (-3.0, nan)
    """
    return float(text.replace("−", "-").replace("∞", "inf") or "nan")


def to_rows(matrix: Tensor) -> list[list[str]]:
    """The cells of a matrix (H, W).

    >>> to_rows(torch.tensor([[0.5, -1]]))
    [['0.5', '−1']]
    """
    return [[to_text(value) for value in row] for row in matrix]


def empty_rows(shape: Sequence[int]) -> list[list[str]]:
    """Cells (H, W) that the steps fill in."""
    return [[""] * shape[1] for _ in range(shape[0])]


def check_scene(scene: Scene) -> None:
    """Raise unless there are panels and steps, and every step stays within them."""
    if not scene.panels or not scene.steps:
        raise ValueError(
            f"a scene needs a panel and a step, got {len(scene.panels)} panels and {len(scene.steps)} steps."
        )
    sizes = []
    for panel in scene.panels:
        if len({len(row) for row in panel.rows}) != 1 or not panel.rows[0]:
            raise ValueError(f"the rows of panel {panel.name!r} must be equally long, and not empty.")
        sizes.append(len(panel.rows) * len(panel.rows[0]))
    for number, step in enumerate(scene.steps):
        for cells in (step.lit, step.picked, step.write):
            for panel, named in cells.items():
                if not 0 <= panel < len(sizes) or not all(0 <= cell < sizes[panel] for cell in named):
                    raise ValueError(
                        f"step {number} names cells {list(named)} of panel {panel}, which aren't there."
                    )
