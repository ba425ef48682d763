"""What pytest says of the golden notebooks, with nbproof and with plain nbval."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from golden_notebooks import BAD, HOOKS, OWN, SETTINGS, SLEEPER, Golden, register

from nbproof.report import columns
from nbproof.run.harness import Run, Verdict, read_verdicts, run_notebooks
from nbproof.settings import load

CELL_LIMIT = 4  # seconds, for the endless loops
# Plain nbval's verdicts, written by nbproof's own plugin for that, which needs none of nbproof's nodes.
CONFTEST = """
from pathlib import Path
from nbproof.report.summary import VerdictFile

def pytest_configure(config):
    config.pluginmanager.register(VerdictFile(Path("verdicts")), "verdicts")
"""


def lay_out(folder: Path, goldens: Iterable[Golden]) -> dict[str, str]:
    """Write golden notebooks, the book that some belong to, and a kernel that never starts; the variables."""
    (folder / OWN).mkdir(parents=True)
    (folder / OWN / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / OWN / "hooks.py").write_text(HOOKS, encoding="utf-8")
    kernels = register(folder, SLEEPER, [sys.executable, "-c", "import time; time.sleep(99)"])
    for golden in goldens:
        golden.write(folder)
    return {"JUPYTER_PATH": kernels, "JPY_SESSION_NAME": "live", "MPLBACKEND": "agg"}


def verify(folder: Path, goldens: Iterable[Golden]) -> Run:
    """Run golden notebooks with nbproof."""
    variables = lay_out(folder, goldens)
    limit = [f"--nbval-cell-timeout={CELL_LIMIT}"]
    return run_notebooks(load(folder / OWN), [folder], options=limit, variables=variables)


def verify_plainly(folder: Path, goldens: Iterable[Golden]) -> list[Verdict]:
    """Run golden notebooks with nbval alone, whose names for cells are put back into the notebooks' own."""
    variables = lay_out(folder, goldens)
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:nbproof", "-p", "no:cacheprovider", "--nbval", "."]
    command += ["-c", os.devnull, "--rootdir=.", "--continue-on-collection-errors"]
    command += [f"--nbval-cell-timeout={CELL_LIMIT}", "--nbval-kernel-startup-timeout=20"]
    subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, timeout=900)
    cells = {golden.name: golden.code_ids for golden in goldens}
    found = []
    for verdict in read_verdicts(folder / "verdicts"):
        path, _, item = verdict.notebook.partition("::")
        number = item.removeprefix("Cell ")
        name = cells[Path(path).stem][int(number)] if number.isdigit() else item
        found.append(verdict._replace(notebook=path, item=name))
    return found


def of(golden: Golden, verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts on one of them."""
    return [verdict for verdict in verdicts if Path(verdict.notebook).stem == golden.name]


def judge(golden: Golden, verdicts: Iterable[Verdict]) -> tuple[bool, str]:
    """Whether a run's verdict on a notebook is right, and the verdict in words."""
    mine = of(golden, verdicts)
    failed = [verdict.item for verdict in mine if verdict.outcome in ("failed", "error")]
    if golden.fails_at in failed:
        failed = [golden.fails_at]  # though its file may fail as well
    places = ("hygiene", "") if golden.fails_at == "hygiene" else (golden.fails_at,)
    right = any(item in places for item in failed[:1]) if golden in BAD else bool(mine) and not failed
    said = f"fails at {failed[0] or 'its file'}" if failed else "passes"
    seconds = sum(verdict.seconds for verdict in mine)
    return right, said + (f", {seconds:.0f} s" if seconds > 3 else "")


def table(goldens: list[Golden], folder: Path) -> list[str]:
    """Both verdicts on each golden notebook, in lines of Markdown; a wrong one is bold."""
    runs = [verify(folder / "ours", goldens).verdicts, verify_plainly(folder / "plain", goldens)]
    rows, rights = [], []
    for golden in goldens:
        must = f"fail at {golden.fails_at or 'its file'}" if golden in BAD else "pass"
        both = [judge(golden, found) for found in runs]
        rights.append([right for right, _ in both])
        rows.append((golden.name, must, *(text if right else f"**{text}**" for right, text in both)))
    sums = [f"{sum(column)} of {len(goldens)}" for column in zip(*rights, strict=True)]
    return columns.table(
        ("notebook", "must", "nbproof", "plain nbval"), [*rows, ("right verdicts", "", *sums)]
    )
