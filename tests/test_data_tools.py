"""The tools about the data: which of it is here, who may install a package, what nbproof is told."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pooch
import pytest

from d2lmini import files

ROOT = Path(__file__).resolve().parent.parent
NAMES = tuple(file.name for file in files.FILES)
LOADS = ["data = load_fashion_mnist()"]


def load_tool(name: str) -> ModuleType:
    """A module of the folder tools, by its path, as nbproof loads its hooks."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def get_data() -> ModuleType:
    return load_tool("get_data")


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No place has the data; a folder for places."""
    monkeypatch.setattr(files, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache")
    monkeypatch.delenv(files.VARIABLE, raising=False)
    return tmp_path


def fill(folder: Path, suffix: str = ".gz") -> None:
    """Put four empty files where data is looked for."""
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}{suffix}").touch()


@pytest.mark.parametrize("place", ["cache", "debian"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_data_is_at_hand_where_all_four_files_are(no_data, place, suffix):
    assert not files.is_at_hand()
    fill(no_data / place, suffix)
    assert files.is_at_hand()
    (no_data / place / f"{NAMES[3]}{suffix}").unlink()
    assert not files.is_at_hand()


def test_the_variable_comes_before_every_place(no_data, monkeypatch):
    fill(no_data / "debian")
    monkeypatch.setenv(files.VARIABLE, "sample")
    assert not files.is_at_hand()
    monkeypatch.setenv(files.VARIABLE, str(no_data / "none"))
    assert not files.is_at_hand()
    fill(no_data / "own")
    monkeypatch.setenv(files.VARIABLE, str(no_data / "own"))
    assert files.is_at_hand()


# --- get_data -----------------------------------------------------------------------------------


def test_the_package_is_installed_only_if_nothing_else_gave_the_data(get_data, monkeypatch, capsys):
    found = [("sample", "offline"), ("debian", "")]
    installed = []
    monkeypatch.setattr(get_data, "look", lambda: found[len(installed)])
    monkeypatch.setattr(get_data, "install", lambda: installed.append(True))
    monkeypatch.setattr(get_data, "may_install", lambda: False)
    get_data.main()
    out = capsys.readouterr().out
    assert not installed and "shipped sample" in out and "offline" in out
    monkeypatch.setattr(get_data, "may_install", lambda: True)
    get_data.main()
    out = capsys.readouterr().out
    assert installed and "D2LMINI_INSTALL=no" in out and out.endswith("10000 images (debian)\n")
    get_data.main()
    assert len(installed) == 1


@pytest.mark.parametrize(
    ("variables", "user", "apt", "may"),
    [
        ({}, 0, "/usr/bin/apt-get", True),
        ({"D2LMINI_INSTALL": "yes"}, 0, "/usr/bin/apt-get", True),
        ({"D2LMINI_INSTALL": "no"}, 0, "/usr/bin/apt-get", False),
        ({"D2LMINI_INSTALL": "False"}, 0, "/usr/bin/apt-get", False),
        ({"D2LMINI_INSTALL": "0"}, 0, "/usr/bin/apt-get", False),
        ({"D2LMINI_DATA": "sample"}, 0, "/usr/bin/apt-get", False),
        ({}, 1000, "/usr/bin/apt-get", False),
        ({}, 0, None, False),
    ],
)
def test_who_may_install(get_data, monkeypatch, variables, user, apt, may):
    for name in ("D2LMINI_INSTALL", "D2LMINI_DATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    monkeypatch.setattr(get_data.shutil, "which", lambda command: apt)
    assert get_data.may_install() is may


def test_damaged_data_is_told_and_does_not_stop_the_run(get_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(get_data.VARIABLE, str(tmp_path))
    get_data.main()
    assert str(tmp_path) in capsys.readouterr().err


def test_the_sample_is_named(get_data, monkeypatch, capsys):
    monkeypatch.setenv(get_data.VARIABLE, "sample")
    get_data.main()
    assert capsys.readouterr().out == "data: the shipped sample of Fashion-MNIST, 6000 + 1000 images.\n"


@pytest.mark.parametrize("page", ["README.md", "Makefile"])
def test_the_reader_is_told_of_the_switch(page):
    assert "D2LMINI_INSTALL=no" in (ROOT / page).read_text(encoding="utf-8")


# --- the hooks of nbproof -----------------------------------------------------------------------


def test_the_hooks_need_no_import_path_and_no_torch(tmp_path):
    code = f"""
import runpy, sys
hooks = runpy.run_path({str(ROOT / "tools" / "notebook_hooks.py")!r})
print(hooks["variables"]({LOADS}), hooks["lacking"](["1 + 1"]) == "", "torch" in sys.modules)
"""
    env = os.environ | {files.VARIABLE: "sample"}
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "{'D2LMINI_DATA': 'sample'} True False\n"


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_tool("notebook_hooks")
    monkeypatch.delenv(files.VARIABLE, raising=False)
    monkeypatch.setattr(module.files(), "is_at_hand", lambda: False)
    return module


@pytest.mark.parametrize(("source", "sample"), [("sample", True), ("download", False)])
def test_without_data_at_hand_the_hooks_look_once_as_a_chapter_would(hooks, monkeypatch, source, sample):
    looked = []

    def find_arrays():
        print("a line that must not reach pytest's output")
        looked.append(1)
        return files.Arrays(*[None] * 4, source)

    monkeypatch.setattr(hooks.files(), "find_arrays", find_arrays)
    for _ in range(2):
        assert hooks.variables(LOADS) == ({files.VARIABLE: "sample"} if sample else {})
        assert bool(hooks.lacking(LOADS)) is sample
    assert len(looked) == 1
    assert hooks.variables(["print(1)"]) == {} and hooks.lacking(["print(1)"]) == ""


def test_data_at_hand_isnt_read(hooks, monkeypatch):
    monkeypatch.setattr(hooks.files(), "is_at_hand", lambda: True)
    monkeypatch.setattr(hooks.files(), "find_arrays", lambda: 1 / 0)
    assert hooks.lacking(LOADS) == "" and hooks.variables(LOADS) == {}


def test_damaged_data_is_left_to_the_cell_that_loads_it(hooks, monkeypatch):
    def find_arrays():
        raise files.DataError("altered bytes")

    monkeypatch.setattr(hooks.files(), "find_arrays", find_arrays)
    assert hooks.lacking(LOADS) == ""
