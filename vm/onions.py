"""Records of onions: what each validator has committed to reveal, and the check of a reveal."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from genesis.limits import STATE_RECORD_MAX_BYTES
from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32, hash32
from vm.records import RECORD_VERSION

RENEWAL_EPOCHS = 2
"""Epochs from the renewal of an onion until it is used.

Used at once, its owner could choose its next reveal after seeing the mix that it goes into, in as
many ways as it can hash. Two epochs on, a whole epoch of other validators' reveals lies between.
"""


@dataclass(frozen=True, slots=True)
class OnionRecord:
    """The head that the next reveal hashes to, how many reveals are left, and what follows it."""

    head: Hash32
    layers: int
    renewals: int = 0
    """How many onions came before; whoever derives them from one key needs the number."""
    next_head: Hash32 = ZERO_HASH
    next_layers: int = 0
    next_epoch: int = 0
    """When the next onion takes over; 0 when there is none."""

    def at(self, epoch: int) -> "OnionRecord":
        """The record as it counts in `epoch`."""
        if self.next_epoch == 0 or epoch < self.next_epoch:
            return self
        return OnionRecord(self.next_head, self.next_layers, self.renewals + 1)

    def peeled(self, reveal: Hash32) -> "OnionRecord":
        """The record after a reveal."""
        assert self.layers > 0, "an exhausted onion has no reveals"
        return replace(self, head=reveal, layers=self.layers - 1)

    def renewed(self, head: Hash32, layers: int, epoch: int) -> "OnionRecord":
        """The record with an onion that takes over in `epoch`."""
        assert self.next_epoch == 0, "a renewal is not replaced"
        return replace(self, next_head=head, next_layers=layers, next_epoch=epoch)


def onion_key(index: int) -> bytes:
    """Of the validator that registered as number `index`: small, it changes with every block."""
    return b"vo" + index.to_bytes(4, "big")


def encode_onion(onion: OnionRecord) -> bytes:
    return codec.encode(
        [
            RECORD_VERSION,
            onion.head,
            onion.layers,
            onion.renewals,
            onion.next_head,
            onion.next_layers,
            onion.next_epoch,
        ]
    )


def decode_onion(raw: bytes) -> OnionRecord:
    decoded = codec.decode(raw, max_bytes=STATE_RECORD_MAX_BYTES, max_items=7, max_depth=1)
    version, head, layers, renewals, next_head, next_layers, next_epoch = codec.array(decoded, 7)
    if version != RECORD_VERSION:
        raise DecodeError(f"record version {version!r}")
    return OnionRecord(
        head=hash32(head),
        layers=codec.uint(layers, 32),
        renewals=codec.uint(renewals, 32),
        next_head=hash32(next_head),
        next_layers=codec.uint(next_layers, 32),
        next_epoch=codec.uint(next_epoch),
    )


def onion_at(record: Callable[[bytes], bytes | None], index: int, epoch: int) -> OnionRecord:
    """The onion that a registered validator reveals in `epoch`."""
    raw = record(onion_key(index))
    assert raw is not None, "a registration writes an onion"
    return decode_onion(raw).at(epoch)
