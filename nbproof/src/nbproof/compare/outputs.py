"""A cell's outputs: gathered from its kernel's messages, and their stored form.

The stored form is free of what differs between two equal runs. Before a comparison it isn't needed:
`difference.parts` sees nothing else.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import groupby
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_REMARKS = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf")  # e.g. the version of matplotlib

# An absolute path: two names or more, after a blank, a quote, a bracket or file://. Not </div>, 1/2, and/or.
_PATH = re.compile(
    r"""(?:^|(?<=[\s"'`(\[{=,:>])|(?<=file://))(?:~?/(?:[\w.@+-]+/)+[\w.@+-]+|[A-Za-z]:\\[\w.\\-]+)"""
)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ADDRESS = re.compile(r"\b(?:at |object )?0x[0-9a-fA-F]{6,}\b")


class Gathered:
    """The outputs of one cell, as a reader's editor would show them, message by message."""

    def __init__(self) -> None:
        self.outputs: list[NotebookNode] = []
        self.displays: dict[str, list[NotebookNode]] = {}
        self.clears = False

    def add(self, message: dict[str, Any]) -> None:
        """Take a message in, if it shows something."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self.clears = True
            if not content.get("wait"):
                self._clear()
            return
        name = content.get("transient", {}).get("display_id")
        if kind == "update_display_data":
            for shown in self.displays.get(name, []):
                shown["data"], shown["metadata"] = content["data"], content["metadata"]
            return
        if kind not in ("stream", "display_data", "execute_result", "error"):
            return
        if self.clears:
            self._clear()
        output = output_from_msg({"header": {"msg_type": kind}, "content": content})
        self.outputs.append(output)
        if name:
            self.displays.setdefault(name, []).append(output)

    def _clear(self) -> None:
        self.outputs, self.displays, self.clears = [], {}, False


def merge_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join the pieces of printed text that stand together: where they are cut is chance.

    Text before a picture and text after it stay apart. Between two other outputs, stdout comes
    before stderr, because the kernel sends them on without a fixed order.
    """
    merged: list[NotebookNode] = []
    for printed, group in groupby(outputs, lambda output: output["output_type"] == "stream"):
        if not printed:
            merged += group
            continue
        streams: dict[str, NotebookNode] = {}
        for output in group:
            stream = streams.setdefault(output["name"], NotebookNode(output | {"text": ""}))
            stream["text"] += output["text"]
        for name in sorted(streams, reverse=True):  # stdout, stderr
            streams[name]["text"] = _overwrite(streams[name]["text"])
            merged.append(streams[name])
    return merged


def _overwrite(text: str) -> str:
    """Apply carriage returns: what stands before one on a line is written over."""
    return re.sub(r"^.*\r(?=[^\n])", "", text.replace("\r\n", "\n"), flags=re.MULTILINE)


def strip_png(data: str) -> str:
    """A PNG in base64 without its remarks (software, date), which change from version to version."""
    png = base64.b64decode(data)
    if not png.startswith(PNG_SIGNATURE):
        return data
    kept, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        end = at + 12 + length  # length, type, data, checksum
        if png[at + 4 : at + 8] not in PNG_REMARKS:
            kept.append(png[at:end])
        at = end
    return base64.b64encode(b"".join(kept)).decode("ascii")


def stored_form(outputs: Iterable[NotebookNode], execution_count: int) -> list[NotebookNode]:
    """Outputs as they are stored."""
    stored = merge_streams(outputs)
    for output in stored:
        if output["output_type"] == "execute_result":
            output["execution_count"] = execution_count
        if output["output_type"] == "error":
            output["traceback"] = [part for part in output["traceback"] if not _in_a_file(part)]
        data = output.get("data", {})
        data.pop("application/vnd.jupyter.widget-view+json", None)  # its ids are random
        if "image/png" in data:
            data["image/png"] = strip_png(data["image/png"])
    return stored


def _in_a_file(part: str) -> bool:
    """Whether a part of a traceback shows a file's source: its lines move with every edit.

    What stays is the cell's own line and the error, which is what a reader needs.
    """
    return COLOUR.sub("", part).lstrip().startswith("File ")


def values(output: NotebookNode) -> Iterator[tuple[dict[str, Any], str, str]]:
    """What an output shows: the table that a value stands in, its key there, its mime type or name."""
    if output["output_type"] == "stream":
        yield output, "text", output["name"]
    elif output["output_type"] == "error":
        yield output, "evalue", "error text"
    else:
        yield from ((output["data"], mime, mime) for mime in output["data"])


def changed(outputs: Iterable[NotebookNode], change: Callable[[str, Any], Any]) -> list[NotebookNode]:
    """Copies of outputs, each value `change(mime type or name, value)`."""
    copies = deepcopy(list(outputs))
    for output in copies:
        for table, key, name in values(output):
            table[key] = change(name, table[key])
    return copies


def flaws(outputs: Iterable[NotebookNode]) -> list[str]:
    """What must not be stored, each with its mend; empty for clean outputs."""
    found = []
    for output in outputs:
        if output.get("name") == "stderr":
            line = output["text"].strip().splitlines()[:1]
            found.append(f"it writes to stderr ({''.join(line)[:100]!r}): mend the warning's cause")
        shown = [table[key] for table, key, name in values(output) if name not in ("image/png", "image/jpeg")]
        texts = list(_strings(shown))
        texts += [COLOUR.sub("", line) for line in output.get("traceback", [])]
        for text in texts:
            if path := _PATH.search(text):
                found.append(f"an absolute path in its output ({path[0]}): print the name only")
            if address := _ADDRESS.search(text):
                found.append(
                    f"an object's address in its output ({address[0]}): "
                    "end the line with a semicolon or print what matters"
                )
    return list(dict.fromkeys(found))


def _strings(value: Any) -> Iterator[str]:
    """The text of an output's value: all strings of what is JSON.

    >>> list(_strings({"a": ["b", 1]}))
    ['a', 'b']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.items() if isinstance(value, dict) else value:
            yield from _strings(each)
