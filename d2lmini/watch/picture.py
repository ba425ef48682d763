"""A panel of a scene as a drawing (SVG): what stands in a page where no script runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from d2lmini.watch.scene import Panel, to_number

CELL = 34  # pixels
HEAD = 22  # pixels above the cells, for the name
LETTER = 7.5  # pixels, about, of a letter of the name
FRAME = "#c2410c"
# Pale, so that black digits stay readable: from the lowest to the highest value.
GREYS = ("#c8c8c8", "#d2d2d2", "#dcdcdc", "#e4e4e4", "#ededed", "#f6f6f6", "#ffffff")
SIGNED = ("#9ecae8", "#c2ddf0", "#e2eef8", "#ffffff", "#fbe3d9", "#f6c4b1", "#f0a58d")


def colour(text: str, scale: tuple[float, bool]) -> str:
    """The fill of a cell: grey from 0 to the largest, or blue below zero and red above it.

    Args:
        text: what the cell says.
        scale: the largest absolute value of its panel, and whether the panel has values below zero.

    >>> colour("4", (4, False)), colour("−2", (4, True)), colour("", (4, True))
    ('#ffffff', '#e2eef8', 'none')
    """
    value = to_number(text)
    largest, signed = scale
    if value != value or abs(value) == float("inf"):
        return "none"
    part = value / largest if largest else 0
    return SIGNED[int(3 * part + 3.5)] if signed else GREYS[int(6 * part + 0.5)]


def panel_size(panel: Panel) -> tuple[int, int]:
    """Width and height of a panel's drawing, in pixels."""
    rows, columns = panel.shape
    return max(columns * CELL + 2, int(len(panel.name) * LETTER) + 2), rows * CELL + HEAD + 2


def draw_panel(
    panel: Panel,
    texts: Sequence[str],
    scale: tuple[float, bool],
    lit: Collection[int] = (),
    picked: Collection[int] = (),
) -> str:
    """One panel as an SVG of its own.

    Args:
        panel: the panel.
        texts: what its cells say at the moment that is drawn.
        scale: its largest absolute value, and whether it has values below zero.
        lit, picked: cells in a frame, and in a bold one.
    """
    width, height = panel_size(panel)
    drawn = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' font-family='sans-serif' font-size='14' text-anchor='middle'>",
        f"<text x='2' y='15' text-anchor='start' fill='#767676'>{escape(panel.name)}</text>",
    ]
    columns = panel.shape[1]
    for cell, text in enumerate(texts):
        row, column = divmod(cell, columns)
        x, y = column * CELL + 1, row * CELL + HEAD + 1
        fill, line, ink = colour(text, scale), "stroke='#808080'", "#000"
        if panel.is_padding(cell) or not text:
            fill, line, ink = "none", "stroke='#808080' stroke-dasharray='3 3'", "#767676"
        drawn.append(f"<rect x='{x}' y='{y}' width='{CELL}' height='{CELL}' fill='{fill}' {line}/>")
        if cell in panel.crossed:
            drawn.append(f"<path d='M{x} {y}l{CELL} {CELL}m0 {-CELL}l{-CELL} {CELL}' stroke='#808080'/>")
        size = " font-size='11'" if len(text) > 4 else ""
        drawn.append(f"<text x='{x + CELL // 2}' y='{y + 22}' fill='{ink}'{size}>{escape(text)}</text>")
    for cell in sorted({*lit, *picked}):
        row, column = divmod(cell, columns)
        x, y, side = column * CELL + 3, row * CELL + HEAD + 3, CELL - 4
        bold = 5 if cell in picked else 2.5
        drawn.append(
            f"<rect x='{x}' y='{y}' width='{side}' height='{side}' fill='none' stroke='{FRAME}' "
            f"stroke-width='{bold}'/>"
        )
    return "".join([*drawn, "</svg>"])
