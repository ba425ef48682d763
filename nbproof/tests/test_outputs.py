"""Outputs in their stored form, and what must not be stored."""

import base64
import io

import pytest
from golden_notebooks import picture, printed, raised, shown
from PIL import Image, PngImagePlugin

from nbproof.compare import outputs


def test_streams_are_merged_only_where_they_stand_together():
    merged = outputs.merge_streams(
        [printed("a"), printed("b\n"), picture(1), printed("0%\r"), printed("100%\n")]
    )
    assert [o.get("text") for o in merged] == ["ab\n", None, "100%\n"]


def test_a_stored_picture_has_no_remarks_and_the_same_pixels():
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "matplotlib 9.9")
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize((30, 20))
    image.save(file, "PNG", pnginfo=info)
    stripped = base64.b64decode(outputs.strip_png(base64.b64encode(file.getvalue()).decode()))
    assert b"matplotlib" not in stripped
    assert Image.open(io.BytesIO(stripped)).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("/home/ada/book/x.py", "absolute path"),
        ("saved to ~/book/x.png", "absolute path"),
        ("in '/tmp/x/y'", "absolute path"),
        (r"C:\Users\ada", "absolute path"),
        ("see file:///home/ada/x.csv", "absolute path"),
        ("<td>/home/ada/x.csv</td>", "absolute path"),
        ("<object object at 0x7fe5f4ac7390>", "address"),
        ("and/or 1/2 </div> 28/28/1 https://example.org/a/b 0x1f book/conv.py", ""),
    ],
)
def test_what_must_not_be_stored(text, flaw):
    found = outputs.flaws([printed(text)])
    assert bool(found) == bool(flaw)
    assert flaw in "".join(found)


def test_a_path_in_json_must_not_be_stored():
    for path in ("/home/ada/x.csv", "see\n/home/ada/x.csv", "C:\\new\\x.csv"):
        assert "absolute path" in outputs.flaws([shown({"application/json": {"file": path}})])[0]


def test_stderr_must_not_be_stored():
    assert "stderr" in outputs.flaws([printed("Warning: no\n", "stderr")])[0]


def test_a_stored_traceback_shows_the_cell_and_the_error_but_no_file():
    lines = [
        "ValueError   Traceback (most recent call last)",
        "\x1b[36mCell\x1b[39m\x1b[32m In[12]\x1b[39m, line 1\n----> 1 corr2d(X, K)",
        "\x1b[36mFile \x1b[39m\x1b[32m~/book/conv.py:37\x1b[39m, in corr2d",
        "File /usr/lib/python3.12/pathlib.py:2",
        "ValueError: no",
    ]
    output = raised("ValueError", "no")
    output.traceback = lines
    (stored,) = outputs.stored_form([output], 1)
    assert stored.traceback == [*lines[:2], lines[4]]


def test_an_output_is_changed_by_its_kind_and_the_original_isnt():
    given = [printed("a"), raised("ValueError", "no"), picture(1)]
    changed = outputs.changed(given, lambda kind, value: f"{kind}!")
    assert changed[0].text == "stdout!" and changed[1].evalue == "error text!"
    assert changed[2].data == {kind: f"{kind}!" for kind in ("image/png", "text/plain")}
    assert given == [printed("a"), raised("ValueError", "no"), picture(1)]
