"""The verdicts on the golden notebooks, also plain nbval's, and on faults of the machine: `make verdicts`."""

from __future__ import annotations

import faults
import golden_verdicts
import results
from golden_notebooks import BAD, GOOD


def main() -> None:
    for section, table in (
        ("golden notebooks", golden_verdicts.table(GOOD + BAD)),
        ("faults of the machine", faults.table()),
    ):
        print(f"{table}\n")
        results.store(section, {"table": table.splitlines()})


if __name__ == "__main__":
    main()
