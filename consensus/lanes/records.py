"""What the log holds beside the core's records: closed terms, and the checkpoints we vote on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consensus.certificates import decode_certificate
from consensus.lanes.checkpoints import Checkpoint, decode_checkpoint
from consensus.records import (
    CertificateSeen,
    Record,
    decode_record,
    encode_record,
    record_instance,
)
from genesis.limits import LANE_MEMBERS_MAX, LANE_MESSAGE_MAX_BYTES, LANE_MESSAGE_MAX_ITEMS
from native.codec import array, blob, decode, encode, uint
from native.errors import DecodeError
from native.hashing import Hash32

_CERTIFICATE_TAG: Final = 3
_CLOSED_TAG: Final = 6
_CHECKPOINT_TAG: Final = 7
_HARD_TAG: Final = 8


@dataclass(frozen=True, slots=True)
class TermClosed:
    """We sign nothing more in this term, and say that we stood on this tip."""

    instance_id: Hash32
    epoch: int
    term: int
    tip_view: int
    tip_id: Hash32


@dataclass(frozen=True, slots=True)
class CheckpointSeen:
    """A checkpoint our PREFER rests on: if all crash, a NOTAR of it is worth nothing without it."""

    instance_id: Hash32
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class CheckpointHard:
    """The ballot on checkpoint `number`, and its term, are settled: the floor of what we sign."""

    instance_id: Hash32
    number: int


LaneRecord = Record | TermClosed | CheckpointSeen | CheckpointHard


def settled_number(records: Iterable[LaneRecord]) -> int:
    """The last checkpoint that this log knows decided: whoever has seen less may have signed more.

    Records of what is settled leave the log, so a chain that is behind it must catch up in silence.
    """
    return max((each.number for each in records if isinstance(each, CheckpointHard)), default=0)


def lane_record_instance(record: LaneRecord) -> Hash32:
    """The instance a record is about; it goes when the hard lane has settled that."""
    if isinstance(record, TermClosed | CheckpointSeen | CheckpointHard):
        return record.instance_id
    return record_instance(record)[1]


def encode_lane_record(record: LaneRecord) -> bytes:
    """The bytes between length and checksum in the log."""
    match record:
        case TermClosed():
            tip = (record.tip_view, record.tip_id)
            return encode([_CLOSED_TAG, record.instance_id, record.epoch, record.term, *tip])
        case CheckpointSeen(instance_id, checkpoint):
            return encode([_CHECKPOINT_TAG, instance_id, checkpoint.encode()])
        case CheckpointHard(instance_id, number):
            return encode([_HARD_TAG, instance_id, number])
        case _:
            return encode_record(record)


def decode_lane_record(raw: bytes) -> LaneRecord:
    """The exact inverse of `encode_lane_record`."""
    fields = decode(raw, max_bytes=LANE_MESSAGE_MAX_BYTES, max_items=LANE_MESSAGE_MAX_ITEMS)
    if not fields:
        raise DecodeError("an empty record")
    tag = uint(fields[0], bits=8)
    if tag == _CLOSED_TAG:
        fields = array(fields, 6)
        name, tip_id = Hash32(blob(fields[1], 32)), Hash32(blob(fields[5], 32))
        return TermClosed(name, uint(fields[2]), uint(fields[3]), uint(fields[4]), tip_id)
    if tag == _CHECKPOINT_TAG:
        fields = array(fields, 3)
        return CheckpointSeen(Hash32(blob(fields[1], 32)), decode_checkpoint(fields[2]))
    if tag == _HARD_TAG:
        fields = array(fields, 3)
        return CheckpointHard(Hash32(blob(fields[1], 32)), uint(fields[2]))
    if tag == _CERTIFICATE_TAG:
        held = array(fields, 2)[1]
        return CertificateSeen(decode_certificate(held, members_max=LANE_MEMBERS_MAX))
    return decode_record(raw)
