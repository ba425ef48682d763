"""Judge the golden notebooks and provoke the machine's faults, and store both tables: `make verdicts`.

The golden notebooks and the faults that concern any notebook are nbproof's, in the folder of its tests.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS.parent / "nbproof" / "tests"))

import golden_verdicts  # noqa: E402
import machine_faults  # noqa: E402
import machine_faults_of_data  # noqa: E402
from golden_notebooks import BAD, GOOD  # noqa: E402

from nbproof import provoke, store  # noqa: E402


def main() -> int:
    """Both tables; 1 if a verdict of nbproof's is wrong."""
    scenarios = [*machine_faults_of_data.SCENARIOS, *machine_faults.SCENARIOS]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        tables = {
            "golden notebooks": golden_verdicts.table(GOOD + BAD, Path(folder)),
            "faults of the machine": provoke.table(scenarios, list(pool.map(provoke.find, scenarios))),
        }
    for name, lines in tables.items():
        store.keep(TESTS / "proofs.json", name, {"table": lines})
        print(f"{name}:", *lines, sep="\n")
    ours = [line.split("|")[3] for line in tables["golden notebooks"]]
    return 1 if any("**" in text for text in [*ours, *tables["faults of the machine"]]) else 0


if __name__ == "__main__":
    sys.exit(main())
