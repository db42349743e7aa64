"""The one bridge from the ledger's header to what the core knows of a block."""

from consensus.instance import BlockRef
from vm.blocks import Header


def block_ref(header: Header) -> BlockRef:
    """The place of a block. The core itself never sees a header, so this stays outside of it."""
    return BlockRef(
        header.id,
        header.height,
        header.view,
        header.epoch,
        header.parent_id,
        header.parent_view,
        header.proposer_index,
        header.timestamp_ms,
    )
