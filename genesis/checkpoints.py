"""Checkpoints: what the hard lane decides one by one, each a block of a small chain of its own."""

from dataclasses import dataclass, field
from typing import Final

from genesis.errors import CheckpointOutOfRange
from native.codec import Value, array, blob, encode, uint
from native.hashing import Hash32, derive_hash

CHECKPOINT_FIELDS: Final = 10
_CHECKPOINT_DOMAIN: Final = "aichain/checkpoint/v1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Term `number` ends at `block_id`; the next term starts there.

    It is signed by its id, which names the view and the proposer too: one block may be proposed in
    several views, as several checkpoints, and the first FINAL decides.
    """

    number: int
    parent_id: Hash32
    block_id: Hash32
    block_height: int
    is_restart: bool
    next_vset_hash: Hash32
    epoch: int
    view: int
    proposer_index: int
    timestamp_ms: int
    id: Hash32 = field(init=False)

    def __post_init__(self) -> None:
        numbers = (self.number, self.block_height, self.epoch, self.view, self.timestamp_ms)
        if not all(0 <= number < 2**64 for number in (*numbers, self.proposer_index)):
            raise CheckpointOutOfRange(numbers)
        object.__setattr__(self, "id", derive_hash(_CHECKPOINT_DOMAIN, encode(self.encode())))

    def encode(self) -> list[Value]:
        """The canonical form, on the wire, in the log and under the hash."""
        return [
            self.number,
            self.parent_id,
            self.block_id,
            self.block_height,
            int(self.is_restart),
            self.next_vset_hash,
            self.epoch,
            self.view,
            self.proposer_index,
            self.timestamp_ms,
        ]


def decode_checkpoint(value: Value) -> Checkpoint:
    """The exact inverse of `encode`."""
    fields = array(value, CHECKPOINT_FIELDS)
    return Checkpoint(
        uint(fields[0]),
        Hash32(blob(fields[1], 32)),
        Hash32(blob(fields[2], 32)),
        uint(fields[3]),
        bool(uint(fields[4], bits=1)),
        Hash32(blob(fields[5], 32)),
        uint(fields[6]),
        uint(fields[7]),
        uint(fields[8], bits=32),
        uint(fields[9]),
    )
