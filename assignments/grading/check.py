"""Check one's own notebook, as the public part of grading does: `make check NOTEBOOK=ps1.ipynb`.

The same mending, the same order of cells and the same limits of time as when it is graded. The kernel is a
plain one: it is the student's own program on the student's own machine.
"""

from __future__ import annotations

from pathlib import Path

from grading.batch import belongs_to
from grading.box import Limits
from grading.marking import Runner
from grading.mend import content_of, mend
from grading.problem_set import ProblemSet, is_explanation, is_hidden, released, role, task_of
from grading.sandbox import plain_kernel

MARKS = {True: "passed", False: "NOT passed"}


def check(file: Path, sets: list[ProblemSet], limits: Limits = Limits()) -> int:  # noqa: B008
    """Print what came of the public tests of each task, and what can't be checked; 1 if one failed."""
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    name = belongs_to(file, sets)
    if name is None:
        raise ValueError(f"{file.name} is none of the problem sets {', '.join(each.name for each in sets)}")
    problem_set = next(each for each in sets if each.name == name)
    notebook, findings = mend(problem_set, content_of(file))
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and not is_hidden(cell)]
    with Runner(code, limits, plain_kernel) as runner:
        runner.run_all()
    findings += runner.findings
    failed = False
    for task, points in problem_set.tasks().items():
        mine = [cell for cell in code if task_of(role(cell).get("grade_id", "")) == task]
        explained = [
            cell for cell in notebook.cells if role(cell).get("grade_id") == task and is_explanation(cell)
        ]
        errors = [error for cell in mine for error in said(cell)]
        failed |= bool(errors)
        if explained:
            blank = explained[0].source.strip() == released(problem_set.cells()[task]).strip()
            state = "NOT answered yet" if blank else "answered"
            print(f"{task} ({points:g} points): {state}; a person will read it")
            continue
        print(f"{task} ({points:g} points): public tests {MARKS[not errors]}")
        for error in errors:
            print("    " + error.replace("\n", "\n    "))
    for cell in code:
        if not role(cell).get("grade_id"):
            for error in said(cell):
                print(f"a cell of your own: {error}")
    for finding in findings:
        print(f"note: {finding.text}")
    print(
        "Not checked: the hidden tests, which decide. They call your functions with other inputs, after the "
        "whole notebook has run."
    )
    return int(failed)


def said(cell: object) -> list[str]:
    """The errors below a cell."""
    return [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
