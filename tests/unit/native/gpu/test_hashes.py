"""Hashes and trees of the GPU against the libraries, on the emulated device."""

import hashlib
import random

import pytest

from native.gpu.emulated_device import EmulatedDevice, emulation
from native.gpu.hashes import GpuHashes, HashLimits
from native.hashing import keccak256, keyed_hash
from native.merkle import merkle_root

pytestmark = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")
each_order = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])

KEY = bytes(range(32))
SMALL = HashLimits(items=10, message_bytes=4_096)
LENGTHS = [0, 1, 31, 32, 63, 64, 65, 127, 128, 135, 136, 137, 272, 1_000, 1_023, 1_024, 1_025]
LENGTHS += [4_095, 4_096, 4_097, 20_000]


def make_hashes(backwards: bool = False) -> GpuHashes:
    return GpuHashes(EmulatedDevice(backwards=backwards), SMALL)


def make_messages() -> list[bytes]:
    chance = random.Random(5)
    messages = [chance.randbytes(length) for length in LENGTHS * 2]
    chance.shuffle(messages)
    return messages


@each_order
def test_digests_are_those_of_the_libraries(backwards: bool) -> None:
    hashes, messages = make_hashes(backwards), make_messages()
    for _ in range(2):  # again, with staging buffers that were used
        keyed = hashes.keyed_hash_many(KEY, messages)
        assert keyed == b"".join(keyed_hash(KEY, each) for each in messages)
        assert hashes.keccak256_many(messages) == b"".join(map(keccak256, messages))
        expected = b"".join(hashlib.sha3_256(each).digest() for each in messages)
        assert hashes.sha3_256_many(messages) == expected
        messages.reverse()


def test_of_no_messages_there_are_no_digests() -> None:
    hashes = make_hashes()
    assert hashes.keyed_hash_many(KEY, []) == b""
    assert hashes.keccak256_many([]) == hashes.sha3_256_many([]) == b""


@each_order
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 16, 17, 31, 33, 257, 1_200])
def test_the_root_of_a_tree_is_the_same(backwards: bool, count: int) -> None:
    leaves = [number.to_bytes(4, "big") * (number % 9) for number in range(count)]
    hashes = make_hashes(backwards)
    assert hashes.merkle_root(leaves) == merkle_root(leaves)
    assert hashes.merkle_root([*leaves, bytes(2_000)]) == merkle_root([*leaves, bytes(2_000)])
