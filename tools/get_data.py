"""See that the chapters have their data, before they run; say in one line which it will be.

Fashion-MNIST is taken from where `d2lmini.load_fashion_mnist` finds it: a folder named by
D2LMINI_DATA, the user's cache, Debian's package dataset-fashion-mnist, a download. Only if none of
these gave it, and we are root on a Debian-like system (a container, a CI machine), the package is
installed. Failing that, the chapters run on the sample that d2lmini ships. This never fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from data_status import VARIABLE, DataStatus, look

PACKAGE = "dataset-fashion-mnist"
LOG = Path(__file__).resolve().parent.parent / "build" / "apt.log"
APT_SECONDS = 180


def may_install() -> bool:
    """Whether the Debian package may be installed: nobody chose the data, and we are root."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return root and shutil.which("apt-get") is not None and not os.environ.get(VARIABLE)


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


def describe(status: DataStatus) -> str:
    """The one line."""
    if status.is_sample:
        return "data: the shipped sample of Fashion-MNIST, 6000 + 1000 images. " + status.note
    return f"data: Fashion-MNIST, 60000 + 10000 images ({status.source})"


def main() -> None:
    try:
        status = look()
        if status.is_sample and may_install():
            print(f"data: nothing found or downloaded; installing Debian's package {PACKAGE}")
            install()
            status = look()
        print(describe(status))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # The chapters will meet the same error, and then it counts; here it's only news.
        print(f"data: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
