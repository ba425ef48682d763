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


def value(text):
    return new_output("execute_result", {"text/plain": text}, execution_count=1)


def result(data):
    return new_output("execute_result", data, execution_count=1)


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
RESULT = code("result", "print(1)", printed("1\n"), count=2, tags=["headline"])

GOOD = [
    Golden("good_exact", [
        new_markdown_cell("# Title", id="title"),
        code("sum", "1 + 1", value("2")),
        code("silent", "1 + 1;"),
        code("error", "1 / 0", raised("ZeroDivisionError", "division by zero"),
             tags=["raises-exception"]),
        code("empty", "", count=None),
        code("print", "print('a', end='')\nprint('b')", printed("ab\n")),
    ]),
    Golden("good_last_digit", [code("float", "0.1 + 0.2", value("0.3000000000000001"))]),
    Golden("good_tolerant", [
        code("float", "0.5", value("0.5004"), kind="tolerant", rtol=1e-3),
    ], compared="tolerant"),
    Golden("good_statistical", [
        code("band", f"{SHOW}\naccuracy = 0.8\nassert 0.7 < accuracy < 0.9\n(7, accuracy)", picture(150),
             value("(8, 0.85)"), tags=[IGNORE], kind="statistical", bands={"accuracy": "accuracy"},
             why="training differs from machine to machine", integers="trained"),
    ], compared="statistical"),
    Golden("good_picture", [
        code("picture", f"print(1)\n{SHOW}\nprint(2)", printed("1\n"), picture(101),
             printed("2\n")),
    ]),
    Golden("good_on_the_sample", [
        code("size", "load = range\nlen(load(6000))", value("60000"), data="full"),
    ], compared="not compared"),
    Golden("good_quiet_environment", [
        code("names", "import os\n'JPY_SESSION_NAME' in os.environ, os.environ['MPLBACKEND'] == 'agg'",
             value("(False, False)")),
    ]),
    Golden("good_rich", [
        code("html", "from IPython.display import HTML, JSON, SVG, display\ndisplay(HTML('<b>1</b>'))",
             shown({"text/html": "<b>1</b>", "text/plain": "<IPython.core.display.HTML object>"})),
        code("json", "display(JSON({'b': 1, 'a': [2]}))",
             shown({"application/json": {"a": [2], "b": 1},
                    "text/plain": "<IPython.core.display.JSON object>"})),
        code("svg", f"display(SVG('{CIRCLE}'))",
             shown({"image/svg+xml": CIRCLE, "text/plain": "<IPython.core.display.SVG object>"})),
    ]),
    Golden("good_random_id", [code("html", WIDGET, html('<b id="0123abcd">1</b>'))]),
    Golden("good_progress", [code("bar", "for i in range(3):\n    print(i, end='\\r')\nprint('done')",
                                  printed("done\n"))]),
    Golden("good_columns", [code("table", "print('[ 0.50000001 -0.]')", printed("[0.5  0.]\n"))]),
    Golden("good_stderr_elsewhere", [
        code("warn", "import sys\nprint('a', file=sys.stderr)\nprint('b')", printed("b\n"),
             printed("a\n", "stderr")),
    ]),
    Golden("good_without_ids", [code("a", "1 + 1", value("2"))], edit=without_ids),
    Golden("good_own", [*OWN_CELLS, code("result", "print(2)", printed("2\n"), count=2, tags=["headline"])],
           own=True),
]  # fmt: skip

BAD = [
    Golden("bad_integer", [code("a", "61706", value("61707"))], "a", "61707  | 61706"),
    Golden("bad_number", [code("a", "0.5", value("0.6"))], "a", "0.6 became 0.5"),
    Golden("bad_output_deleted", [code("a", "1 + 1")], "a", "(no output)"),
    Golden("bad_output_doubled", [code("a", "print(1)", printed("1\n"), value("1"))], "a", "order"),
    Golden("bad_order", [code("a", f"print(1)\n{SHOW}", picture(100), printed("1\n"))],
           "a", "order"),
    Golden("bad_picture_replaced", [code("a", SHOW, picture(120))], "a", "the picture differs"),
    Golden("bad_picture_removed", [
        code("a", SHOW, new_output("display_data",
             {"text/plain": "<IPython.core.display.Image object>"})),
    ], "a", "order"),
    Golden("bad_never_run", [code("a", "1 + 1", count=None)], "a", "never run"),
    Golden("bad_raises_nothing", [code("a", "1 + 1", value("2"), tags=["raises-exception"])],
           "a", "raises none"),
    Golden("bad_other_error", [
        code("a", "1 / 0", raised("ValueError", "division by zero"), tags=["raises-exception"]),
    ], "a", "error name"),
    Golden("bad_unexpected_error", [code("a", "1 / 0"), LATER], "a", "ZeroDivisionError"),
    Golden("bad_magic", [code("a", "%notmagic"), LATER], "a", "notmagic"),
    Golden("bad_ignored", [code("a", "1 + 1", value("3"), tags=[IGNORE])], "a", "for no reason"),
    Golden("bad_out_of_band", [
        code("a", "x = 3\nassert 0 < x < 2", tags=[IGNORE], **BAND),
        LATER,
    ], "a", "AssertionError"),
    Golden("bad_band_words", [
        code("a", "x = 0.8\nassert 0 < x < 1\nprint(f'{x} of its images')", printed("0.8 of all images\n"),
             tags=[IGNORE], **BAND),
    ], "a", "the text differs"),
    Golden("bad_band_far", [
        code("a", "x = 0.8\nassert 0 < x < 1\nprint(x)", printed("0.5\n"), tags=[IGNORE], **BAND),
    ], "a", "0.5 became 0.8"),
    Golden("bad_band_output_deleted", [
        code("a", f"x = 0.8\nassert 0 < x < 1\nprint(x)\n{SHOW}", printed("0.8\n"), tags=[IGNORE], **BAND),
    ], "a", "order"),
    Golden("bad_kernel_killed", [
        code("a", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), LATER,
    ], "a", "killed by SIGKILL"),
    Golden("bad_kernel_exits", [code("a", "import os\nos._exit(7)"), LATER], "a", "exit code 7"),
    Golden("bad_endless", [code("a", "while True:\n    pass"), LATER], "a", "Timeout of 4 seconds"),
    Golden("bad_endless_own_limit", [code("a", "while True:\n    pass", timeout=1), LATER],
           "a", "Timeout of 1 seconds"),
    Golden("bad_endless_stubborn", [
        code("a", "while True:\n    try:\n        while True:\n            pass\n"
             "    except KeyboardInterrupt:\n        print('no')", timeout=1), LATER,
    ], "a", "Failed to interrupt"),
    Golden("bad_output_endless", [code("a", "while True:\n    print('x' * 99)", timeout=60), LATER],
           "a", "its output is longer than"),
    Golden("bad_output_huge", [code("a", "'x' * 6_000_000", value("'x'")), LATER],
           "a", "its output is longer than"),
    Golden("bad_memory", [
        code("a", "import resource\nlimit = resource.getrlimit(resource.RLIMIT_AS)\n"
             "resource.setrlimit(resource.RLIMIT_AS, (2**32, limit[1]))\ntry:\n    x = bytearray(2**34)\n"
             "finally:\n    resource.setrlimit(resource.RLIMIT_AS, limit)"), LATER,
    ], "a", "MemoryError"),
    Golden("bad_interrupted", [code("a", "raise KeyboardInterrupt"), LATER], "a", "KeyboardInterrupt"),
    Golden("bad_kernel_unknown", [code("a", "1", value("1")), LATER], "a", "no kernel 'julia-0.3'",
           kernel="julia-0.3"),
    Golden("bad_kernel_never_starts", [code("a", "1", value("1")), LATER], "a", "didn't start",
           kernel=SLEEPER),
    Golden("bad_text", [code("a", "print('one')", printed("two\n"))], "a", "the text differs"),
    Golden("bad_shape", [code("a", "(1, 28, 29)", value("(1, 28, 28)"))], "a", "the text differs"),
    Golden("bad_sign", [code("a", "-0.25", value("0.25"))], "a", "0.25 became -0.25"),
    Golden("bad_digits_of_many", [
        code("a", "print('[0.1 0.2]\\n[0.3 0.41]')", printed("[0.1 0.2]\n[0.3 0.40]\n")),
    ], "a", "0.40 became 0.41"),
    Golden("bad_beyond_its_tolerance", [
        code("a", "0.5", value("0.51"), kind="tolerant", rtol=1e-3),
    ], "a", "0.51 became 0.5"),
    Golden("bad_line_missing", [code("a", "print(1)", printed("1\n2\n"))], "a", "stored text only"),
    Golden("bad_output_cleared", [code("a", "print(1)")], "a", "(no output)"),
    Golden("bad_stream", [code("a", "import sys\nprint(1, file=sys.stderr)", printed("1\n"))], "a", "order"),
    Golden("bad_html", [
        code("a", "from IPython.display import HTML\nHTML('<b>1</b>')",
             html("<b>2</b>")),
    ], "a", "<b>2</b>"),
    Golden("bad_beside_random_id", [code("a", WIDGET, html('<b id="0123abcd">2</b>'))], "a", "text/html"),
    Golden("bad_band_constant", [
        code("a", "assert 0 < 1 < 2", tags=[IGNORE], **BAND), LATER,
    ], "a", "no assert has the form"),
    Golden("bad_small_number", [code("a", "print('lr 0.0002')", printed("lr 0.0001\n"))],
           "a", "0.0001 became 0.0002"),
    Golden("bad_timeout_of_text", [code("a", "1", value("1"), timeout="60"), LATER], "a", "timeout is '60'"),
    Golden("bad_marks_of_text", [marked("a", "tolerant"), LATER], "a", "it must be a table"),
    Golden("bad_kernel_real_time_signal", [
        code("a", "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 6)"), LATER,
    ], "a", "killed by signal 40"),
    Golden("bad_error_text", [
        code("a", "raise ValueError('4 pixels')", raised("ValueError", "5 pixels"),
             tags=["raises-exception"]),
    ], "a", "error text"),
    Golden("bad_picture_size", [code("a", SHOW, picture(100, (20, 11)))], "a", "the picture's size differs"),
    Golden("bad_picture_patch", [code("a", SHOW, picture(100, box=(2, 2, 5, 5)))],
           "a", "rows 2-4, columns 2-4"),
    Golden("bad_picture_spot", [code("a", BIG, picture(100, (600, 400), box=(300, 200, 306, 206)))],
           "a", "rows 200-205, columns 300-305"),
    Golden("bad_pictures_swapped", [
        code("a", f"{SHOW}\n{SHOW.splitlines()[-1].replace(png(100), png(150))}",
             picture(150), picture(100)),
    ], "a", "the picture differs"),
    Golden("bad_picture_broken", [code("a", SHOW, picture(100, cut=60))], "a", "cell a"),
    Golden("bad_skipped", [code("a", "1", value("1"), tags=["nbval-skip"])], "a", "every cell runs"),
    Golden("bad_kind", [code("a", "1", value("1"), kind="approximate")], "a", "'approximate'"),
    Golden("bad_half_written", [code("a", "1", value("1"))], "", "can't be read", edit=lambda t: t[:-80]),
    Golden("bad_own_half_written", [code("a", "1", value("1"))], "hygiene", "can't be read", own=True,
           edit=lambda t: t[:-80]),
    Golden("bad_own_duplicate_ids", [*OWN_CELLS, RESULT, RESULT], "hygiene", "2 cells have this id",
           own=True),
    Golden("bad_own_format_3", [*OWN_CELLS, RESULT], "hygiene", "format 4", own=True,
           edit=lambda t: t.replace('"nbformat": 4', '"nbformat": 3')),
    Golden("bad_own_order", [
        code("setup", "import math", count=2, tags=["setup"]),
        code("result", "print(1)", printed("1\n"), count=1, tags=["headline"]),
    ], "hygiene", "count is 2, not 1", own=True),
    Golden("bad_own_path", [
        *OWN_CELLS, code("result", "print('/srv/ada/x')", printed("/srv/ada/x\n"), count=2,
                         tags=["headline"]),
    ], "hygiene", "absolute path", own=True),
    Golden("bad_own_tag", [*OWN_CELLS, code("result", "print(1)", printed("1\n"), count=2,
           tags=["headline", "nbval-skip-compare"])], "hygiene", "'nbval-skip-compare' is unknown", own=True),
]  # fmt: skip
