"""The verdicts on the golden notebooks, also plain nbval's, and on faults of the machine: `make verdicts`."""

from __future__ import annotations

import sys

import faults
import golden_verdicts
import results
from golden_notebooks import BAD, GOOD


def main() -> int:
    wrong = 0
    for section, table in (
        ("golden notebooks", golden_verdicts.table(GOOD + BAD)),
        ("faults of the machine", faults.table()),
    ):
        print(f"{table}\n")
        results.store(section, {"table": table.splitlines()})
        wrong += sum("**" in row.split("|")[3] for row in table.splitlines()[2:])  # not plain nbval's
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
