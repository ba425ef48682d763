"""One page under build/ with every failure of a run, its pictures in it: nothing else to open."""

from __future__ import annotations

import base64
import html
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

NAME = "notebook-report.html"
PICTURES = "notebook-failures"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Notebook cells that failed</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
  pre { background: #f4f4f4; color: #111; padding: 0.8rem; overflow-x: auto; line-height: 1.3 }
  figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top }
  figure img { max-width: 24rem; border: 1px solid #999; background: white }
</style>
"""


class Failure(NamedTuple):
    """What a page shows of one: the cell, pytest's message, the files of its pictures."""

    place: str
    message: str
    pictures: list[str]


def folder(path: Path, config: pytest.Config) -> Path:
    """Where to write about a notebook: the repository's build/, or one in the working folder."""
    root = config.rootpath.resolve()
    inside = path.resolve().is_relative_to(root)
    return (root if inside else config.invocation_params.dir) / "build"


def mark(report: pytest.CollectReport | pytest.TestReport, node: pytest.Item | pytest.Collector) -> None:
    """Note in a notebook's report its place and its page's; a report tells no path on its own."""
    path = getattr(node, "path", None)
    if path and path.suffix == ".ipynb":
        place = f"{path.name}, {node.name}" if isinstance(node, pytest.Item) else path.name
        report.notebook = {"folder": str(folder(path, node.config)), "place": place}


def forget_pictures(build: Path, notebook: str) -> None:
    """Delete the pictures of a notebook's earlier run."""
    shutil.rmtree(build / PICTURES / notebook, ignore_errors=True)


def save_pictures(build: Path, notebook: str, cell: str, pictures: dict[str, str]) -> list[str]:
    """Write a failure's pictures, {label: base64}; the paths of the files."""
    paths = []
    for label, data in pictures.items():
        name = re.sub(r"[^\w-]+", "-", f"{cell}-{label}")
        path = build / PICTURES / notebook / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        paths.append(str(path))
    return paths


def write(build: Path, failures: Iterable[Failure]) -> Path:
    """Write the page, self-contained; its path."""
    failures = list(failures)
    parts = [_HEAD, f"<h1>{len(failures)} failed</h1>\n"]
    for failure in failures:
        message = html.escape(_COLOUR.sub("", failure.message))
        parts.append(f"<h2>{html.escape(failure.place)}</h2>\n<pre>{message}</pre>\n")
        parts += map(_figure, failure.pictures)
    build.mkdir(parents=True, exist_ok=True)
    path = build / NAME
    path.write_text("".join(parts) + "</html>\n", encoding="utf-8")
    return path


def _figure(path: str) -> str:
    data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    label = html.escape(Path(path).stem.rpartition("-")[2])
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{label}">'
        f"<figcaption>{label}</figcaption></figure>\n"
    )
