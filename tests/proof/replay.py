"""A pytest plugin (`-p replay`): kernels that answer from a record instead of computing.

The record is `record.json` in the notebook's folder: [source, outputs] of each cell, in its order. So
hundreds of changed copies of a chapter are judged by the rest of the plugin in the time of a few real runs.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

import nbval.plugin
import pytest

RECORD = "record.json"
PATCH = pytest.MonkeyPatch()


class ReplayedKernel:
    """Stands for nbval's class of kernels."""

    def __init__(self, name: str, cwd: str, **settings: Any) -> None:
        self.answers: dict[str, deque[list[dict]]] = defaultdict(deque)
        for source, outputs in json.loads((Path(cwd) / RECORD).read_text(encoding="utf-8")):
            self.answers[source].append(outputs)
        self.messages: deque[dict[str, Any]] = deque()
        self.count = 0

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        self.count += 1
        for output in self.answers[source].popleft():
            content = {key: value for key, value in output.items() if key != "output_type"}
            self._send(output["output_type"], content)
        self._send("status", {"execution_state": "idle"})
        return str(self.count)

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        self.messages.append(
            {"msg_type": kind, "content": content, "parent_header": {"msg_id": str(self.count)}}
        )

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        return self.messages.popleft()

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        pass

    def await_idle(self, msg_id: str, timeout: float) -> None:
        self.messages.clear()

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        pass


def pytest_configure() -> None:
    PATCH.setattr(nbval.plugin, "RunningKernel", ReplayedKernel)


def pytest_unconfigure() -> None:
    PATCH.undo()
