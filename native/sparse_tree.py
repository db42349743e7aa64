"""A sparse Merkle tree: 32-byte values under 32-byte keys, committed to by one root.

The tree is binary over the bits of the keys. A subtree with one leaf is that leaf (the rule of the
Jellyfish Merkle tree), so the root is a function of the set, never of the order or the history in
which it was written. Nodes are immutable: an update makes the paths to what changed anew and shares
everything else with the older tree, which stays valid. The kernels make the very same nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import ne
from typing import TypeAlias

from native.compiled import hashing_set, kernels
from native.hash_batches import KEYED_MODE
from native.hashing import HASH_BYTES, ZERO_HASH, Hash32, keyed_hash

# Tuples, because the garbage collector stops tracking them and a million nodes must not slow it.
# A leaf is (hash, key ‖ value), an inner node (hash, left, right): the hash leads both.
Leaf: TypeAlias = tuple[Hash32, bytes]
Inner: TypeAlias = "tuple[Hash32, Node, Node]"
Node: TypeAlias = "Leaf | Inner | None"
Item: TypeAlias = "tuple[bytes, Leaf | None]"  # a key and its new leaf, None to remove

TREE_DEPTH = 8 * HASH_BYTES


@dataclass(frozen=True, slots=True)
class TreeDomains:
    """The keys under which a tree hashes its leaves and its inner nodes: one a kind of tree."""

    leaf: Hash32
    node: Hash32


def update(domains: TreeDomains, node: Node, keys: bytes, values: bytes, removed: bytes) -> Node:
    """`node`, a whole tree, with `values` under `keys` and without what is `removed`.

    Each argument holds its 32-byte strings side by side, in any order; no key occurs twice, or it
    is a ValueError. A tree that does not change is returned itself.
    """
    name = hashing_set()
    if name is None:
        return slow_update(domains, node, keys, values, removed)
    return kernels.update_sparse_tree(
        name, domains.leaf, domains.node, KEYED_MODE, node, 0, keys, values, removed
    )


def build(domains: TreeDomains, keys: bytes, values: bytes, depth: int = 0) -> Node:
    """The subtree at `depth` of these values, whose keys share so many bits; else as `update`."""
    name = hashing_set()
    if name is None:
        return slow_build(domains, keys, values, depth)
    return kernels.update_sparse_tree(
        name, domains.leaf, domains.node, KEYED_MODE, None, depth, keys, values, b""
    )


def slow_update(
    domains: TreeDomains, node: Node, keys: bytes, values: bytes, removed: bytes
) -> Node:
    """`update` in Python: the definition."""
    items: list[Item] = [(leaf[1][:HASH_BYTES], leaf) for leaf in _leaves(domains, keys, values)]
    items += [(key, None) for key in _split(removed)]
    items.sort(key=_key_of)
    _require_distinct([key for key, _ in items])
    return _update(domains.node, node, items, 0, len(items), 0)


def slow_build(domains: TreeDomains, keys: bytes, values: bytes, depth: int) -> Node:
    """`build` in Python: the definition."""
    leaves = _leaves(domains, keys, values)
    leaves.sort(key=_content_of)
    _require_distinct([content[:HASH_BYTES] for _, content in leaves])
    return _build(domains.node, leaves, 0, len(leaves), depth)


def leaf_of(domains: TreeDomains, key: bytes, value: bytes) -> Leaf:
    """The leaf of a value under a key."""
    content = key + value
    return keyed_hash(domains.leaf, content), content


def join(node_key: bytes, left: Node, right: Node) -> Node:
    """The node over two subtrees; one leaf alone rises, so that history leaves no trace."""
    if left is None:
        if right is None or len(right) == 2:
            return right
        return keyed_hash(node_key, ZERO_HASH + right[0]), None, right
    if right is None:
        if len(left) == 2:
            return left
        return keyed_hash(node_key, left[0] + ZERO_HASH), left, None
    return keyed_hash(node_key, left[0] + right[0]), left, right


def hash_of(node: Node) -> Hash32:
    """ZERO_HASH for the empty tree."""
    return ZERO_HASH if node is None else node[0]


def bit_of(key: bytes, depth: int) -> int:
    """Not zero if the path of a key turns right at `depth`."""
    return key[depth >> 3] & (0x80 >> (depth & 7))


def _build(node_key: bytes, leaves: Sequence[Leaf], low: int, high: int, depth: int) -> Node:
    """The subtree of leaves[low:high]."""
    count = high - low
    if count < 3:
        if count == 2:
            return _fork(node_key, leaves[low], leaves[low + 1], depth)
        return leaves[low] if count else None
    at, mask = depth >> 3, 0x80 >> (depth & 7)
    middle, end = low, high
    while middle < end:
        probe = (middle + end) >> 1
        if leaves[probe][1][at] & mask:
            end = probe
        else:
            middle = probe + 1
    left = _build(node_key, leaves, low, middle, depth + 1)
    right = _build(node_key, leaves, middle, high, depth + 1)
    if left is None or right is None:
        return join(node_key, left, right)
    return keyed_hash(node_key, left[0] + right[0]), left, right


def _update(
    node_key: bytes, node: Node, items: Sequence[Item], low: int, high: int, depth: int
) -> Node:
    """`node` with items[low:high], which are sorted and share their first `depth` bits."""
    if high - low <= 1:
        return _put(node_key, node, items[low], depth) if low < high else node
    middle, end = low, high
    while middle < end:
        probe = (middle + end) >> 1
        if bit_of(items[probe][0], depth):
            end = probe
        else:
            middle = probe + 1
    left, right = _children(node, depth)
    new_left = _update(node_key, left, items, low, middle, depth + 1)
    new_right = _update(node_key, right, items, middle, high, depth + 1)
    if new_left is left and new_right is right:
        return node
    return join(node_key, new_left, new_right)


def _put(node_key: bytes, node: Node, item: Item, depth: int) -> Node:
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
        replaced = _fork(node_key, below, leaf, depth)
    for parent, bit in reversed(path):
        left, right = (parent[1], replaced) if bit else (replaced, parent[2])
        replaced = join(node_key, left, right)
    return replaced


def _fork(node_key: bytes, first: Leaf, second: Leaf, depth: int) -> Node:
    """The subtree at `depth` of two leaves: inner nodes down to the bit where their keys part."""
    parting = _first_difference(first[1], second[1])
    left, right = (second, first) if bit_of(first[1], parting) else (first, second)
    node: Node = join(node_key, left, right)
    for level in range(parting - 1, depth - 1, -1):
        left_side, right_side = (None, node) if bit_of(first[1], level) else (node, None)
        node = join(node_key, left_side, right_side)
    return node


def _children(node: Node, depth: int) -> tuple[Node, Node]:
    """The two halves of a subtree; a leaf that stood for the whole of it sinks to its side."""
    if node is None:
        return None, None
    if len(node) == 3:
        return node[1], node[2]
    return (None, node) if bit_of(node[1], depth) else (node, None)


def _leaves(domains: TreeDomains, keys: bytes, values: bytes) -> list[Leaf]:
    pairs = zip(_split(keys), _split(values), strict=True)
    return [leaf_of(domains, key, value) for key, value in pairs]


def _split(strings: bytes) -> list[bytes]:
    if len(strings) % HASH_BYTES:
        raise ValueError("keys and values are 32 bytes each")
    return [strings[at : at + HASH_BYTES] for at in range(0, len(strings), HASH_BYTES)]


def _require_distinct(keys: Sequence[bytes]) -> None:
    """Of keys in order."""
    if not all(map(ne, keys, keys[1:])):
        raise ValueError("a key occurs twice")


def _content_of(leaf: Leaf) -> bytes:
    return leaf[1]


def _key_of(item: Item) -> bytes:
    return item[0]


def _first_difference(first: bytes, second: bytes) -> int:
    """The number of leading bits that two keys share."""
    first_key = int.from_bytes(first[:HASH_BYTES], "big")
    second_key = int.from_bytes(second[:HASH_BYTES], "big")
    return TREE_DEPTH - (first_key ^ second_key).bit_length()
