"""One page under build/ with every failure of a run, its pictures in it: nothing else to open."""

from __future__ import annotations

import base64
import html
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from nbproof.compare.outputs import COLOUR
from nbproof.settings import SETTINGS

NAME = "notebook-report.html"
PICTURES = "notebook-failures"
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


Failure = tuple[str, str, list[str]]  # the place, pytest's message, the files of its pictures


def place_of(path: Path, config: pytest.Config) -> str:
    """A notebook's path as messages name it: from the book's folder or the working one, else whole."""
    for folder in (config.rootpath, config.invocation_params.dir):
        if path.resolve().is_relative_to(folder.resolve()):
            return path.resolve().relative_to(folder.resolve()).as_posix()
    return path.as_posix()


def folder(path: Path, config: pytest.Config) -> Path:
    """Where to write about a notebook: the book's build folder, or one in the working folder."""
    settings = config.stash[SETTINGS]
    inside = path.resolve().is_relative_to(config.rootpath.resolve())
    return (config.rootpath if inside else config.invocation_params.dir).resolve() / settings.build


def pictures_of(path: Path, config: pytest.Config) -> Path:
    """The folder for the pictures of one notebook's failures."""
    parts = [part for part in Path(place_of(path, config)).parts if part != Path(part).anchor]
    return folder(path, config).joinpath(PICTURES, *parts)


def forget_pictures(path: Path, config: pytest.Config) -> None:
    """Delete the pictures of a notebook's earlier run."""
    shutil.rmtree(pictures_of(path, config), ignore_errors=True)


def save_pictures(path: Path, config: pytest.Config, cell: str, pictures: dict[str, str]) -> list[str]:
    """Write a failure's pictures, {label: base64}; the paths of the files."""
    paths = []
    for label, data in pictures.items():
        name = re.sub(r"[^\w-]+", "-", f"{cell}-{label}")
        file = pictures_of(path, config) / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(data))
        paths.append(str(file))
    return paths


def write(build: Path, failures: Sequence[Failure]) -> Path:
    """Write the page, self-contained; its path."""
    parts = [_HEAD, f"<h1>{len(failures)} failed</h1>\n"]
    for place, message, pictures in failures:
        text = html.escape(COLOUR.sub("", message))
        parts.append(f"<h2>{html.escape(place)}</h2>\n<pre>{text}</pre>\n")
        parts += map(_figure, pictures)
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
