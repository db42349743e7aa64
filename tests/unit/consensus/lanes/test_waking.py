"""When the lanes ask to be woken, and what a clock that was set back does to it."""

from consensus.lanes.effects import LaneEffect, RequestDecision, SetWake
from consensus.lanes.events import Woke
from consensus.lanes.step import step
from tests.builders_lanes import LaneDriver

HOUR_MS = 3_600_000


def wakes(effects: list[LaneEffect]) -> list[int]:
    return [effect.at_ms for effect in effects if isinstance(effect, SetWake)]


def woken() -> LaneDriver:
    """Its first two wakes are over; nothing else happens."""
    driver = LaneDriver.started()
    for _ in range(2):
        driver.feed(Woke(driver.state.wake_ms))
    return driver


def test_a_wake_that_comes_too_early_is_asked_for_again() -> None:
    """It came from the only timer that there is."""
    driver = LaneDriver.started()
    driver.wait(driver.now_ms + 10)
    before = driver.state
    after, effects = step(before, Woke(driver.now_ms))
    assert (after, effects) == (before, (SetWake(before.wake_ms),))


def test_a_clock_that_was_set_back_an_hour_does_not_mean_an_hour_of_silence() -> None:
    """Timers count on a clock that nobody sets back: the wake comes; its tick was an hour off."""
    driver = woken()
    now_ms = driver.state.wake_ms - HOUR_MS
    asked = 0
    for _ in range(3):
        effects = driver.feed(Woke(now_ms))
        asked += any(isinstance(effect, RequestDecision) for effect in effects)
        (next_ms,) = wakes(effects)
        assert now_ms < next_ms < now_ms + 60_000
        now_ms = next_ms
    assert asked, "nobody tells it anything: it asks"


def test_a_clock_that_jumps_ahead_is_a_wake_that_is_late() -> None:
    driver = woken()
    now_ms = driver.state.wake_ms + HOUR_MS
    (next_ms,) = wakes(driver.feed(Woke(now_ms)))
    assert now_ms < next_ms < now_ms + 60_000
