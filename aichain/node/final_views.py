"""Final blocks as RPC sees them: those that were asked for lately are in memory, for they never
change, and a read costs a turn through a thread and the decoding of the block."""

from typing import Final

import trio

from aichain.chain import Chain
from aichain.node.context import NodeContext
from aichain.node.finalizer import decided_status
from aichain.rpc.backend import BlockView
from aichain.sized_cache import SizedCache
from genesis.epochs import epoch_of_height
from genesis.limits import RPC_BLOCKS_CACHED_BYTES, RPC_VALIDATOR_SETS_CACHED_BYTES
from genesis.validators import ValidatorSet
from native.hashing import Hash32

_OVERHEAD_BYTES: Final = 4_096
"""Of a decoded block besides its transactions."""
_MEMBER_BYTES: Final = 2_500
"""Of a validator: its key, most of all."""


class FinalViews:
    """Reads final blocks and their voters; `threads` bounds how many wait for the disk at once."""

    def __init__(self, chain: Chain, context: NodeContext, threads: trio.CapacityLimiter) -> None:
        self._chain = chain
        self._context = context
        self._threads = threads
        self._decided = decided_status(context.document)
        self._blocks: SizedCache[int, BlockView] = SizedCache(RPC_BLOCKS_CACHED_BYTES)
        self._sets: SizedCache[int, ValidatorSet] = SizedCache(RPC_VALIDATOR_SETS_CACHED_BYTES)

    async def at(self, height: int) -> BlockView | None:
        """None for a block that is not final or not kept."""
        if height < self._chain.blocks.first:
            return None
        held = self._blocks.get(height)
        if held is not None:
            await trio.lowlevel.checkpoint()  # who reads many lets others in between
            return held
        view = await self._context.run_blocking(self._read, height, limiter=self._threads)
        if view is not None:
            self._blocks.put(height, view, _size_bytes(view))
        return view

    async def height_of(self, block_id: Hash32) -> int | None:
        """Where a final block stands."""
        return await self._context.run_blocking(
            self._chain.blocks.height_of, block_id, limiter=self._threads
        )

    async def voters_at(self, height: int) -> ValidatorSet:
        """Who decided a height of an epoch that is decided."""
        epoch = epoch_of_height(height, self._context.document.consensus.epoch_blocks)
        held = self._sets.get(epoch)
        if held is None:
            held = await self._context.run_blocking(
                self._chain.blocks.validators_at, height, limiter=self._threads
            )
            self._sets.put(epoch, held, _MEMBER_BYTES * len(held))
        return held

    def _read(self, height: int) -> BlockView | None:
        stored = self._chain.blocks.block_at(height)
        if stored is None:
            return None
        return BlockView(
            block=stored.block,
            receipts=stored.receipts,
            state_root=stored.state_root,
            status=self._decided,
            finalized_at_ms=stored.finalized_at_ms,
        )


def _size_bytes(view: BlockView) -> int:
    """Decoded values take about three times their bytes."""
    return _OVERHEAD_BYTES + 3 * sum(len(signed.raw) for signed in view.block.transactions)
