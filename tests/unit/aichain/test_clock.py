"""Clocks tell milliseconds."""

import time

from aichain.clock import OffsetClock, SystemClock
from tests.clocks import FixedClock


def test_the_system_clock_is_the_machines() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= SystemClock().now_ms() <= time.time_ns() // 1_000_000


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(5)
    assert clock.now_ms() == 5
    clock.advance(7)
    assert clock.now_ms() == 12


def test_an_offset_clock_is_wrong_by_that_much() -> None:
    for offset_ms in (-5_000, 5_000):
        wrong_ms = OffsetClock(offset_ms).now_ms() - SystemClock().now_ms()
        assert abs(wrong_ms - offset_ms) < 1_000
