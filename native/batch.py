"""Many signatures or many hashes in one call: what every caller of an engine uses."""

from collections.abc import Sequence

from native.backends import select_engine
from native.hashing import Hash32, keyed_hash
from native.signatures import SignatureItem


def verify_many(items: Sequence[SignatureItem]) -> list[bool]:
    """One verdict an item; an invalid one changes no other. Blocks: run it off the event loop."""
    if not items:
        return []
    verdicts = select_engine().verify(items)
    assert len(verdicts) == len(items), "an engine returned another number of verdicts"
    return verdicts


def hash_many(context_key: bytes, messages: Sequence[bytes]) -> list[Hash32]:
    """The keyed BLAKE3 of every message."""
    return [keyed_hash(context_key, message) for message in messages]
