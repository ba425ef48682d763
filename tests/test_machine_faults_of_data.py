"""Faults of the data set and the network: the right verdict, within seconds."""

import machine_faults_of_data
import pytest

from nbproof import provoke


@pytest.mark.parametrize("scenario", machine_faults_of_data.SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_verdict_is_right_and_comes_within_seconds(scenario):
    provoke.check(scenario)
