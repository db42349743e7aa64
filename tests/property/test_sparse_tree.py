"""The kernels' tree and the Python one: the same nodes, sharing the same of the older tree."""

from collections.abc import Iterator
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.compiled import INSTRUCTION_SETS, kernels
from native.hash_batches import KEYED_MODE
from native.hashing import Hash32
from native.sparse_tree import Node, TreeDomains, slow_update

Changes: TypeAlias = dict[bytes, bytes | None]

DOMAINS = TreeDomains(leaf=Hash32(b"leaf" * 8), node=Hash32(b"node" * 8))

pytestmark = pytest.mark.skipif(not INSTRUCTION_SETS, reason="installed without a C++ compiler")


def shaped(number: int) -> bytes:
    """Few keys, so that histories meet, and many that share up to 250 bits."""
    return (number << (number % 5 * 60)).to_bytes(32, "big")


SHAPED = st.integers(0, 40).map(shaped)
ENDS = st.sampled_from([bytes(32), bytes(31) + b"\1", b"\xff" * 32, b"\xff" * 31 + b"\xfe"])
KEYS = st.one_of(SHAPED, ENDS, st.binary(min_size=32, max_size=32))
VALUES = st.sampled_from([bytes(32), b"\1" * 32, b"\2" * 32])
CHANGES = st.dictionaries(KEYS, st.one_of(st.none(), VALUES), max_size=40)


def arguments(changes: Changes) -> tuple[bytes, bytes, bytes]:
    """Keys and values of what is written, keys of what is removed."""
    written = {key: value for key, value in changes.items() if value is not None}
    removed = [key for key, value in changes.items() if value is None]
    return b"".join(written), b"".join(written.values()), b"".join(removed)


def fast_update(name: str, node: Node, changes: Changes) -> Node:
    keys = (DOMAINS.leaf, DOMAINS.node)
    return kernels.update_sparse_tree(name, *keys, KEYED_MODE, node, 0, *arguments(changes))


def nodes_of(node: Node) -> Iterator[int]:
    """The identities of all inner nodes and leaves."""
    if node is not None:
        yield id(node)
        if len(node) == 3:
            yield from nodes_of(node[1])
            yield from nodes_of(node[2])


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
@given(history=st.lists(CHANGES, max_size=8))
def test_both_make_the_same_nodes_and_share_the_same_of_the_older_tree(
    name: str, history: list[Changes]
) -> None:
    node: Node = None
    for changes in history:
        slow = slow_update(DOMAINS, node, *arguments(changes))
        fast = fast_update(name, node, changes)
        assert fast == slow
        assert (fast is node) == (slow is node)
        older = set(nodes_of(node))
        assert older & set(nodes_of(fast)) == older & set(nodes_of(slow))
        node = fast
    held = [key for changes in history for key in changes]
    assert fast_update(name, node, dict.fromkeys(held)) is None
