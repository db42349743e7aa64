"""A hello is accepted if it is of our chain and its key signed for the peer id Noise has proved."""

from dataclasses import replace

import pytest

from native.hashing import ZERO_HASH, Hash32
from native.node_keys import peer_id_of_seed
from native.signatures import Algorithm, SigningKey
from p2p.wire.handshake import HelloFault, HelloRefused, check_hello, make_hello
from p2p.wire.messages import Hello, Status

GENESIS = Hash32(b"G" * 32)
PEER = peer_id_of_seed(b"A" * 32)
KEY = SigningKey.from_seed(b"K" * 32)


def hello_of(key: SigningKey | None = KEY, peer: bytes = PEER) -> Hello:
    status = Status(0, ZERO_HASH, 0, 0)
    return make_hello(36_999, GENESIS, peer, key, agent="test", status=status, listen="")


def check(hello: Hello, peer: bytes = PEER) -> None:
    check_hello(hello, network_id=36_999, genesis_hash=GENESIS, peer_id_raw=peer)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_validator_is_who_it_says(algorithm: Algorithm) -> None:
    check(hello_of(SigningKey.from_seed(b"K" * 32, algorithm)))


def test_a_node_without_a_key_claims_none() -> None:
    hello = hello_of(None)
    assert hello.validator_key == hello.binding == b""
    check(hello)


@pytest.mark.parametrize(
    ("spoiled", "fault"),
    [
        (replace(hello_of(), network_id=36_964), HelloFault.WRONG_NETWORK),
        (replace(hello_of(), genesis_hash=ZERO_HASH), HelloFault.WRONG_GENESIS),
        (replace(hello_of(), validator_key=b"k" * 100), HelloFault.BAD_KEY),
        (replace(hello_of(), validator_key=b""), HelloFault.BAD_KEY),
        (replace(hello_of(), binding=b""), HelloFault.BAD_BINDING),
        (replace(hello_of(), binding=hello_of().binding[:-1] + b"\0"), HelloFault.BAD_BINDING),
        (
            replace(hello_of(), validator_key=SigningKey.from_seed(b"x" * 32).public_key),
            HelloFault.BAD_BINDING,
        ),
    ],
)
def test_every_lie_has_its_name(spoiled: Hello, fault: HelloFault) -> None:
    with pytest.raises(HelloRefused) as refused:
        check(spoiled)
    assert refused.value.fault is fault


def test_a_binding_for_another_peer_id_is_worthless() -> None:
    with pytest.raises(HelloRefused):
        check(hello_of(), peer_id_of_seed(b"B" * 32))


def test_a_binding_for_another_chain_is_worthless() -> None:
    status = Status(0, ZERO_HASH, 0, 0)
    other = make_hello(36_964, GENESIS, PEER, KEY, agent="test", status=status, listen="")
    with pytest.raises(HelloRefused) as refused:
        check(replace(other, network_id=36_999))
    assert refused.value.fault is HelloFault.BAD_BINDING
