"""Is a new output what the stored one says? Order, text with its numbers, and pictures."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from PIL import Image

from nbproof.compare import figures
from nbproof.compare.outputs import strip_png
from nbproof.report.columns import side_by_side

# A number with a point, or an exponent and its sign. 28, 28x28, 2.13.0 and the colour #6e7781 are exact.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE][-+]\d))(?:[eE][-+]?\d+)?(?!\.?\d)")
FRACTION = re.compile(r"\.\d|[eE]")  # what a number has that isn't whole
INTEGER = re.compile(rf"[ \t]*(?:(?P<number>{NUMBER.pattern}|(?<![\w.])\d+[eE]\d+)|[-+]?\d[\d,]*)")
PICTURES = ("image/png", "image/jpeg")
SHOWN = ("width", "height", "unconfined", "alt")  # how a picture is shown, if its metadata says so
IGNORED = ("application/vnd.jupyter.widget-view+json",)  # its ids are random
ROUNDED_DECIMALS = 4
LARGEST_SHARE = 0.01  # of a number, that its last place may be and still be granted
TILE = 16  # pixels


@dataclass(frozen=True)
class Tolerance:
    """How far a number and a picture may be off.

    Two numbers agree if |new - stored| <= atol + rtol |stored|, two whole ones, such as the 7. of an array or
    at the end of a sentence, only if they are equal. Rounding to fixed decimals can turn
    the smallest deviation into one unit of the last place, so that much is granted too, from four
    decimals on, as long as it is at most one percent of the number.
    """

    rtol: float = 1e-5
    atol: float = 1e-8
    rms: float = 2.0  # of grey levels, 0 to 255, over a whole picture
    tile_rms: float = 16.0  # the same in any tile of 16x16 pixels, where a changed letter shows
    size: float = 0.0  # by how much of itself a picture's width or height may differ

    def numbers_agree(self, stored: str, new: str) -> bool:
        a, b = float(stored), float(new)
        if not (math.isfinite(a) and math.isfinite(b)):  # as 7.1e+400
            return stored == new
        if not (FRACTION.search(stored) or FRACTION.search(new)):
            return a == b
        if a == b or abs(a - b) <= self.atol + self.rtol * abs(a):
            return True
        unit = min(last_place(stored), last_place(new))
        return abs(a - b) <= 1.001 * min(unit, LARGEST_SHARE * min(abs(a), abs(b)))


@dataclass(frozen=True)
class Difference:
    """The first thing that differs: what, both texts and the line in them, or pictures (base64) by name."""

    what: str
    stored: str = ""
    new: str = ""
    line: int = 1
    pictures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.stored and not self.new:
            return self.what
        return f"{self.what}\n\n{side_by_side(self.stored, self.new, self.line)}"


def last_place(number: str) -> float:
    """The unit of a printed number's last decimal; 0 for fewer than four decimals.

    >>> last_place("0.1234"), last_place("1.2345e-02"), last_place("0.5")
    (0.0001, 1e-06, 0.0)
    """
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.0 if decimals < ROUNDED_DECIMALS else 10.0 ** (int(exponent or 0) - decimals)


def parts(outputs: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """All that a reader sees of outputs, in order: (name, content)."""
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            yield output["name"], output["text"]
        elif kind == "error":
            yield "error name", output["ename"]
            yield "error text", output["evalue"]
        else:
            for mime, value in sorted(output["data"].items()):
                if mime not in IGNORED:
                    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                    yield f"{kind} {mime}", strip_png(text) if mime == "image/png" else text
                    shown = output.get("metadata", {}).get(mime)
                    how = [shown.get(key) for key in SHOWN] if isinstance(shown, dict) else []
                    if any(how):
                        yield f"{mime} shown", json.dumps(how)


def outline(outputs: Iterable[Any], integers: bool = True, titles: bool = True) -> Iterator[tuple[str, str]]:
    """Of `parts` what training can't change: of integers and of figures' titles only that they are there."""
    for name, content in parts(outputs):
        if name.endswith(" shown"):  # the size, for one, follows from the pixels
            content = ""
        if name.endswith(figures.TYPE) and not titles:
            content = json.dumps(_without_titles(json.loads(content)), sort_keys=True)
        elif not integers and not name.endswith((*PICTURES, figures.TYPE)):
            content = INTEGER.sub(_sign_for_an_integer, content)
        yield name, content


def _sign_for_an_integer(found: re.Match) -> str:
    """# for an integer, its sign and the blanks before it, which make room for longer ones."""
    number = found["number"] or ""
    return found[0] if FRACTION.search(number) else "#" + "." * number.endswith(".")


def _without_titles(figure: dict[str, Any]) -> dict[str, Any]:
    return {"axes": [axes | {"title": ""} for axes in figure["axes"]], "title": ""}


def first_difference(
    stored: Iterable[Any],
    new: Iterable[Any],
    tolerance: Tolerance,
    seen: Callable[[Iterable[Any]], Iterable[tuple[str, str]]] = parts,
) -> Difference | None:
    """Compare two lists of outputs, each with its streams merged: of each what is `seen` of it."""
    before, after = list(seen(stored)), list(seen(new))
    if [name for name, _ in before] != [name for name, _ in after]:
        return Difference(
            "the kinds or the order of the outputs differ",
            *(names(before), names(after)),
            pictures=pictures("stored", before) | pictures("new", after),
        )
    for (name, a), (_, b) in zip(before, after, strict=True):
        if name.endswith(PICTURES):
            difference = picture_difference(a, b, tolerance)
        else:
            difference = text_difference(a, b, tolerance)
        if difference:
            return replace(difference, what=f"{name}: {difference.what}")
    return None


def names(found: list[tuple[str, str]]) -> str:
    """The names of outputs, a line each; what was written to stderr is told too."""
    lines = (f"{name}: {content.strip()[:300]}" if name == "stderr" else name for name, content in found)
    return "\n".join(lines) or "(no output)"


def pictures(side: str, found: list[tuple[str, str]]) -> dict[str, str]:
    """The pictures of one side, for a report: {stored1: base64, ...}."""
    data = [content for name, content in found if name.endswith(PICTURES) and content]
    return {f"{side}{number}": png(pixels(picture)) for number, picture in enumerate(data, start=1)}


def text_difference(stored: str, new: str, tolerance: Tolerance) -> Difference | None:
    """The first line that differs by more than its numbers' tolerance."""
    if stored == new:
        return None
    pairs = zip_longest(stored.splitlines(), new.splitlines())
    for number, (a, b) in enumerate(pairs, start=1):
        if a is None or b is None:
            side = "new" if a is None else "stored"
            return Difference(f"line {number} is in the {side} text only", stored, new, number)
        if why := line_difference(a, b, tolerance):
            return Difference(f"line {number}: {why}", stored, new, number)
    return None


def line_difference(stored: str, new: str, tolerance: Tolerance) -> str:
    """Why two lines differ, or an empty string.

    Blanks beside a number may vary: a column is as wide as its widest number.
    """
    gaps_a, gaps_b = (tuple(gap.strip(" \t") for gap in NUMBER.split(s)) for s in (stored, new))
    numbers_a, numbers_b = NUMBER.findall(stored), NUMBER.findall(new)
    if not numbers_a or gaps_a != gaps_b:
        return "" if stored == new else "the text differs"
    for a, b in zip(numbers_a, numbers_b, strict=True):
        if not tolerance.numbers_agree(a, b):
            return f"{a} became {b} (rtol {tolerance.rtol:g}, atol {tolerance.atol:g})"
    return ""


def picture_difference(stored: str, new: str, tolerance: Tolerance) -> Difference | None:
    """Compare two pictures in base64: their sizes, then their grey levels, if their tolerance has an end."""
    if stored == new:
        return None
    a, b = pixels(stored), pixels(new)
    if any(abs(x - y) > tolerance.size * x for x, y in zip(a.shape, b.shape, strict=True)):
        sizes = (f"{x.shape[1]}x{x.shape[0]} pixels" for x in (a, b))
        return Difference("the picture's size differs", *sizes, pictures=three_pictures(a, b))
    if math.isinf(tolerance.rms):
        return None
    rms, worst = root_mean_square(a, b), worst_tile(a, b)
    if rms <= tolerance.rms and worst <= tolerance.tile_rms:
        return None
    rows, columns = np.nonzero(np.abs(a - b).max(axis=2) > tolerance.rms)
    box = f"rows {rows.min()}-{rows.max()}, columns {columns.min()}-{columns.max()}"
    return Difference(
        f"the picture differs: {rms:.1f} grey levels root mean square (at most {tolerance.rms:g}), "
        f"{worst:.1f} in its worst tile (at most {tolerance.tile_rms:g}), "
        f"in {box} of {a.shape[0]}x{a.shape[1]}",
        pictures=three_pictures(a, b),
    )


def pixels(picture: str) -> np.ndarray:
    """A picture in base64 on white ground: (height, width, 3), 0 to 255."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return np.asarray(ground.convert("RGB"), dtype=float)


def root_mean_square(a: np.ndarray, b: np.ndarray) -> float:
    return math.sqrt(np.mean((a - b) ** 2))


def worst_tile(a: np.ndarray, b: np.ndarray) -> float:
    """The largest root mean square of any tile of TILE x TILE pixels; tiles at the edge may be smaller."""
    squares = ((a - b) ** 2).mean(axis=2)  # (height, width)
    rows, columns = (np.arange(0, n, TILE) for n in squares.shape)
    sums, areas = (
        np.add.reduceat(np.add.reduceat(x, rows, axis=0), columns, axis=1)
        for x in (squares, np.ones_like(squares))
    )
    return math.sqrt((sums / areas).max())


def three_pictures(a: np.ndarray, b: np.ndarray) -> dict[str, str]:
    return {"stored": png(a), "new": png(b), "difference": png(255 - difference_image(a, b))}


def difference_image(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a - b|, the smaller picture filled up with white, the largest difference made 255."""
    whole = np.full((2, *np.maximum(a.shape, b.shape)), 255.0)
    for canvas, x in zip(whole, (a, b), strict=True):
        canvas[: x.shape[0], : x.shape[1]] = x
    difference = np.abs(whole[0] - whole[1]).max(axis=2)
    return difference * (255 / max(difference.max(), 1.0))


def png(levels: np.ndarray) -> str:
    """Grey levels (height, width) or colours (height, width, 3) as a picture in base64."""
    file = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
