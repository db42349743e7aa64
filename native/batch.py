"""Many signatures in one call: what every caller of an engine uses."""

from collections.abc import Sequence

from native.backends import select_engine
from native.signatures import SignatureItem


def verify_many(items: Sequence[SignatureItem]) -> list[bool]:
    """One verdict an item; an invalid one changes no other. Blocks: run it off the event loop."""
    if not items:
        return []
    verdicts = select_engine().verify(items)
    assert len(verdicts) == len(items), "an engine returned another number of verdicts"
    return verdicts


def pin_keys(public_keys: Sequence[bytes]) -> None:
    """Whose signatures will come often, in place of those named before. Blocks for 20 µs a key."""
    select_engine().pin(public_keys)
