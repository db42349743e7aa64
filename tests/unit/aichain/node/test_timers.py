"""Timers fire once, in time, and the newest setting of a timer is the one that counts."""

import trio
import trio.testing

from aichain.node.timers import Timers
from consensus.core.effects import Timer, TimerName

START_MS = 1_000_000


class TrioClock:
    """Wall-clock milliseconds that follow trio's (mock) clock, START_MS at first."""

    def __init__(self) -> None:
        self._begun = trio.current_time()

    def now_ms(self) -> int:
        return START_MS + round(1000 * (trio.current_time() - self._begun))


def timer(view: int) -> Timer:
    return Timer(TimerName.CANCEL, 0, view)


async def fired_within(
    seconds: float, settings: list[tuple[Timer, int]]
) -> list[tuple[Timer, int]]:
    """What fires, and when, after these settings are made one after the other."""
    clock, fired = TrioClock(), list[tuple[Timer, int]]()
    timers = Timers[Timer](clock, lambda each: fired.append((each, clock.now_ms() - START_MS)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        for each, at_ms in settings:
            timers.set(each, START_MS + at_ms)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return fired


async def test_timers_fire_in_the_order_of_their_times(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert await fired_within(1, [(timer(2), 300), (timer(1), 100)]) == [
        (timer(1), 100),
        (timer(2), 300),
    ]


async def test_a_timer_set_again_fires_once_at_the_later_setting(
    autojump_clock: trio.testing.MockClock,
) -> None:
    later = await fired_within(1, [(timer(1), 100), (timer(1), 400)])
    assert later == [(timer(1), 400)]
    sooner = await fired_within(1, [(timer(1), 400), (timer(1), 50)])
    assert [each for each, _ in sooner] == [timer(1)]
    assert sooner[0][1] <= 51


async def test_a_time_that_is_past_fires_at_once(autojump_clock: trio.testing.MockClock) -> None:
    assert await fired_within(1, [(timer(1), -5_000)]) == [(timer(1), 0)]


class SteppedClock(TrioClock):
    """A wall clock that an operator sets."""

    step_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.step_ms


async def test_a_clock_set_back_by_an_hour_delays_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    clock, fired = SteppedClock(), list[float]()
    timers = Timers[Timer](clock, lambda _: fired.append(trio.current_time()))
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        timers.set(timer(1), START_MS + 400)
        await trio.sleep(0.1)
        clock.step_ms = -3_600_000
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [round(each - begun, 3) for each in fired] == [0.4]
