"""Crash points: AICHAIN_FAIL_AT=n kills the process as SIGKILL does at the n-th point it passes."""

import os
import signal
import time
from collections.abc import Callable
from typing import Final

from aichain.errors import ConfigError

FAIL_AT = "AICHAIN_FAIL_AT"

CrashPoint = Callable[[str], None]
"""Called with the name of the step that has just been done."""

SYNCED: Final = frozenset({"bodies appended", "state written"})
"""The steps that have waited for the disk."""


class FailPoints:
    """Counts the points passed; `n` dies at the n-th of any name, `name:n` at the n-th of it."""

    def __init__(self, rule: str = "") -> None:
        name, _, count = rule.rpartition(":")
        if not name and not count.isdigit():
            name, count = count, "1"
        if rule and not count.isdigit():
            raise ConfigError(reason=f"{FAIL_AT}={rule} is no crash point", fix="give n or name:n")
        self._name = name
        self._left = int(count) if rule else -1

    @classmethod
    def from_environment(cls) -> "FailPoints":
        return cls(os.environ.get(FAIL_AT, ""))

    def __call__(self, point: str) -> None:
        if self._left < 0 or (self._name and self._name != point):
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def slowly(reached: CrashPoint, sync_delay_s: float) -> CrashPoint:
    """The same, after the steps that wait for the disk have taken so much longer."""

    def reached_late(point: str) -> None:
        if point in SYNCED:
            time.sleep(sync_delay_s)
        reached(point)

    return reached_late
