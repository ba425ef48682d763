"""A cell past its limit fails, also one that takes the interrupt for the reader's own and goes on."""

from nbformat.v4 import new_code_cell, new_notebook, new_output

from nbproof.harness import run_notebooks
from nbproof.notebook import text_of
from nbproof.settings import Settings

SWALLOWS = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('stopped')"


def test_a_cell_that_swallows_the_interrupt_at_its_limit_fails(tmp_path):
    printed = [new_output("stream", name="stdout", text="stopped\n")]
    limit = {"nbproof": {"timeout": 1}}
    cells = [
        new_code_cell(SWALLOWS, id="endless", metadata=limit, execution_count=1, outputs=printed),
        new_code_cell("1 / 0", id="later", execution_count=2),
    ]
    (tmp_path / "one.ipynb").write_bytes(text_of(new_notebook(cells=cells)))
    run = run_notebooks(Settings(tmp_path), [tmp_path / "one.ipynb"])
    assert [(v.item, v.outcome) for v in run.verdicts] == [("endless", "failed"), ("later", "skipped")]
    assert "Timeout of 1 seconds exceeded" in run.failures[0].said
    assert run.failures[0].by_machine
