"""What the tests of the grader share."""

from __future__ import annotations

import pytest
from grading import box


@pytest.fixture(scope="session")
def boxes() -> None:
    """Skips a test that needs bubblewrap where there is none."""
    if reason := box.missing():
        pytest.skip(f"no box: {reason}")
