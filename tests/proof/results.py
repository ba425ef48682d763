"""The figures of the proofs, as their commands measured them: results.json, one section a proof."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from update_outputs import write_atomically

FILE = Path(__file__).with_name("results.json")
PACKAGES = ("torch", "numpy", "matplotlib", "nbval", "pytest", "ipykernel")


def load() -> dict[str, Any]:
    """All sections; none if nothing was measured yet."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def store(section: str, figures: dict[str, Any]) -> None:
    """Write one section, with the settings it was measured in."""
    found = load() | {section: figures | {"settings": settings()}}
    text = json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False)
    write_atomically(FILE, (text + "\n").encode("utf-8"))


def settings() -> dict[str, str]:
    """What the figures depend on: versions and the kind of machine."""
    versions = {name: version(name).partition("+")[0] for name in PACKAGES}
    machine = {
        "python": platform.python_version(),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    return versions | machine
