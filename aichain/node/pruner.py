"""Drops blocks that are older than this node was told to keep, a few at a time."""

import trio

from aichain.node.ledger_writer import LedgerWriter

IDLE_S = 1.0
BETWEEN_STEPS_S = 0.05
"""Long enough for whoever waits for the ledger meanwhile."""


class Pruner:
    """Has nothing to do on a node that keeps everything."""

    def __init__(self, ledger: LedgerWriter, keep: int | None) -> None:
        self._ledger = ledger
        self._keep = keep

    async def run(self) -> None:
        """Keep up with the head; a chain that was kept whole until now takes a while."""
        while self._keep is not None:
            dropped = await self._ledger.prune(self._keep)
            await trio.sleep(BETWEEN_STEPS_S if dropped else IDLE_S)
