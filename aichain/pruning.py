"""Drops old blocks: bodies, receipts, index entries and certificates, but no anchor of an epoch."""

from aichain.errors import StoreCorrupt
from aichain.recovery import Ledger
from aichain.store.failpoints import CrashPoint
from aichain.store.header_range import stage_pruned_nodes
from genesis import limits
from native.hashing import Hash32


def prune(ledger: Ledger, floor: int, epoch_blocks: int, reached: CrashPoint) -> bool:
    """Drop some of the blocks below `floor`; False when there are none.

    The floor moves with all that lies in the database in one synced batch; then the index, then
    whole segment files. A crash leaves index entries that lead nowhere, and files that the next
    start removes. Only the ledger's writer calls this.
    """
    blocks = ledger.blocks
    first, last = blocks.first, min(floor, blocks.first + limits.PRUNED_BLOCKS_AT_ONCE)
    if last <= first:
        return False
    last, tx_ids = _in_reach(ledger, first, last)
    batch: dict[bytes, bytes | None] = {}
    blocks.stage_pruned(batch, last)
    stage_pruned_nodes(batch, first, last, epoch_blocks)
    blocks.first = last  # before the write: who reads meanwhile finds it pruned, not lost
    ledger.database.write(batch, sync=True)
    reached("floor written")
    ledger.index.remove(tx_ids)
    reached("index pruned")
    ledger.remove_segments()
    reached("segments removed")
    return True


def _in_reach(ledger: Ledger, first: int, last: int) -> tuple[int, list[Hash32]]:
    """How far to go at once, and the transactions on the way; a damaged body names none."""
    tx_ids: list[Hash32] = []
    size = 0
    for height in range(first, last):
        record = ledger.blocks.record_at(height)
        assert record is not None, "every height from the first on has a block"
        size += record.position.length
        try:
            tx_ids += ledger.blocks.transaction_ids_at(height)
        except StoreCorrupt:
            continue
        if size > limits.PRUNED_BYTES_AT_ONCE:
            return height + 1, tx_ids
    return last, tx_ids
