"""Merkle root and proofs over byte strings; the definition that faster engines must match."""

from collections.abc import Sequence
from dataclasses import dataclass

from native.compiled import hashing_set, kernels
from native.hash_batches import KEYED_MODE
from native.hashing import HASH_BYTES, ZERO_HASH, Hash32, derive_hash, keyed_hash

LEAF_KEY = derive_hash("aichain/merkle/leaf/v1", b"")
NODE_KEY = derive_hash("aichain/merkle/node/v1", b"")
_ROOT_KEY = derive_hash("aichain/merkle/root/v1", b"")
_COUNT_BYTES = 8


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """That a leaf stands at `index` of `count` leaves; siblings from the bottom up."""

    index: int
    count: int
    siblings: tuple[Hash32, ...]


def merkle_root(leaves: Sequence[bytes]) -> Hash32:
    """The root of `leaves`; ZERO_HASH if there are none.

    An odd node is promoted, never paired with itself (CVE-2012-2459), leaves and nodes hash
    under different keys, and the root binds the number of leaves, so that a proof cannot lie
    about the place of its leaf.
    """
    if not leaves:
        return ZERO_HASH
    return root_of_top(len(leaves), _fast_top(leaves) or _top(leaves))


def prove_leaf(leaves: Sequence[bytes], index: int) -> MerkleProof:
    """The proof for `leaves[index]`."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    level = [keyed_hash(LEAF_KEY, leaf) for leaf in leaves]
    siblings, place = [], index
    while len(level) > 1:
        if place ^ 1 < len(level):
            siblings.append(level[place ^ 1])
        level, place = _parents(level), place >> 1
    return MerkleProof(index, len(leaves), tuple(siblings))


def verify_leaf(root: Hash32, leaf: bytes, proof: MerkleProof) -> bool:
    """Whether `root` commits to `leaf` at that index and count. Never raises on a bad proof."""
    if not 0 <= proof.index < proof.count < 1 << 8 * _COUNT_BYTES:
        return False
    node, place, width = keyed_hash(LEAF_KEY, leaf), proof.index, proof.count
    siblings = iter(proof.siblings)
    while width > 1:
        if place ^ 1 < width:
            sibling = next(siblings, None)
            if sibling is None or len(sibling) != HASH_BYTES:
                return False
            pair = sibling + node if place & 1 else node + sibling
            node = keyed_hash(NODE_KEY, pair)
        place, width = place >> 1, (width + 1) >> 1
    return next(siblings, None) is None and root_of_top(proof.count, node) == root


def root_of_top(count: int, top: Hash32) -> Hash32:
    """The root of a tree of so many leaves, whose top node is `top`."""
    return keyed_hash(_ROOT_KEY, count.to_bytes(_COUNT_BYTES, "big") + top)


def _fast_top(leaves: Sequence[bytes]) -> Hash32 | None:
    """`_top` on vector units, where we have them and no leaf is too long for them."""
    name = hashing_set()
    if name is None:
        return None
    top = kernels.merkle_top(name, LEAF_KEY, NODE_KEY, KEYED_MODE, leaves)
    return None if top is None else Hash32(top)


def _top(leaves: Sequence[bytes]) -> Hash32:
    level = [keyed_hash(LEAF_KEY, leaf) for leaf in leaves]
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[Hash32]) -> list[Hash32]:
    pairs = zip(level[::2], level[1::2], strict=False)
    parents = [keyed_hash(NODE_KEY, left + right) for left, right in pairs]
    if len(level) % 2:
        parents.append(level[-1])
    return parents
