"""A sparse Merkle tree made by the kernels, from arguments that are right and wrong."""

import gc
import random
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from native.compiled import ENGINE_VARIABLE, INSTRUCTION_SETS, kernels
from native.hash_batches import KEYED_MODE
from native.hashing import Hash32
from native.sparse_tree import TREE_DEPTH, Node, TreeDomains, build, leaf_of, slow_update, update
from tests.unit.native.meanwhile import others_go_on

DOMAINS = TreeDomains(leaf=Hash32(b"leaf" * 8), node=Hash32(b"node" * 8))
KEY_SIZE = 32

each_set = pytest.mark.parametrize("name", INSTRUCTION_SETS)
each_twin = pytest.mark.parametrize("name", [*INSTRUCTION_SETS, "openssl"])


def random_keys(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(KEY_SIZE * count)


def fast_update(name: str, node: Any, keys: bytes, values: bytes, removed: bytes = b"") -> Node:
    domains = (DOMAINS.leaf, DOMAINS.node)
    return kernels.update_sparse_tree(name, *domains, KEYED_MODE, node, 0, keys, values, removed)


def lone(key: bytes, depth: int) -> Any:
    """A tree that nobody makes: inner nodes down to `depth`, though there is one leaf alone."""
    node: Any = leaf_of(DOMAINS, key, bytes(32))
    for _ in range(depth):
        node = (Hash32(bytes(32)), node, None)
    return node


@each_twin
def test_the_engine_that_is_named_makes_the_tree(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, name)
    keys, values = random_keys(100), random_keys(100, seed=1)
    node = update(DOMAINS, None, keys, values, b"")
    assert node == slow_update(DOMAINS, None, keys, values, b"")
    assert update(DOMAINS, node, keys, values, b"") is node
    assert update(DOMAINS, node, b"", b"", random_keys(5, seed=2)) is node
    assert update(DOMAINS, node, b"", b"", b"") is node
    assert update(DOMAINS, node, b"", b"", keys) is None
    first, rest = keys[:KEY_SIZE], keys[KEY_SIZE:]
    assert update(DOMAINS, node, b"", b"", rest) == leaf_of(DOMAINS, first, values[:KEY_SIZE])


@each_set
def test_large_updates_of_a_large_tree_agree(name: str) -> None:
    keys = random_keys(5_000)
    node = fast_update(name, None, keys, keys)
    assert node == slow_update(DOMAINS, None, keys, keys, b"")
    changes = (keys[: 32 * 999] + random_keys(500, 3), random_keys(1_499, 4), keys[32 * 2_000 :])
    before = node
    node = fast_update(name, node, *changes)
    assert node == slow_update(DOMAINS, before, *changes)
    assert before == slow_update(DOMAINS, None, keys, keys, b"")


@each_set
def test_other_threads_go_on_during_an_update(name: str) -> None:
    keys = random_keys(5_000)
    assert others_go_on(lambda: fast_update(name, None, keys, keys))
    whole, few = fast_update(name, None, keys, keys), keys[: 32 * 20]
    assert not others_go_on(lambda: fast_update(name, whole, few, few)), "too few to let go"


@each_set
def test_threads_that_update_one_tree_at_once_get_what_is_theirs(name: str) -> None:
    keys = random_keys(3_000)
    node = fast_update(name, None, keys, keys)
    changes = [
        (keys[: 32 * 1_000], random_keys(1_000, seed), keys[32 * 2_500 :]) for seed in (1, 2)
    ]
    expected = [slow_update(DOMAINS, node, *each) for each in changes]
    with ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            made = threads.map(lambda each: fast_update(name, node, *each), changes)
            assert list(made) == expected
    assert node == slow_update(DOMAINS, None, keys, keys, b"")


@each_set
def test_keys_that_part_at_their_last_bit_make_the_deepest_tree(name: str) -> None:
    keys = bytes(32) + bytes(31) + b"\1"
    node = fast_update(name, None, keys, keys)
    assert node == slow_update(DOMAINS, None, keys, keys, b"")
    depth, below = 0, node
    while below is not None and len(below) == 3:
        depth, below = depth + 1, below[1]
    assert depth == TREE_DEPTH
    assert fast_update(name, node, b"", b"", keys[32:]) == leaf_of(DOMAINS, keys[:32], keys[:32])


@each_twin
@pytest.mark.parametrize("depth", [0, 1, 3, 8])
def test_a_subtree_is_built_as_it_stands_in_the_whole_tree(
    name: str, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, name)
    keys = [bytes([number]) * KEY_SIZE for number in range(256)]
    whole = build(DOMAINS, b"".join(keys), b"".join(keys))
    assert whole == slow_update(DOMAINS, None, b"".join(keys), b"".join(keys), b"")
    mine = b"".join(keys[: 256 >> depth])
    expected = whole
    for _ in range(depth):
        assert expected is not None
        expected = expected[1]  # type: ignore[assignment]
    assert build(DOMAINS, mine, mine, depth) == expected
    assert build(DOMAINS, b"", b"", depth) is None
    with pytest.raises(ValueError, match="twice"):
        build(DOMAINS, mine * 2, mine * 2, depth)


@each_twin
def test_wrong_lengths_and_a_key_twice_are_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, name)
    key = bytes(32)
    wrongs = [
        (key[:-1], key[:-1], b""),
        (key, key * 2, b""),
        (key, b"", b""),
        (b"", b"", key + b"\0"),
        (key * 2, key * 2, b""),
        (b"", b"", key * 2),
        (key, key, key),
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"32 bytes|each key|twice|longer|shorter"):
            update(DOMAINS, None, *wrong)


@each_set
def test_whatever_is_no_tree_is_refused(name: str) -> None:
    key, leaf = bytes(32), leaf_of(DOMAINS, bytes(32), bytes(32))
    good, bad_hash, bad_content = Hash32(bytes(32)), Hash32(bytes(31)), bytes(63)
    wrongs: list[Any] = [
        7, "node", [], (), (good,), (good, leaf, leaf, leaf), (good, bad_content), (good, None),
        (good, 7, None), (good, (), None), (good, (bad_hash, bytes(64)), (bad_hash, bytes(64))),
        (good, None, (bad_hash, None, None)), (good, None, ("text", None, None)), (good, None, 7),
        (good, None, [good]), (good, "text"), [good, bytes(64)],
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises((TypeError, ValueError)):
            fast_update(name, wrong, key, b"\1" * 32)
    with pytest.raises(TypeError):
        fast_update(name, None, "text", key)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="instruction set"):
        fast_update("abacus", None, key, key)
    with pytest.raises(ValueError, match="32 bytes"):
        kernels.update_sparse_tree(name, b"", DOMAINS.node, KEYED_MODE, None, 0, key, key, b"")
    domains = (DOMAINS.leaf, DOMAINS.node)
    for depth in (-1, TREE_DEPTH, TREE_DEPTH + 1):
        with pytest.raises(ValueError, match="deep"):
            kernels.update_sparse_tree(
                name, *domains, KEYED_MODE, lone(key, 1), depth, key, key, b""
            )


@each_set
def test_a_tree_deeper_than_its_keys_ends_the_descent(name: str) -> None:
    key = bytes(32)
    assert fast_update(name, lone(key, TREE_DEPTH), key, key) is not None
    for depth in (TREE_DEPTH + 1, 10_000):
        with pytest.raises(ValueError, match="deeper"):
            fast_update(name, lone(key, depth), key, key)
    stranger = lone(b"\1" * 31 + b"\0", TREE_DEPTH)  # a leaf where its key does not belong
    with pytest.raises(ValueError, match="deeper"):
        fast_update(name, stranger, key, key)


@each_set
def test_updates_leak_nothing_whether_they_succeed_or_fail(name: str) -> None:
    keys, neighbours = random_keys(300), bytes(32) + bytes(31) + b"\1"
    node: Any = fast_update(name, None, keys, keys)
    spoilt = (node[0], node[1], (node[2][0], node[2][1], (node[0], bytes(63))))

    def work() -> None:
        tree = fast_update(name, node, keys[: 32 * 100], bytes(32 * 100), keys[32 * 200 :])
        assert fast_update(name, tree, b"", b"", keys) is None
        with pytest.raises(ValueError, match="length"):
            fast_update(name, spoilt, keys, bytes(32 * 300))

        deepest = fast_update(name, None, neighbours, neighbours)  # with 255 times None
        assert fast_update(name, deepest, b"", b"", neighbours) is None

    work()
    held = [node, node[1], node[2], node[0], node[1][0]]
    counts = [sys.getrefcount(each) for each in held]
    nothing = sys.getrefcount(None)
    tracemalloc.start()
    try:
        work()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 5_000  # one node a time would be more
    finally:
        tracemalloc.stop()
    assert [sys.getrefcount(each) for each in held] == counts
    assert abs(sys.getrefcount(None) - nothing) < 5_000  # 50 times 255 would be more


@each_set
def test_new_nodes_are_left_alone_by_the_garbage_collector(name: str) -> None:
    keys = random_keys(50)
    node = fast_update(name, None, keys, keys)

    def all_untracked(each: Node) -> bool:
        if each is None:
            return True
        below = len(each) == 2 or (all_untracked(each[1]) and all_untracked(each[2]))
        return below and not gc.is_tracked(each)

    assert all_untracked(node)
    assert all_untracked(fast_update(name, node, random_keys(50, 1), keys, keys[: 32 * 9]))
