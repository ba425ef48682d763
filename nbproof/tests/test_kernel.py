"""A kernel is this Python, in an environment that is the same everywhere."""

import os
import sys
from pathlib import Path

import pytest
from golden_notebooks import register

from nbproof.run import kernel
from nbproof.settings import Settings


def test_the_kernel_is_this_python_whatever_the_user_has_registered(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", register(tmp_path, "python3", ["/bin/false"]))
    assert kernel.Specs().get_kernel_spec("python3").argv[0] == sys.executable


def test_the_kernels_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "live")
    monkeypatch.setenv("SECRET", "1")
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    settings = Settings(tmp_path, threads=2, dropped=("SECRET",), environment={"BOOK": "1"})
    env = kernel.environment(settings, {"DATA": "few"})
    assert not {"JPY_SESSION_NAME", "SECRET", "PYTHONOPTIMIZE"} & set(env)
    assert (env["OMP_NUM_THREADS"], env["BOOK"], env["DATA"]) == ("2", "1", "few")
    assert "OMP_NUM_THREADS" not in kernel.environment(Settings(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert kernel.environment(settings)["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(os.name != "posix", reason="matplotlib's folders are elsewhere")
def test_matplotlib_gets_a_folder_where_its_own_cant_be_written(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "to" / "be" / "made"))
    assert kernel.environment(Settings(tmp_path))["MPLCONFIGDIR"] == str(tmp_path / "to" / "be" / "made")
    (tmp_path / "file").touch()
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file"))
    folder = Path(kernel.environment(Settings(tmp_path))["MPLCONFIGDIR"])
    assert folder != tmp_path / "file"
    assert list(folder.glob("fontlist-*.json"))
