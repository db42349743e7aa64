"""The codec under arbitrary values and arbitrary bytes, beside an independent msgpack."""

from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from native import codec
from native.codec import decode, encode
from native.errors import DecodeError

ROOMY = {"max_bytes": 1 << 20, "max_items": 1 << 20}

uints = st.one_of(
    st.integers(0, 2**64 - 1),
    st.sampled_from([edge + step for edge in (0, 128, 256, 2**16, 2**32) for step in (0, 1)]),
)
scalars = st.one_of(uints, st.binary(max_size=300))


def nested(depth: int) -> Any:
    if depth == 1:
        return st.lists(scalars, max_size=20)
    return st.lists(st.one_of(scalars, nested(depth - 1)), max_size=6)


values = nested(4)
anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), scalars
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.text(), st.integers(0, 9)), inner, max_size=3),
    ),
    max_leaves=10,
)


def only_canonical_kinds(value: Any, depth: int = 1) -> Any:
    """The slow twin of the decoder's check, on what the independent msgpack made of the bytes."""
    if type(value) is list:
        return depth <= 4 and all(only_canonical_kinds(each, depth + 1) for each in value)
    return type(value) is bytes or (type(value) is int and value >= 0)


def reference(raw: bytes) -> Any:
    """What an independent implementation says: the value, or None if it is not canonical."""
    try:
        value = msgpack.unpackb(raw, raw=False, strict_map_key=False)
    except (msgpack.UnpackException, ValueError, TypeError):
        return None
    if type(value) is not list or not only_canonical_kinds(value):
        return None
    return value if msgpack.packb(value, use_bin_type=True) == raw else None


@given(values)
def test_values_survive_their_bytes(value: Any) -> None:
    assert decode(encode(value), **ROOMY) == value


@given(values)
def test_the_bytes_are_those_of_an_independent_implementation(value: Any) -> None:
    assert encode(value) == msgpack.packb(value, use_bin_type=True)


@settings(max_examples=500)
@given(st.binary(max_size=64))
@example(b"\x92\x0a\x0a")
@example(b"\x91\xd6\xff\x00\x00\x00\x01")
@example(b"\x82\x90\x01\x80\x02")
def test_any_bytes_decode_canonically_or_raise_decode_error(raw: bytes) -> None:
    assert_canonical_or_refused(raw)


@given(st.lists(st.sampled_from([0x90, 0x91, 0x92, 0xC4, 0xCC, 0xDC, 1, 0, 0xFF]), max_size=30))
def test_bytes_that_look_like_msgpack_decode_canonically_or_raise_decode_error(parts: Any) -> None:
    assert_canonical_or_refused(bytes(parts))


@given(anything)
def test_whatever_msgpack_can_hold_is_canonical_or_refused(value: Any) -> None:
    assert_canonical_or_refused(msgpack.packb(value, use_bin_type=True))


@given(values, st.data())
def test_a_changed_byte_never_decodes_to_the_same_value(value: Any, data: Any) -> None:
    raw = bytearray(encode(value))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        assert decode(bytes(raw), **ROOMY) != value
    except DecodeError:
        pass
    assert_canonical_or_refused(bytes(raw))


@given(values, st.integers(0, 40))
def test_truncated_and_prolonged_bytes_are_refused(value: Any, cut: int) -> None:
    raw = encode(value)
    for broken in (raw[: max(0, len(raw) - 1 - cut)], raw + bytes(cut + 1)):
        with pytest.raises(DecodeError):
            decode(broken, **ROOMY)


@given(values, st.integers(0, 60))
def test_the_bounds_hold_exactly(value: Any, max_items: int) -> None:
    count = count_items(value)
    raw = encode(value)
    if count <= max_items:
        assert decode(raw, max_bytes=len(raw), max_items=max_items) == value
    else:
        with pytest.raises(DecodeError):
            decode(raw, max_bytes=len(raw), max_items=max_items)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=64), values.map(encode)), st.integers(0, 40))
def test_counting_first_changes_no_verdict(raw: bytes, max_items: int) -> None:
    """The path of large inputs, taken for small ones, accepts exactly the same bytes."""
    limits = {"max_bytes": 1 << 20, "max_items": max_items}
    plain = verdict(raw, limits)
    threshold = codec._COUNT_FIRST_ABOVE_BYTES
    codec._COUNT_FIRST_ABOVE_BYTES = -1
    try:
        assert verdict(raw, limits) == plain
    finally:
        codec._COUNT_FIRST_ABOVE_BYTES = threshold


def assert_canonical_or_refused(raw: bytes) -> None:
    expected = reference(raw)
    decoded = verdict(raw, ROOMY)
    assert decoded == expected
    if decoded is not None:
        assert encode(decoded) == raw


def verdict(raw: bytes, limits: Any) -> Any:
    try:
        return decode(raw, **limits)
    except DecodeError:
        return None


def count_items(value: Any) -> Any:
    return sum(1 + (count_items(each) if type(each) is list else 0) for each in value)
