"""A transaction with the place that it has in a block, as RPC is told of it."""

from aichain.chain import FinalBlock
from aichain.rpc.backend import BlockView, Placement, TransactionView
from aichain.rpc.statuses import BlockStatus
from aichain.unfinalized import Executed
from native.hashing import Hash32


def find_in(
    entry: Executed | FinalBlock, tx_id: Hash32, status: BlockStatus
) -> TransactionView | None:
    """None where the block does not hold it."""
    for index, signed in enumerate(entry.block.transactions):
        if signed.id == tx_id:
            return placed(entry, index, status)
    return None


def placed(
    entry: Executed | FinalBlock | BlockView, index: int, status: BlockStatus
) -> TransactionView:
    """The transaction of a block at an index."""
    place = Placement(
        height=entry.block.header.height,
        block_id=entry.block.id,
        index=index,
        receipt=entry.receipts[index],
        status=status,
    )
    return TransactionView(entry.block.transactions[index], place)
