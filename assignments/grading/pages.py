"""What an instructor reads after a batch: grades.csv, and a summary page with a picture."""

from __future__ import annotations

import base64
import csv
import html
import io
import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from grading import gradebook
from grading.problem_set import ProblemSet, task_of
from grading.store import Results

if TYPE_CHECKING:
    from grading.batch import Batch, Ungraded

KINDS = {
    "tampering": "suspected tampering",
    "time": "out of time",
    "crash": "crashed",
    "form": "cells missing, doubled or changed",
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color:
#222; } table { border-collapse: collapse; margin: 1rem 0; } td, th { border-bottom: 1px solid #ccc;
padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; } td.number { text-align: right; }
.warning { background: #fde8e8; border-left: 4px solid #b00; padding: .6rem 1rem; } img { max-width: 100%;
height: auto; }
"""


def write(course: Path, batches: list[Batch], problems: list[Ungraded], unsafe: bool) -> None:
    """Write grades.csv and summary.html into the course folder."""
    parts = []
    rows: list[list[str]] = []
    for batch in batches:
        scores = gradebook.scores(course, batch.problem_set)
        results = Results(course, batch.problem_set)
        graded = [h for h in batch.hand_ins if h.student in scores and results.file(h.student).is_file()]
        rows += csv_rows(batch.problem_set, graded, scores, results)
        parts.append(section(batch.problem_set, graded, scores, results))
    _write_csv(course / "grades.csv", rows)
    warning = (
        '<p class="warning">These hand-ins ran <b>without a box</b> (UNSAFE=1): their programs could read '
        "and change everything that you can, the gradebook and each other. Don't trust marks that matter.</p>"
    )
    body = "\n".join(["<h1>Graded hand-ins</h1>", warning * unsafe, ungraded(problems), *parts])
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Graded hand-ins</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
    (course / "summary.html").write_text(page, encoding="utf-8")


def per_task(problem_set: ProblemSet, score: gradebook.Score) -> dict[str, float]:
    """The points of each task."""
    found = dict.fromkeys(problem_set.tasks(), 0.0)
    for cell, points in score.cells.items():
        found[task_of(cell)] += points
    return found


def csv_rows(
    problem_set: ProblemSet, graded: Iterable, scores: dict[str, gradebook.Score], results: Results
) -> list[list[str]]:
    rows = []
    for hand_in in graded:
        score, findings = scores[hand_in.student], results[hand_in.student].findings
        common = [hand_in.name, problem_set.name]
        for task, points in per_task(problem_set, score).items():
            rows.append([*common, task, f"{points:g}", f"{problem_set.tasks()[task]:g}", "", ""])
        by_hand = " ".join(score.by_hand)
        notes = "; ".join(f"{KINDS[finding.kind]}: {finding.text}" for finding in findings)
        rows.append(
            [*common, "all", f"{score.total:g}", f"{sum(problem_set.tasks().values()):g}", by_hand, notes]
        )
    return rows


def _write_csv(file: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "problem set", "task", "points", "of", "to be graded by hand", "notes"])
    writer.writerows([[_no_formula(cell) for cell in row] for row in rows])
    # With a byte order mark: spreadsheets take the file for Latin letters without.
    file.write_text("\ufeff" + text.getvalue(), encoding="utf-8")


def _no_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, as it would a name that begins like one.

    >>> _no_formula("-2+3"), _no_formula("-2.5"), _no_formula("Zoë")
    ("'-2+3", '-2.5', 'Zoë')
    """
    is_number = re.fullmatch(r"-?[\d.]+(e[-+]\d+)?", cell)
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not is_number else cell


def section(
    problem_set: ProblemSet, graded: list, scores: dict[str, gradebook.Score], results: Results
) -> str:
    """One problem set: its picture, and the hand-ins that need a person."""
    title = f"<h2>{html.escape(problem_set.name)}: {len(graded)} hand-ins</h2>"
    if not graded:
        return title
    most = problem_set.tasks()
    points = {task: [] for task in problem_set.tasks()}
    for hand_in in graded:
        for task, got in per_task(problem_set, scores[hand_in.student]).items():
            points[task].append(got)
    totals = sorted(scores[h.student].total for h in graded)
    by_hand = sum(bool(scores[h.student].by_hand) for h in graded)
    facts = (
        f"<p>Median {statistics.median(totals):g} of {sum(problem_set.tasks().values()):g} points, from "
        f"{totals[0]:g} to {totals[-1]:g}. {by_hand} have explanations that a person must still grade; these "
        "count 0 so far.</p>"
    )
    picture = distribution(points, most)
    means = {task: statistics.mean(got) for task, got in points.items()}
    described = "; ".join(f"{task}: mean {mean:.1f} of {most[task]:g}" for task, mean in means.items())
    image = f'<img alt="Points per task. {html.escape(described)}" src="data:image/png;base64,{picture}">'
    rows = []
    for hand_in in graded:
        findings = results[hand_in.student].findings
        for kind in {finding.kind for finding in findings}:
            texts = [html.escape(finding.text) for finding in findings if finding.kind == kind]
            page = f"feedback/{hand_in.student}/{problem_set.name}/{problem_set.name}.html"
            name = f'<a href="{html.escape(quote(page))}">{html.escape(hand_in.name)}</a>'
            rows.append([name, KINDS[kind], "<br>".join(texts)])
    rows.sort(key=lambda row: list(KINDS.values()).index(row[1]))
    person = "<p>No hand-in needs a person for anything else.</p>"
    if rows:
        person = "<h3>Hand-ins that need a person</h3>" + table(["student", "why", "what"], rows)
    return "\n".join([title, facts, image, person])


def ungraded(problems: list[Ungraded]) -> str:
    if not problems:
        return ""
    rows = [[html.escape(problem.name), html.escape(problem.reason)] for problem in problems]
    return "<h2>Not graded</h2><p>These have no marks. That is no zero.</p>" + table(["student", "why"], rows)


def table(columns: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def distribution(points: dict[str, list[float]], most: dict[str, float]) -> str:
    """For each task, how many hand-ins got which share of its points: a PNG in base64."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.5 + 0.42 * len(points)), layout="constrained")
    axes = figure.subplots()
    shades = {"#b2182b": "white", "#ef8a62": "black", "#92c5de": "black", "#2166ac": "white"}
    for row, (task, got) in enumerate(points.items()):
        shares = [value / most[task] for value in got]
        counts = [
            sum(share == 0 for share in shares),
            sum(0 < share <= 0.5 for share in shares),
            sum(0.5 < share < 1 for share in shares),
            sum(share >= 1 for share in shares),
        ]
        left = 0
        for count, (shade, ink) in zip(counts, shades.items(), strict=True):
            axes.barh(row, count, left=left, color=shade, edgecolor="white")
            if count:
                axes.text(left + count / 2, row, str(count), ha="center", va="center", color=ink)
            left += count
    axes.set_yticks(range(len(points)), [f"{task} ({most[task]:g})" for task in points])
    axes.invert_yaxis()
    axes.set_xlabel("hand-ins with none, up to half, more than half, all of the points (from red to blue)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode()
