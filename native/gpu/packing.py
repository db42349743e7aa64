"""Bytes of many items into the one copy that a device gets: in C++, or in loops that define it.

Python's lists lead to bytes all over the memory. What the kernels do here is mostly waiting for it,
without the interpreter's lock.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from native.compiled import kernels
from native.signatures import (
    CONTEXT_MAX_BYTES,
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Algorithm,
)

__all__ = [
    "NO_KIND",
    "Messages",
    "domain_prefix",
    "kernels",
    "kinds_of",
    "message_sizes",
    "put_messages",
    "put_parts",
    "slow_kinds_of",
    "slow_message_sizes",
    "slow_put_messages",
    "slow_put_parts",
]

NO_KIND = 0
"""Of an item whose key, signature or context has a length that FIPS 204 does not know."""

_KINDS = {
    (PUBLIC_KEY_BYTES[algorithm], SIGNATURE_BYTES[algorithm]): int(algorithm)
    for algorithm in Algorithm
}


@dataclass(frozen=True, slots=True)
class Messages:
    """What is signed: M' of FIPS 204, of which these are the parts, or in its place mu, which the
    host has hashed."""

    contexts: Sequence[bytes] | None
    """None where algorithm 8 is asked for, with M' as the message."""
    parts: Sequence[bytes]
    is_hashed: bytes
    size: int


def kinds_of(
    public_keys: Sequence[bytes], contexts: Sequence[bytes], signatures: Sequence[bytes]
) -> bytes:
    """A byte an item: the number of its algorithm, or NO_KIND."""
    if kernels is None:
        return slow_kinds_of(public_keys, contexts, signatures)
    return kernels.kinds_of(public_keys, contexts, signatures)


def message_sizes(contexts: Sequence[bytes] | None, messages: Sequence[bytes]) -> tuple[int, int]:
    """The bytes of M' of all items together, and of the longest."""
    if kernels is None:
        return slow_message_sizes(contexts, messages)
    return kernels.message_sizes(contexts, messages)


def put_parts(view: memoryview, start: int, parts: Sequence[bytes]) -> int:
    """Side by side into `view` from `start` on; where they end."""
    if kernels is None:
        return slow_put_parts(view, start, parts)
    return kernels.put_parts(view, start, parts)


def put_messages(view: memoryview, ends_start: int, start: int, messages: Messages) -> int:
    """The messages side by side from `start` on; from `ends_start` on where each ends, counted from
    `start`, in four bytes. Returns where all end."""
    if kernels is None:
        return slow_put_messages(view, ends_start, start, messages)
    contexts, parts, is_hashed = messages.contexts, messages.parts, messages.is_hashed
    return kernels.put_messages(view, ends_start, start, contexts, parts, is_hashed)


def domain_prefix(context: bytes) -> bytes:
    """What M' begins with (algorithm 3, line 5)."""
    return bytes((0, len(context))) + context


def slow_kinds_of(
    public_keys: Sequence[bytes], contexts: Sequence[bytes], signatures: Sequence[bytes]
) -> bytes:
    """`kinds_of` in Python: the definition."""
    return bytes(
        _KINDS.get((len(key), len(signature)), NO_KIND)
        if len(context) <= CONTEXT_MAX_BYTES
        else NO_KIND
        for key, context, signature in zip(public_keys, contexts, signatures, strict=True)
    )


def slow_message_sizes(
    contexts: Sequence[bytes] | None, messages: Sequence[bytes]
) -> tuple[int, int]:
    """`message_sizes` in Python: the definition."""
    sizes = [len(part) for part in _signed(contexts, messages)]
    return sum(sizes), max(sizes, default=0)


def slow_put_parts(view: memoryview, start: int, parts: Sequence[bytes]) -> int:
    """`put_parts` in Python: the definition."""
    if start + sum(map(len, parts)) > len(view):
        raise ValueError("they do not fit there")
    for part in parts:
        view[start : start + len(part)] = part
        start += len(part)
    return start


def slow_put_messages(view: memoryview, ends_start: int, start: int, messages: Messages) -> int:
    """`put_messages` in Python: the definition."""
    signed = _signed(messages.contexts, messages.parts)
    triples = zip(signed, messages.parts, messages.is_hashed, strict=True)
    parts = [part if is_hashed else whole for whole, part, is_hashed in triples]
    slow_put_parts(view, ends_start, [array("I", accumulate(map(len, parts))).tobytes()])
    return slow_put_parts(view, start, parts)


def _signed(contexts: Sequence[bytes] | None, messages: Sequence[bytes]) -> Sequence[bytes]:
    """M' of each item (algorithm 3, line 5), or the message as it is (algorithm 8)."""
    if contexts is None:
        return messages
    prefixes = {each: domain_prefix(each) for each in set(contexts)}
    return [prefixes[each] + message for each, message in zip(contexts, messages, strict=True)]
