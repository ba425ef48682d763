"""Run a cell, and keep of what it printed and showed as much as may stand in a page that others open.

The kernel has a stranger's program in it, and can say anything: text is kept as text, pictures only if they
are pictures, and nothing of what a browser would run. What has another form than Jupyter's is an error.
"""

from __future__ import annotations

import re
from queue import Empty
from typing import Any, NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbproof.run.kernel import Kernel, KernelFailure

from grading.mend import writable

MOST_TEXT, MOST_PICTURE = 20_000, 500_000  # characters of one output that are kept
MOST_LINES = 50  # of a traceback
PICTURES = ("image/png", "image/jpeg")


class Ran(NamedTuple):
    """What came of one cell."""

    outputs: list[NotebookNode]
    error: tuple[str, str] | None  # its name and its text
    kept: Any = None  # by a cell of hidden tests


def run_cell(kernel: Kernel, source: str, seconds: float) -> Ran:
    """Run code as a cell; TimeoutError after so many seconds, KernelFailure when the kernel dies."""
    message = kernel.execute_cell_input(source, allow_stdin=False)
    try:
        reply = kernel.await_reply(message, seconds)
    except Empty:
        kernel.interrupt()
        try:
            kernel.await_reply(message, 5)
        except Empty:
            raise KernelFailure(f"it didn't stop when it was interrupted after {seconds:g} s") from None
        outputs_of(kernel, message)
        raise TimeoutError(f"it takes longer than {seconds:g} s") from None
    outputs = outputs_of(kernel, message)
    content = reply["content"]
    if content.get("status") == "error":  # even where the kernel shows no traceback
        return Ran(outputs, (text_in(content.get("ename"), 200), text_in(content.get("evalue"), MOST_TEXT)))
    shown = [output for output in outputs if output.output_type == "error"]
    return Ran(outputs, (shown[0].ename, shown[0].evalue) if shown else None)


def outputs_of(kernel: Kernel, message: str) -> list[NotebookNode]:
    """The outputs of a cell that has run, those of one stream joined; ValueError for what is none."""
    found: list[NotebookNode] = []
    while True:
        msg = kernel.get_message("iopub", timeout=5)
        if msg["parent_header"].get("msg_id") != message:
            continue
        kind, content = msg["msg_type"], msg["content"]
        if kind == "status" and content.get("execution_state") == "idle":
            return found
        if kind not in ("stream", "display_data", "execute_result", "error"):
            continue
        output = output_of(kind, content)
        if kind == "stream" and found and found[-1].get("name") == output.name:
            found[-1].text = cut(found[-1].text + output.text, MOST_TEXT)
        else:
            found.append(output)


def output_of(kind: str, content: dict[str, Any]) -> NotebookNode:
    """One output, cut to a sensible length.

    >>> output_of("execute_result", {"data": {"text/plain": "7", "text/html": "<script>x()</script>"}}).data
    {'text/plain': '7'}
    """
    if kind == "stream":
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=text_in(content.get("text"), MOST_TEXT))
    if kind == "error":
        lines = [text_in(line, MOST_TEXT) for line in content["traceback"][-MOST_LINES:]]
        name, value = (text_in(content.get(part), MOST_TEXT) for part in ("ename", "evalue"))
        return new_output("error", ename=name, evalue=value, traceback=lines)
    data = {}
    for mime, value in content["data"].items():
        if mime == "text/plain":
            data[mime] = text_in(value, MOST_TEXT)
        elif mime in PICTURES and re.fullmatch(r"[A-Za-z0-9+/=\s]*", text_in(value, MOST_PICTURE)):
            data[mime] = value
    return new_output("display_data" if kind == "display_data" else "execute_result", data=data)


def text_in(value: Any, most: int) -> str:
    """A text that any file can hold; ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} where there must be text")
    return cut(writable(value), most)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most} more characters)"


def error_output(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])
