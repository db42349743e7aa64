"""Domain-separated BLAKE3, and Keccak-256 where an Ethereum virtual machine must agree."""

from typing import NewType

from blake3 import blake3
from Crypto.Hash import keccak

from native.errors import DecodeError

Hash32 = NewType("Hash32", bytes)

HASH_BYTES = 32
ZERO_HASH = Hash32(bytes(HASH_BYTES))


def hash32(value: object) -> Hash32:
    """`value` as a hash; DecodeError if it is not exactly 32 bytes."""
    if type(value) is not bytes or len(value) != HASH_BYTES:
        raise DecodeError("a hash is 32 bytes")
    return Hash32(value)


def blake3_256(data: bytes) -> Hash32:
    """Plain BLAKE3: only where an outside rule says so (addresses) or nothing else can be meant."""
    return Hash32(blake3(data).digest())


def derive_hash(context: str, data: bytes) -> Hash32:
    """BLAKE3 in derive-key mode: different contexts never collide. Contexts are literals."""
    return Hash32(blake3(data, derive_key_context=context).digest())


def keyed_hash(key: bytes, data: bytes) -> Hash32:
    """BLAKE3 under a 32-byte key: the cheap separation (a 64-byte node is one compression)."""
    return Hash32(blake3(data, key=key).digest())


def xof(context: str, seed: bytes, size: int) -> bytes:
    """`size` bytes drawn from `seed`: the only randomness that consensus knows."""
    return blake3(seed, derive_key_context=context).digest(length=size)


def keccak256(data: bytes) -> Hash32:
    """Keccak-256 with the original padding (not SHA-3): EIP-55 checksums and bridge messages."""
    return Hash32(keccak.new(digest_bits=256, data=data).digest())
