"""Checkpoints as the consensus core sees them, and the one that nobody proposed."""

from consensus.instance import BlockRef
from genesis.checkpoints import CHECKPOINT_FIELDS as CHECKPOINT_FIELDS
from genesis.checkpoints import Checkpoint as Checkpoint
from genesis.checkpoints import decode_checkpoint as decode_checkpoint
from native.hashing import ZERO_HASH, Hash32


def checkpoint_ref(checkpoint: Checkpoint) -> BlockRef:
    """A block at height `number`, whose parent is the checkpoint before."""
    return BlockRef(
        checkpoint.id,
        checkpoint.number,
        checkpoint.view,
        checkpoint.epoch,
        checkpoint.parent_id,
        0,
        checkpoint.proposer_index,
        checkpoint.timestamp_ms,
    )


def first_checkpoint(genesis: BlockRef, vset_hash: Hash32) -> Checkpoint:
    """Checkpoint 0: block 0, which nobody proposed and everybody knows."""
    stamp_ms = genesis.timestamp_ms
    return Checkpoint(0, ZERO_HASH, genesis.id, 0, False, vset_hash, 0, 0, 0, stamp_ms)
