"""Addresses and peer ids as text: one form each, everything else refused with its reason."""

import pytest

from native.node_keys import peer_id_of_seed
from p2p.addresses import (
    InvalidPeerId,
    format_peer_id,
    parse_peer_address,
    parse_peer_id,
)
from p2p.errors import InvalidPeerAddress

PEER = format_peer_id(peer_id_of_seed(b"A" * 32))


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
    with pytest.raises((InvalidPeerAddress, InvalidPeerId)):
        parse_peer_address(text)


def test_an_address_knows_where_it_can_be_dialled_from() -> None:
    assert parse_peer_address("/ip4/0.0.0.0/tcp/1").is_unspecified
    assert parse_peer_address("/ip6/::1/tcp/1").is_loopback
    assert not parse_peer_address("/dns/localhost/tcp/1").is_loopback
    moved = parse_peer_address(f"/ip4/0.0.0.0/tcp/1/p2p/{PEER}").with_host("2001:db8::1")
    assert str(moved) == f"/ip6/2001:db8::1/tcp/1/p2p/{PEER}"
    assert moved.endpoint == "/ip6/2001:db8::1/tcp/1"


def test_a_known_peer_id() -> None:
    """The Ed25519 example of the libp2p peer-ids specification."""
    key = "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
    raw = bytes.fromhex("002408011220" + key)
    text = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
    assert len(raw) == 38
    assert parse_peer_id(format_peer_id(raw)) == raw
    assert parse_peer_id(text)[:6] == raw[:6]
    assert format_peer_id(parse_peer_id(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0OIl", "1" * 60, "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"]
)
def test_other_peer_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidPeerId):
        parse_peer_id(text)
