"""Runs of pytest at a time, and what they leave when they are given up."""

import time

import pytest

from nbproof.run.harness import AtOnce


def test_after_an_interrupt_none_of_those_that_wait_begins():
    begun = []

    def run(name):
        begun.append(name)
        time.sleep(0.2)

    with pytest.raises(KeyboardInterrupt), AtOnce(1) as pool:
        for name in "abc":
            pool.submit(run, name)
        time.sleep(0.05)
        raise KeyboardInterrupt
    assert begun == ["a"]
