"""What pytest says of the golden notebooks, with this repository's plugin and with plain nbval.

`make verdicts` puts both into a table, for tests/README.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from checkout import ROOT
from golden_notebooks import BAD, OWN, SLEEPER, Golden
from junit import cases

CELL_LIMIT = 4  # seconds, for the endless loops


class Verdict(NamedTuple):
    """What a run of pytest said of one item."""

    outcome: str  # "passed", "failure", "error" or "skipped"
    said: str
    seconds: float


def verify(folder: Path, goldens: Iterable[Golden], plain: bool = False) -> tuple[dict, str]:
    """Run pytest on notebooks: {(notebook, item): Verdict}, and what it printed.

    `plain` is nbval alone; else it is this repository's plugin.
    """
    (folder / OWN).mkdir(parents=True)
    for golden in goldens:
        golden.write(folder)
    spec = folder / "jupyter" / "kernels" / SLEEPER
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "import time; time.sleep(99)", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": SLEEPER, "language": "python"})
    )
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "--nbval", folder, f"--rootdir={folder / OWN}"]
    command += [f"--junit-xml={report}", f"--nbval-cell-timeout={CELL_LIMIT}", "-p", "no:cacheprovider"]
    if plain:
        command += ["-c", os.devnull, "--nbval-kernel-startup-timeout=20"]
        command += ["--continue-on-collection-errors"]
    else:
        command += ["-c", ROOT / "pyproject.toml", "-p", "shared_kernel", "--assert=plain"]
    variables = {"D2LMINI_DATA": "sample", "JPY_SESSION_NAME": "live", "MPLBACKEND": "agg"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables | {"JUPYTER_PATH": str(folder / "jupyter")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert report.exists(), done.stdout + done.stderr
    verdicts = {
        (case.notebook, case.item): Verdict(case.outcome, f"{case.message}\n{case.text}", case.seconds)
        for case in cases(report)
    }
    return verdicts, done.stdout


def table(goldens: list[Golden]) -> str:
    """Both verdicts on each golden notebook, in Markdown; a wrong one is bold."""
    lines = ["| notebook | must | this plugin | plain nbval |", "|---|---|---|---|"]
    rights = []
    with tempfile.TemporaryDirectory() as folder:
        runs = [verify(Path(folder) / name, goldens, plain=name == "plain")[0] for name in ("ours", "plain")]
    for golden in goldens:
        must = f"fail at {golden.fails_at or 'its file'}" if golden in BAD else "pass"
        both = [judge(golden, found) for found in runs]
        rights.append([right for right, _ in both])
        said = [text if right else f"**{text}**" for right, text in both]
        lines.append(f"| {golden.name} | {must} | {' | '.join(said)} |")
    sums = [f"{sum(column)} of {len(goldens)}" for column in zip(*rights, strict=True)]
    return "\n".join([*lines, f"| right verdicts | | {' | '.join(sums)} |"])


def judge(golden: Golden, verdicts: dict[tuple[str, str], Verdict]) -> tuple[bool, str]:
    """Whether a run's verdict on a notebook is right, and the verdict in words."""
    cells = [cell.id for cell in golden.cells if cell.cell_type == "code"]
    own = {f"Cell {number}": cell for number, cell in enumerate(cells)}  # nbval's names
    mine = {own.get(item, item): v for (name, item), v in verdicts.items() if name == golden.name}
    failed = [item for item, v in mine.items() if v.outcome in ("failure", "error")]
    if golden.fails_at in failed:
        failed = [golden.fails_at]  # though its file may fail as well
    file = f"{golden.name}.ipynb"
    places = {"": [file], "hygiene": ["hygiene", file]}.get(golden.fails_at, [golden.fails_at])
    right = any(place in failed[:1] for place in places) if golden in BAD else not failed
    said = f"fails at {'its file' if failed[0] == file else failed[0]}" if failed else "passes"
    seconds = sum(v.seconds for v in mine.values())
    return right, said + (f", {seconds:.0f} s" if seconds > 3 else "")
