"""A scene as a notebook shows it: drawings, and the script that makes them move.

Everything is in the cell's output: no kernel, no network, no extension, and no random id. Where scripts don't
run, the drawings show the scene half way, with all its results filled in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from d2lmini.watch.picture import CELL, FRAME, GREYS, HEAD, LETTER, SIGNED, draw_panel, panel_size
from d2lmini.watch.scene import Panel, Scene

LOOK = {"cell": CELL, "head": HEAD, "letter": LETTER, "frame": FRAME, "greys": GREYS, "signed": SIGNED}


def bundle(scene: Scene, text: str, scripts: Sequence[str], call: str) -> dict[str, str]:
    """A figure for every kind of reader: a page, one drawing, a line of text.

    Args:
        scene: what the drawings show.
        text: the line.
        scripts: the names of files of this folder, which define functions.
        call: what to do with them; `figure` is the element.
    """
    texts = drawn_texts(scene)
    drawings = panel_drawings(scene, texts)
    return {
        "text/html": page(scene, texts, drawings, scripts, call),
        "image/svg+xml": drawing(scene, drawings),
        "text/plain": text,
    }


def page(
    scene: Scene, texts: Sequence[list[str]], drawings: Sequence[str], scripts: Sequence[str], call: str
) -> str:
    """HTML with the drawings and the caption, and a script that puts the moving figure in their place."""
    here = files("d2lmini.watch")
    style = here.joinpath("watch.css").read_text(encoding="utf-8")
    code = "\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in scripts)
    pictures = "\n".join(
        f'<img alt="{escape(words(panel, said))}" src="{as_address(svg)}">'
        for panel, said, svg in zip(scene.panels, texts, drawings, strict=True)
    )
    return (
        f'<figure class="d2l-watch" role="group" aria-label="{escape(scene.title)}" '
        'data-lm-suppress-shortcuts="true">\n'
        f'<div class="panels">\n{pictures}\n</div>\n'
        f"<figcaption>{escape(scene.steps[middle(scene)].say)}</figcaption>\n"
        f"<style>\n{style}</style>\n"
        f'<script>\n(() => {{\n"use strict";\nconst figure = document.currentScript.closest(".d2l-watch");\n'
        f"{code}{call}\n}})();\n</script>\n</figure>"
    )


def middle(scene: Scene) -> int:
    """The step that a drawing shows."""
    return len(scene.steps) // 2


def drawn_texts(scene: Scene) -> list[list[str]]:
    """What the cells of a drawing say: everything filled in, and what passes as it is at the middle step."""
    now, last = scene.texts(middle(scene)), scene.texts(len(scene.steps) - 1)
    return [now[i] if panel.passing else last[i] for i, panel in enumerate(scene.panels)]


def panel_drawings(scene: Scene, texts: Sequence[list[str]]) -> list[str]:
    """An SVG for each panel, at the middle step."""
    step = scene.steps[middle(scene)]
    panels = zip(scene.panels, texts, scene.scales(), strict=True)
    return [
        draw_panel(panel, said, scale, step.lit.get(i, ()), step.picked.get(i, ()))
        for i, (panel, said, scale) in enumerate(panels)
    ]


def drawing(scene: Scene, drawings: Sequence[str]) -> str:
    """All panels side by side as one SVG, for programs that take no HTML."""
    gap, x, parts = 24, 0, []
    for panel, svg in zip(scene.panels, drawings, strict=True):
        parts.append(svg.replace("<svg ", f"<svg x='{x}' ", 1))
        x += panel_size(panel)[0] + gap
    width, height = x - gap, max(panel_size(panel)[1] for panel in scene.panels)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}'><title>{escape(scene.title)}</title>{''.join(parts)}</svg>"
    )


def words(panel: Panel, texts: list[str]) -> str:
    """A panel for those who listen: its name and its rows."""
    columns = panel.shape[1]
    rows = [" ".join(texts[i : i + columns]) for i in range(0, len(texts), columns)]
    return f"{panel.name}: {'; '.join(rows)}"


def data_of(scene: Scene) -> dict[str, Any]:
    """What the script needs to know of a scene."""
    panels = [
        {
            "name": panel.name,
            "rows": panel.rows,
            "padding": panel.padding,
            "crossed": panel.crossed,
            "scale": scale,
        }
        for panel, scale in zip(scene.panels, scene.scales(), strict=True)
    ]
    steps = [
        {
            "say": step.say,
            "lit": {panel: list(cells) for panel, cells in step.lit.items()},
            "picked": {panel: list(cells) for panel, cells in step.picked.items()},
            "write": step.write,
        }
        for step in scene.steps
    ]
    return {"panels": panels, "steps": steps}


def to_script(data: Any) -> str:
    """Data as an expression of JavaScript that can stand inside of a page.

    >>> to_script({"a": ["</script>", 1]})
    '{"a":["\\\\u003c/script>",1]}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def as_address(svg: str) -> str:
    """A drawing as an address that an image can have.

    `<` and `>` stay: written as %3E a number behind it would look like one with an exponent, and outputs are
    compared number by number.
    """
    return "data:image/svg+xml," + svg.replace("%", "%25").replace("#", "%23").replace('"', "%22")
