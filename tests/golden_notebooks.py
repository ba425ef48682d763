"""Small notebooks with the verdict each must get: good ones pass, bad ones fail at one cell."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass
class Golden:
    """A notebook and its verdict: the id of the cell that fails, and what the failure must say."""

    name: str
    cells: list[NotebookNode]
    fails_at: str = ""  # empty: it passes
    says: str = ""
    compared: str = field(default="exact")  # kind of its last cell

    def write(self, folder: Path) -> None:
        notebook = new_notebook(cells=self.cells, metadata={"kernelspec": KERNEL})
        notebook.nbformat_minor = 5
        nbformat.write(notebook, folder / f"{self.name}.ipynb")


def code(id, source, *outputs, count=1, tags=(), **marks):
    """A code cell that was run; `marks` is its metadata d2lmini."""
    metadata = {"tags": list(tags)} if tags else {}
    if marks:
        metadata["d2lmini"] = marks
    return new_code_cell(source, id=id, execution_count=count, outputs=list(outputs), metadata=metadata)


def value(text):
    return new_output("execute_result", {"text/plain": text}, execution_count=1)


def printed(text):
    return new_output("stream", name="stdout", text=text)


def raised(name, text):
    return new_output("error", ename=name, evalue=text, traceback=["..."])


def png(grey):
    file = io.BytesIO()
    Image.new("L", (20, 10), grey).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def picture(grey):
    return new_output(
        "display_data",
        {"image/png": png(grey), "text/plain": "<IPython.core.display.Image object>"},
    )


SHOW = f"""
from base64 import b64decode
from IPython.display import Image, display
display(Image(b64decode("{png(100)}")))
""".strip()

IGNORE = "nbval-ignore-output"
LATER = code("later", "1", value("1"))

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
        code("band", "accuracy = 0.8\nassert 0.7 < accuracy < 0.9\naccuracy", value("0.85"),
             tags=[IGNORE], kind="statistical", why="training differs from machine to machine"),
    ], compared="statistical"),
    Golden("good_picture", [
        code("picture", f"print(1)\n{SHOW}\nprint(2)", printed("1\n"), picture(101),
             printed("2\n")),
    ]),
    Golden("good_on_the_sample", [
        code("size", "from d2lmini import load_fashion_mnist\n"
             "len(load_fashion_mnist().train_images)", value("60000"), data="full"),
    ], compared="not compared"),
    Golden("good_quiet_environment", [
        code("names", "import os\n'JPY_SESSION_NAME' in os.environ, os.environ['MPLBACKEND'] == 'agg'",
             value("(False, False)")),
    ]),
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
        code("a", "x = 3\nassert 0 < x < 2", tags=[IGNORE], kind="statistical", why="chance"),
        LATER,
    ], "a", "AssertionError"),
    Golden("bad_kernel_killed", [
        code("a", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), LATER,
    ], "a", "killed by SIGKILL"),
    Golden("bad_kernel_exits", [code("a", "import os\nos._exit(7)"), LATER], "a", "exit code 7"),
    Golden("bad_endless", [code("a", "while True:\n    pass"), LATER], "a", "Timeout"),
]  # fmt: skip
