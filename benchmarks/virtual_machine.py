"""Machines of a simulated network: virtual time, but the processor time that work really took."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio
from trio.abc import Instrument

T = TypeVar("T")

START_MS = 1_800_000_000_000


@dataclass(slots=True)
class Host:
    """One node's processor. What releases the interpreter's lock runs beside the loop, the rest of
    what is handed to threads keeps the loop waiting as long as it takes; syncs wait for a disk."""

    busy_until: float = 0.0
    cpu_s: float = 0.0
    threads_s: float = 0.0
    fsync_ms: float = 1.0
    seen: set[str] = field(default_factory=set)

    @property
    def now(self) -> float:
        """Virtual seconds, at the end of the work under way."""
        return max(trio.current_time(), self.busy_until)

    def now_ms(self) -> int:
        """The clock of `aichain.machine.Machine`."""
        return START_MS + int(self.now * 1000)

    async def run_blocking(
        self,
        function: Callable[..., T],
        /,
        *arguments: Any,  # noqa: ANN401 whatever the function takes
        limiter: trio.CapacityLimiter | None = None,
    ) -> T:
        """Do it on the spot, then let the time pass that it takes."""
        if limiter is None:
            return await self._work(function, arguments)
        async with limiter:
            return await self._work(function, arguments)

    async def _work(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        name = getattr(getattr(function, "func", function), "__name__", "")
        self.seen.add(name)
        began = time.thread_time()
        result = function(*arguments)
        took = time.thread_time() - began
        if name in UNLOCKED:
            self.threads_s += took
            _not_of_the_loop.set(_not_of_the_loop.get() + took)
        await trio.sleep(took + (self.fsync_ms / 1000 if name in SYNCED else 0.0))
        return result


UNLOCKED = {"verify_many", "sign"}
"""OpenSSL's work; all other functions are Python's, and hold the lock."""
SYNCED = {"_append", "make_durable", "finalize"}
_not_of_the_loop: ContextVar[float] = ContextVar("not_of_the_loop", default=0.0)
host_of_task: ContextVar[Host | None] = ContextVar("host_of_task", default=None)
"""The host of a task and of all that it starts."""


class Meter(Instrument):
    """Charges each step of a task to the host that it runs on."""

    def __init__(self) -> None:
        self._began = 0.0
        self._before = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._before = task.context.get(_not_of_the_loop, 0.0)
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        took = time.thread_time() - self._began
        host = task.context.get(host_of_task)
        if host is None:
            return
        took -= task.context.get(_not_of_the_loop, 0.0) - self._before
        host.cpu_s += took
        host.busy_until = max(host.busy_until, trio.current_time()) + took
