"""The commitment to the state: a sparse Merkle tree that proves presence and absence.

A record stands at the hash of its key, and its leaf holds the hash of its value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from genesis.limits import STATE_PROOF_MAX_BYTES
from native import codec, sparse_tree
from native.errors import DecodeError
from native.hash_batches import blake3_256_many, keyed_hash_many
from native.hashing import (
    HASH_BYTES,
    ZERO_HASH,
    Hash32,
    blake3_256,
    derive_hash,
    hash32,
    keyed_hash,
)
from native.sparse_tree import TREE_DEPTH, Node, TreeDomains, bit_of, hash_of, leaf_of

_KEY_DOMAIN = derive_hash("aichain/state/key/v1", b"")
_DOMAINS = TreeDomains(
    leaf=derive_hash("aichain/state/leaf/v1", b""), node=derive_hash("aichain/state/node/v1", b"")
)

_BUILD_RECORDS = 4_096
"""Hashed at once, so that their values need not be held."""


@dataclass(frozen=True, slots=True)
class StateProof:
    """The siblings of a key's path from the root down, and the other leaf that it runs into.

    `other` is (key hash, value hash) of the leaf that stands where an absent key would be; None
    when the path ends in an empty subtree, or at the key itself.
    """

    siblings: tuple[Hash32, ...]
    other: tuple[Hash32, Hash32] | None

    def encode(self) -> bytes:
        """[depth, bitmap of siblings that are not empty, those siblings, other leaf or empty]."""
        bitmap = bytearray((len(self.siblings) + 7) // 8)
        for depth, sibling in enumerate(self.siblings):
            if sibling != ZERO_HASH:
                bitmap[depth >> 3] |= 0x80 >> (depth & 7)
        present = b"".join(sibling for sibling in self.siblings if sibling != ZERO_HASH)
        other = b"" if self.other is None else b"".join(self.other)
        return codec.encode([len(self.siblings), bytes(bitmap), present, other])

    @staticmethod
    def decode(raw: bytes) -> "StateProof":
        fields = codec.decode(raw, max_bytes=STATE_PROOF_MAX_BYTES, max_items=4, max_depth=1)
        depth_field, bitmap_field, present_field, other_field = codec.array(fields, 4)
        depth = codec.uint(depth_field, 16)
        if depth > TREE_DEPTH:
            raise DecodeError("a state proof deeper than the tree")
        bitmap = codec.blob(bitmap_field, (depth + 7) // 8)
        present = codec.bounded(present_field, HASH_BYTES * TREE_DEPTH)
        other = codec.bounded(other_field, 2 * HASH_BYTES)
        proof = StateProof(_siblings(depth, bitmap, present), _other_leaf(other))
        if proof.encode() != raw:
            raise DecodeError("a state proof that is not canonical")
        return proof


@dataclass(frozen=True, slots=True)
class StateTree:
    """One version of the committed state; `update` gives the next one and leaves this one alone."""

    node: Node = None

    @staticmethod
    def build(items: Iterable[tuple[bytes, bytes]]) -> "StateTree":
        """The tree of a full scan of the records; values are not held. ValueError if a key occurs
        twice."""
        places, values, rest = [], [], iter(items)
        while some := list(islice(rest, _BUILD_RECORDS)):
            places.append(keyed_hash_many(_KEY_DOMAIN, [key for key, _ in some]))
            values.append(blake3_256_many([value for _, value in some]))
        return StateTree(sparse_tree.build(_DOMAINS, b"".join(places), b"".join(values)))

    @staticmethod
    def of_subtrees(subtrees: Iterable[tuple[int, "Subtree"]]) -> "StateTree | None":
        """The tree over subtrees from left to right, each with its depth.

        None unless they tile the whole tree.
        """
        tiles = _tile((depth, subtree.node) for depth, subtree in subtrees)
        return None if tiles is None else StateTree(tiles[0])

    def update(self, changes: Mapping[bytes, bytes | None]) -> "StateTree":
        """The tree after these records were written, or removed where the value is None."""
        written = {key: value for key, value in changes.items() if value is not None}
        removed = [key for key, value in changes.items() if value is None]
        node = sparse_tree.update(
            _DOMAINS,
            self.node,
            keyed_hash_many(_KEY_DOMAIN, list(written)),
            blake3_256_many(list(written.values())),
            keyed_hash_many(_KEY_DOMAIN, removed),
        )
        return self if node is self.node else StateTree(node)

    @property
    def root(self) -> Hash32:
        """ZERO_HASH for the empty state."""
        return hash_of(self.node)

    def subtree_root(self, prefix: int, depth: int) -> Hash32:
        """The root over all keys whose hashes begin with the `depth` bits of `prefix`."""
        node = self.node
        for level in range(depth):
            if node is None or len(node) == 2:
                break
            node = node[2] if prefix >> (depth - 1 - level) & 1 else node[1]
        if node is not None and len(node) == 2 and not has_prefix(node[1], prefix, depth):
            return ZERO_HASH
        return hash_of(node)

    def prove(self, key: bytes) -> StateProof:
        """A proof for `verify_proof`: with the record's value, or with None when there is none."""
        hashed = keyed_hash(_KEY_DOMAIN, key)
        siblings: list[Hash32] = []
        node, depth = self.node, 0
        while node is not None and len(node) == 3:
            near, far = (node[2], node[1]) if bit_of(hashed, depth) else (node[1], node[2])
            siblings.append(hash_of(far))
            node = near
            depth += 1
        if node is None or node[1][:HASH_BYTES] == hashed:
            return StateProof(tuple(siblings), None)
        return StateProof(tuple(siblings), _other_leaf(node[1]))


def key_hash(key: bytes) -> Hash32:
    """Where a key stands in the tree."""
    return keyed_hash(_KEY_DOMAIN, key)


def has_prefix(hashed: bytes, prefix: int, depth: int) -> bool:
    """Whether a key hash begins with the `depth` bits of `prefix`."""
    return int.from_bytes(hashed[:HASH_BYTES], "big") >> (TREE_DEPTH - depth) == prefix


@dataclass(frozen=True, slots=True)
class Subtree:
    """All records whose key hashes begin with the same bits."""

    node: Node

    @staticmethod
    def build(places: Sequence[Hash32], values: Sequence[bytes], depth: int) -> "Subtree":
        """From all its key hashes, ascending, which share their first `depth` bits."""
        return Subtree(
            sparse_tree.build(_DOMAINS, b"".join(places), blake3_256_many(values), depth)
        )

    @property
    def root(self) -> Hash32:
        """ZERO_HASH when there is no record."""
        return hash_of(self.node)


def root_of_subtrees(subtrees: Iterable[tuple[int, int, Hash32]]) -> Hash32 | None:
    """The root over subtrees from left to right, each its depth, number of leaves, and root.

    None unless they tile the whole tree. A false number of leaves leads to another root.
    """
    known = list(subtrees)
    if any(not leaves and root != ZERO_HASH for _, leaves, root in known):
        return None
    tiles = _tile((depth, _stand_in(leaves, root)) for depth, leaves, root in known)
    return None if tiles is None else hash_of(tiles[0])


def verify_proof(root: bytes, key: bytes, value: bytes | None, proof: StateProof) -> bool:
    """Whether the state of `root` holds `value` under `key`, or nothing at all if value is None.

    Never raises on a bad proof.
    """
    hashed = keyed_hash(_KEY_DOMAIN, key)
    if len(proof.siblings) > TREE_DEPTH:
        return False
    if value is not None:
        if proof.other is not None:
            return False
        node = leaf_of(_DOMAINS, hashed, blake3_256(value))[0]
    elif proof.other is None:
        node = ZERO_HASH
    else:
        # The fold below turns by the sought key's bits, so only a leaf on its path can reach root.
        if proof.other[0] == hashed:
            return False
        node = leaf_of(_DOMAINS, *proof.other)[0]
    for depth in range(len(proof.siblings) - 1, -1, -1):
        sibling = proof.siblings[depth]
        pair = sibling + node if bit_of(hashed, depth) else node + sibling
        node = keyed_hash(_DOMAINS.node, pair)
    return node == root


def _stand_in(leaves: int, root: Hash32) -> Node:
    """A node of which only the root and the kind are known: what joining needs."""
    if not leaves:
        return None
    return (root, b"") if leaves == 1 else (root, None, None)


def _tile(subtrees: Iterable[tuple[int, Node]]) -> tuple[Node] | None:
    """The node over subtrees with their depths; None unless they tile the whole tree."""
    row: list[tuple[int, Node]] = []
    for tile in subtrees:
        row.append(tile)
        while len(row) > 1 and row[-1][0] == row[-2][0] > 0:
            (level, right), (_, left) = row.pop(), row.pop()
            row.append((level - 1, sparse_tree.join(_DOMAINS.node, left, right)))
    return (row[0][1],) if len(row) == 1 and row[0][0] == 0 else None


def _siblings(depth: int, bitmap: bytes, present: bytes) -> tuple[Hash32, ...]:
    siblings, used = [], 0
    for level in range(depth):
        if bit_of(bitmap, level):
            siblings.append(hash32(present[used : used + HASH_BYTES]))
            used += HASH_BYTES
        else:
            siblings.append(ZERO_HASH)
    return tuple(siblings)


def _other_leaf(content: bytes) -> tuple[Hash32, Hash32] | None:
    if not content:
        return None
    return hash32(content[:HASH_BYTES]), hash32(content[HASH_BYTES:])
