"""Canonical msgpack: golden bytes, every way to be non-canonical, limits, field readers."""

import json
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from native import codec
from native.codec import array, blob, bounded, decode, encode, sequence, uint
from native.errors import DecodeError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "codec.json").read_text())
ROOMY = {"max_bytes": 1 << 24, "max_items": 1 << 24}


def value_of(shown: Any) -> Any:
    if isinstance(shown, list):
        return [value_of(each) for each in shown]
    return bytes.fromhex(shown) if isinstance(shown, str) else shown


@pytest.mark.parametrize("case", VECTORS["canonical"], ids=lambda case: case["raw"][:16])
def test_golden_values_have_golden_bytes(case: dict[str, Any]) -> None:
    value, raw = value_of(case["value"]), bytes.fromhex(case["raw"])
    assert encode(value) == raw
    assert decode(raw, **ROOMY) == value


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_anything_but_the_canonical_form_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(case["raw"]), **ROOMY)


def test_of_a_large_input_too_many_elements_are_counted_and_never_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A megabyte of ones would be a million objects before anybody looked at the limit."""
    raw = encode([1] * 100_000)
    monkeypatch.setattr(codec, "_decoder_of_depth", lambda _depth: pytest.fail("it was decoded"))
    with pytest.raises(DecodeError, match="more than 99999 elements"):
        decode(raw, max_bytes=len(raw), max_items=99_999)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_refusals_do_not_depend_on_the_count_that_guards_large_inputs(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "_COUNT_FIRST_ABOVE_BYTES", -1)
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(case["raw"]), **ROOMY)


@pytest.mark.parametrize("case", VECTORS["canonical"], ids=lambda case: case["raw"][:16])
def test_large_inputs_decode_as_small_ones_do(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "_COUNT_FIRST_ABOVE_BYTES", -1)
    assert decode(bytes.fromhex(case["raw"]), **ROOMY) == value_of(case["value"])


def test_more_bytes_than_allowed_are_refused_before_they_are_read() -> None:
    raw = encode([bytes(100)])
    assert decode(raw, max_bytes=len(raw), max_items=1) == [bytes(100)]
    with pytest.raises(DecodeError, match="at most"):
        decode(raw, max_bytes=len(raw) - 1, max_items=1)


def test_elements_of_all_arrays_count_together() -> None:
    raw = encode([1, [2, 3], [[4]]])
    assert decode(raw, max_bytes=99, max_items=7)
    with pytest.raises(DecodeError, match="more than 6"):
        decode(raw, max_bytes=99, max_items=6)


@pytest.mark.parametrize("max_items", [6, 7])
def test_elements_count_the_same_on_raw_bytes(
    max_items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "_COUNT_FIRST_ABOVE_BYTES", -1)
    raw = encode([1, [2, 3], [[4]]])
    if max_items == 7:
        assert decode(raw, max_bytes=99, max_items=max_items)
    else:
        with pytest.raises(DecodeError, match="more than 6"):
            decode(raw, max_bytes=99, max_items=max_items)


def test_a_bomb_of_empty_arrays_is_refused_before_it_is_built() -> None:
    bomb = b"\xdd\x00\x20\x00\x00" + b"\x90" * (2 << 20)
    with pytest.raises(DecodeError, match="more than 1000"):
        decode(bomb, max_bytes=4 << 20, max_items=1000)


@pytest.mark.parametrize("levels", [5, 600, 60_000])
def test_deep_nesting_is_refused_and_never_exhausts_the_stack(levels: int) -> None:
    with pytest.raises(DecodeError):
        decode(b"\x91" * levels + b"\x90", max_bytes=1 << 20, max_items=1 << 20)


def test_deep_nesting_is_refused_whatever_the_recursion_limit_is() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000_000)
    try:
        with pytest.raises(DecodeError):
            decode(b"\x91" * 500_000 + b"\x90", max_bytes=1 << 20, max_items=1 << 20)
    finally:
        sys.setrecursionlimit(limit)


def test_nesting_may_be_bounded_tighter() -> None:
    assert decode(encode([1]), max_depth=1, **ROOMY) == [1]
    with pytest.raises(DecodeError, match="got `array`"):
        decode(encode([[1]]), max_depth=1, **ROOMY)


def test_tuples_and_enumerations_encode_as_what_they_are() -> None:
    class Kind(IntEnum):
        TRANSFER = 1

    assert encode((Kind.TRANSFER, (b"a",))) == encode([1, [b"a"]])


@pytest.mark.parametrize(
    "value", [[-1], [2**64], [True], [None], [1.0], ["text"], [{}], [bytearray(1)], {1}]
)
def test_what_has_no_canonical_encoding_is_our_own_mistake(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    ("value", "bits"), [(256, 8), (b"\x01", 8), ([1], 8), (2**32, 32), (-1, 64), (2**64, 64)]
)
def test_uint_refuses_what_does_not_fit(value: Any, bits: int) -> None:
    with pytest.raises(DecodeError):
        uint(value, bits)


@pytest.mark.parametrize(
    ("read", "value", "bound"),
    [
        (blob, b"abc", 4),
        (blob, b"abc", 2),
        (blob, 3, 3),
        (blob, [1, 2, 3], 3),
        (bounded, b"abc", 2),
        (bounded, 1, 2),
        (array, [1], 2),
        (array, b"ab", 2),
        (sequence, [1, 2], 1),
        (sequence, b"", 1),
    ],
)
def test_a_reader_refuses_another_kind_or_size(read: Any, value: Any, bound: int) -> None:
    with pytest.raises(DecodeError):
        read(value, bound)


def test_a_reader_hands_on_what_fits() -> None:
    assert uint(255, 8) == 255
    assert uint(2**64 - 1) == 2**64 - 1
    assert blob(b"abc", 3) == b"abc"
    assert bounded(b"", 0) == b""
    assert bounded(b"abc", 4) == b"abc"
    assert array([1, 2], 2) == [1, 2]
    assert sequence([], 0) == []
