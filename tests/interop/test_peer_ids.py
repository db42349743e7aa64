"""Our peer ids are those of py-libp2p."""

import warnings

import pytest

from native.node_keys import node_public_key, parse_peer_id, peer_id_of_seed, peer_id_text

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its own imports are deprecated
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.peer.id import ID


@pytest.mark.parametrize("byte", [0, 1, 7, 255])
def test_a_seed_has_the_peer_id_that_libp2p_gives_it(byte: int) -> None:
    seed = bytes([byte]) * 32
    pair = create_new_key_pair(seed)
    expected = ID.from_pubkey(pair.public_key)
    assert node_public_key(seed) == pair.public_key.to_bytes()
    assert peer_id_of_seed(seed) == expected.to_bytes()
    assert peer_id_text(peer_id_of_seed(seed)) == expected.to_base58()
    assert parse_peer_id(expected.to_base58()) == expected.to_bytes()
