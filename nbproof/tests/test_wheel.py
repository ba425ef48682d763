"""nbproof works from its wheel, in an environment and on a book that have no file of ours beside."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from golden_notebooks import Golden, code, value

SOURCE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not (SOURCE / "pyproject.toml").is_file():
        pytest.skip("the tests stand alone, without the source that a wheel is built from")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("tests", "build", "*.egg-info", "__pycache__")
    shutil.copytree(SOURCE, folder / "source", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder]
    subprocess.run([*command, folder / "source"], check=True, timeout=100)
    return next(folder.glob("nbproof-*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """A new environment with the wheel; it finds what nbproof needs in this one, but no editable package."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = ["install", "-q", "--no-index", "--no-deps", wheel]
    command = [sys.executable, "-m", "pip", "--python", python, *install]
    subprocess.run(command, check=True, timeout=100)
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return python


def run(python, folder, *command):
    env = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    return subprocess.run(
        [python, *command], cwd=folder, env=env, capture_output=True, text=True, timeout=100
    )  # fmt: skip


def test_the_wheel_has_the_package_its_types_and_its_licence_and_no_test(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "nbproof/plugin.py" in names and "nbproof/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith("nbproof") for name in names) and not any("/test" in name for name in names)


def test_a_foreign_book_is_judged_with_no_file_of_ours_beside(python, tmp_path):
    Golden("good", [code("start", "x = 1 / 3\nx", value("0.3333333333333333"))]).write(tmp_path)
    changed = code("start", "x = 1 / 3\nx", value("0.3343333333333333"))
    Golden("bad", [changed, code("later", "1")]).write(tmp_path)
    whence = "import nbproof, sys; print(nbproof.__file__); import d2lmini"
    found = run(python, tmp_path, "-c", whence)
    assert Path(found.stdout.strip()).is_relative_to(python.parents[1])
    assert "No module named 'd2lmini'" in found.stderr
    judged = run(python, tmp_path, "-m", "pytest", "--nbval")
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "3 cells: 1 exact, 0 tolerant, 0 statistical, 0 not compared, 1 failed, 1 not run" in judged.stdout
    assert "bad.ipynb, cell start" in judged.stdout and "0.3343333333333333 became" in judged.stdout
    listed = run(python, tmp_path, python.parent / "nbproof", "list")
    assert [Path(line).name for line in listed.stdout.splitlines()] == ["bad.ipynb", "good.ipynb"]
