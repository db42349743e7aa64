"""Solidity's ABI as far as calls and logs of the pseudo contract need it (ABI specification 2).

Types are `address`, `bool`, `bytes`, `bytes32` and unsigned integers; arrays and tuples are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from native.errors import InvalidData
from native.hashing import keccak256

WORD_BYTES = 32
SELECTOR_BYTES = 4

Value: TypeAlias = int | bytes | bool


@dataclass(eq=False)
class MalformedAbi(InvalidData):
    """Bytes that are not the arguments they should be."""

    reason: str


def selector(signature: str) -> bytes:
    """The first bytes of a call."""
    return keccak256(signature.encode())[:SELECTOR_BYTES]


def word(kind: str, value: Value) -> bytes:
    """A value of a fixed length in its 32 bytes, as topics have it too."""
    if kind == "bytes32":
        assert isinstance(value, bytes)
        return value.ljust(WORD_BYTES, b"\0")
    if isinstance(value, bytes):
        return value.rjust(WORD_BYTES, b"\0")
    return int(value).to_bytes(WORD_BYTES, "big")


def encode_arguments(kinds: Sequence[str], values: Sequence[Value]) -> bytes:
    """Heads, then the tails of what has no fixed length."""
    heads, tails = bytearray(), bytearray()
    for kind, value in zip(kinds, values, strict=True):
        if kind == "bytes":
            assert isinstance(value, bytes)
            heads += word("uint256", WORD_BYTES * len(kinds) + len(tails))
            padding = -len(value) % WORD_BYTES
            tails += word("uint256", len(value)) + value + bytes(padding)
        else:
            heads += word(kind, value)
    return bytes(heads + tails)


def decode_arguments(kinds: Sequence[str], data: bytes) -> tuple[Value, ...]:
    """Raises MalformedAbi. Offsets may point anywhere inside, as the specification has it."""
    return tuple(
        _decode_bytes(data, position * WORD_BYTES)
        if kind == "bytes"
        else _decode_word(kind, _word_at(data, position * WORD_BYTES))
        for position, kind in enumerate(kinds)
    )


def _decode_word(kind: str, raw: bytes) -> Value:
    number = int.from_bytes(raw, "big")
    match kind:
        case "address":
            if number >> 160:
                raise MalformedAbi("an address has 20 bytes")
            return raw[-20:]
        case "bool":
            if number > 1:
                raise MalformedAbi("a bool is 0 or 1")
            return bool(number)
        case "bytes32":
            return raw
        case _:
            if number >> int(kind.removeprefix("uint")):
                raise MalformedAbi(f"it does not fit into {kind}")
            return number


def _decode_bytes(data: bytes, head: int) -> bytes:
    start = int.from_bytes(_word_at(data, head), "big")
    size = int.from_bytes(_word_at(data, start), "big")
    value = data[start + WORD_BYTES : start + WORD_BYTES + size]
    if len(value) != size:
        raise MalformedAbi("bytes end outside of the data")
    return value


def _word_at(data: bytes, start: int) -> bytes:
    raw = data[start : start + WORD_BYTES]
    if len(raw) != WORD_BYTES:
        raise MalformedAbi("the data ends too early")
    return raw
