"""The figures of all proofs as tables: `make proof-table` writes them into three READMEs.

Nothing is measured here: the figures are those of proofs.json, which the commands in the tables have written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nbproof.mutate.changes import HARMLESS

from nbproof import files

TESTS = Path(__file__).resolve().parent
RESULTS = TESTS / "proofs.json"
ENGINE, BOOK = TESTS.parent / "nbproof" / "README.md", TESTS / "README.md"
COURSE = TESTS.parent / "assignments" / "README.md"
VERDICTS = ENGINE.with_name("VERDICTS.md")
NOT = "not measured"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def engine_page(found: dict[str, Any]) -> str:
    """What nbproof does with this book's notebooks and its own golden ones."""
    return "\n".join([*table(engine_rows(found)), "", *versions(found)]) + "\n"


def table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    lines = [f"| {what} | {figure} | `make {command}` |" for what, figure, command in rows]
    return ["| what | figure | command |", "|---|---|---|", *lines]


def verdicts_page(found: dict[str, Any]) -> str:
    """Each fault of the machine and each golden notebook, with what nbproof said."""
    lines = ["# Verdicts, one by one", "", "Written by `make proof-table`. Wrong verdicts are bold; a fault"]
    lines += ["is found at the cell whose id is named, `a` in most of the notebooks."]
    for title in ("Faults of the machine", "Golden notebooks"):
        lines += ["", f"## {title}", "", *found[title.lower()]["table"]]
    return "\n".join(lines) + "\n"


def engine_rows(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield from changes_rows(found.get("outputs"))
    for part in ("quick", "slow"):
        what = f"clean runs of the {part} chapters, false alarms"
        if not (runs := found.get(f"stability, {part} notebooks")):
            yield what, NOT, "stability"
            continue
        each = runs["runs"].values()
        yield (
            what,
            f"{len(runs['false alarms'])} in {len(each)} settings, {sum(r['cells'] for r in each)} cells "
            f"compared, {sum(r['not to the letter'] for r in each)} of them not to the letter",
            "stability",
        )
    tried = [row for row in found["faults of the machine"]["table"][2:] if "not tried" not in row]
    wrong = [row for row in tried if "**" in row]
    slowest = max(float(row.split("|")[-2]) for row in tried)
    figure = f"{len(tried) - len(wrong)} of {len(tried)}, the slowest after {slowest:.0f} s"
    yield "faults of the machine and the data, right verdict", figure, "verdicts"
    *_, ours, plain, _ = found["golden notebooks"]["table"][-1].split("|")
    yield "golden notebooks, right verdict", ours.strip(), "verdicts"
    yield "– the same with plain nbval", plain.strip(), "verdicts"
    cost = f"{found['cost']['processor']:.2f} times" if "cost" in found else NOT
    yield "processor's seconds, over plain nbval", cost, "cost"


def changes_rows(outputs: dict[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    if outputs is None:
        yield "changes to stored outputs, found at their cell", NOT, "mutate-outputs"
        return
    changes = outputs["kinds"]
    caught = [counts for kind, counts in changes.items() if kind not in HARMLESS]
    made, right = (sum(counts[key] for counts in caught) for key in ("made", "right"))
    yield "changes to stored outputs, found at their cell", f"{right} of {made}", "mutate-outputs"
    for kind, counts in changes.items():
        told, what = counts["right"], f"– {kind}"
        if kind in HARMLESS:
            told, what = counts["made"] - counts["right"], f"– {kind}, flagged"
        yield what, f"{told} of {counts['made']}", "mutate-outputs"


def course_page(found: dict[str, Any] | None) -> str:
    """What the grader did with wrong answers, and with right ones that are unusual."""
    if found is None:
        return f"{NOT.capitalize()}.\n"
    wrong, right = found["wrong answers"], found["unusual right answers"]
    lost, full = found["that lost what they should, and nothing else"], found["with all points"]
    asked = "wrong answers that lost the points of the table, and no others"
    rows = [
        (asked, f"{lost} of {wrong}", "mutate-course"),
        ("unusual right answers with all points", f"{full} of {right}", "mutate-course"),
    ]
    survivors = [f"- not marked as it should be: {each}" for each in found["survivors"]]
    return "\n".join([*table(rows), "", *survivors, *versions({"": found})]) + "\n"


def versions(found: dict[str, Any]) -> list[str]:
    """What was measured with what, a line for each set of versions."""
    sets = dict.fromkeys(
        ", ".join(f"{name} {value}" for name, value in section["settings"].items())
        for section in found.values()
        if "settings" in section
    )
    return [f"Measured with {each}." for each in sets]


def with_page(readme: str, text: str) -> str:
    """A README with the figures between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the README lacks the lines {BEGIN.strip()} and {END.strip()}")
    return before + BEGIN + text + END + after


def pages(found: dict[str, Any]) -> dict[Path, str]:
    """The pages with the figures in them."""
    from nbproof.mutate.package import report  # the faults' own table

    package = report(found["package"]) if "package" in found else f"{NOT.capitalize()}.\n"
    course = course_page(found.get("wrong answers"))
    texts = {ENGINE: engine_page(found), BOOK: package, COURSE: course}
    whole = {path: with_page(path.read_text(encoding="utf-8"), text) for path, text in texts.items()}
    return {**whole, VERDICTS: verdicts_page(found)}


if __name__ == "__main__":
    for path, text in pages(files.read(RESULTS)).items():
        files.write_atomically(path, text.encode("utf-8"))
