"""Holds what arrives on one connection for as long as a longer way would take, in order."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import trio

_HELD_BYTES_MAX: Final = 32 * 1024 * 1024
"""More than any way of ours holds at once; beyond it the reader waits, and TCP with it."""


class DelayLine:
    """One reader puts, `run` hands on when it is time."""

    def __init__(
        self, hand_on: Callable[[bytes], Awaitable[None]], limit: int = _HELD_BYTES_MAX
    ) -> None:
        self._hand_on = hand_on
        self._limit = limit
        self._held: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._last_due = 0.0
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._held)

    async def put(self, data: bytes, delay_s: float) -> None:
        """Hold it behind all that is held already, once there is room."""
        due = trio.current_time() + delay_s
        while self._bytes > self._limit:
            await self._changed.wait()
        # A delay that shrinks must not let later bytes overtake earlier ones.
        self._last_due = max(self._last_due, due)
        self._held.append((self._last_due, data))
        self._bytes += len(data)
        self._wake()

    async def run(self) -> NoReturn:
        """Hand on until cancelled; raises what handing on raises."""
        while True:
            while not self._held:
                await self._changed.wait()
            due, data = self._held[0]
            await trio.sleep_until(due)
            await self._hand_on(data)
            self._held.popleft()
            self._bytes -= len(data)
            self._wake()

    async def drained(self) -> None:
        """Until nothing is held."""
        while self._held:
            await self._changed.wait()

    def clear(self) -> None:
        """Forget what is held: nobody hands it on any more."""
        self._held.clear()
        self._bytes = 0
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
