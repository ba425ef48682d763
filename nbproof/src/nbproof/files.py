"""Files that are written wholly or not at all, and JSON files that several commands add to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock

PACKAGES = ("torch", "numpy", "matplotlib", "nbval", "pytest", "ipykernel")
WAIT_SECONDS = 60  # for another command that is writing


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, or replace it by new content, wholly or not at all."""
    path = path.resolve()  # a link stays one
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def read(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing if it isn't there yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@contextlib.contextmanager
def changed(path: Path) -> Iterator[dict[str, Any]]:
    """A JSON file's content, to be changed inside; it's written when that ended without an error.

    Two commands at a time wait for each other, so neither loses the other's figures.
    """
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"nbproof-{name}.lock", timeout=WAIT_SECONDS):
        content = read(path)
        yield content
        text = json.dumps(dict(sorted(content.items())), indent=1, ensure_ascii=False)
        write_atomically(path, (text + "\n").encode("utf-8"))


def keep(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Store measured figures under their name in a JSON file, with what they depend on."""
    with changed(path) as content:
        content[name] = figures | {"settings": circumstances()}


def circumstances() -> dict[str, str]:
    """What measured figures depend on: versions of packages, and the kind of machine."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name).partition("+")[0]
    cores = f"{platform.machine()}, {os.cpu_count()} cores"
    return versions | {"python": platform.python_version(), "processor": cores}
