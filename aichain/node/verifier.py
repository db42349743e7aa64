"""Checks signatures in batches off the loop: what comes while one batch runs is the next one."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from aichain.machine import RunBlocking
from genesis import limits
from native.batch import pin_keys, verify_many
from native.signatures import SignatureItem


@dataclass(slots=True, eq=False)
class _Request:
    items: Sequence[SignatureItem]
    done: trio.Event = field(default_factory=trio.Event)
    verdicts: list[bool] = field(default_factory=list)


class _Lane:
    """One queue and one thread: requests waiting together are verified in one native call."""

    def __init__(self, run_blocking: RunBlocking) -> None:
        self._waiting: deque[_Request] = deque()
        self._waiting_items = 0
        self._wake = trio.Event()
        self._room = trio.Event()
        self._limiter = trio.CapacityLimiter(1)
        self._run_blocking = run_blocking

    async def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        if not items:
            return []
        while self._waiting_items >= limits.VERIFY_QUEUE_ITEMS:
            await self._room.wait()
        request = _Request(items)
        self._waiting.append(request)
        self._waiting_items += len(items)
        self._wake.set()
        await request.done.wait()
        return request.verdicts

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._waiting:
                await self._verify_batch(self._take_batch())

    def _take_batch(self) -> list[_Request]:
        batch: list[_Request] = []
        size = 0
        while self._waiting and (
            not batch or size + len(self._waiting[0].items) <= limits.VERIFY_BATCH_ITEMS
        ):
            request = self._waiting.popleft()
            size += len(request.items)
            batch.append(request)
        self._waiting_items -= size
        self._room.set()
        self._room = trio.Event()
        return batch

    async def _verify_batch(self, batch: list[_Request]) -> None:
        items = [item for request in batch for item in request.items]
        if len(items) <= limits.VERIFY_INLINE_ITEMS:
            verdicts = verify_many(items)
            await trio.lowlevel.checkpoint()
        else:
            verdicts = await self._run_blocking(verify_many, items, limiter=self._limiter)
        assert len(verdicts) == len(items)
        start = 0
        for request in batch:
            request.verdicts = verdicts[start : start + len(request.items)]
            start += len(request.items)
            request.done.set()


class Verifier:
    """Three lanes: votes never queue behind blocks, nor blocks behind the pool's transactions.

    Each holds a bounded number of signatures; callers beyond that wait for room in turn.
    """

    def __init__(self, run_blocking: RunBlocking) -> None:
        self._consensus, self._blocks, self._bulk = (_Lane(run_blocking) for _ in range(3))
        self._run_blocking = run_blocking
        self._validators = frozenset[bytes]()
        self._validators_changed = trio.Event()

    def pin(self, validators: frozenset[bytes]) -> None:
        """Whose signatures will come again and again: the engine keeps their keys expanded."""
        if validators != self._validators:
            self._validators = validators
            self._validators_changed.set()

    async def run(self) -> None:
        """Serve every lane until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pin)
            nursery.start_soon(self._consensus.run)
            nursery.start_soon(self._blocks.run)
            nursery.start_soon(self._bulk.run)

    async def _pin(self) -> None:
        while True:
            await self._validators_changed.wait()
            self._validators_changed = trio.Event()
            await self._run_blocking(pin_keys, sorted(self._validators))

    async def verify_consensus(self, items: Sequence[SignatureItem]) -> list[bool]:
        """Verdicts for votes, proposals and certificates, in the order of the items."""
        return await self._consensus.verify(items)

    async def verify_block(self, items: Sequence[SignatureItem]) -> list[bool]:
        """Verdicts for the witnesses of a block that a vote waits for."""
        return await self._blocks.verify(items)

    async def verify_bulk(self, items: Sequence[SignatureItem]) -> list[bool]:
        """Verdicts for the pool."""
        return await self._bulk.verify(items)
