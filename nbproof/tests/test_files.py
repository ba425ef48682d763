"""Files that several commands write to at a time."""

import json
import subprocess
import sys

import pytest

from nbproof import files

ADD = """
import sys
from pathlib import Path
from nbproof import files
for number in range(40):
    with files.changed(Path(sys.argv[1])) as content:
        content[f"{sys.argv[2]}{number}"] = number
        content["sum"] = content.get("sum", 0) + 1
"""


def test_two_commands_at_a_time_lose_none_of_each_others_figures(tmp_path):
    file = tmp_path / "results.json"
    commands = [[sys.executable, "-c", ADD, str(file), name] for name in ("a", "b")]
    writers = [subprocess.Popen(command) for command in commands]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    wanted = {f"{name}{number}": number for name in "ab" for number in range(40)} | {"sum": 80}
    assert json.loads(file.read_text()) == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_an_error_while_changing_leaves_the_old_file(tmp_path):
    file = tmp_path / "results.json"
    file.write_text('{"a": 1}')
    with pytest.raises(ZeroDivisionError), files.changed(file) as content:
        content["a"] = 1 / 0
    assert files.read(file) == {"a": 1} and files.read(tmp_path / "none.json") == {}


def test_a_link_stays_one_and_its_file_is_written(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    files.write_atomically(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"
