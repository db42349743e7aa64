"""When blocks become final: commit, clear the pool, tell readers, peers and metrics."""

import logging
from collections.abc import Callable, Sequence

import trio

from aichain.chain import FinalBlock
from aichain.feed import Feed
from aichain.node.context import NodeContext
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.rpc.backend import BlockView
from aichain.rpc.statuses import BlockStatus
from consensus.core.effects import Finalize
from consensus.core.state import State
from genesis import limits
from genesis.document import GenesisDocument
from native.errors import AIChainError
from native.hashing import ZERO_HASH
from p2p.network import Audience
from p2p.wire.messages import FinalAnnounced, Status
from vm.blocks import Header

log = logging.getLogger(__name__)

_LOG_EVERY_BLOCKS = 20
_STATUS_EVERY_S = 1.0
_SAID_AGAIN_AFTER = 15
"""Times that the status was still the same; who halts is gone before that."""


class Finalized:
    """Tells pool, readers, peers and metrics what has become final; for both kinds of chain."""

    def __init__(
        self,
        ledger: LedgerWriter,
        pool: TransactionPool,
        feed: Feed[BlockView],
        context: NodeContext,
        place: Callable[[], tuple[int, int]],
    ) -> None:
        self._chain = ledger.chain
        self._pool = pool
        self._feed = feed
        self._network = context.network
        self._metrics = context.metrics
        self._place = place
        self._decided = decided_status(context.document)
        self._moved = trio.Event()
        self._index_trouble = self._chain.index_trouble
        self._anchored, self._anchor_id = -1, ZERO_HASH
        self._contested: Header | None = None

    async def run(self) -> None:
        """Views pass while nothing becomes final, and a validator with a new log goes by ours.

        What does not change is said again: who missed it does not know that it is behind, and if
        we wait for its votes, nothing else will change.
        """
        said, again = self.announce_status(), 0
        while True:
            await trio.sleep(_STATUS_EVERY_S)
            status = self.announce_status()
            again = again + 1 if status == said else 0
            if again == _SAID_AGAIN_AFTER:
                self._network.push(status, Audience.PEERS)
                again = 0
            said = status

    def tell(self, final: Sequence[FinalBlock], parent_ms: int, now_ms: int) -> None:
        """These blocks are final and durable, oldest first, on a parent stamped `parent_ms`."""
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
            self._metrics.block_took_views(max(1, header.view - header.parent_view))
            if now_ms - header.timestamp_ms <= limits.LIVE_BLOCK_MS:
                self._metrics.finality_took(now_ms - header.timestamp_ms)
            parent_ms = header.timestamp_ms
            self._pool.after_final(block.block.transactions)
            self._feed.publish(_view(block, self._decided))
            level = logging.DEBUG if header.height % _LOG_EVERY_BLOCKS else logging.INFO
            log.log(level, "block %d is final: 0x%s", header.height, header.id.hex()[:16])
        self._moved.set()
        self._moved = trio.Event()
        self.announce_status()

    async def reached(self, height: int) -> None:
        """Wait until the block of this height is final and committed."""
        while self._chain.head.head.height < height:
            await self._moved.wait()

    def _note_index_trouble(self) -> None:
        trouble = self._chain.index_trouble
        if trouble and not self._index_trouble:
            log.warning("transactions cannot be looked up until the next start: %s", trouble)
        self._index_trouble = trouble

    def contest(self, height: int) -> None:
        """Another chain has a final block of this height: from now on show which one is ours.

        Whoever is on the other chain sees that, asks for its proof, and stops, too. It is said
        aloud: nobody can ask us for long.
        """
        try:
            self._contested = self._chain.blocks.header_at(height) or self._chain.head.head
        except (AIChainError, OSError) as error:
            log.error("which block %d is ours cannot be shown: %s", height, error)
            return
        self._network.push(self.announce_status(), Audience.PEERS)

    def announce_status(self) -> Status:
        """Keep what our hellos and status messages say up to date."""
        head = self._contested or self._chain.head.head
        epoch, view = self._place()
        if epoch != self._anchored or self._anchor_id == ZERO_HASH:
            at = self._chain.blocks.header_at(epoch * self._chain.document.consensus.epoch_blocks)
            self._anchored, self._anchor_id = epoch, ZERO_HASH if at is None else at.id
        status = Status(head.height, head.id, epoch, view, self._anchor_id)
        self._network.set_status(status)
        return status


class Finalizer(Finalized):
    """Called by the engine alone, one certificate at a time, oldest first."""

    def __init__(
        self,
        ledger: LedgerWriter,
        pool: TransactionPool,
        feed: Feed[BlockView],
        context: NodeContext,
        core_state: Callable[[], State],
    ) -> None:
        super().__init__(
            ledger, pool, feed, context, lambda: (core_state().epoch, core_state().view)
        )
        self._ledger = ledger
        self._clock = context.clock

    async def finalize(self, effect: Finalize) -> None:
        """Commit the blocks that `effect` makes final; durable when this returns."""
        parent_ms = self._chain.head.head.timestamp_ms
        now_ms = self._clock.now_ms()
        live = now_ms - effect.blocks[-1].timestamp_ms <= limits.LIVE_BLOCK_MS
        final = await self._ledger.finalize(
            effect.blocks, effect.certificate, now_ms if live else None
        )
        self.tell(final, parent_ms, now_ms)
        if live:
            self._network.gossip(FinalAnnounced(final[-1].header.raw, effect.certificate))


def decided_status(document: GenesisDocument) -> BlockStatus:
    """What a block is called that can never change."""
    return BlockStatus.HARD if document.has_lanes else BlockStatus.FINAL


def _view(final: FinalBlock, status: BlockStatus) -> BlockView:
    return BlockView(
        block=final.block,
        receipts=final.receipts,
        state_root=final.state_root,
        status=status,
        finalized_at_ms=final.finalized_at_ms,
    )
