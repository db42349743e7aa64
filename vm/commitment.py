"""The commitment to the state: an immutable sparse Merkle tree that proves presence and absence.

The tree is binary over the hashes of the keys. A subtree with one leaf is that leaf (the rule of
the Jellyfish Merkle tree), so the root is a function of the set of records, never of the order or
the history in which they were written. An update copies the path to each changed leaf and shares
everything else with the older tree, which stays valid.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import ne
from typing import TypeAlias

from genesis.limits import STATE_PROOF_MAX_BYTES
from native import codec
from native.errors import DecodeError
from native.hashing import (
    HASH_BYTES,
    ZERO_HASH,
    Hash32,
    blake3_256,
    derive_hash,
    hash32,
    keyed_hash,
)

# Tuples, because the garbage collector stops tracking them and a million nodes must not slow it.
# A leaf is (hash, key hash ‖ value hash), an inner node (hash, left, right): the hash leads both.
Leaf: TypeAlias = tuple[Hash32, bytes]
Inner: TypeAlias = "tuple[Hash32, Node, Node]"
Node: TypeAlias = "Leaf | Inner | None"
Item: TypeAlias = "tuple[bytes, Leaf | None]"  # key hash and its new leaf, None to remove

TREE_DEPTH = 8 * HASH_BYTES

_KEY_DOMAIN = derive_hash("aichain/state/key/v1", b"")
_LEAF_DOMAIN = derive_hash("aichain/state/leaf/v1", b"")
_NODE_DOMAIN = derive_hash("aichain/state/node/v1", b"")


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
        """The tree of a full scan of the records, each key once; values are not held meanwhile."""
        leaves = [_leaf(keyed_hash(_KEY_DOMAIN, key), blake3_256(value)) for key, value in items]
        leaves.sort(key=_content_of)
        keys = [leaf[1][:HASH_BYTES] for leaf in leaves]
        assert all(map(ne, keys, keys[1:])), "keys are unique"
        return StateTree(_build(leaves, 0, len(leaves), 0))

    @staticmethod
    def of_subtrees(subtrees: Iterable[tuple[int, "Subtree"]]) -> "StateTree | None":
        """The tree over subtrees from left to right, each with its depth.

        None unless they tile the whole tree.
        """
        tiles = _tile((depth, subtree.node) for depth, subtree in subtrees)
        return None if tiles is None else StateTree(tiles[0])

    def update(self, changes: Mapping[bytes, bytes | None]) -> "StateTree":
        """The tree after these records were written, or removed where the value is None."""
        items: list[Item] = []
        for key, value in changes.items():
            hashed = keyed_hash(_KEY_DOMAIN, key)
            items.append((hashed, None if value is None else _leaf(hashed, blake3_256(value))))
        items.sort(key=_key_of)
        node = _update(self.node, items, 0, len(items), 0)
        return self if node is self.node else StateTree(node)

    @property
    def root(self) -> Hash32:
        """ZERO_HASH for the empty state."""
        return _hash_of(self.node)

    def subtree_root(self, prefix: int, depth: int) -> Hash32:
        """The root over all keys whose hashes begin with the `depth` bits of `prefix`."""
        node = self.node
        for level in range(depth):
            if node is None or len(node) == 2:
                break
            node = node[2] if prefix >> (depth - 1 - level) & 1 else node[1]
        if node is not None and len(node) == 2 and not has_prefix(node[1], prefix, depth):
            return ZERO_HASH
        return _hash_of(node)

    def prove(self, key: bytes) -> StateProof:
        """A proof for `verify_proof`: with the record's value, or with None when there is none."""
        hashed = keyed_hash(_KEY_DOMAIN, key)
        siblings: list[Hash32] = []
        node, depth = self.node, 0
        while node is not None and len(node) == 3:
            near, far = (node[2], node[1]) if _bit(hashed, depth) else (node[1], node[2])
            siblings.append(_hash_of(far))
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
        leaves = [_leaf(*each) for each in zip(places, map(blake3_256, values), strict=True)]
        return Subtree(_build(leaves, 0, len(leaves), depth))

    @property
    def root(self) -> Hash32:
        """ZERO_HASH when there is no record."""
        return _hash_of(self.node)


def root_of_subtrees(subtrees: Iterable[tuple[int, int, Hash32]]) -> Hash32 | None:
    """The root over subtrees from left to right, each its depth, number of leaves, and root.

    None unless they tile the whole tree. A false number of leaves leads to another root.
    """
    known = list(subtrees)
    if any(not leaves and root != ZERO_HASH for _, leaves, root in known):
        return None
    tiles = _tile((depth, _stand_in(leaves, root)) for depth, leaves, root in known)
    return None if tiles is None else _hash_of(tiles[0])


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
        node = _leaf(hashed, blake3_256(value))[0]
    elif proof.other is None:
        node = ZERO_HASH
    else:
        # The fold below turns by the sought key's bits, so only a leaf on its path can reach root.
        if proof.other[0] == hashed:
            return False
        node = _leaf(*proof.other)[0]
    for depth in range(len(proof.siblings) - 1, -1, -1):
        sibling = proof.siblings[depth]
        pair = sibling + node if _bit(hashed, depth) else node + sibling
        node = keyed_hash(_NODE_DOMAIN, pair)
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
            row.append((level - 1, _join(left, right)))
    return (row[0][1],) if len(row) == 1 and row[0][0] == 0 else None


def _build(leaves: Sequence[Leaf], low: int, high: int, depth: int) -> Node:
    """The subtree of leaves[low:high], which are sorted and share their first `depth` bits."""
    count = high - low
    if count < 3:
        if count == 2:
            return _fork(leaves[low], leaves[low + 1], depth)
        return leaves[low] if count else None
    at, mask = depth >> 3, 0x80 >> (depth & 7)
    middle, end = low, high
    while middle < end:
        probe = (middle + end) >> 1
        if leaves[probe][1][at] & mask:
            end = probe
        else:
            middle = probe + 1
    left = _build(leaves, low, middle, depth + 1)
    right = _build(leaves, middle, high, depth + 1)
    if left is None or right is None:
        return _join(left, right)
    return keyed_hash(_NODE_DOMAIN, left[0] + right[0]), left, right


def _update(node: Node, items: Sequence[Item], low: int, high: int, depth: int) -> Node:
    """`node` with items[low:high], which are sorted and share their first `depth` bits."""
    if high - low <= 1:
        return _put(node, items[low], depth) if low < high else node
    middle, end = low, high
    while middle < end:
        probe = (middle + end) >> 1
        if _bit(items[probe][0], depth):
            end = probe
        else:
            middle = probe + 1
    left, right = _children(node, depth)
    new_left = _update(left, items, low, middle, depth + 1)
    new_right = _update(right, items, middle, high, depth + 1)
    if new_left is left and new_right is right:
        return node
    return _join(new_left, new_right)


def _put(node: Node, item: Item, depth: int) -> Node:
    """`node` with one leaf written or removed: the common case below the first few levels."""
    key, leaf = item
    path: list[tuple[Inner, int]] = []
    below = node
    while below is not None and len(below) == 3:
        bit = key[depth >> 3] & (0x80 >> (depth & 7))
        path.append((below, bit))
        below = below[2] if bit else below[1]
        depth += 1
    replaced: Node
    if below is None or below[1][:HASH_BYTES] == key:
        if below == leaf:
            return node
        replaced = leaf
    elif leaf is None:
        return node
    else:
        replaced = _fork(below, leaf, depth)
    for parent, bit in reversed(path):
        replaced = _join(parent[1], replaced) if bit else _join(replaced, parent[2])
    return replaced


def _fork(first: Leaf, second: Leaf, depth: int) -> Node:
    """The subtree at `depth` of two leaves: inner nodes down to the bit where their keys part."""
    parting = _first_difference(first[1], second[1])
    left, right = (second, first) if _bit(first[1], parting) else (first, second)
    node: Node = _join(left, right)
    for level in range(parting - 1, depth - 1, -1):
        node = _join(None, node) if _bit(first[1], level) else _join(node, None)
    return node


def _join(left: Node, right: Node) -> Node:
    """The node over two subtrees; one leaf alone rises, so that history leaves no trace."""
    if left is None:
        if right is None or len(right) == 2:
            return right
        return keyed_hash(_NODE_DOMAIN, ZERO_HASH + right[0]), None, right
    if right is None:
        if len(left) == 2:
            return left
        return keyed_hash(_NODE_DOMAIN, left[0] + ZERO_HASH), left, None
    return keyed_hash(_NODE_DOMAIN, left[0] + right[0]), left, right


def _children(node: Node, depth: int) -> tuple[Node, Node]:
    """The two halves of a subtree; a leaf that stood for the whole of it sinks to its side."""
    if node is None:
        return None, None
    if len(node) == 3:
        return node[1], node[2]
    return (None, node) if _bit(node[1], depth) else (node, None)


def _leaf(key_hash: bytes, value_hash: bytes) -> Leaf:
    content = key_hash + value_hash
    return keyed_hash(_LEAF_DOMAIN, content), content


def _hash_of(node: Node) -> Hash32:
    return ZERO_HASH if node is None else node[0]


def _content_of(leaf: Leaf) -> bytes:
    return leaf[1]


def _key_of(item: Item) -> bytes:
    return item[0]


def _bit(key: bytes, depth: int) -> int:
    return key[depth >> 3] & (0x80 >> (depth & 7))


def _first_difference(first: bytes, second: bytes) -> int:
    """The number of leading bits that two key hashes share."""
    first_key = int.from_bytes(first[:HASH_BYTES], "big")
    second_key = int.from_bytes(second[:HASH_BYTES], "big")
    return TREE_DEPTH - (first_key ^ second_key).bit_length()


def _siblings(depth: int, bitmap: bytes, present: bytes) -> tuple[Hash32, ...]:
    siblings, used = [], 0
    for level in range(depth):
        if _bit(bitmap, level):
            siblings.append(hash32(present[used : used + HASH_BYTES]))
            used += HASH_BYTES
        else:
            siblings.append(ZERO_HASH)
    return tuple(siblings)


def _other_leaf(content: bytes) -> tuple[Hash32, Hash32] | None:
    if not content:
        return None
    return hash32(content[:HASH_BYTES]), hash32(content[HASH_BYTES:])
