"""See that the chapters have their data, before they run; say in one line which it will be.

Fashion-MNIST is taken from where `d2lmini.load_fashion_mnist` finds it: a folder named by
D2LMINI_DATA, the user's cache, Debian's package dataset-fashion-mnist, a download. Only if none of
these gave it, and we are root on a Debian-like system (a container, a CI machine), the package is
installed; D2LMINI_INSTALL=no forbids that. Failing that, the chapters run on the sample that d2lmini
ships. This never fails.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from d2lmini.files import VARIABLE, find_arrays

PACKAGE = "dataset-fashion-mnist"
INSTALL = "D2LMINI_INSTALL"  # "no" (or "0", "false", "off") forbids to install the package
LOG = Path(__file__).resolve().parent.parent / "build" / "apt.log"
APT_SECONDS = 180


def look() -> tuple[str, str]:
    """Find the data as a chapter would: (the source, what is printed on the way)."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        source = find_arrays().source
    return source, printed.getvalue().strip()


def may_install() -> bool:
    """Whether the Debian package may be installed: nobody forbade it or chose the data, and we are root."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    forbidden = os.environ.get(INSTALL, "").lower() in ("no", "0", "false", "off")
    chosen = bool(os.environ.get(VARIABLE))
    return root and not forbidden and not chosen and shutil.which("apt-get") is not None


def install() -> None:
    """Install the Debian package, quietly and within a time limit; its output goes to a log."""
    LOG.parent.mkdir(exist_ok=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with LOG.open("w") as log:
        for command in (
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", PACKAGE],
        ):
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | quiet,
                timeout=APT_SECONDS,
                check=False,
            )


def describe(source: str, printed: str) -> str:
    """The one line."""
    if source == "sample":
        return f"data: the shipped sample of Fashion-MNIST, 6000 + 1000 images. {printed}".strip()
    return f"data: Fashion-MNIST, 60000 + 10000 images ({source})"


def main() -> None:
    try:
        found = look()
        if found[0] == "sample" and may_install():
            print(
                f"data: nothing found or downloaded; we are root, so Debian's package {PACKAGE} is installed "
                f"({INSTALL}=no forbids that)"
            )
            install()
            found = look()
        print(describe(*found))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # The chapters will meet the same error, and then it counts; here it's only news.
        print(f"data: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
