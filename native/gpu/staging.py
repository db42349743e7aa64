"""How a batch of signatures lies in the memory that goes to the device in one copy."""

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from native.gpu.columns import Columns
from native.gpu.device import Memory, PinnedMemory
from native.gpu.sections import SECTION_EXTRA_BYTES, SectionWriter
from native.gpu.sizes import Sizes
from native.tally import Votes

HOST_HASHES_ABOVE_BYTES = 4096
"""A longer message is hashed here: one lane at work on 64 KiB would keep a whole batch waiting."""


@dataclass(frozen=True, slots=True)
class Messages:
    """What is signed, M' of FIPS 204 or in its place mu, which the host has hashed."""

    parts: list[bytes]
    is_hashed: bytes

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))


def read_messages(columns: Columns, *, pure: bool) -> Messages:
    """M' of each item (algorithm 3, line 5), or the message as it is (algorithm 8)."""
    if pure:
        prefix = {each: bytes((0, len(each))) + each for each in set(columns.contexts)}
        pairs = zip(columns.contexts, columns.messages, strict=True)
        parts = [prefix[context] + message for context, message in pairs]
    else:
        parts = list(columns.messages)
    is_hashed = bytearray(len(parts))
    if max(map(len, parts)) > HOST_HASHES_ABOVE_BYTES:
        for place, part in enumerate(parts):
            if len(part) > HOST_HASHES_ABOVE_BYTES:
                parts[place] = message_representative(columns.public_keys[place], part)
                is_hashed[place] = 1
    return Messages(parts, bytes(is_hashed))


def message_representative(public_key: bytes, message: bytes) -> bytes:
    """mu (algorithm 8, line 7)."""
    tr = hashlib.shake_256(public_key).digest(64)
    return hashlib.shake_256(tr + message).digest(64)


@dataclass(frozen=True, slots=True)
class Sections:
    """Addresses on the device of what one upload brings, and its size."""

    keys: int
    fresh_addresses: int
    ends: int
    is_hashed: int
    messages: int
    groups: int
    signers: int
    fresh_keys: int
    signatures: int
    size: int


def staging_bytes(sizes: Sizes, items: int, message_bytes: int, fresh_keys: int) -> int:
    """The most that a batch within these limits needs."""
    per_item = 8 + 4 + 1 + 4 + 4 + sizes.signature_bytes
    per_key = 8 + sizes.public_key_bytes
    sections = 9 * (SECTION_EXTRA_BYTES)
    return items * per_item + fresh_keys * per_key + message_bytes + sections


def write(
    staging: PinnedMemory,
    target: Memory,
    signatures: Sequence[bytes],
    messages: Messages,
    keys: Sequence[int],
    fresh: dict[bytes, int],
    votes: Votes | None,
) -> Sections:
    """Fill `staging` so that a copy of its first `size` bytes to `target` puts everything there."""
    writer = SectionWriter(staging.view, target.address)
    return Sections(
        keys=writer.add(array("Q", keys)),
        fresh_addresses=writer.add(array("Q", fresh.values())),
        ends=writer.add(array("I", accumulate(map(len, messages.parts)))),
        is_hashed=writer.add(messages.is_hashed),
        messages=writer.add(b"".join(messages.parts)),
        groups=writer.add(array("I", votes.groups if votes else ())),
        signers=writer.add(array("I", votes.signers if votes else ())),
        fresh_keys=writer.add_all(list(fresh)),
        signatures=writer.add_all(signatures),
        size=writer.size,
    )
