"""Pushes what happens to subscribers: renders once for all, and never waits for a reader."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import msgspec
import trio

from aichain.errors import ReaderLagged
from aichain.feed import Subscription
from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.interests import Interest, Source
from aichain.rpc.occurrences import (
    FinalBlockSeen,
    Occurrence,
    SyncSeen,
    TransactionsSeen,
    VoteSeen,
)
from aichain.rpc.price_history import PriceHistory
from aichain.rpc.rendering import Renderer
from consensus.core.events import VoteAccepted
from genesis.limits import RPC_SYNC_WATCH_S

T = TypeVar("T")

_INTERESTS_AT_ONCE = 64
"""There may be thousands, and consensus shares this thread."""
_NOTICES_AT_ONCE = 32
"""Of one interest; before each one more the writers have their turn, or nobody could keep up."""


class Reader(Protocol):
    """A connection that may have subscriptions."""

    def interests(self) -> Iterable[Interest]:
        """What it wants to hear of now; nothing once it has lagged."""
        ...

    def notify(self, interest: Interest, result: bytes) -> None:
        """Queue a notification, or mark this reader as lagged; never waits."""
        ...

    def lag(self) -> None:
        """Notifications were lost before they reached this reader."""
        ...


class Hub:
    """One reader of each of the node's feeds, many connections."""

    def __init__(self, backend: Backend, prices: PriceHistory | None = None) -> None:
        self._backend = backend
        self._renderer = Renderer()
        self._prices = prices or PriceHistory()
        self._readers: set[Reader] = set()

    def add(self, reader: Reader) -> None:
        self._readers.add(reader)

    def discard(self, reader: Reader) -> None:
        self._readers.discard(reader)

    async def run(self) -> None:
        """Until the node closes its feeds."""

        def on_block(view: BlockView) -> Occurrence:
            return FinalBlockSeen(self._backend, view, self._renderer, self._prices)

        def on_vote(event: VoteAccepted) -> Occurrence:
            return VoteSeen(event)

        backend = self._backend
        async with trio.open_nursery() as watch:
            watch.start_soon(self._watch_sync)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._follow, Source.BLOCK, backend.final_blocks, on_block)
                nursery.start_soon(self._follow, Source.VOTE, backend.accepted_votes, on_vote)
                nursery.start_soon(
                    self._follow, Source.POOL, backend.pooled_transactions, TransactionsSeen
                )
            watch.cancel_scope.cancel()

    async def _watch_sync(self) -> None:
        """Nobody is told when a node falls behind, so its status is looked at."""
        was = self._backend.status().syncing
        while True:
            await trio.sleep(RPC_SYNC_WATCH_S)
            status = self._backend.status()
            if status.syncing is not was:
                was = status.syncing
                await self._publish(Source.SYNC, SyncSeen(status))

    async def _follow(
        self,
        source: Source,
        subscribe: Callable[[], AbstractContextManager[Subscription[T]]],
        occurrence: Callable[[T], Occurrence],
    ) -> None:
        while True:
            with subscribe() as items:
                try:
                    async for item in items:
                        await self._publish(source, occurrence(item))
                except ReaderLagged:
                    for readers in self._interested(source).values():
                        for reader in readers:
                            reader.lag()
                else:
                    return

    async def _publish(self, source: Source, occurrence: Occurrence) -> None:
        for number, (interest, readers) in enumerate(self._interested(source).items(), 1):
            if number % _INTERESTS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            for place, notice in enumerate(await interest.notices(occurrence)):
                if place >= _NOTICES_AT_ONCE:  # a full block has more logs than an outbox
                    await trio.lowlevel.checkpoint()
                result = msgspec.json.encode(notice)
                for reader in readers:
                    if reader in self._readers:
                        reader.notify(interest, result)

    def _interested(self, source: Source) -> dict[Interest, list[Reader]]:
        found: dict[Interest, list[Reader]] = {}
        for reader in self._readers:
            for interest in dict.fromkeys(reader.interests()):
                if interest.source is source:
                    found.setdefault(interest, []).append(reader)
        return found
