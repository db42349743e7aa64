"""Turns the core's SetTimer effects into wake-ups: one task, one heap, the newest deadline wins.

Deadlines are wall-clock times, as the rules of views are; waiting follows trio's clock, which
nobody can step back: a deadline is carried over to it once, when its timer is set.
"""

import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import trio

from aichain.clock import Clock
from genesis import limits

_IDLE_S = 3_600.0

T = TypeVar("T", bound=Hashable)


class Timers(Generic[T]):
    """A timer set twice fires once, at the later setting; the core ignores those of old views."""

    def __init__(self, clock: Clock, fire: Callable[[T], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._heap: list[tuple[float, int, T]] = []
        self._current: dict[T, int] = {}
        self._serial = 0
        self._changed = trio.Event()

    def set(self, timer: T, at_ms: int) -> None:
        """Fire `timer` once at `at_ms` (wall clock), replacing an earlier setting of it."""
        self._serial += 1
        self._current[timer] = self._serial
        at_s = trio.current_time() + (at_ms - self._clock.now_ms()) / 1000
        heapq.heappush(self._heap, (at_s, self._serial, timer))
        assert len(self._heap) <= limits.TIMERS_MAX, "the core sets timers faster than they fire"
        if self._heap[0][1] == self._serial:
            self._changed.set()

    async def run(self) -> None:
        """Fire timers until cancelled."""
        while True:
            self._changed = trio.Event()
            wait_s = self._heap[0][0] - trio.current_time() if self._heap else _IDLE_S
            if wait_s > 0:
                with trio.move_on_after(wait_s):
                    await self._changed.wait()
                continue
            _, serial, timer = heapq.heappop(self._heap)
            if self._current.get(timer) == serial:
                del self._current[timer]
                self._fire(timer)
