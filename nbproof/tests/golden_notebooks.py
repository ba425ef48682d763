"""Small notebooks with the verdict each must get: good ones pass, bad ones fail at one cell."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from PIL import Image

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
SLEEPER = "sleeper"  # a kernel that never starts
OWN = "own"  # the folder of a book, whose notebooks are held to one form; the others lie outside
SETTINGS = """
[tool.nbproof]
hygiene = true
headline = "headline"
tags = ["setup"]
conditions = { data = ["full"] }
hooks = "hooks.py"
"""
HOOKS = """
import re

def lacking(sources):
    return "only the sample is here" if any("load(" in source for source in sources) else ""

def normalise(mime, value):
    return re.sub('id="[0-9a-f]{8}"', 'id=""', value) if mime == "text/html" else value
"""


@dataclass
class Golden:
    """A notebook and its verdict: the id of the cell that fails, and what the failure must say."""

    name: str
    cells: list[NotebookNode]
    fails_at: str = ""  # empty: it passes; "hygiene": its file is at fault
    says: str = ""
    compared: str = field(default="exact")  # kind of its last cell
    own: bool = False
    kernel: str = "python3"
    edit: Callable[[str], str] = str  # changes the text of its file

    def write(self, folder: Path) -> None:
        metadata = {"kernelspec": KERNEL | {"name": self.kernel}}
        if self.own:
            metadata["language_info"] = {"name": "python"}
            folder = folder / OWN
        notebook = {"cells": self.cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        text = self.edit(json.dumps(notebook, indent=1))
        (folder / f"{self.name}.ipynb").write_text(text, encoding="utf-8")

    @property
    def code_ids(self) -> list[str]:
        return [cell.id for cell in self.cells if cell.cell_type == "code"]

    def items(self) -> list[str]:
        """The names of what pytest runs of it."""
        without = self.edit is without_ids
        ids = [f"Cell {n}" for n in range(len(self.code_ids))] if without else self.code_ids
        return ["hygiene"] * self.own + ids


def code(id, source, *outputs, count=1, tags=(), **marks):
    """A code cell that was run; `marks` is its metadata under nbproof's key."""
    metadata = {"tags": list(tags)} if tags else {}
    if marks:
        metadata["nbproof"] = marks
    return new_code_cell(source, id=id, execution_count=count, outputs=list(outputs), metadata=metadata)


def result(data):
    return new_output("execute_result", data, execution_count=1)


def value(text):
    return result({"text/plain": text})


def html(text):
    return result({"text/html": text, "text/plain": "<IPython.core.display.HTML object>"})


def marked(id, marks):
    """A cell whose marks are no table."""
    cell = code(id, "1", value("1"))
    cell.metadata["nbproof"] = marks
    return cell


def shown(data, **more):
    return new_output("display_data", data, **more)


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def raised(name, text):
    return new_output("error", ename=name, evalue=text, traceback=["..."])


def png(grey, size=(20, 10), box=None):
    """A grey picture, with a white rectangle in it if `box` is given."""
    file, image = io.BytesIO(), Image.new("L", size, grey)
    if box:
        image.paste(255, box)
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def picture(grey, size=(20, 10), box=None, cut=None):
    """Its display, of which only `cut` characters are stored."""
    data = png(grey, size, box)[:cut]
    return shown({"image/png": data, "text/plain": "<IPython.core.display.Image object>"})


def register(folder, name, argv, **env):
    """Write a kernel's spec; the folder for JUPYTER_PATH."""
    file = folder / "jupyter" / "kernels" / name / "kernel.json"
    file.parent.mkdir(parents=True)
    spec = {"argv": argv, "display_name": name, "language": "python", "env": env}
    file.write_text(json.dumps(spec), encoding="utf-8")
    return str(folder / "jupyter")


def without_ids(text):
    """A notebook as it was stored before format 4.5."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        del cell["id"]
    return json.dumps(notebook | {"nbformat_minor": 4})


SHOW = f"""
from base64 import b64decode
from IPython.display import Image, display
display(Image(b64decode("{png(100)}")))
""".strip()

BIG = SHOW.replace(png(100), png(100, (600, 400)))
IGNORE = "nbval-ignore-output"
BAND = {"kind": "statistical", "why": "chance", "bands": {"X": "x"}}
WIDGET = "import uuid\nfrom IPython.display import HTML\nHTML(f'<b id=\"{uuid.uuid4().hex[:8]}\">1</b>')"
LATER = code("later", "1", value("1"))
CIRCLE = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'
OWN_CELLS = [new_markdown_cell("# 1. Title", id="title"), code("setup", "import math", tags=["setup"])]


def good(name, *cells, **how):
    """A notebook that passes."""
    return Golden(f"good_{name}", list(cells), **how)


def bad(name, says, source, *outputs, **how):
    """A notebook that fails at its cell "a", after which none runs."""
    return Golden(f"bad_{name}", [code("a", source, *outputs, **how), LATER], "a", says)


def bad_own(name, says, *cells, **how):
    """A book's own notebook whose file is at fault."""
    return Golden(f"bad_own_{name}", [*OWN_CELLS, *cells], "hygiene", says, own=True, **how)


def headline(text="1", count=2, tags=()):
    """The cell that prints a notebook's result."""
    return code("result", f"print({text!r})", printed(f"{text}\n"), count=count, tags=["headline", *tags])


GOOD = [
    good("exact",
         new_markdown_cell("# Title", id="title"),
         code("sum", "1 + 1", value("2")),
         code("silent", "1 + 1;"),
         code("error", "1 / 0", raised("ZeroDivisionError", "division by zero"), tags=["raises-exception"]),
         code("empty", "", count=None),
         code("print", "print('a', end='')\nprint('b')", printed("ab\n"))),
    good("last_digit", code("float", "0.1 + 0.2", value("0.3000000000000001"))),
    good("tolerant", code("float", "0.5", value("0.5004"), kind="tolerant", rtol=1e-3), compared="tolerant"),
    good("statistical",
         code("band", f"{SHOW}\naccuracy = 0.8\nassert 0.7 < accuracy < 0.9\n(7, accuracy)", picture(150),
              value("(8, 0.85)"), tags=[IGNORE], kind="statistical", bands={"accuracy": "accuracy"},
              why="training differs from machine to machine", integers="trained"), compared="statistical"),
    good("picture",
         code("picture", f"print(1)\n{SHOW}\nprint(2)", printed("1\n"), picture(101), printed("2\n"))),
    good("on_the_sample", code("size", "load = range\nlen(load(6000))", value("60000"), data="full"),
         compared="not compared"),
    good("quiet_environment",
         code("names", "import os\n'JPY_SESSION_NAME' in os.environ, os.environ['MPLBACKEND'] == 'agg'",
              value("(False, False)"))),
    good("rich",
         code("html", "from IPython.display import HTML, JSON, SVG, display\ndisplay(HTML('<b>1</b>'))",
              shown({"text/html": "<b>1</b>", "text/plain": "<IPython.core.display.HTML object>"})),
         code("json", "display(JSON({'b': 1, 'a': [2]}))",
              shown({"application/json": {"a": [2], "b": 1},
                     "text/plain": "<IPython.core.display.JSON object>"})),
         code("svg", f"display(SVG('{CIRCLE}'))",
              shown({"image/svg+xml": CIRCLE, "text/plain": "<IPython.core.display.SVG object>"}))),
    good("random_id", code("html", WIDGET, html('<b id="0123abcd">1</b>'))),
    good("progress", code("bar", "for i in range(3):\n    print(i, end='\\r')\nprint('done')",
                          printed("done\n"))),
    good("columns", code("table", "print('[ 0.50000001 -0.]')", printed("[0.5  0.]\n"))),
    good("stderr_elsewhere",
         code("warn", "import sys\nprint('a', file=sys.stderr)\nprint('b')", printed("b\n"),
              printed("a\n", "stderr"))),
    good("without_ids", code("a", "1 + 1", value("2")), edit=without_ids),
    good("own", *OWN_CELLS, headline("2"), own=True),
]  # fmt: skip

BAD = [
    bad("integer", "61707  | 61706", "61706", value("61707")),
    bad("number", "0.6 became 0.5", "0.5", value("0.6")),
    bad("output_deleted", "(no output)", "1 + 1"),
    bad("output_doubled", "order", "print(1)", printed("1\n"), value("1")),
    bad("order", "order", f"print(1)\n{SHOW}", picture(100), printed("1\n")),
    bad("picture_replaced", "the picture differs", SHOW, picture(120)),
    bad("picture_removed", "order", SHOW,
        new_output("display_data", {"text/plain": "<IPython.core.display.Image object>"})),
    bad("never_run", "never run", "1 + 1", count=None),
    bad("raises_nothing", "raises none", "1 + 1", value("2"), tags=["raises-exception"]),
    bad("other_error", "error name", "1 / 0", raised("ValueError", "division by zero"),
        tags=["raises-exception"]),
    bad("unexpected_error", "ZeroDivisionError", "1 / 0"),
    bad("magic", "notmagic", "%notmagic"),
    bad("ignored", "for no reason", "1 + 1", value("3"), tags=[IGNORE]),
    bad("out_of_band", "AssertionError", "x = 3\nassert 0 < x < 2", tags=[IGNORE], **BAND),
    bad("band_words", "the text differs", "x = 0.8\nassert 0 < x < 1\nprint(f'{x} of its images')",
        printed("0.8 of all images\n"), tags=[IGNORE], **BAND),
    bad("band_far", "0.5 became 0.8", "x = 0.8\nassert 0 < x < 1\nprint(x)", printed("0.5\n"), tags=[IGNORE],
        **BAND),
    bad("band_output_deleted", "order", f"x = 0.8\nassert 0 < x < 1\nprint(x)\n{SHOW}", printed("0.8\n"),
        tags=[IGNORE], **BAND),
    bad("kernel_killed", "killed by SIGKILL", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
    bad("kernel_exits", "exit code 7", "import os\nos._exit(7)"),
    bad("endless", "Timeout of 4 seconds", "while True:\n    pass"),
    bad("endless_own_limit", "Timeout of 1 seconds", "while True:\n    pass", timeout=1),
    bad("endless_stubborn", "Failed to interrupt",
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except KeyboardInterrupt:\n        print('no')", timeout=1),
    bad("endless_swallowed", "Timeout of 1 seconds",
        "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('stopped')",
        printed("stopped\n"), timeout=1),  # it takes the interrupt for the reader's own, and goes on
    bad("output_endless", "its output is longer than", "while True:\n    print('x' * 99)", timeout=60),
    bad("output_huge", "its output is longer than", "'x' * 6_000_000", value("'x'")),
    bad("memory", "MemoryError",
        "import resource\nlimit = resource.getrlimit(resource.RLIMIT_AS)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**32, limit[1]))\ntry:\n    x = bytearray(2**34)\n"
        "finally:\n    resource.setrlimit(resource.RLIMIT_AS, limit)"),
    bad("interrupted", "KeyboardInterrupt", "raise KeyboardInterrupt"),
    Golden("bad_kernel_unknown", [code("a", "1", value("1")), LATER], "a", "no kernel 'julia-0.3'",
           kernel="julia-0.3"),
    Golden("bad_kernel_never_starts", [code("a", "1", value("1")), LATER], "a", "didn't start",
           kernel=SLEEPER),
    bad("text", "the text differs", "print('one')", printed("two\n")),
    bad("shape", "the text differs", "(1, 28, 29)", value("(1, 28, 28)")),
    bad("sign", "0.25 became -0.25", "-0.25", value("0.25")),
    bad("digits_of_many", "0.40 became 0.41", "print('[0.1 0.2]\\n[0.3 0.41]')",
        printed("[0.1 0.2]\n[0.3 0.40]\n")),
    bad("beyond_its_tolerance", "0.51 became 0.5", "0.5", value("0.51"), kind="tolerant", rtol=1e-3),
    bad("line_missing", "stored text only", "print(1)", printed("1\n2\n")),
    bad("output_cleared", "(no output)", "print(1)"),
    bad("stream", "order", "import sys\nprint(1, file=sys.stderr)", printed("1\n")),
    bad("html", "<b>2</b>", "from IPython.display import HTML\nHTML('<b>1</b>')", html("<b>2</b>")),
    bad("beside_random_id", "text/html", WIDGET, html('<b id="0123abcd">2</b>')),
    bad("band_constant", "no assert has the form", "assert 0 < 1 < 2", tags=[IGNORE], **BAND),
    bad("small_number", "0.0001 became 0.0002", "print('lr 0.0002')", printed("lr 0.0001\n")),
    bad("timeout_of_text", "timeout is '60'", "1", value("1"), timeout="60"),
    Golden("bad_marks_of_text", [marked("a", "tolerant"), LATER], "a", "it must be a table"),
    bad("kernel_real_time_signal", "killed by signal 40",
        "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 6)"),
    bad("error_text", "error text", "raise ValueError('4 pixels')", raised("ValueError", "5 pixels"),
        tags=["raises-exception"]),
    bad("picture_size", "the picture's size differs", SHOW, picture(100, (20, 11))),
    bad("picture_width", "image/png shown: line 1", SHOW.replace("))", "), width=30)"),
        picture(100) | {"metadata": {"image/png": {"width": 60}}}),
    bad("picture_patch", "rows 2-4, columns 2-4", SHOW, picture(100, box=(2, 2, 5, 5))),
    bad("picture_spot", "rows 200-205, columns 300-305", BIG,
        picture(100, (600, 400), box=(300, 200, 306, 206))),
    bad("pictures_swapped", "the picture differs",
        f"{SHOW}\n{SHOW.splitlines()[-1].replace(png(100), png(150))}", picture(150), picture(100)),
    bad("picture_broken", "cell a", SHOW, picture(100, cut=60)),
    bad("empty", "it is empty", "", value("1"), count=None),
    bad("number_or_colour", "the text differs", "print('#6e7781')", printed("#1e9999\n")),
    bad("skipped", "every cell runs", "1", value("1"), tags=["nbval-skip"]),
    bad("kind", "'approximate'", "1", value("1"), kind="approximate"),
    Golden("bad_half_written", [code("a", "1", value("1"))], "", "can't be read", edit=lambda t: t[:-80]),
    bad_own("half_written", "can't be read", edit=lambda t: t[:-80]),
    bad_own("duplicate_ids", "2 cells have this id", headline(), headline()),
    bad_own("format_3", "format 4", headline(), edit=lambda t: t.replace('"nbformat": 4', '"nbformat": 3')),
    bad_own("order", "count is 3, not 2", headline(count=3)),
    bad_own("path", "absolute path", headline("/srv/ada/x")),
    bad_own("tag", "'nbval-skip-compare' is unknown", headline(tags=["nbval-skip-compare"])),
]  # fmt: skip
