"""Checks a peer's hello: same chain, and a validator key that is bound to the peer's own id."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from native.errors import InvalidData
from native.hashing import Hash32
from native.signatures import SigningKey, UnknownKeyLength, algorithm_of, verify
from p2p.wire.messages import Hello, Status

HELLO_CONTEXT: Final = b"aichain/hello/v1"
_BINDING_MAGIC: Final = b"AICH1"


class HelloFault(Enum):
    """Why a hello is refused. The first three are nodes that are not for us, the rest are lies."""

    WRONG_VERSION = "another wire version"
    WRONG_NETWORK = "another network id"
    WRONG_GENESIS = "another genesis"
    BAD_KEY = "not a public key of a validator"
    BAD_BINDING = "the validator key did not sign for this peer id"


_NOT_FOR_US: Final = (HelloFault.WRONG_VERSION, HelloFault.WRONG_NETWORK, HelloFault.WRONG_GENESIS)


@dataclass(eq=False)
class HelloRefused(InvalidData):
    """A peer we do not talk to; of another version or chain, `ours` and `its` tell which."""

    fault: HelloFault
    ours: str = ""
    its: str = ""

    @property
    def is_lost(self) -> bool:
        """Another version's or somebody else's node, which is not hostile."""
        return self.fault in _NOT_FOR_US


def binding_bytes(network_id: int, genesis_hash: Hash32, peer_id_raw: bytes) -> bytes:
    """What a validator key signs to say "this peer id is mine" (FIPS 204, ctx HELLO_CONTEXT)."""
    return b"".join((_BINDING_MAGIC, network_id.to_bytes(8, "big"), genesis_hash, peer_id_raw))


def make_hello(
    network_id: int,
    genesis_hash: Hash32,
    peer_id_raw: bytes,
    validator: SigningKey | None,
    *,
    agent: str,
    status: Status,
    listen: str,
) -> Hello:
    """Our own hello. Signing costs a fraction of a millisecond; keep the result, status aside."""
    key, binding = b"", b""
    if validator is not None:
        key = validator.public_key
        binding = validator.sign(
            binding_bytes(network_id, genesis_hash, peer_id_raw), HELLO_CONTEXT
        )
    return Hello(network_id, genesis_hash, agent, key, binding, status, listen)


def check_hello(hello: Hello, *, network_id: int, genesis_hash: Hash32, peer_id_raw: bytes) -> None:
    """HelloRefused unless `hello` is of our chain and its key, if any, is bound to `peer_id_raw`,
    the id that the encrypted connection has proved. Cheap checks come before the signature."""
    if hello.network_id != network_id:
        raise HelloRefused(HelloFault.WRONG_NETWORK, str(network_id), str(hello.network_id))
    if hello.genesis_hash != genesis_hash:
        ours, its = f"0x{genesis_hash.hex()}", f"0x{hello.genesis_hash.hex()}"
        raise HelloRefused(HelloFault.WRONG_GENESIS, ours, its)
    if not hello.validator_key:
        if hello.binding:
            raise HelloRefused(HelloFault.BAD_KEY)
        return
    try:
        algorithm_of(hello.validator_key)
    except UnknownKeyLength:
        raise HelloRefused(HelloFault.BAD_KEY) from None
    signed = binding_bytes(network_id, genesis_hash, peer_id_raw)
    if not verify(hello.validator_key, signed, HELLO_CONTEXT, hello.binding):
        raise HelloRefused(HelloFault.BAD_BINDING)
