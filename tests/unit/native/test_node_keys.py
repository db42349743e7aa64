"""Node keys and peer ids (their agreement with py-libp2p is an interop test)."""

import pytest

from native.errors import DecodeError
from native.node_keys import node_public_key, parse_peer_id, peer_id_of_seed, peer_id_text


def test_the_public_key_is_that_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert node_public_key(seed).hex() == public
    assert peer_id_of_seed(seed).hex() == "002408011220" + public


def test_an_ed25519_peer_id_is_recognised_by_sight() -> None:
    text = peer_id_text(peer_id_of_seed(bytes(32)))
    assert text.startswith("12D3Koo")
    assert len(text) == 52


def test_the_text_of_a_peer_id_parses_back() -> None:
    for raw in (peer_id_of_seed(bytes(32)), b"\0\0\1", b"\0", b"\xff" * 42):
        assert parse_peer_id(peer_id_text(raw)) == raw


@pytest.mark.parametrize("text", ["", "0", "l", "O", "I", "a b", "a" * 129, "é"])
def test_text_that_is_not_base58_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_peer_id(text)
