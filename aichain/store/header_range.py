"""The trees of the header range as they lie in the database: any header is proved from them."""

from aichain.store.keys import node_key
from aichain.store.kv import KeyValueReader
from native.hashing import Hash32, hash32
from vm.mmr import HeaderMmr, MmrProof, prove_stored

_STRETCH_LEVEL = 8
"""Blocks are dropped one by one, their trees in stretches of 256, to which others are siblings."""


def stage_nodes(batch: dict[bytes, bytes | None], before: HeaderMmr, block_id: Hash32) -> None:
    """The trees that a block completes which follows the range `before`: two of them a block."""
    for level, node in enumerate(before.completed(block_id)):
        batch[node_key(level, before.count >> level)] = node


def stage_pruned_nodes(
    batch: dict[bytes, bytes | None], first: int, last: int, epoch_blocks: int
) -> None:
    """Drop the small trees of stretches that end below `last`; anchors can still be proved.

    The trees over whole stretches stay, so a pruned range takes a hundredth of its nodes.
    """
    for stretch in range(first >> _STRETCH_LEVEL, last >> _STRETCH_LEVEL):
        start, end = stretch << _STRETCH_LEVEL, (stretch + 1) << _STRETCH_LEVEL
        anchors = range(-(-start // epoch_blocks) * epoch_blocks, end, epoch_blocks)
        for level in range(_STRETCH_LEVEL):
            kept = {(anchor >> level) ^ 1 for anchor in anchors}
            for number in range(start >> level, end >> level):
                if number not in kept:
                    batch[node_key(level, number)] = None


def prove_header(database: KeyValueReader, count: int, height: int) -> MmrProof | None:
    """That the block at `height` is one of the first `count`; None where that is not kept."""

    def node(level: int, number: int) -> Hash32 | None:
        raw = database.get(node_key(level, number))
        return None if raw is None else hash32(raw)

    return prove_stored(node, count, height)
