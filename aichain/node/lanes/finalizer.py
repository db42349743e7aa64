"""When blocks become hard: commit, clear the pool, tell readers and peers. Fast ones are shown."""

import logging
from collections.abc import Callable

from aichain.feed import Feed
from aichain.node.context import NodeContext
from aichain.node.finalizer import Finalized
from aichain.node.lanes.alarms import Alarms
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.rpc.backend import BlockView
from consensus.instance import BlockRef
from consensus.lanes.effects import FinalizeHard, RollBack
from consensus.lanes.messages import Decision
from consensus.lanes.state import Lanes
from genesis import limits

log = logging.getLogger(__name__)

_CHECKPOINT_BYTES = 1_024


class LaneFinalizer(Finalized):
    """Called by the engine alone, one decision at a time."""

    def __init__(
        self,
        ledger: LedgerWriter,
        pool: TransactionPool,
        feed: Feed[BlockView],
        context: NodeContext,
        lanes: Callable[[], Lanes],
        alarms: Alarms,
    ) -> None:
        super().__init__(ledger, pool, feed, context, lambda: place_of(lanes()))
        self._ledger = ledger
        self._clock = context.clock
        self._alarms = alarms

    async def finalize(self, effect: FinalizeHard) -> None:
        """Commit the blocks up to a checkpoint, and it with them; durable when this returns."""
        parent_ms, now_ms = self._chain.head.head.timestamp_ms, self._clock.now_ms()
        checkpoint = effect.checkpoint
        live = now_ms - checkpoint.timestamp_ms <= limits.LIVE_BLOCK_MS
        decision = Decision(checkpoint, effect.certificate)
        final = await self._ledger.decide(effect.blocks, decision, now_ms if live else None)
        level = logging.WARNING if checkpoint.is_restart else logging.DEBUG
        log.log(
            level,
            "checkpoint %d is hard at height %d%s",
            checkpoint.number,
            checkpoint.block_height,
            ": its committee did not end its term" if checkpoint.is_restart else "",
        )
        self.tell(final, parent_ms, now_ms)
        if live and decision.certificate.size <= limits.GOSSIP_MAX_BYTES - _CHECKPOINT_BYTES:
            self._network.gossip(decision)  # a larger one is asked for by who has not made it

    def show_fast(self, blocks: tuple[BlockRef, ...]) -> None:
        """The committee made them final, and the log holds its word for it."""
        now_ms = self._clock.now_ms()
        for block in blocks:
            if now_ms - block.timestamp_ms <= limits.LIVE_BLOCK_MS:
                self._metrics.fast_took(now_ms - block.timestamp_ms)

    def roll_back(self, effect: RollBack) -> None:
        """The blocks leave memory as soon as the head moves; here is who must hear of it."""
        self._alarms.rolled_back(effect)


def place_of(lanes: Lanes) -> tuple[int, int]:
    """What our status says beside the height: epoch, and the checkpoint to be decided next."""
    return lanes.ballot.instance.epoch, lanes.number
