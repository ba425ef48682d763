"""The figures of all proofs as one table, written into tests/README.md: `make proof-table`.

Nothing is measured here: the figures are those of results.json, which the commands in the table have written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import results
from output_changes import HARMLESS
from package_faults import FAULTS
from update_outputs import write_atomically

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def page(found: dict[str, Any]) -> str:
    """The figures, the survivors among the faults, and every single verdict."""
    lines = ["| what | figure | command |", "|---|---|---|"]
    lines += [f"| {what} | {figure} | `{command}` |" for what, figure, command in rows(found)]
    lines += ["", *survivors(found)]
    lines += ["", "### Faults of the machine", "", *found["faults of the machine"]["table"]]
    lines += ["", "### Golden notebooks", "", *found["golden notebooks"]["table"]]
    lines += [""] + [
        f"Measured with {settings}." for settings in dict.fromkeys(map(versions, found.values()))
    ]
    return "\n".join(lines) + "\n"


def rows(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    faults = found["package"]["faults"]
    caught = sum(verdict["caught"] for verdict in faults.values())
    yield (
        "faults in d2lmini, judged by the chapters alone",
        f"{caught} of {len(faults)} caught",
        "make mutate",
    )
    changes = found["outputs"]["kinds"]
    harmless = changes[HARMLESS]
    made = sum(c["made"] for c in changes.values()) - harmless["made"]
    right = sum(c["right"] for c in changes.values()) - harmless["right"]
    yield "changes to stored outputs, found at their cell", f"{right} of {made}", "make mutate-outputs"
    for kind, counts in changes.items():
        if kind != HARMLESS:
            yield f"– {kind}", f"{counts['right']} of {counts['made']}", "make mutate-outputs"
    flagged = harmless["made"] - harmless["right"]
    yield f"– {HARMLESS}, flagged", f"{flagged} of {harmless['made']}", "make mutate-outputs"
    for part in ("quick", "training"):
        what = f"clean runs of the {part} chapters, false alarms"
        if not (runs := found.get(f"stability, {part} chapters")):
            yield what, "not measured", "make stability"
            continue
        yield (
            what,
            f"{len(runs['false alarms'])} in {len(runs['runs'])} setting{'s' * (len(runs['runs']) > 1)}, "
            f"{sum(r['cells'] for r in runs['runs'].values())} cells compared, "
            f"{sum(r['not to the letter'] for r in runs['runs'].values())} of them not to the letter",
            "make stability",
        )
    wrong = [row for row in found["faults of the machine"]["table"][2:] if "**" in row]
    tried = [row for row in found["faults of the machine"]["table"][2:] if "not tried" not in row]
    slowest = max(float(row.split("|")[-2]) for row in tried)
    yield (
        "faults of the machine, right verdict",
        f"{len(tried) - len(wrong)} of {len(tried)}, the slowest after {slowest:.0f} s",
        "make verdicts",
    )
    *_, ours, plain, _ = found["golden notebooks"]["table"][-1].split("|")
    yield "golden notebooks, right verdict", ours.strip(), "make verdicts"
    yield "– the same with plain nbval", plain.strip(), "make verdicts"
    cost = found["cost"]
    yield "processor's seconds, over plain nbval", f"{cost['processor']:.2f} times", "make cost"


def survivors(found: dict[str, Any]) -> Iterator[str]:
    left = [fault for fault in FAULTS if not found["package"]["faults"][fault.name]["caught"]]
    if not left:
        yield "No fault survived."
        return
    yield "Faults that no chapter noticed:"
    yield ""
    yield from (f"- {fault.name}: {fault.survives or 'nobody knows why'}" for fault in left)


def versions(section: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in section["settings"].items())


def with_page(readme: str, text: str) -> str:
    """The README with the table between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"tests/README.md lacks the lines {BEGIN.strip()} and {END.strip()}")
    return before + BEGIN + text + END + after


def main() -> None:
    readme = README.read_text(encoding="utf-8")
    write_atomically(README, with_page(readme, page(results.load())).encode("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
