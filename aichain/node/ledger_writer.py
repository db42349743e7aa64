"""One writer of the chain at a time: execution on the loop, what waits for the disk off it."""

from collections.abc import Sequence
from functools import partial

import trio

from aichain.chain import Chain, FinalBlock
from aichain.machine import RunBlocking
from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.lanes.messages import Decision
from native.hashing import Hash32
from vm.blocks import VerifiedBlock
from vm.build import Built
from vm.state import State


class LedgerWriter:
    """`Chain` wants one call at a time; the lock gives it that across tasks and the disk thread."""

    def __init__(self, chain: Chain, run_blocking: RunBlocking) -> None:
        self.chain = chain
        self._run_blocking = run_blocking
        self._lock = trio.Lock()
        self._disk = trio.CapacityLimiter(1)

    async def execute(self, block: VerifiedBlock) -> State:
        """Execute on the parent's state; InvalidBlock, ParentNotExecuted, UnfinalizedFull."""
        async with self._lock:
            return self.chain.execute(block)

    async def adopt(self, built: Built) -> None:
        """Keep a block that we built, and so executed."""
        async with self._lock:
            self.chain.adopt(built)

    async def make_durable(self, block_id: Hash32) -> None:
        """On disk, with its ancestors, when this returns (R8)."""
        async with self._lock:
            if not self.chain.is_durable(block_id):
                await self._run_blocking(self.chain.make_durable, block_id, limiter=self._disk)

    async def prune(self, keep: int) -> bool:
        """Drop some blocks more than `keep` below the head; whether there were any."""
        async with self._lock:
            return await self._run_blocking(self.chain.prune, keep, limiter=self._disk)

    async def finalize(
        self,
        blocks: Sequence[BlockRef],
        certificate: QuorumCertificate,
        finalized_at_ms: int | None,
    ) -> tuple[FinalBlock, ...]:
        """Commit blocks; durable when this returns. No time for those that we only caught up on."""
        async with self._lock:
            finalize = partial(self.chain.finalize, finalized_at_ms=finalized_at_ms)
            return await self._run_blocking(finalize, blocks, certificate, limiter=self._disk)

    async def decide(
        self, blocks: Sequence[BlockRef], decision: Decision, finalized_at_ms: int | None
    ) -> tuple[FinalBlock, ...]:
        """Commit what a checkpoint makes hard; durable when this returns."""
        async with self._lock:
            decide = partial(self.chain.decide, finalized_at_ms=finalized_at_ms)
            return await self._run_blocking(decide, blocks, decision, limiter=self._disk)
