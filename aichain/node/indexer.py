"""Writes the account index behind the chain, on its own thread: consensus never waits for it."""

import logging

import trio

from aichain.chain import Chain
from aichain.errors import ReaderLagged, StoreCorrupt, StoreFailed
from aichain.feed import Feed
from aichain.machine import RunBlocking
from aichain.rpc.backend import BlockView
from aichain.store.account_index import AccountIndex
from genesis import limits

log = logging.getLogger(__name__)


class Indexer:
    """Catches up from where the index stands, then follows each final block."""

    def __init__(
        self, chain: Chain, index: AccountIndex, feed: Feed[BlockView], run_blocking: RunBlocking
    ) -> None:
        self.index = index
        self._chain = chain
        self._feed = feed
        self._run_blocking = run_blocking
        self._thread = trio.CapacityLimiter(1)

    async def run(self) -> None:
        """Until the feed is closed, or the index fails."""
        while not self.index.failed:
            with self._feed.subscribe() as blocks:
                await self._catch_up()
                try:
                    async for _ in blocks:
                        await self._catch_up()
                except ReaderLagged:
                    continue
                return
        log.warning("accounts are not indexed until the next start: %s", self.index.failed)

    async def _catch_up(self) -> None:
        while not self.index.failed and self.index.height < self._chain.head.head.height:
            await self._run_blocking(self._index_some, limiter=self._thread)

    def _index_some(self) -> None:
        blocks = self._chain.blocks
        self.index.start_at(blocks.first)
        first = self.index.height + 1
        last = min(self._chain.head.head.height, self.index.height + limits.INDEX_BATCH_BLOCKS)
        try:
            read = [blocks.block_at(height) for height in range(first, last + 1)]
        except (StoreCorrupt, StoreFailed) as error:
            self.index.failed = error.reason
            return
        # Pruning may overtake us between the two reads; the next round begins at the new first.
        kept = [(each.block, each.receipts) for each in read if each is not None]
        if len(kept) == len(read):
            self.index.add(kept)
