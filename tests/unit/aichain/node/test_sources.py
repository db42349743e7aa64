"""Peers that do not deliver are left alone for a while, and the others share the questions."""

from aichain.node.sources import FIRST_WAIT_MS, LONGEST_WAIT_MS, Rotation, Unreliable
from native.hashing import ZERO_HASH
from p2p.network import Direction, PeerView


def peer(name: str, key: bytes = b"") -> PeerView:
    return PeerView(name, "", key, 0, ZERO_HASH, 0, 0, 0, 100, Direction.INBOUND, "")


def test_each_failure_in_a_row_doubles_the_time_out() -> None:
    book, now = Unreliable(), 1_000
    assert not book.is_out("a", now)
    waits = []
    for _ in range(12):
        book.failed("a", now)
        assert book.is_out("a", now)
        start = now
        while book.is_out("a", now):
            now += 1_000
        waits.append(now - start)
    assert waits[:3] == [FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]
    assert waits[-1] == LONGEST_WAIT_MS


def test_failures_of_one_moment_count_once_and_a_delivery_clears_them() -> None:
    book = Unreliable()
    for _ in range(4):
        book.failed("a", 0)
    assert not book.is_out("a", FIRST_WAIT_MS)
    book.failed("a", FIRST_WAIT_MS)
    book.delivered("a")
    assert not book.is_out("a", FIRST_WAIT_MS)
    book.failed("a", FIRST_WAIT_MS)
    assert not book.is_out("a", 2 * FIRST_WAIT_MS)


def test_only_so_many_are_remembered() -> None:
    book = Unreliable(max_peers=2)
    for name in "abc":
        book.failed(name, 0)
    assert len(book) == 2
    assert not book.is_out("a", 0)


def test_peers_take_turns_validators_first() -> None:
    rotation = Rotation(lambda: [b"k"])
    peers = [peer("a"), peer("b"), peer("v", b"k"), peer("w", b"k"), peer("x", b"other")]
    orders = [rotation.order(peers, 0) for _ in range(10)]
    assert all(set(order[:2]) == {"v", "w"} for order in orders)
    assert {order[0] for order in orders} == {"v", "w"}
    assert {order[2] for order in orders} == {"a", "b", "x"}
    assert rotation.order([], 0) == []


def test_the_named_peer_leads_and_failed_ones_come_last() -> None:
    rotation = Rotation(lambda: [b"k"])
    peers = [peer("a"), peer("b"), peer("v", b"k")]
    assert rotation.order(peers, 0, "b")[:2] == ["b", "v"]
    rotation.unreliable.failed("v", 0)
    rotation.unreliable.failed("b", 0)
    assert rotation.order(peers, 0, "b")[0] == "a"
    assert sorted(rotation.order(peers, 0)) == ["a", "b", "v"]
