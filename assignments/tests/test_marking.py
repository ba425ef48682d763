"""A hand-in is run and judged: right marks, no word of a hidden test, and no belief in what can't fail."""

from __future__ import annotations

import ast

import nbformat
import pytest
from grading.answers import as_bytes, hand_in
from grading.attacks import attacks
from grading.box import Limits
from grading.expected import expectations_in
from grading.marking import (
    HIDDEN_FAILED,
    Marked,
    mark,
    telling,
    with_wrong_expectation,
)
from grading.outputs import MOST_TEXT
from grading.problem_set import ProblemSet, names
from grading.sandbox import boxed_kernel
from grading.store import to_text
from grading.suspicion import suspicions
from nbformat.v4 import new_code_cell
from tiny import tiny

from d2lmini.course import Unexpected, expect

PS = tiny()
LIMITS = Limits(cell_seconds=3)


def marked(answers: dict[str, str] | None = None, solved: bool = True, **limits: float) -> Marked:
    content = as_bytes(hand_in(PS, answers, solved))
    return mark(PS, content, LIMITS._replace(**limits), boxed_kernel, seed=0)


def passed(result: Marked) -> list[str]:
    return [name for name, verdict in result.verdicts.items() if verdict.passed]


@pytest.mark.usefixtures("boxes")
class TestRun:
    def test_the_solution_gets_everything(self) -> None:
        result = marked()
        assert passed(result) == ["shift-hidden", "shift-hidden-2", "size-hidden"] and result.findings == []

    def test_a_blank_hand_in_gets_nothing(self) -> None:
        result = marked(solved=False)
        assert passed(result) == [] and result.findings == []
        assert {verdict.why for verdict in result.verdicts.values()} == {
            "the task has no answer yet",
            "your code ended with NameError in a hidden test",
        }

    def test_a_wrong_answer_loses_its_points_and_no_others(self) -> None:
        result = marked({"shift": "def shift(x, by):\n    x[:] = [0] * by + x[: len(x) - by]\n    return x"})
        assert passed(result) == ["shift-hidden", "size-hidden"]
        assert result.verdicts["shift-hidden-2"].why == "the input stays as it was"

    def test_warnings_and_printing_cost_nothing(self) -> None:
        noisy = (
            "def shift(x, by):\n    import sys, warnings\n    warnings.warn('slow')\n    print('shifting')\n"
            "    print('oh', file=sys.stderr)\n    return [0] * by + list(x)[: len(x) - by]\nshift([1], 1)"
        )
        result = marked({"shift": noisy})
        assert len(passed(result)) == 3
        hidden = [cell for cell in result.notebook.cells if cell.id.startswith("shift-hidden")]
        assert [cell.outputs for cell in hidden] == [[], []]

    def test_a_kernel_that_dies_in_a_hidden_test_costs_only_its_task(self) -> None:
        result = marked({"shift": "import os\ndef shift(x, by):\n    os._exit(3)"})
        assert passed(result) == ["size-hidden"]
        assert "crash" in {finding.kind for finding in result.findings}

    def test_after_a_death_only_the_cells_above_run_again(self) -> None:
        notebook = hand_in(PS, {"size": "size = (4, 2)\ncount = globals().get('count', 0) + 1"})
        place = next(n for n, cell in enumerate(notebook.cells) if cell.id == "size")
        notebook.cells.insert(place, new_code_cell("import os\nos._exit(1)", id="death"))
        notebook.cells.append(new_code_cell("count", id="last"))
        result = mark(PS, as_bytes(notebook), LIMITS, boxed_kernel, seed=0)
        (last,) = [cell for cell in result.notebook.cells if cell.source == "count"]
        assert last.outputs[0].data["text/plain"] == "1" and len(passed(result)) == 3

    def test_a_loop_without_end_costs_only_its_task(self) -> None:
        result = marked({"shift": "def shift(x, by):\n    while True: pass"}, cell_seconds=2)
        assert passed(result) == ["size-hidden"]
        assert {finding.kind for finding in result.findings} == {"time"}

    def test_the_whole_hand_in_has_a_limit_too(self) -> None:
        result = marked({"size": "import time\ntime.sleep(2)\nsize = (4, 2)"}, hand_in_seconds=1)
        assert passed(result) == []
        assert "took longer than 1 s" in result.verdicts["size-hidden"].said

    def test_what_a_student_prints_knows_no_hidden_test(self) -> None:
        spy = (
            "import atexit, threading, time\n"
            "def spy():\n    while True:\n        print([line for line in In if 'HIDDEN' in line])\n"
            "        time.sleep(0.01)\n"
            "threading.Thread(target=spy, daemon=True).start()\nsize = (4, 2)"
        )
        result = marked({"size": spy})
        said = str([cell.outputs for cell in result.notebook.cells if cell.cell_type == "code"])
        assert "a row of one" not in said and "BEGIN HIDDEN" not in said

    def test_an_error_of_the_students_making_tells_nothing(self) -> None:
        thief = "class Told(Exception): pass\ndef shift(x, by):\n    raise Told(In[-1])"
        result = marked({"shift": thief})
        assert result.verdicts["shift-hidden"].why == HIDDEN_FAILED

    def test_a_function_that_believes_every_test_is_caught(self) -> None:
        believer = "import d2lmini.course\nexpect = d2lmini.course.expect = lambda *a: None\nsize = (1, 1)"
        result = marked({"size": believer})
        assert passed(result) == [] and all(verdict.suspect for verdict in result.verdicts.values())
        assert {finding.kind for finding in result.findings} == {"tampering"}

    def test_long_outputs_are_cut(self) -> None:
        result = marked({"size": "print('x' * 100_000)\nsize = (4, 2)"})
        (cell,) = [cell for cell in result.notebook.cells if cell.id == "size"]
        assert len(cell.outputs[0].text) < MOST_TEXT + 100

    def test_messages_that_are_none_cost_their_cell_and_break_nothing(self) -> None:
        forger = (
            "kernel = get_ipython().kernel\nsend = lambda *content: kernel.session.send(\n"
            "    kernel.iopub_socket, *content, parent=kernel.get_parent())\n"
        )
        for content in (
            "'stream', {'name': 5, 'text': {'a': 1}}",
            "'display_data', {'data': {'text/plain': [1]}, 'metadata': []}",
            "'display_data', {'data': 3}",
            "'error', {'ename': 3}",
        ):
            result = marked({"size": f"{forger}send({content})\nsize = (4, 2)"})
            nbformat.validate(result.notebook)
            assert {finding.kind for finding in result.findings} == {"crash", "tampering"}
            assert passed(result) == ["shift-hidden", "shift-hidden-2"]

    def test_nothing_that_a_browser_would_run_is_kept(self) -> None:
        result = marked(
            {
                "size": "from IPython.display import HTML, Javascript, SVG, display\n"
                "display(HTML('<script>run()</script>'), Javascript('run()'))\n"
                "display({'image/png': '\"><script>run()</script>', 'text/plain': 'x'}, raw=True,\n"
                "        metadata={'image/png': {'width': '\"><script>run()</script>'}})\nsize = (4, 2)",
                "explain-odd": "<script>run()</script> a < b",
            }
        )
        (size,) = [cell for cell in result.notebook.cells if cell.id == "size"]
        assert "run()" not in str(size.outputs) and len(passed(result)) == 3
        (words,) = [cell for cell in result.notebook.cells if cell.id == "explain-odd"]
        assert words.source == "&lt;script>run()&lt;/script> a < b"

    def test_half_a_character_in_an_output_costs_nothing(self) -> None:
        result = marked({"size": "print('\\ud83d')\nsize = (4, 2)"})
        assert len(passed(result)) == 3 and to_text(result).encode()

    def test_a_figure_and_a_table_are_kept(self) -> None:
        result = marked({"size": "size = (4, 2)\nnp.zeros((2, 2))"})
        (cell,) = [cell for cell in result.notebook.cells if cell.id == "size"]
        assert "array" in cell.outputs[0].data["text/plain"]


TESTS = """x = [1]
expect(len(x), 1, "the number")
for n in (2, 3):
    expect((n, n), (n, n), f"a pair of {n}")
expect(["a"], ["a"], "words")
expect(True, True, "yes")
expect(0.0, 0, "nothing")
expect(np.array([[float("-inf"), -1.0]]), np.array([[float("-inf"), -1.0]]), "an array")
"""


def test_every_expectation_can_be_made_wrong() -> None:
    import numpy as np

    names = {"expect": expect, "np": np}
    exec(TESTS, dict(names))
    reasons = ("the number", "a pair of 2", "words", "yes", "nothing", "an array")
    assert len(expectations_in(ast.parse(TESTS))) == len(reasons)
    for which, reason in enumerate(reasons):
        with pytest.raises(Unexpected, match=f"^{reason}\n"):
            exec(with_wrong_expectation(TESTS, which), dict(names))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("NotImplementedError", "the task has no answer yet"),
        ("ZeroDivisionError", "your code ended with ZeroDivisionError in a hidden test"),
        ("Unexpected", HIDDEN_FAILED),
        ("expect(x, 1)", HIDDEN_FAILED),
        ("print", HIDDEN_FAILED),
    ],
)
def test_only_the_names_of_pythons_errors_are_told(error: str, told: str) -> None:
    assert telling(error) == told


def test_words_that_no_task_needs_are_named() -> None:
    notebook = hand_in(PS, {"size": "import sys\nsize = eval(sys._getframe(1).f_code)\nmodel.eval()"})
    (found,) = suspicions(notebook.cells)
    assert found.kind == "tampering" and found.text.endswith(": _getframe, eval, f_code")
    hidden = "mark = '#'; frame = sys._getframe(1)\nquotes = '\"\"\"'; gc\nmore = '\"\"\"'"
    (found,) = suspicions(hand_in(PS, {"size": hidden}).cells)
    assert found.text.endswith(": _getframe, gc")
    harmless = "# In eval we trust\nmodel.eval()\nInside = compiled = 1"
    assert suspicions(hand_in(PS, {"size": harmless}).cells) == []
    for name in names():
        problem_set = ProblemSet.read(name)
        assert suspicions(hand_in(problem_set).cells) == []


@pytest.mark.parametrize(
    "what", ["a thief of what is expected", "a thief of what is expected, and of the wrong"]
)
def test_a_thief_finds_nothing_and_is_named(boxes: None, what: str) -> None:
    (thief,) = [each.hand_in for each in attacks(PS) if each.what == what]
    result = mark(PS, thief, LIMITS, boxed_kernel, seed=0)
    assert passed(result) == [] and "tampering" in {finding.kind for finding in result.findings}


def test_a_test_that_the_solution_fails_is_an_error(boxes: None) -> None:
    wrong = PS._replace(source=PS.source.replace("size[1], 2", "size[1], 3"))
    with pytest.raises(RuntimeError, match="tiny, size-hidden: the solution ends with Unexpected: the width"):
        mark(wrong, as_bytes(hand_in(PS)), LIMITS, boxed_kernel)


def test_functions_of_torch_that_give_what_the_answer_gives_gain_nothing(boxes: None) -> None:
    """Both sides of a test in the hand-in's own kernel would be zeros."""
    problem_set = ProblemSet.read("ps1")
    cheat = (
        "nothing = lambda *args, **kwargs: torch.zeros(1, 1, 1, 1)\nF.conv2d = F.conv_transpose2d = nothing\n"
        "def merge_layers(A, s, B, t):\n    return torch.zeros(1, 1), s * t"
    )
    content = as_bytes(hand_in(problem_set, {"merge": cheat}))
    verdicts = mark(problem_set, content, Limits(), boxed_kernel, seed=0).verdicts
    assert not any(verdict.passed for name, verdict in verdicts.items() if name.startswith("merge-hidden"))
