"""Faults of the machine: the right verdict, within seconds."""

import pytest
from machine_faults import SCENARIOS

from nbproof import provoke


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_verdict_is_right_and_comes_within_seconds(scenario):
    provoke.check(scenario)


def test_the_table_shows_a_wrong_verdict():
    scenarios = [provoke.Scenario(name, "fail", str) for name in ("first", "second", "third")]
    found = [provoke.Finding("fails", 1.23, [], ""), provoke.Finding("passes", 2, ["it fails"], "")]
    assert provoke.table(scenarios, [*found, provoke.NotPossible("no disk")])[2:] == [
        "| first | fail | fails | 1.2 |",
        "| second | fail | **passes: not it fails** | 2.0 |",
        "| third | fail | not tried: no disk |  |",
    ]
