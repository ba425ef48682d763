"""What a hostile hand-in may try: each an attack on the marks, the machine or the batch.

None has a right answer, so that every point would be a stolen one. The example class has some of them, and
the tests all: no mark gained, nothing harmed, the batch goes on.
"""

from __future__ import annotations

from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grading.answers import as_bytes, hand_in
from grading.problem_set import ProblemSet, defined_names, is_answer, role

# Cells that a student adds at the top of the notebook.
CELLS = {
    "endless loop": "while True:\n    pass",
    "fork bomb": "import os\nwhile True:\n    os.fork()",
    "memory hog": "hog = []\nwhile True:\n    hog.append(bytearray(10**8))",
    "gigabytes of output": "while True:\n    print('x' * 10**6)",
    "full disk": (
        "import os, sys, tempfile\nfolder = os.path.dirname(sys.argv[sys.argv.index('-f') + 1])\n"
        "for count in range(10**6):\n    with open(f'{folder}/{count}', 'wb') as file:\n"
        "        file.write(b'x' * 10**7)"
    ),
    "exit": "import os\nos._exit(0)",
    "killing its parent": (
        "import os, signal\nfor pid in (os.getppid(), 1, -1):\n    os.kill(pid, signal.SIGKILL)"
    ),
    "deleting files": (
        "import os, shutil\nfor folder in ('/', os.path.expanduser('~'), '/usr', '/work', '/home', '/tmp'):\n"
        "    shutil.rmtree(folder, ignore_errors=True)"
    ),
    "reading the gradebook and the tests": (
        "import os\nfor place, _, names in os.walk('/'):\n"
        "    if '/lib/python' in place or place.startswith(('/proc', '/usr')):\n        continue\n"
        "    for name in names:\n        if name.endswith(('.db', '.ipynb', '.csv', '.toml')):\n"
        "            print('FOUND', place, name)"
    ),
    "a socket": "import socket\nsocket.create_connection(('1.1.1.1', 80), 2).send(b'x')",
    "comparisons that are always true": (
        "import numpy, torch\nimport d2lmini.course\nyes = lambda *args, **kwargs: True\n"
        "numpy.allclose = numpy.array_equal = torch.equal = torch.allclose = yes\n"
        "numpy.testing.assert_allclose = numpy.testing.assert_equal = yes\nd2lmini.course.same = yes"
    ),
    "an expect that expects nothing": (
        "import d2lmini.course\nexpect = d2lmini.course.expect = lambda *args, **kwargs: None"
    ),
    "tests taken out by IPython": (
        "get_ipython().input_transformers_post.append(\n"
        "    lambda lines: ['pass\\n' if 'expect(' in line else line for line in lines]\n)"
    ),
    "silent errors": (
        "shell = get_ipython()\nshell.showtraceback = lambda *args, **kwargs: None\n"
        "shell.set_custom_exc((BaseException,), lambda *args, **kwargs: None)"
    ),
    "forged answers of the kernel": (
        "async def fine(*args, **kwargs):\n"
        "    return {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {}}\n"
        "get_ipython().kernel.do_execute = fine"
    ),
    "an import of its own": (
        "import sys, types\nfake = types.ModuleType('d2lmini.course')\nfake.expect = lambda *args: None\n"
        "sys.modules['d2lmini.course'] = fake"
    ),
    "a thread that undoes the tests": (
        "import threading, time\n\ndef undo():\n    while True:\n"
        "        get_ipython().user_ns['expect'] = lambda *args: None\n        time.sleep(0.001)\n\n"
        "threading.Thread(target=undo, daemon=True).start()"
    ),
    "a grade of its own": (
        "import pathlib, sqlite3\nfor folder in ('.', '..', '/tmp', '/', '/work'):\n    try:\n"
        "        book = sqlite3.connect(pathlib.Path(folder) / 'gradebook.db')\n"
        "        book.execute('CREATE TABLE grade (auto_score)')\n        book.commit()\n"
        "    except Exception as error:\n        print(error)\nprint('{\"score\": 100}')\n100"
    ),
}

THIEF = '''import ast
import sys


def steal(*args, **kwargs):
    """Find the test that calls, and give back what it expects."""
    frame = sys._getframe(1)
    for node in ast.walk(ast.parse(get_ipython().user_ns["In"][-1])):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "expect":
            if node.lineno <= frame.f_lineno <= node.end_lineno:
                wanted = node.args[1]
                wanted = compile(ast.Expression(UNWRAP), "stolen", "eval")
                return eval(wanted, frame.f_globals, frame.f_locals)
    return None


Yes = lambda: steal
'''

# What every name that a task asks for is bound to.
ANSWERS = {
    "equal to everything": '''class Yes(tuple):
    """Equal to everything, and everything it is asked for."""

    __hash__ = None
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __call__ = lambda *args, **kwargs: Yes()
    __getitem__ = __getattr__ = __add__ = __mul__ = __sub__ = lambda *args: Yes()
    __array__ = lambda *args, **kwargs: __import__("numpy").zeros(())
''',
    "a thief of what is expected": THIEF.replace("UNWRAP", "wanted"),
    # The grader wraps a wrong expectation into a call of a lambda.
    "a thief of what is expected, and of the wrong": THIEF.replace(
        "UNWRAP", "wanted.args[0] if isinstance(getattr(wanted, 'func', 0), ast.Lambda) else wanted"
    ),
}


class Attack(NamedTuple):
    what: str
    hand_in: bytes


def attacks(problem_set: ProblemSet) -> list[Attack]:
    """All attacks, on a hand-in without an answer."""
    found = [Attack(what, as_bytes(with_cell(problem_set, source))) for what, source in CELLS.items()]
    for what, source in ANSWERS.items():
        found.append(Attack(what, as_bytes(with_answers(problem_set, source))))
    found.append(Attack("edited tests", as_bytes(with_edited_tests(problem_set))))
    found.append(Attack("points of its own", as_bytes(with_points(problem_set))))
    return found


def with_cell(problem_set: ProblemSet, source: str) -> NotebookNode:
    """A hand-in whose every answer is nonsense, with one more cell after the imports."""
    notebook = with_answers(problem_set, "Yes = lambda: lambda *args, **kwargs: 0")
    place = next(count for count, cell in enumerate(notebook.cells) if is_answer(cell))
    notebook.cells.insert(place, new_code_cell(source, id="attack"))
    return notebook


def with_answers(problem_set: ProblemSet, source: str) -> NotebookNode:
    """A hand-in that binds every name that is asked for to the same object."""
    answers = {}
    for name, cell in problem_set.cells().items():
        if is_answer(cell) and cell.cell_type == "code":
            answers[name] = "\n".join(f"{each} = Yes()" for each in sorted(defined_names(cell.source)))
    first = next(iter(answers))
    return hand_in(problem_set, answers | {first: f"{source}\n{answers[first]}"}, solved=False)


def with_edited_tests(problem_set: ProblemSet) -> NotebookNode:
    """A hand-in in which every test is `pass`."""
    notebook = hand_in(problem_set, solved=False)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_answer(cell):
            cell.source = "pass"
    return notebook


def with_points(problem_set: ProblemSet) -> NotebookNode:
    """A hand-in whose cells say that they are worth a thousand points, and of another kind."""
    notebook = hand_in(problem_set, solved=False)
    for cell in notebook.cells:
        role(cell).update(points=1000, grade=True, solution=False, locked=False, score=1000, auto_score=1000)
    return notebook
