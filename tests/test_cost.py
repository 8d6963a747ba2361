"""What a step costs: time that passes, and memory that was held for a while."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from mesophyll import cost as measuring
from mesophyll.cost import Cost, counted

MEGABYTE = 2**20


def test_seconds_are_those_that_pass():
    with counted() as cost:
        time.sleep(0.05)
    assert 0.05 <= cost.seconds < 5


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells")
def test_memory_is_the_most_that_was_held_meanwhile_and_not_before():
    def held(megabytes):
        with counted() as cost:
            np.ones(megabytes * MEGABYTE, np.uint8)  # written to, and let go
        return cost.memory_bytes

    little, much, again = held(1), held(300), held(1)
    assert much > little + 250 * MEGABYTE
    assert again < much - 200 * MEGABYTE


def test_where_the_system_does_not_tell_memory_is_0(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "_PROCESS", tmp_path / "none")
    with counted() as cost:
        pass
    assert cost.memory_bytes == 0


def test_steps_one_after_the_other_take_their_time_together_and_the_memory_of_the_larger():
    both = Cost(1.0, 100, 7) + Cost(2.0, 300, 5)
    assert both == Cost(3.0, 300, 7)
    assert Cost() + both == both


def test_a_step_that_fails_fails():
    with pytest.raises(ValueError, match="mine"), counted():
        raise ValueError("mine")
