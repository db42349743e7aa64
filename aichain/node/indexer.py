"""Writes the account index behind the chain, on its own thread: consensus never waits for it."""

import logging

import trio

from aichain.chain import Chain
from aichain.errors import ReaderLagged, StoreCorrupt, StoreFailed
from aichain.feed import Feed
from aichain.machine import RunBlocking
from aichain.rpc.backend import BlockView
from aichain.store.history_index import HistoryIndex
from genesis import limits

log = logging.getLogger(__name__)


class Indexer:
    """Catches up from where the index stands, then follows each final block."""

    def __init__(
        self, chain: Chain, index: HistoryIndex, feed: Feed[BlockView], run_blocking: RunBlocking
    ) -> None:
        self.index = index
        self._chain = chain
        self._feed = feed
        self._run_blocking = run_blocking
        self._thread = trio.CapacityLimiter(1)
        self._told = ""
        """The trouble that the log tells of last; empty once blocks were indexed after it."""
        self._pause_ms = limits.INDEX_RETRY_MS

    async def run(self) -> None:
        """Until the feed is closed, or the index fails and only the next start mends it."""
        while await self._follow():
            if not self.index.is_mendable:
                log.warning("accounts are not indexed until the next start: %s", self.index.cause)
                return
            await self._mend()

    async def _follow(self) -> bool:
        """Whether the index has failed; it has not where the feed is closed."""
        while True:
            with self._feed.subscribe() as blocks:
                try:
                    while True:
                        await self._catch_up()
                        if self.index.failed:
                            return True
                        with trio.move_on_after(limits.INDEX_LOOK_MS / 1000):
                            await anext(blocks)
                except StopAsyncIteration:
                    return False
                except ReaderLagged:
                    continue

    async def _mend(self) -> None:
        """Ask again, after twice the time each time, until blocks are indexed in between."""
        while True:
            level = logging.DEBUG if self.index.failed == self._told else logging.WARNING
            log.log(level, "accounts are not indexed for now: %s", self.index.cause)
            self._told = self.index.failed
            await trio.sleep(self._pause_ms / 1000)
            self._pause_ms = min(2 * self._pause_ms, limits.INDEX_RETRY_MAX_MS)
            if await self._run_blocking(self.index.reopen, limiter=self._thread):
                return

    async def _catch_up(self) -> None:
        while not self.index.failed and self.index.height < self._chain.head.head.height:
            before = self.index.height
            await self._run_blocking(self._index_some, limiter=self._thread)
            if self.index.height == before:
                return  # somebody else writes, or pruning has overtaken us; the next block is soon
            if self._told and not self.index.failed:
                log.info("accounts are indexed again, up to height %d", self.index.height)
            self._told, self._pause_ms = "", limits.INDEX_RETRY_MS

    def _index_some(self) -> None:
        if not self.index.may_add():
            return
        blocks = self._chain.blocks
        self.index.start_at(blocks.first)
        last = min(self._chain.head.head.height, self.index.height + limits.INDEX_BATCH_BLOCKS)
        read, transactions = [], 0
        try:
            for height in range(self.index.height + 1, last + 1):
                found = blocks.block_at(height)
                if found is None:
                    return  # pruning has overtaken us; the next round begins at the new first
                read.append((found.block, found.receipts))
                transactions += len(found.receipts)
                if transactions >= limits.INDEX_BATCH_TRANSACTIONS:
                    break
        except (StoreCorrupt, StoreFailed) as error:
            self.index.failed = error.reason
            return
        self.index.add(read)
