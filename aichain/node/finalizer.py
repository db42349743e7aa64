"""When blocks become final: commit, clear the pool, tell readers, peers and metrics."""

import logging
from collections.abc import Callable

import trio

from aichain.chain import FinalBlock
from aichain.feed import Feed
from aichain.node.context import NodeContext
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.rpc.backend import BlockView
from consensus.core.effects import Finalize
from consensus.core.state import State
from genesis import limits
from p2p.wire.messages import FinalAnnounced, Status

log = logging.getLogger(__name__)

_LOG_EVERY_BLOCKS = 20
_STATUS_EVERY_S = 1.0


class Finalizer:
    """Called by the engine alone, one certificate at a time, oldest first."""

    def __init__(
        self,
        ledger: LedgerWriter,
        pool: TransactionPool,
        feed: Feed[BlockView],
        context: NodeContext,
        core_state: Callable[[], State],
    ) -> None:
        self._ledger = ledger
        self._chain = ledger.chain
        self._pool = pool
        self._feed = feed
        self._network = context.network
        self._metrics = context.metrics
        self._clock = context.clock
        self._core_state = core_state
        self._moved = trio.Event()
        self._index_trouble = self._chain.index_trouble

    async def run(self) -> None:
        """Views pass while nothing becomes final, and a validator with a new log goes by ours."""
        while True:
            self.announce_status()
            await trio.sleep(_STATUS_EVERY_S)

    async def finalize(self, effect: Finalize) -> None:
        """Commit the blocks that `effect` makes final; durable when this returns."""
        parent_ms = self._chain.head.head.timestamp_ms
        now_ms = self._clock.now_ms()
        live = now_ms - effect.blocks[-1].timestamp_ms <= limits.LIVE_BLOCK_MS
        final = await self._ledger.finalize(
            effect.blocks, effect.certificate, now_ms if live else None
        )
        self._note_index_trouble()
        for block in final:
            header = block.header
            succeeded = sum(receipt.ok for receipt in block.receipts)
            self._metrics.block_final(
                header.height,
                succeeded=succeeded,
                failed=len(block.receipts) - succeeded,
                interval_ms=header.timestamp_ms - parent_ms if header.height > 1 else None,
            )
            if now_ms - header.timestamp_ms <= limits.LIVE_BLOCK_MS:
                self._metrics.finality_took(now_ms - header.timestamp_ms)
            parent_ms = header.timestamp_ms
            self._pool.after_final(block.block.transactions)
            self._feed.publish(_view(block))
            level = logging.DEBUG if header.height % _LOG_EVERY_BLOCKS else logging.INFO
            log.log(level, "block %d is final: 0x%s", header.height, header.id.hex()[:16])
        self._moved.set()
        self._moved = trio.Event()
        self.announce_status()
        if live:
            self._network.gossip(FinalAnnounced(final[-1].header.raw, effect.certificate))

    async def reached(self, height: int) -> None:
        """Wait until the block of this height is final and committed."""
        while self._chain.head.head.height < height:
            await self._moved.wait()

    def _note_index_trouble(self) -> None:
        trouble = self._chain.index_trouble
        if trouble and not self._index_trouble:
            log.warning("transactions cannot be looked up until the next start: %s", trouble)
        self._index_trouble = trouble

    def announce_status(self) -> None:
        """Keep what our hellos and status messages say up to date."""
        head = self._chain.head.head
        state = self._core_state()
        self._network.set_status(Status(head.height, head.id, state.epoch, state.view))


def _view(final: FinalBlock) -> BlockView:
    return BlockView(
        block=final.block,
        receipts=final.receipts,
        state_root=final.state_root,
        final=True,
        finalized_at_ms=final.finalized_at_ms,
    )
