"""Hashes of many messages are those of each."""

import hashlib
from functools import partial

import pytest
from blake3 import blake3

from native import hash_batches, merkle
from native.compiled import ENGINE_VARIABLE, GPU, INSTRUCTION_SETS, hashing_set, kernels
from native.hash_batches import (
    KECCAK_PADDING,
    KEYED_MODE,
    SHA3_PADDING,
    blake3_256_many,
    keccak256_many,
    keyed_hash_many,
    sha3_256_many,
)
from native.hashing import blake3_256, keccak256, keyed_hash

KEY = bytes(range(32))
MESSAGES = [bytes([length % 251]) * length for length in (*range(300), 512, 960, 1023, 1024)]
each_set = pytest.mark.parametrize("name", INSTRUCTION_SETS)


def test_batches_are_loops_in_one_call() -> None:
    messages = [bytes(1_025), *MESSAGES, bytes(5_000), b"end"]
    assert blake3_256_many(messages) == b"".join(map(blake3_256, messages))
    assert blake3_256_many(MESSAGES) == b"".join(map(blake3_256, MESSAGES))
    assert keyed_hash_many(KEY, messages) == b"".join(keyed_hash(KEY, each) for each in messages)
    assert keyed_hash_many(KEY, MESSAGES) == b"".join(keyed_hash(KEY, each) for each in MESSAGES)
    assert keccak256_many(messages) == b"".join(map(keccak256, messages))
    assert sha3_256_many(messages) == b"".join(hashlib.sha3_256(m).digest() for m in messages)
    assert (
        keyed_hash_many(KEY, [])
        == blake3_256_many([])
        == keccak256_many([])
        == sha3_256_many([])
        == b""
    )


def test_without_kernels_the_loops_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    works = (partial(keyed_hash_many, KEY), blake3_256_many, keccak256_many, sha3_256_many)
    expected = [work(MESSAGES) for work in works]
    monkeypatch.setattr(hash_batches, "hashing_set", lambda: None)
    monkeypatch.setattr(hash_batches, "kernels", None)
    assert [work(MESSAGES) for work in works] == expected


def test_whoever_names_an_engine_gets_its_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENGINE_VARIABLE, raising=False)
    assert hashing_set() == next(iter(INSTRUCTION_SETS), None)
    for name in INSTRUCTION_SETS:
        monkeypatch.setenv(ENGINE_VARIABLE, name)
        assert hashing_set() == name
    monkeypatch.setenv(ENGINE_VARIABLE, GPU)  # which is for signatures
    assert hashing_set() == next(iter(INSTRUCTION_SETS), None)
    monkeypatch.setenv(ENGINE_VARIABLE, "openssl")
    assert hashing_set() is None
    assert merkle.merkle_root([b"leaf"]) == merkle.root_of_top(1, merkle._top([b"leaf"]))


@each_set
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 33, 304])
def test_every_instruction_set_agrees_on_any_number_of_messages(name: str, count: int) -> None:
    for messages in (MESSAGES[-count:] if count else [], [bytes(64)] * count, [bytes(33)] * count):
        digests = [blake3(each, key=KEY).digest() for each in messages]
        assert kernels.blake3_many(name, KEY, KEYED_MODE, messages) == b"".join(digests)
        digests = [hashlib.sha3_256(each).digest() for each in messages]
        assert kernels.sha3_many(name, SHA3_PADDING, messages) == b"".join(digests)
        digests = [keccak256(each) for each in messages]
        assert kernels.sha3_many(name, KECCAK_PADDING, messages) == b"".join(digests)


@each_set
def test_wrong_arguments_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        kernels.blake3_many(name, b"short", KEYED_MODE, [b""])
    assert kernels.blake3_many(name, KEY, KEYED_MODE, [bytes(1025)]) is None
    with pytest.raises(TypeError):
        kernels.blake3_many(name, KEY, KEYED_MODE, ["text"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="instruction set"):
        kernels.sha3_many("abacus", SHA3_PADDING, [b""])


@each_set
@pytest.mark.parametrize(
    "count", [*range(1, 6), 16, 17, 31, 33, 511, 513, 1_023, 1_024, 1_025, 2_048, 2_049, 3_100]
)
def test_the_tree_of_every_instruction_set_has_the_same_top(name: str, count: int) -> None:
    leaves = [number.to_bytes(4, "big") * (number % 9) for number in range(count)]
    keys = (merkle.LEAF_KEY, merkle.NODE_KEY)
    assert kernels.merkle_top(name, *keys, KEYED_MODE, leaves) == merkle._top(leaves)
