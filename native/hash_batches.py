"""Many hashes in one call, side by side in one result: on vector units where we have them.

The loops are the definition; the kernels must agree with them byte by byte.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from native.compiled import hashing_set, kernels
from native.hashing import HASH_BYTES, blake3_256, keccak256, keyed_hash

PLAIN_MODE, KEYED_MODE = 0, 1 << 4
"""The flags of BLAKE3's modes (the BLAKE3 paper, table 3)."""

CHUNK_BYTES = 1024
"""What is longer has lanes of its own in the library."""

SHA3_PADDING, KECCAK_PADDING = 0x06, 0x01

_INITIAL = bytes.fromhex("67e6096a85ae67bb72f36e3c3af54fa57f520e518c68059babd9831f19cde05b")
"""The key of the plain mode (the BLAKE3 paper, table 1), each word with its low byte first."""


def blake3_256_many(messages: Sequence[bytes]) -> bytes:
    """`blake3_256` of each message."""
    name = hashing_set()
    if name is None:
        return b"".join(map(blake3_256, messages))
    return _many(name, _INITIAL, PLAIN_MODE, blake3_256, messages)


def keyed_hash_many(key: bytes, messages: Sequence[bytes]) -> bytes:
    """`keyed_hash` of each message."""
    name = hashing_set()
    if name is None:
        return b"".join(keyed_hash(key, message) for message in messages)
    return _many(name, key, KEYED_MODE, partial(keyed_hash, key), messages)


def keccak256_many(messages: Sequence[bytes]) -> bytes:
    """`keccak256` of each message."""
    name = hashing_set()
    if name is None:
        return b"".join(map(keccak256, messages))
    return kernels.sha3_many(name, KECCAK_PADDING, messages)


def sha3_256_many(messages: Sequence[bytes]) -> bytes:
    """SHA3-256 (FIPS 202) of each message."""
    name = hashing_set()
    if name is None:
        return b"".join(hashlib.sha3_256(message).digest() for message in messages)
    return kernels.sha3_many(name, SHA3_PADDING, messages)


def _many(
    name: str,
    key: bytes,
    mode: int,
    alone: Callable[[bytes], bytes],
    messages: Sequence[bytes],
) -> bytes:
    digests = kernels.blake3_many(name, key, mode, messages)
    if digests is not None:
        return digests
    short = [message for message in messages if len(message) <= CHUNK_BYTES]
    together = kernels.blake3_many(name, key, mode, short)
    assert together is not None, "each of them is a chunk"
    rest = (together[at : at + HASH_BYTES] for at in range(0, len(together), HASH_BYTES))
    return b"".join(alone(each) if len(each) > CHUNK_BYTES else next(rest) for each in messages)
