"""What a figure shows in words: installed in a kernel before the first cell, it stands beside every picture.

Two pictures of one training differ in every pixel of a curve. Their titles, labels and the number of curves
don't, and a picture can't tell them. So each figure of matplotlib's is displayed with one more
representation, of a type that no editor draws.
"""

from pathlib import Path
from typing import Any

TYPE = "application/vnd.nbproof.figure+json"


def describe(figure: Any) -> dict[str, Any]:
    """A figure of matplotlib's: its own title, and its axes, with their words and how much is drawn there."""
    title = getattr(figure, "get_suptitle", str)()  # which matplotlib has from 3.8 on
    return {"axes": [describe_axes(axes) for axes in figure.axes]} | ({"title": title} if title else {})


def describe_axes(axes: Any) -> dict[str, Any]:
    legend = axes.get_legend()
    found = {
        "title": " | ".join(filter(None, (axes.get_title(loc) for loc in ("left", "center", "right")))),
        "x": axes.get_xlabel(),
        "y": axes.get_ylabel(),
        "legend": [text.get_text() for text in legend.get_texts()] if legend else [],
        "lines": len(axes.get_lines()),
        "images": len(axes.get_images()),
        "patches": len(axes.patches),
        "texts": len(axes.texts),
    }
    return {name: value for name, value in found.items() if value}


def install() -> None:
    """Let IPython, in whose kernel this runs, display the description with each figure."""
    from IPython import get_ipython
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class FigureFormatter(BaseFormatter):
        format_type = Unicode(TYPE)
        print_method = ObjectName("_repr_nbproof_figure_")
        _return_type = dict

        def pop(self, typ: Any, default: Any = None) -> Any:
            """Keep it: matplotlib's inline backend takes figures from every formatter when it starts."""
            return default

    shown = get_ipython().display_formatter
    formatter = FigureFormatter(parent=shown)
    formatter.for_type_by_name("matplotlib.figure", "Figure", describe)
    shown.formatters[formatter.format_type] = formatter


def code() -> str:
    """What a kernel runs to install this, leaving no name behind."""
    source = Path(__file__).read_text(encoding="utf-8")
    return f"exec({source!r} + '\\ninstall()', {{'__file__': ''}})"
