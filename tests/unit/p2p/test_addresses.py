"""Addresses as text: one form each, everything else refused with its reason."""

import pytest

from native.node_keys import peer_id_of_seed, peer_id_text
from p2p.addresses import parse_peer_address
from p2p.errors import InvalidPeerAddress

PEER = peer_id_text(peer_id_of_seed(b"A" * 32))


@pytest.mark.parametrize(
    "text",
    [
        "/ip4/127.0.0.1/tcp/3691",
        f"/ip4/203.0.113.7/tcp/3691/p2p/{PEER}",
        "/ip6/::1/tcp/0",
        f"/dns4/boot.example.org/tcp/3691/p2p/{PEER}",
        "/dns/localhost/tcp/65535",
    ],
)
def test_addresses_are_read_and_written_alike(text: str) -> None:
    assert str(parse_peer_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:3691",
        "/ip4/127.0.0.1/udp/3691",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/tcp/-1",
        "/ip4/127.0.0.1/tcp/٣",
        "/ip4/::1/tcp/1",
        "/ip6/127.0.0.1/tcp/1",
        "/ip4/256.0.0.1/tcp/1",
        "/dns4/a b/tcp/1",
        "/dns4/-a/tcp/1",
        "/ip4/127.0.0.1/tcp/1/p2p/",
        "/ip4/127.0.0.1/tcp/1/p2p/nonsense",
        f"/ip4/127.0.0.1/tcp/1/ipfs/{PEER}",
        f"/ip4/127.0.0.1/tcp/1/p2p/{PEER}/p2p-circuit",
        "/ip4/127.0.0.1/tcp/1/" + "x" * 300,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeerAddress):
        parse_peer_address(text)


def test_an_address_knows_where_it_can_be_dialled_from() -> None:
    assert parse_peer_address("/ip4/0.0.0.0/tcp/1").is_unspecified
    assert parse_peer_address("/ip6/::1/tcp/1").is_loopback
    assert not parse_peer_address("/dns/localhost/tcp/1").is_loopback
    moved = parse_peer_address(f"/ip4/0.0.0.0/tcp/1/p2p/{PEER}").with_host("2001:db8::1")
    assert str(moved) == f"/ip6/2001:db8::1/tcp/1/p2p/{PEER}"
    assert moved.endpoint == "/ip6/2001:db8::1/tcp/1"
