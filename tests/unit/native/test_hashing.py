"""BLAKE3 domains and Keccak-256 against published and recorded answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from native.errors import DecodeError
from native.hashing import (
    ZERO_HASH,
    blake3_256,
    derive_hash,
    hash32,
    keccak256,
    keyed_hash,
    xof,
)

KNOWN = json.loads((Path(__file__).parents[2] / "vectors" / "known_answers.json").read_text())

# BLAKE3 reference vectors (BLAKE3-team/BLAKE3, test_vectors.json), inputs of length 0 and 1.
EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
ONE_ZERO_BYTE = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
EMPTY_KEYED = "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"
EMPTY_DERIVED = "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"


def test_blake3_gives_the_reference_answers_in_its_three_modes() -> None:
    context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
    assert blake3_256(b"").hex() == EMPTY
    assert blake3_256(b"\0").hex() == ONE_ZERO_BYTE
    assert keyed_hash(b"whats the Elvish word for friend", b"").hex() == EMPTY_KEYED
    assert derive_hash(context, b"").hex() == EMPTY_DERIVED


@pytest.mark.parametrize("case", KNOWN["blake3"], ids=lambda case: case["text"])
def test_blake3_gives_the_recorded_answers(case: dict[str, Any]) -> None:
    assert blake3_256(case["text"].encode()).hex() == case["digest"]


@pytest.mark.parametrize("case", KNOWN["keccak256"], ids=lambda case: case["text"])
def test_keccak_is_the_ethereum_one_and_not_sha3(case: dict[str, Any]) -> None:
    digest = keccak256(case["text"].encode()).hex()
    assert digest.startswith(case["digest"] if "digest" in case else case["first4"])


def test_contexts_separate() -> None:
    assert derive_hash("aichain/a", b"x") != derive_hash("aichain/b", b"x")
    assert derive_hash("aichain/a", b"x") != blake3_256(b"x")


def test_a_longer_draw_continues_a_shorter_one() -> None:
    long = xof("aichain/test", b"seed", 100)
    assert len(long) == 100
    assert xof("aichain/test", b"seed", 32) == long[:32]
    assert derive_hash("aichain/test", b"seed") == long[:32]


def test_hash32_takes_only_32_bytes() -> None:
    assert hash32(bytes(32)) == ZERO_HASH
    for value in (bytes(31), bytes(33), 5, [1], bytearray(32)):
        with pytest.raises(DecodeError):
            hash32(value)
