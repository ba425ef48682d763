"""Judge the golden notebooks and provoke the machine's faults, and store both tables: `make verdicts`.

The golden notebooks and the faults that concern any notebook are nbproof's, in the folder of its tests.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbproof.report.columns import table

from nbproof import files

TESTS = Path(__file__).resolve().parent
OF_NBPROOF = TESTS.parent / "nbproof" / "tests"
FAULTS = [TESTS / "test_machine_faults_of_data.py", OF_NBPROOF / "test_machine_faults.py"]


class Rows:
    """A plugin of pytest: a row for each test of a fault."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Function, call: pytest.CallInfo) -> Iterator[None]:
        report = yield
        if report.when == "call" or not report.passed:
            said = dict(report.user_properties).get("verdict", "says nothing")
            if report.skipped:
                said = f"not tried: {call.excinfo.value}"
            elif report.failed:
                said = f"**{said}: {call.excinfo.exconly().splitlines()[0]}**"
            name = item.name.removeprefix("test_").replace("_", " ").replace("[", ": ").rstrip("]")
            cells = (name, item.function.__doc__ or "", said[:200], f"{report.duration:.1f}")
            self.rows.append(tuple(cell.replace("|", "\\|") for cell in cells))
        return report


def main() -> int:
    """Both tables; 1 if a verdict of nbproof's is wrong."""
    sys.path.insert(0, str(OF_NBPROOF))
    import golden_verdicts
    from golden_notebooks import BAD, GOOD

    faults = Rows()
    pytest.main(["-q", "--assert=plain", *map(str, FAULTS)], plugins=[faults])
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            "golden notebooks": golden_verdicts.table(GOOD + BAD, Path(folder)),
            "faults of the machine": table(("fault", "must", "verdict", "seconds"), faults.rows),
        }
    for name, lines in tables.items():
        files.keep(TESTS / "proofs.json", name, {"table": lines})
        print(f"{name}:", *lines, sep="\n")
    ours = [line.split("|")[3] for line in tables["golden notebooks"]]
    return 1 if any("**" in text for text in [*ours, *tables["faults of the machine"]]) else 0


if __name__ == "__main__":
    sys.exit(main())
