"""Many hashes in one call, side by side in one result: on vector units where we have them.

The loops are the definition; the kernels must agree with them byte by byte.
"""

import hashlib
from collections.abc import Sequence

from native.compiled import INSTRUCTION_SETS, kernels
from native.hashing import keccak256, keyed_hash

KEYED_MODE = 1 << 4
"""The flag of BLAKE3's keyed mode (the BLAKE3 paper, table 3)."""

SHA3_PADDING, KECCAK_PADDING = 0x06, 0x01


def keyed_hash_many(key: bytes, messages: Sequence[bytes]) -> bytes:
    """`keyed_hash` of each message."""
    digests = None
    if INSTRUCTION_SETS:
        digests = kernels.blake3_many(INSTRUCTION_SETS[0], key, KEYED_MODE, messages)
    if digests is None:  # one is longer than a chunk: such have lanes of their own in the library
        digests = b"".join(keyed_hash(key, message) for message in messages)
    return digests


def keccak256_many(messages: Sequence[bytes]) -> bytes:
    """`keccak256` of each message."""
    if INSTRUCTION_SETS:
        return kernels.sha3_many(INSTRUCTION_SETS[0], KECCAK_PADDING, messages)
    return b"".join(map(keccak256, messages))


def sha3_256_many(messages: Sequence[bytes]) -> bytes:
    """SHA3-256 (FIPS 202) of each message."""
    if INSTRUCTION_SETS:
        return kernels.sha3_many(INSTRUCTION_SETS[0], SHA3_PADDING, messages)
    return b"".join(hashlib.sha3_256(message).digest() for message in messages)
