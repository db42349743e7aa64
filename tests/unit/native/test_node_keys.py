"""Node keys and peer ids (their agreement with py-libp2p is an interop test)."""

import pytest

from native.errors import InvalidPeerId
from native.node_keys import (
    NODE_SIGNATURE_BYTES,
    is_peer_id,
    node_public_key,
    parse_peer_id,
    peer_id_of_seed,
    peer_id_text,
    sign_as_node,
    verify_node_signature,
)


def test_the_public_key_is_that_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert node_public_key(seed).hex() == public
    assert peer_id_of_seed(seed).hex() == "002408011220" + public


def test_an_ed25519_peer_id_is_recognised_by_sight() -> None:
    text = peer_id_text(peer_id_of_seed(bytes(32)))
    assert text.startswith("12D3Koo")
    assert len(text) == 52


def test_a_known_peer_id() -> None:
    """The Ed25519 example of the libp2p peer-ids specification."""
    key = "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
    text = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
    assert parse_peer_id(text) == bytes.fromhex("002408011220" + key)
    assert peer_id_text(parse_peer_id(text)) == text


@pytest.mark.parametrize("text", ["", "0", "l", "O", "I", "a b", "é", "0OIl"])
def test_text_that_is_not_base58_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeerId):
        parse_peer_id(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"\0",
        bytes(38),
        b"\xff" * 42,
        peer_id_of_seed(bytes(32))[:-1],
        peer_id_of_seed(bytes(32)) + b"\0",
        b"\0" + peer_id_of_seed(bytes(32)),
        bytes.fromhex("1220") + bytes(32),
        bytes.fromhex("002508021221") + bytes(33),
    ],
    ids=["short", "zeros", "ones", "cut", "longer", "moved", "sha-256 (Qm…)", "secp256k1"],
)
def test_base58_of_anything_but_an_ed25519_key_is_refused(raw: bytes) -> None:
    assert not is_peer_id(raw)
    with pytest.raises(InvalidPeerId):
        parse_peer_id(peer_id_text(raw))


def test_an_endless_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidPeerId) as caught:
        parse_peer_id("z" * 1_000_000)
    assert len(caught.value.peer_id) <= 64


def test_a_signature_is_checked_by_the_peer_id_alone() -> None:
    seed, message = bytes(range(32)), b"what for\0what"
    peer_id, signature = peer_id_of_seed(seed), sign_as_node(seed, message)
    assert len(signature) == NODE_SIGNATURE_BYTES
    assert verify_node_signature(peer_id, message, signature)
    assert not verify_node_signature(peer_id, message + b"!", signature)
    assert not verify_node_signature(peer_id_of_seed(bytes(32)), message, signature)
    assert not verify_node_signature(peer_id[:-1], message, signature)
    assert not verify_node_signature(peer_id, message, signature[:-1])
