"""Wall-clock milliseconds that the shell hands down; nothing below the shell reads a clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in milliseconds since the Unix epoch."""

    def now_ms(self) -> int: ...


class SystemClock:
    """The machine's clock. NTP may step it: nothing may assume that it never goes back."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class OffsetClock:
    """The machine's clock, wrong by so much: a fault that test networks have on purpose."""

    def __init__(self, offset_ms: int) -> None:
        self._offset_ms = offset_ms

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms
