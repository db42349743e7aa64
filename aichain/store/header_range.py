"""The trees of the header range as they lie in the database: any header is proved from them."""

from aichain.store.keys import node_key
from aichain.store.kv import KeyValueReader
from native.hashing import Hash32, hash32
from vm.mmr import HeaderMmr, MmrProof, prove_stored


def stage_nodes(batch: dict[bytes, bytes | None], before: HeaderMmr, block_id: Hash32) -> None:
    """The trees that a block completes which follows the range `before`: two of them a block."""
    for level, node in enumerate(before.completed(block_id)):
        batch[node_key(level, before.count >> level)] = node


def prove_header(database: KeyValueReader, count: int, height: int) -> MmrProof | None:
    """That the block at `height` is one of the first `count`; None where that is not kept."""

    def node(level: int, number: int) -> Hash32 | None:
        raw = database.get(node_key(level, number))
        return None if raw is None else hash32(raw)

    return prove_stored(node, count, height)
