"""What is shipped: the version, the mark of type hints, the sample of the data."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from nbproof.mutate import faults
from nbproof.mutate.baseline import Book

import d2lmini
from nbproof import settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package built from a copy of its sources, so that nothing is left behind here."""
    folder = tmp_path_factory.mktemp("source")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "d2lmini", folder / "d2lmini", ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, folder)
    build = "import setuptools.build_meta as b; print(b.build_wheel('dist'))"
    command = [sys.executable, "-c", build]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    (path,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package(wheel):
    tracked = {path for path in (ROOT / "d2lmini").rglob("*") if path.is_file()}
    wanted = {p.relative_to(ROOT).as_posix() for p in tracked if "__pycache__" not in p.parts}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == wanted
    assert "d2lmini/py.typed" in shipped and "d2lmini/sample/LICENSE" in shipped


def test_there_is_one_version(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert f"\nVersion: {d2lmini.__version__}\n" in wheel.read(metadata).decode()
    assert importlib.metadata.version("d2lmini") == d2lmini.__version__


def test_every_public_name_is_there():
    assert sorted(d2lmini.__all__) == sorted(set(d2lmini.__all__))
    assert all(hasattr(d2lmini, name) for name in d2lmini.__all__)


def test_every_fault_written_by_hand_fits_the_package():
    """`make mutate` takes an hour, and begins with these: each one's text stands once in its module."""
    book = Book.of(settings.load(ROOT))
    written = faults.by_hand(book.package, book.faults)
    assert len(written) > 250
    assert {fault.module.partition("/")[0] for fault in written} >= set(book.taught)
