"""One queue and one thread for signatures: who waits together is served by one native call."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import trio

from aichain.machine import RunBlocking
from aichain.metrics import Metrics
from genesis import limits
from native.panel import Judged

T = TypeVar("T")  # what is judged: signatures, or refusals of some


@dataclass(slots=True, eq=False)
class _Request(Generic[T]):
    items: Sequence[T]
    asked_s: float
    done: trio.Event = field(default_factory=trio.Event)
    judged: Judged = field(default_factory=lambda: Judged([], ""))


@dataclass(frozen=True, slots=True)
class LaneShape:
    """How a lane works: signatures in one call, and up to how many do not leave the loop."""

    name: str
    batch_items: int
    inline_items: int = 0
    rests: int = 0
    """So many times as long as a batch took the lane rests after it."""


class VerifyLane(Generic[T]):
    """What comes while one batch runs is the next one: nothing waits for a timer.

    It holds a bounded number of items; callers beyond that wait for room in turn.
    """

    def __init__(
        self,
        shape: LaneShape,
        work: Callable[[Sequence[T]], Judged],
        run_blocking: RunBlocking,
        metrics: Metrics,
    ) -> None:
        self._shape = shape
        self._work = work
        self._run_blocking = run_blocking
        self._metrics = metrics
        self._waiting: deque[_Request[T]] = deque()
        self._waiting_items = 0
        self._wake = trio.Event()
        self._room = trio.Event()
        self._limiter = trio.CapacityLimiter(1)

    async def judge(self, items: Sequence[T]) -> Judged:
        """One verdict an item, in order."""
        if not items:
            return Judged([], "")
        while self._waiting_items >= limits.VERIFY_QUEUE_ITEMS:
            await self._room.wait()
        request = _Request(items, trio.current_time())
        self._waiting.append(request)
        self._waiting_items += len(items)
        self._wake.set()
        await request.done.wait()
        return request.judged

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._waiting:
                began_s = trio.current_time()
                await self._serve(self._take_batch(began_s))
                if self._shape.rests:
                    await trio.sleep(self._shape.rests * (trio.current_time() - began_s))

    def _take_batch(self, now_s: float) -> list[_Request[T]]:
        batch: list[_Request[T]] = []
        size = 0
        while self._waiting and (
            not batch or size + len(self._waiting[0].items) <= self._shape.batch_items
        ):
            request = self._waiting.popleft()
            size += len(request.items)
            batch.append(request)
            self._metrics.verification_waited(self._shape.name, now_s - request.asked_s)
        self._waiting_items -= size
        self._room.set()
        self._room = trio.Event()
        return batch

    async def _serve(self, batch: list[_Request[T]]) -> None:
        items = [item for request in batch for item in request.items]
        began_s = trio.current_time()
        if len(items) <= self._shape.inline_items:
            judged = self._work(items)
            await trio.lowlevel.checkpoint()
        else:
            judged = await self._run_blocking(self._work, items, limiter=self._limiter)
        assert len(judged.verdicts) == len(items)
        took_s = trio.current_time() - began_s
        self._metrics.verified(self._shape.name, judged.engine, judged.verdicts, took_s)
        start = 0
        for request in batch:
            end = start + len(request.items)
            request.judged = Judged(judged.verdicts[start:end], judged.engine)
            request.done.set()
            start = end
