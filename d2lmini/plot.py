"""The figures of the book: images in grey, signed numbers in red and blue, values written into cells.

Every function takes `ax=None` (or makes a figure of its own), draws, and returns the axes or the figure.
This is the only module that imports matplotlib, so `import d2lmini` stays quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

IMAGE_MAP = "gray"
SIGNED_MAP = "RdBu_r"
DASHED = 7  # pixels that a picture is wide at most, whose negative ones are marked


def to_numpy(values: Tensor | np.ndarray | Sequence) -> np.ndarray:
    """Whatever holds numbers, as an array: (1, H, W) and (H, W) both become (H, W)."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values  # numpy has no bfloat16
    array = np.asarray(values)
    return array[0] if array.ndim == 3 and array.shape[0] == 1 else array


def to_picture(image: Tensor | np.ndarray) -> np.ndarray:
    """A grey image as (H, W); one in colours (3, H, W) as (H, W, 3), floats 0 to 1 or integers 0 to 255.

    Raises:
        ValueError: another shape.
    """
    array = to_numpy(image)
    if array.ndim == 2:
        return array
    if array.ndim != 3 or array.shape[0] != 3:
        raise ValueError(
            f"an image must be grey, (H, W) or (1, H, W), or in colours, (3, H, W), got shape {array.shape}."
        )
    colours = np.moveaxis(array, 0, -1)
    if np.issubdtype(array.dtype, np.floating):
        return colours.clip(0, 1).astype(float)
    return colours.clip(0, 255).astype(np.uint8)


def to_matrix(values: Tensor | np.ndarray | Sequence) -> np.ndarray:
    """A matrix as an array; ValueError when it isn't (H, W) or (1, H, W)."""
    array = to_numpy(values)
    if array.ndim != 2:
        raise ValueError(f"a matrix must have the shape (H, W), or (1, H, W), got {array.shape}.")
    return array


def largest(values: np.ndarray) -> float:
    """The largest absolute value, and never 0. (In int8 itself the absolute value of −128 is −128.)"""
    return max(float(np.abs(values.astype(float)).max()), 1e-12)


def check_titles(titles: Sequence[str] | None, count: int) -> None:
    """Raise unless there is a picture, and one title for each of them, or none at all."""
    if count == 0:
        raise ValueError("there must be at least one image to draw.")
    if titles is not None and len(titles) != count:
        raise ValueError(f"`titles` ({len(titles)}) must be as many as the images ({count}).")


def show_image(image: Tensor | np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw one grey image, shape (H, W) or (1, H, W), the smallest value black, the largest white.

    An image in colours, (3, H, W), is drawn as it is: floats from 0 to 1, integers from 0 to 255.
    """
    picture = to_picture(image)
    ax = ax or plt.subplots(figsize=(2.5, 2.5), layout="constrained")[1]
    ax.imshow(picture, cmap=IMAGE_MAP)
    ax.set(title=title, xticks=[], yticks=[])
    return ax


def show_images(
    images: Tensor | Sequence,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    scale: float = 1.2,
) -> Figure:
    """Draw images (N, H, W), (N, 1, H, W) or in colours (N, 3, H, W), in rows of `columns`.

    Each is `scale` inches wide. Raises ValueError unless there are as many `titles` as images, or none.
    """
    check_titles(titles, len(images))
    pictures = [to_picture(image) for image in images]
    rows = -(-len(images) // columns)
    columns = min(columns, len(images))
    height = scale * (1.25 if titles is not None else 1.05)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * scale, rows * height), squeeze=False, layout="constrained"
    )
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(images):
            ax.imshow(pictures[i], cmap=IMAGE_MAP)
            if titles is not None:
                ax.set_title(titles[i], fontsize=8)
    return figure


def show_matrix(
    matrix: Tensor | np.ndarray,
    title: str = "",
    fmt: str = "g",
    signed: bool = False,
    highlight: tuple[int, int, int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a small matrix (H, W) as coloured cells with their values written in.

    Args:
        matrix: the numbers, shape (H, W).
        fmt: how a value is written, as in `format(value, fmt)`.
        signed: red and blue about zero in place of grey.
        highlight: (row, column, height, width) of a window to frame.
    """
    values = to_matrix(matrix)
    ax = ax or plt.subplots(figsize=(0.5 * values.shape[1] + 0.3, 0.5 * values.shape[0] + 0.5))[1]
    # A pale range, so that black digits stay readable on every cell.
    if signed:
        limit = 2 * largest(values)
        ax.imshow(values, cmap=SIGNED_MAP, vmin=-limit, vmax=limit)
    else:
        low, high = float(values.min()), float(values.max())
        span = max(high - low, 1e-12)
        ax.imshow(values, cmap=IMAGE_MAP, vmin=low - 1.5 * span, vmax=high + 0.1 * span)
    for (row, column), value in np.ndenumerate(values):
        ax.text(column, row, format(value.item(), fmt), ha="center", va="center", color="black")
    ax.set_xticks(np.arange(values.shape[1] + 1) - 0.5, labels=[])
    ax.set_yticks(np.arange(values.shape[0] + 1) - 0.5, labels=[])
    ax.grid(color="white", linewidth=1)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    if highlight is not None:
        row, column, height, width = highlight
        corner = (column - 0.5, row - 0.5)
        style = {"fill": False, "zorder": 3, "clip_on": False}
        ax.add_patch(plt.Rectangle(corner, width, height, edgecolor="black", linewidth=5, **style))
        frame = plt.Rectangle(corner, width, height, edgecolor="tab:orange", linewidth=3, **style)
        ax.add_patch(frame)
    return ax


def show_signed(
    values: Tensor | np.ndarray, title: str = "", limit: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a kernel or feature map (H, W) in red (positive) and blue (negative), white at zero."""
    array = to_matrix(values)
    limit = limit or largest(array)
    ax = ax or plt.subplots(figsize=(2.5, 2.5), layout="constrained")[1]
    ax.imshow(array, cmap=SIGNED_MAP, vmin=-limit, vmax=limit)
    ax.set(title=title, xticks=[], yticks=[])
    return ax


def show_rows(
    rows: Mapping[str, Sequence[Tensor | None]],
    titles: Sequence[str] | None = None,
    scale: float = 1.0,
    limit: float | None = None,
) -> Figure:
    """Draw named rows of pictures, such as a network's maps at several moments, or of several images.

    Bytes are an image, as stored, and drawn in grey. Floats are a kernel, a feature map or a gradient, drawn
    in red and blue about zero. Up to seven pixels wide, the negative ones have a dash, to be read without
    colour.

    Args:
        rows: for each name, written on the left, as many (H, W) or (1, H, W) as there are in the other rows;
            None leaves a place empty.
        titles: one for each column.
        scale: the width of a picture, in inches.
        limit: the number that has the full colour, in all pictures; None: each picture's largest.
    Raises:
        ValueError: no picture, rows of different lengths, another number of titles.
    """
    lengths = sorted({len(row) for row in rows.values()})
    if len(lengths) > 1:
        raise ValueError(f"all rows must have the same number of pictures, got {lengths}.")
    check_titles(titles, *lengths or [0])
    panels = {name: [None if each is None else to_matrix(each) for each in row] for name, row in rows.items()}
    size = (scale * lengths[0] + 0.3, scale * len(rows) + 0.3)
    figure, axes = plt.subplots(len(rows), lengths[0], figsize=size, squeeze=False, layout="constrained")
    for line, (name, row) in zip(axes, panels.items(), strict=True):
        for ax, panel in zip(line, row, strict=True):
            if panel is None:
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
            elif panel.dtype == np.uint8:
                show_image(panel, ax=ax)
            else:
                show_signed(panel, limit=limit, ax=ax)
                mark_negative(panel, ax)
        line[0].set_ylabel(name, fontsize=8)
    for ax, title in zip(axes[0], titles or [""] * lengths[0], strict=True):
        ax.set_title(title, fontsize=8)
    return figure


def mark_negative(values: np.ndarray, ax: Axes) -> None:
    """Put a dash on each negative number of a small array (H, W), to be told without colour."""
    if values.shape[1] <= DASHED:
        down, right = (values < 0).nonzero()
        ax.plot(right, down, "_", color="black", markersize=4)


def show_steps(matrices: Sequence[tuple[str, Tensor]], fmt: str = "g", signed: bool = False) -> Figure:
    """Draw several small matrices in a row, each with its title: input, kernel, output."""
    check_titles(None, len(matrices))
    arrays = [(title, to_matrix(matrix)) for title, matrix in matrices]
    widths = [array.shape[1] for _, array in arrays]
    height = max(array.shape[0] for _, array in arrays)
    cell = min(0.5, (9 - 0.8 * len(arrays)) / sum(widths))  # inches; the whole at most nine
    figure, axes = plt.subplots(
        1,
        len(arrays),
        figsize=(cell * sum(widths) + 0.8 * len(arrays), cell * height + 0.6),
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    for ax, (title, array) in zip(axes[0], arrays, strict=True):
        show_matrix(array, title, fmt, signed, ax=ax)
        middle = array.shape[0] / 2 - 0.5
        ax.set_ylim(middle + height / 2, middle - height / 2)  # cells of one size in all matrices
    return figure


def show_curves(
    curves: dict[str, Sequence[float]],
    xlabel: str = "epoch",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line for each named list of values, the first at x = 1, with different dashes."""
    ax = ax or plt.subplots(figsize=(4.5, 3), layout="constrained")[1]
    for (name, values), style in zip(curves.items(), ("-", "--", "-.", ":") * 9, strict=False):
        marker = "o" if len(values) == 1 else ""
        ax.plot(range(1, len(values) + 1), values, style, marker=marker, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)
    ax.xaxis.get_major_locator().set_params(integer=True)  # no half epochs
    if curves:
        ax.legend()
    return ax


def show_confusion(
    counts: Tensor | np.ndarray,
    class_names: Sequence[str],
    samples: Mapping[tuple[int, int], Tensor] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a confusion matrix (classes, classes): rows are the truth, columns the prediction.

    `samples` may have an image for a pair (true, predicted), all of one shape. It stands over the count; a
    pair without one stays empty.
    """
    table = to_numpy(counts)
    ax = ax or plt.subplots(figsize=(8, 7.9) if samples else (6.5, 6), layout="constrained")[1]
    ax.imshow(np.log1p(table), cmap="Greys", vmax=1.6 * np.log1p(table.max()))
    for (row, column), value in np.ndenumerate(table):
        place = row + 0.38 if samples else row
        ax.text(column, place, str(int(value)), ha="center", va="center", fontsize=8)
    if samples:
        draw_samples(samples, table.shape, ax)
    ticks = range(len(class_names))
    ax.set_xticks(ticks, labels=class_names, rotation=45, ha="right", fontsize=8)
    ax.set_yticks(ticks, labels=class_names, fontsize=8)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def draw_samples(samples: Mapping[tuple[int, int], Tensor], shape: tuple[int, int], ax: Axes) -> None:
    """Draw images into the cells of a table of that shape, as one picture that is transparent elsewhere."""
    images = {pair: to_matrix(image) for pair, image in samples.items()}
    shapes = sorted({image.shape for image in images.values()})
    if len(shapes) > 1:
        raise ValueError(f"all `samples` must have one shape, got {shapes}.")
    height, width = shapes[0]
    side = 7 * max(height, width) // 5  # of a cell: room for the count below
    top, left = height // 14, (side - width) // 2
    canvas = np.full((shape[0], side, shape[1], side), np.nan)
    for (row, column), image in images.items():
        canvas[row, top : top + height, column, left : left + width] = image
    edges = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    ax.imshow(canvas.reshape(shape[0] * side, -1), cmap=IMAGE_MAP, extent=edges)
