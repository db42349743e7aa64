"""Shows how far a node that is behind has come: on a screen, or in its log."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import trio

from aichain.logs import LogStream
from aichain.node.progress import Progress, Reading, progress_of
from aichain.rpc.backend import NodeStatus

log = logging.getLogger(__name__)

READ_EVERY_S: Final = 1.0
WINDOW: Final = 31
"""Readings that a pace is told from: half a minute of them."""
LOGGED_EVERY_S: Final = 5.0


class ProgressScreen(Protocol):
    """Where it is shown. No call waits for anybody but the terminal."""

    @property
    def log_stream(self) -> LogStream:
        """Where log lines go that share the terminal with what is shown."""

    def show(self, tasks: Sequence[Progress]) -> None:
        """In the place of what was shown before; nothing takes it away."""


async def watch_progress(status: Callable[[], NodeStatus], screen: ProgressScreen | None) -> None:
    """Until cancelled; without a screen the log is told, every few seconds."""
    readings: deque[Reading] = deque(maxlen=WINDOW)
    logged = ProgressLog()
    try:
        while True:
            readings.append(Reading(trio.current_time(), status()))
            tasks = progress_of(readings)
            if screen is None:
                logged.tell(tasks, readings[-1])
            else:
                screen.show(tasks)
            await trio.sleep(READ_EVERY_S)
    finally:
        if screen is not None:
            screen.show(())


class ProgressLog:
    """A line for each task when it begins, and again every few seconds; one when all are done."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()
        self._next_s = 0.0

    def tell(self, tasks: Sequence[Progress], reading: Reading) -> None:
        """Log what is new, or due again."""
        named = frozenset(each.task for each in tasks)
        if not tasks:
            if self._told:
                log.info("level with the chain", extra={"height": reading.status.height})
        elif reading.at_s >= self._next_s or not named <= self._told:
            self._next_s = reading.at_s + LOGGED_EVERY_S
            for each in tasks:
                log.info(each.task, extra=_fields(each))
        self._told = named


def _fields(task: Progress) -> dict[str, object]:
    fields: dict[str, object] = {"done": task.done, "total": task.total}
    if task.per_s is not None:
        fields["per_s"] = round(task.per_s, 1)
    if task.left_s is not None:
        fields["left_s"] = task.left_s
    return fields
