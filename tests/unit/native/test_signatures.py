"""ML-DSA keys: what is stored, what is shown, what is refused."""

from typing import Any

import pytest

from native.errors import InvalidData
from native.signatures import (
    CONTEXT_MAX_BYTES,
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Algorithm,
    SigningKey,
    UnknownKeyLength,
    algorithm_of,
    verify,
)

SEED = bytes(range(32))


@pytest.fixture(scope="module", params=list(Algorithm), ids=lambda algorithm: algorithm.name)
def key(request: Any) -> Any:
    return SigningKey.from_seed(SEED, request.param)


def test_a_signature_verifies_and_has_the_size_of_its_algorithm(key: Any) -> None:
    signature = key.sign(b"message", b"context")
    assert len(signature) == SIGNATURE_BYTES[key.algorithm]
    assert len(key.public_key) == PUBLIC_KEY_BYTES[key.algorithm]
    assert verify(key.public_key, b"message", b"context", signature)


def test_message_context_and_key_are_all_bound(key: Any) -> None:
    signature = key.sign(b"message", b"context")
    other = SigningKey.from_seed(bytes(32), key.algorithm)
    assert not verify(key.public_key, b"massage", b"context", signature)
    assert not verify(key.public_key, b"message", b"", signature)
    assert not verify(key.public_key, b"message", b"contexts", signature)
    assert not verify(other.public_key, b"message", b"context", signature)


def test_context_and_message_do_not_run_together(key: Any) -> None:
    signature = key.sign(b"bc", b"a")
    assert not verify(key.public_key, b"c", b"ab", signature)


def test_wrong_lengths_are_false_and_never_raise(key: Any) -> None:
    signature = key.sign(b"m", b"")
    assert not verify(key.public_key, b"m", b"", signature[:-1])
    assert not verify(key.public_key, b"m", b"", signature + b"\0")
    assert not verify(key.public_key, b"m", b"", b"")
    assert not verify(key.public_key[:-1], b"m", b"", signature)
    assert not verify(b"", b"m", b"", signature)
    assert not verify(key.public_key, b"m", bytes(CONTEXT_MAX_BYTES + 1), signature)


def test_a_context_reaches_255_bytes_and_no_further(key: Any) -> None:
    longest = bytes(CONTEXT_MAX_BYTES)
    assert verify(key.public_key, b"m", longest, key.sign(b"m", longest))
    with pytest.raises(ValueError, match="at most 255"):
        key.sign(b"m", longest + b"\0")


def test_signing_is_hedged_so_two_signatures_differ(key: Any) -> None:
    assert key.sign(b"m", b"") != key.sign(b"m", b"")


def test_the_seed_is_the_whole_key(key: Any) -> None:
    again = SigningKey.from_seed(key.seed, key.algorithm)
    assert again.public_key == key.public_key
    assert verify(key.public_key, b"m", b"", again.sign(b"m", b""))


def test_no_text_of_a_key_shows_its_seed(key: Any) -> None:
    for text in (repr(key), str(key), f"{key}"):
        assert SEED.hex()[:16] not in text
        assert str(SEED) not in text


@pytest.mark.parametrize("size", [0, 31, 33, 4032])
def test_a_seed_is_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(bytes(size))


def test_generated_keys_differ_and_default_to_level_three() -> None:
    first, second = SigningKey.generate(), SigningKey.generate()
    assert first.algorithm is Algorithm.ML_DSA_65
    assert first.public_key != second.public_key
    assert len(first.seed) == 32


def test_the_length_of_a_key_names_its_algorithm(key: Any) -> None:
    assert algorithm_of(key.public_key) is key.algorithm
    with pytest.raises(UnknownKeyLength) as refusal:
        algorithm_of(key.public_key + b"\0")
    assert refusal.value.length == len(key.public_key) + 1
    assert isinstance(refusal.value, InvalidData)


def test_a_key_of_zeros_is_a_key() -> None:
    """FIPS 204 refuses no string of the right length; an own check would split the chain."""
    for algorithm, size in PUBLIC_KEY_BYTES.items():
        assert not verify(bytes(size), b"m", b"", bytes(SIGNATURE_BYTES[algorithm]))
