"""What a proven double signature costs: the slash, what grows with the company, the tombstone."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from genesis.committee import COMMITTEE_SEATS, draw_seats
from genesis.limits import OFFENCES_MAX, STATE_RECORD_MAX_BYTES
from genesis.params import StakingParams
from genesis.signed_bytes import InstanceName, Lane
from genesis.units import BPS, Address, decode_amount, encode_amount
from native import codec
from native.errors import DecodeError
from vm.accounts import burn, credit
from vm.draft import Draft
from vm.epochs import registered
from vm.receipts import Event, EventKind
from vm.records import RECORD_VERSION
from vm.staking import take_stake, tombstone, unbonding_ends, unbondings_of, validator_of
from vm.system_bodies import Evidence
from vm.validator_errors import (
    EvidenceExpired,
    EvidenceForeign,
    EvidenceTooEarly,
    Tombstoned,
)

OFFENCES_KEY = b"vt"
CORRELATION = 3
"""A share of s of the stake that offends within one window loses CORRELATION * s of itself, so a
fork, which takes 38 % of the stake, costs the whole of it. In a committee it is a share of the
seats: eight of twenty can contradict what they made final, whatever their stake."""

COMPANY_EPOCHS = 3
"""Offences count together in a committee that were proven so many epochs from each other.

Who is proven guilty votes on until the end of the next epoch, so those who mean to strike together
gain nothing by accusing themselves, one by one, of something smaller first.
"""


@dataclass(frozen=True, slots=True)
class Offence:
    """What a validator had locked when it was proven guilty, and what it has lost of that."""

    index: int
    height: int
    exposed: int
    slashed: int
    seats: int = 0
    """In the committee that it deceived; 1 where that is not known, 0 on a chain without lanes."""


def apply_evidence(draft: Draft, reporter: Address, body: Evidence) -> tuple[Event, ...]:
    """Slash and tombstone the offender; its company of the last window pays what it owes now."""
    exposed = exposed_to(draft, body)
    record = validator_of(draft, body.offender)
    tombstone(draft, body.offender, record)
    window = draft.document.staking.unbonding_blocks
    earlier = [each for each in offences_of(draft) if each.height + window > draft.height]
    seats = _seats(draft, record.index, body.instance)
    offences = [*earlier, Offence(record.index, draft.height, exposed, 0, seats)]
    voters = draft.state.epoch(draft.epoch)
    assert voters is not None, "a state knows the set of its next block"
    together, total = sum(each.exposed for each in offences), voters.validators.total_stake
    company = seats_together(offences, COMPANY_EPOCHS * draft.document.consensus.epoch_blocks)
    paid = [
        _pay(draft, each, penalty(draft.document.staking, each.exposed, together, total, seats))
        for each, seats in zip(offences, company, strict=True)
    ]
    slashed = [after.slashed - before.slashed for before, after in zip(offences, paid, strict=True)]
    reward = slashed[-1] * draft.document.staking.reporter_bps // BPS
    burn(draft, sum(slashed) - reward)
    if reward:
        credit(draft, reporter, reward)
    _put_offences(draft, paid)
    values = (body.offender, slashed[-1], reward, sum(slashed[:-1]))
    return (Event(EventKind.VALIDATOR_SLASHED, values),)


def exposed_to(draft: Draft, body: Evidence) -> int:
    """What the accused has locked; InvalidTransaction if this cannot cost it anything (any more).

    Stakes and unbondings: they stay locked for as long as evidence counts.
    """
    _require_in_time(draft, body)
    record = validator_of(draft, body.offender)
    if record.is_tombstoned:
        raise Tombstoned(body.offender)
    return record.stake + sum(each.amount for each in unbondings_of(draft, body.offender))


def penalty(params: StakingParams, exposed: int, together: int, total: int, seats: int = 0) -> int:
    """What an offender loses of `exposed` when `together` of `total` stake has offended.

    max(slash_bps, CORRELATION * together / total) of it, but not more than all; rounded down. With
    two lanes also CORRELATION / COMMITTEE_SEATS for each of the `seats` but the first.
    """
    correlated = CORRELATION * exposed * together // total
    seated = CORRELATION * exposed * max(0, seats - 1) // COMMITTEE_SEATS
    return min(exposed, max(exposed * params.slash_bps // BPS, correlated, seated))


def seats_together(offences: Sequence[Offence], blocks: int) -> list[int]:
    """For each of them, in the order of their proof, the seats of all within so many blocks."""
    heights = [each.height for each in offences]
    sums = [0, *accumulate(each.seats for each in offences)]
    return [
        sums[bisect_right(heights, height + blocks)] - sums[bisect_left(heights, height - blocks)]
        for height in heights
    ]


def offences_of(draft: Draft) -> tuple[Offence, ...]:
    """Those that may still count, in the order of their evidence."""
    raw = draft.record(OFFENCES_KEY)
    return () if raw is None else decode_offences(raw)


def encode_offences(offences: list[Offence] | tuple[Offence, ...]) -> bytes:
    """Seats are written where there are any, so that chains without lanes keep their bytes."""
    rows: list[codec.Value] = [
        [
            each.index,
            each.height,
            encode_amount(each.exposed),
            encode_amount(each.slashed),
            *((each.seats,) if each.seats else ()),
        ]
        for each in offences
    ]
    return codec.encode([RECORD_VERSION, rows])


def decode_offences(raw: bytes) -> tuple[Offence, ...]:
    decoded = codec.decode(
        raw, max_bytes=STATE_RECORD_MAX_BYTES, max_items=2 + 6 * OFFENCES_MAX, max_depth=3
    )
    version, rows = codec.array(decoded, 2)
    if version != RECORD_VERSION:
        raise DecodeError(f"record version {version!r}")
    return tuple(_offence(row) for row in codec.sequence(rows, OFFENCES_MAX))


def _require_in_time(draft: Draft, body: Evidence) -> None:
    """Of this chain, of an epoch that has begun, and while its stake is still locked."""
    name = body.instance
    if name.genesis_hash != draft.document.hash:
        raise EvidenceForeign(expected=draft.document.hash, given=name.genesis_hash)
    if name.epoch > draft.epoch:
        raise EvidenceTooEarly(epoch=name.epoch, current=draft.epoch)
    expired_at = unbonding_ends(draft, name.epoch)
    if draft.height >= expired_at:
        raise EvidenceExpired(expired_at=expired_at, height=draft.height)


def _seats(draft: Draft, index: int, name: InstanceName) -> int:
    """Those that the offender held in the term it is accused of; each counts at least one.

    Sets and seeds of older epochs are forgotten: then, and for votes of the hard lane, it is one.
    """
    if not draft.document.has_lanes:
        return 0
    voters = draft.state.epoch(name.epoch)
    if name.lane is not Lane.FAST or voters is None or voters.validators.hash != name.vset_hash:
        return 1
    place = voters.place_of(index)
    if place is None:
        return 1
    return max(1, draw_seats([seat.stake for seat in voters.seats], voters.seed, name.term)[place])


def _pay(draft: Draft, offence: Offence, owed: int) -> Offence:
    """Take what the offence costs now beyond what it has cost already, as far as it is there."""
    due = owed - offence.slashed
    if due <= 0:
        return offence
    owner, _ = registered(draft.record, offence.index)
    return replace(offence, slashed=offence.slashed + take_stake(draft, owner, due))


def _put_offences(draft: Draft, offences: list[Offence]) -> None:
    """Of a full list the smallest is forgotten: many small offences cannot hide a large one."""
    if len(offences) > draft.document.staking.offences_max:
        offences.remove(min(offences, key=lambda each: (each.exposed, each.index)))
    draft.put_record(OFFENCES_KEY, encode_offences(offences))


def _offence(row: codec.Value) -> Offence:
    fields = codec.sequence(row, 5)
    index, height, exposed, slashed = codec.array(fields[:4], 4)
    seats = codec.uint(fields[4], 8) if len(fields) > 4 else 0
    if len(fields) > 4 and not seats:
        raise DecodeError("no seats are not written")
    return Offence(
        codec.uint(index, 32),
        codec.uint(height),
        decode_amount(exposed),
        decode_amount(slashed),
        seats,
    )
