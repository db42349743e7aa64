"""Many hashes in one call, side by side in one result: on vector units where we have them.

The loops are the definition; the kernels must agree with them byte by byte.
"""

import hashlib
from collections.abc import Sequence

from native.compiled import hashing_set, kernels
from native.hashing import keccak256, keyed_hash

KEYED_MODE = 1 << 4
"""The flag of BLAKE3's keyed mode (the BLAKE3 paper, table 3)."""

SHA3_PADDING, KECCAK_PADDING = 0x06, 0x01


def keyed_hash_many(key: bytes, messages: Sequence[bytes]) -> bytes:
    """`keyed_hash` of each message."""
    digests, name = None, hashing_set()
    if name is not None:
        digests = kernels.blake3_many(name, key, KEYED_MODE, messages)
    if digests is None:  # one is longer than a chunk: such have lanes of their own in the library
        digests = b"".join(keyed_hash(key, message) for message in messages)
    return digests


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
