"""Who finds a place when all are taken, and which addresses are dialled."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from libp2p.peer.id import ID

from genesis.limits import QUEUED_ANNOUNCED_BYTES_MAX
from native.hashing import ZERO_HASH
from p2p import libp2p_switchboard
from p2p.addresses import parse_peer_address
from p2p.libp2p_guard_yamux import GuardedYamux
from p2p.libp2p_link import PeerLink
from p2p.libp2p_switchboard import Switchboard, learnable
from p2p.mailbox import Mailbox
from p2p.network import Direction
from p2p.topics import topics_of
from p2p.wire.messages import Hello, Status
from tests.integration.libp2p_nodes import make_certificate

VALIDATOR, STRANGER = b"v" * 1952, b""


def link(peer: str, key: bytes = STRANGER, direction: Direction = Direction.INBOUND) -> PeerLink:
    wire: Any = SimpleNamespace(is_initiator=False, get_remote_address=lambda: ("10.0.0.1", 1))
    connection: Any = SimpleNamespace(muxed_conn=GuardedYamux(wire, ID(peer.encode())))
    hello = cast(
        "Hello", SimpleNamespace(validator_key=key, listen="", status=Status(0, ZERO_HASH, 0, 0))
    )
    return PeerLink(peer, connection, hello, direction, topics_of(1, ZERO_HASH))


@pytest.fixture
async def full(monkeypatch: pytest.MonkeyPatch) -> Switchboard:
    """Strangers have taken all places."""
    monkeypatch.setattr(libp2p_switchboard, "PEERS_MAX", 3)
    board = Switchboard("us", wanted={"named"})
    board.set_validators([VALIDATOR])
    assert all(board.admit(link(peer)) for peer in ("first", "second", "third"))
    return board


async def test_another_stranger_finds_no_place(full: Switchboard) -> None:
    assert not full.admit(link("fourth"))
    assert not full.admit(link("dialled", direction=Direction.OUTBOUND))


@pytest.mark.parametrize(
    "arrives", [link("named", direction=Direction.OUTBOUND), link("v", VALIDATOR)]
)
async def test_who_was_named_and_who_validates_takes_the_place_of_the_last_stranger(
    full: Switchboard, arrives: PeerLink
) -> None:
    assert full.admit(arrives)
    leaving = [peer for peer, each in full.links.items() if each._unwanted.is_set()]
    assert leaving == ["third"]


async def test_they_do_not_take_each_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libp2p_switchboard, "PEERS_MAX", 2)
    board = Switchboard("us", wanted={"named"})
    board.set_validators([VALIDATOR])
    assert board.admit(link("named"))
    assert board.admit(link("v", VALIDATOR))
    assert not board.admit(link("w", VALIDATOR))


async def test_strangers_fill_half_of_the_mailbox_and_validators_all_of_it() -> None:
    board = Switchboard("us")
    board.set_validators([VALIDATOR])
    assert board.admit(link("stranger"))
    assert board.admit(link("v", VALIDATOR))
    board.mailbox = Mailbox(limit=2)
    for peer, delivered in (("stranger", 1), ("stranger", 1), ("v", 2)):
        board.deliver(peer, make_certificate(), 1)
        assert board.mailbox.delivered == delivered


async def test_announcements_that_wait_for_a_peer_are_bounded_in_bytes() -> None:
    waiting, most = link("slow").announcements, 16
    for _ in range(2 * most):
        waiting.put(bytes(QUEUED_ANNOUNCED_BYTES_MAX // most))
    assert len(waiting) == most


@pytest.mark.parametrize(
    ("text", "told_by", "is_believed"),
    [
        ("/ip4/127.0.0.1/tcp/6379", "10.0.0.1", False),
        ("/ip6/::1/tcp/6379", "10.0.0.1", False),
        ("/ip4/127.0.0.1/tcp/9000", "127.0.0.1", True),
        ("/ip4/0.0.0.0/tcp/6379", "127.0.0.1", False),
        ("/ip4/10.0.0.2/tcp/0", "10.0.0.1", False),
        ("/ip4/10.0.0.2/tcp/9000", "10.0.0.1", True),
        ("/ip4/127.0.0.1/tcp/6379", "", False),
    ],
)
def test_nobody_far_away_has_us_dial_our_own_machine(
    text: str, told_by: str, *, is_believed: bool
) -> None:
    assert learnable(parse_peer_address(text), told_by) == is_believed
