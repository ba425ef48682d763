"""Build the web edition into build/book: `make book`. Nothing is executed, warnings are errors."""

from __future__ import annotations

import shutil
import sys

from prepare import ROOT, prepare
from sphinx.cmd.build import build_main

SOURCE, SITE, CACHE = (ROOT / "build" / name for name in ("book-source", "book", "book-cache"))


def main() -> int:
    prepare(SOURCE)
    shutil.rmtree(SITE, ignore_errors=True)
    options = ["-c", str(ROOT / "book"), "-d", str(CACHE), "-b", "html", "-E", "-q", "-W", "--keep-going"]
    return build_main([*options, str(SOURCE), str(SITE)])


if __name__ == "__main__":
    sys.exit(main())
