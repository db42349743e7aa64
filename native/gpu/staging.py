"""How a batch of signatures lies in the memory that goes to the device in one copy."""

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from native.gpu.columns import Columns
from native.gpu.device import Memory, PinnedMemory
from native.gpu.packing import Messages, domain_prefix, message_sizes
from native.gpu.sections import SECTION_EXTRA_BYTES, SectionWriter
from native.gpu.sizes import Sizes
from native.tally import Votes

HOST_HASHES_ABOVE_BYTES = 4096
"""A longer message is hashed here: one lane at work on 64 KiB would keep a whole batch waiting."""


def read_messages(columns: Columns, *, pure: bool) -> Messages:
    """M' of each item (algorithm 3, line 5), or the message as it is (algorithm 8)."""
    contexts = columns.contexts if pure else None
    size, longest = message_sizes(contexts, columns.messages)
    if longest <= HOST_HASHES_ABOVE_BYTES:
        return Messages(contexts, columns.messages, bytes(len(columns.messages)), size)
    parts, is_hashed = list(columns.messages), bytearray(len(columns.messages))
    for place, message in enumerate(parts):
        prefix = domain_prefix(contexts[place]) if contexts is not None else b""
        length = len(prefix) + len(message)
        if length > HOST_HASHES_ABOVE_BYTES:
            mu = message_representative(columns.public_keys[place], prefix + message)
            parts[place], is_hashed[place] = mu, 1
            size += len(mu) - length
    return Messages(contexts, parts, bytes(is_hashed), size)


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
    key_addresses = writer.add(array("Q", keys))
    fresh_addresses = writer.add(array("Q", fresh.values()))
    is_hashed = writer.add(messages.is_hashed)
    ends, first_message = writer.add_messages(messages)
    return Sections(
        keys=key_addresses,
        fresh_addresses=fresh_addresses,
        ends=ends,
        is_hashed=is_hashed,
        messages=first_message,
        groups=writer.add(array("I", votes.groups if votes else ())),
        signers=writer.add(array("I", votes.signers if votes else ())),
        fresh_keys=writer.add_all(list(fresh)),
        signatures=writer.add_all(signatures),
        size=writer.size,
    )
