"""The browser of this machine: Playwright's own can't be had from a package registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "Chromium or Chrome is needed: apt-get install chromium (Debian), brew install chromium (macOS), "
    "or name one in the environment: CHROMIUM=/path/to/chrome"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that CHROMIUM names, or one under a usual name; FileNotFoundError if there is none."""
    named = os.environ.get("CHROMIUM")
    program = next(filter(None, map(shutil.which, [named] if named else NAMES)), None)
    if program is None:
        raise FileNotFoundError(MISSING)
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # for whom Chromium has no sandbox
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=not root)
        yield browser
        browser.close()
