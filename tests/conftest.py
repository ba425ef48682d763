"""Settings of the test run."""

import os

from hypothesis import settings

# No time limit for one example: it would fail on a busy machine. CI tries the same examples always.
settings.register_profile("book", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("book")

collect_ignore = ["reseed.py"]  # runs inside a kernel, before a chapter; pytest can't import it
