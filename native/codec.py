"""Canonical msgpack: one value has one byte string, and nothing else decodes."""

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import msgspec

from native.errors import DecodeError

Value: TypeAlias = "int | bytes | list[Value]"
"""What a canonical byte string holds: unsigned integers, byte strings, arrays of them."""

Encodable: TypeAlias = "int | bytes | Sequence[Encodable]"
"""What `encode` takes; tuples count as arrays."""

UINT_MAX = 2**64 - 1

# A one-byte empty array becomes a 64-byte object. Below this size that is harmless; above it
# the items are counted on the raw bytes before anything is built.
_COUNT_FIRST_ABOVE_BYTES = 64 * 1024

_encoder = msgspec.msgpack.Encoder()


def encode(value: Encodable) -> bytes:
    """The only encoding of `value`. Anything but uint, bytes, arrays is our mistake: TypeError."""
    _require_encodable(value)
    return _encoder.encode(value)


def decode(raw: bytes, *, max_bytes: int, max_items: int, max_depth: int = 4) -> list[Value]:
    """The array that `raw` encodes; accepted only if `encode(decode(raw)) == raw`.

    `max_items` bounds the elements of all arrays together, `max_depth` the nesting (1: flat).
    Every refusal is a DecodeError, whatever the bytes.
    """
    if len(raw) > max_bytes:
        raise DecodeError(f"{len(raw)} bytes where at most {max_bytes} are allowed")
    if len(raw) > _COUNT_FIRST_ABOVE_BYTES:
        _require_few_items(raw, max_items)
    try:
        value: list[Value] = _decoder_of_depth(max_depth).decode(raw)
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise DecodeError(f"not an array as it must be: {error}") from None
    _require_canonical_kinds(value, max_items)
    if _encoder.encode(value) != raw:
        raise DecodeError("not the shortest encoding of its value")
    return value


def uint(value: Value, bits: int = 64) -> int:
    """`value` as an unsigned integer of at most `bits` bits."""
    if type(value) is not int:
        raise DecodeError("not an unsigned integer")
    if value >> bits:
        raise DecodeError(f"{value} does not fit {bits} bits")
    return value


def blob(value: Value, size: int) -> bytes:
    """`value` as exactly `size` bytes."""
    if type(value) is not bytes:
        raise DecodeError("not a byte string")
    if len(value) != size:
        raise DecodeError(f"{len(value)} bytes where {size} are required")
    return value


def bounded(value: Value, max_size: int) -> bytes:
    """`value` as at most `max_size` bytes."""
    if type(value) is not bytes:
        raise DecodeError("not a byte string")
    if len(value) > max_size:
        raise DecodeError(f"{len(value)} bytes where at most {max_size} are allowed")
    return value


def array(value: Value, length: int) -> list[Value]:
    """`value` as an array of exactly `length` elements."""
    if type(value) is not list:
        raise DecodeError("not an array")
    if len(value) != length:
        raise DecodeError(f"{len(value)} elements where {length} are required")
    return value


def sequence(value: Value, max_length: int) -> list[Value]:
    """`value` as an array of at most `max_length` elements."""
    if type(value) is not list:
        raise DecodeError("not an array")
    if len(value) > max_length:
        raise DecodeError(f"{len(value)} elements where at most {max_length} are allowed")
    return value


def _require_encodable(value: Encodable) -> None:
    if isinstance(value, bytes):
        return
    if isinstance(value, int):
        if type(value) is bool or not 0 <= value <= UINT_MAX:
            raise TypeError(f"{value!r} is not an unsigned 64-bit integer")
    elif isinstance(value, list | tuple):
        for element in value:
            if type(element) is not bytes:  # most are, and a call costs more than the question
                _require_encodable(element)
    else:
        raise TypeError(f"{type(value).__name__} has no canonical encoding")


@cache
def _decoder_of_depth(max_depth: int) -> msgspec.msgpack.Decoder[list[Value]]:
    """A decoder typed to this depth: it refuses deeper arrays when it meets them.

    An untyped one recurses into whatever comes, and only Python's recursion limit, which any
    library may raise, stands between a peer's 60,000 brackets and the end of the stack.
    """
    assert max_depth >= 1, "the outermost value is an array"
    element: object = int | bytes
    for _ in range(max_depth - 1):
        element = int | bytes | list[element]  # type: ignore[valid-type]  # built at run time
    return msgspec.msgpack.Decoder(list[element])  # type: ignore[valid-type]


def _require_canonical_kinds(value: list[Value], max_items: int) -> None:
    """Level by level; a bool is not an int here, and no integer is negative."""
    items, level = 0, [value]
    while level:
        deeper: list[list[Value]] = []
        for elements in level:
            items += len(elements)
            if items > max_items:
                raise DecodeError(f"more than {max_items} elements")
            for element in elements:
                if type(element) is list:
                    deeper.append(element)
                elif type(element) is not bytes and (type(element) is not int or element < 0):
                    raise DecodeError("only unsigned integers, byte strings and arrays are allowed")
        level = deeper


def _require_few_items(raw: bytes, max_items: int) -> None:
    """Walk the headers of `raw`, building nothing; the outer array itself is not an element."""
    position, items, end = 0, -1, len(raw)
    while position < end:
        items += 1
        if items > max_items:
            raise DecodeError(f"more than {max_items} elements")
        tag = raw[position]
        position += 1
        if tag < 0x80 or 0x90 <= tag < 0xA0:  # small integer, short array
            continue
        width = _HEADER_WIDTHS.get(tag)
        if width is None:
            raise DecodeError("only unsigned integers, byte strings and arrays are allowed")
        if tag in _BYTE_STRINGS:
            position += int.from_bytes(raw[position : position + width], "big")
        position += width


_BYTE_STRINGS = {0xC4, 0xC5, 0xC6}
_HEADER_WIDTHS = {
    0xC4: 1, 0xC5: 2, 0xC6: 4,  # bin 8, 16, 32
    0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8,  # uint 8 to 64
    0xDC: 2, 0xDD: 4,  # array 16, 32
}  # fmt: skip
