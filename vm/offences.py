"""What a proven double signature costs: the slash, what grows with the company, the tombstone."""

from dataclasses import dataclass, replace

from genesis.limits import OFFENCES_MAX, STATE_RECORD_MAX_BYTES
from genesis.params import StakingParams
from genesis.units import BPS, Address, decode_amount, encode_amount
from native import codec
from native.errors import DecodeError
from vm.accounts import burn, credit
from vm.draft import Draft
from vm.epochs import registered
from vm.receipts import Event, EventKind
from vm.records import RECORD_VERSION
from vm.staking import take_stake, tombstone, unbonding_ends, validator_of
from vm.system_bodies import Evidence
from vm.validator_errors import EvidenceExpired, EvidenceForeign, EvidenceTooEarly

OFFENCES_KEY = b"vt"
CORRELATION = 3
"""A share of s of the stake that offends within one window loses CORRELATION * s of itself, so a
fork, which takes 38 % of the stake, costs the whole of it."""


@dataclass(frozen=True, slots=True)
class Offence:
    """What a validator had locked when it was proven guilty, and what it has lost of that."""

    index: int
    height: int
    exposed: int
    slashed: int


def apply_evidence(draft: Draft, reporter: Address, body: Evidence) -> tuple[Event, ...]:
    """Slash and tombstone the offender; its company of the last window pays what it owes now."""
    _require_in_time(draft, body)
    record = validator_of(draft, body.offender)
    exposed = tombstone(draft, body.offender, record)
    window = draft.document.staking.unbonding_blocks
    earlier = [each for each in offences_of(draft) if each.height + window > draft.height]
    offences = [*earlier, Offence(record.index, draft.height, exposed, 0)]
    voters = draft.state.epoch(draft.epoch)
    assert voters is not None, "a state knows the set of its next block"
    together, total = sum(each.exposed for each in offences), voters.validators.total_stake
    paid = [_pay(draft, each, together, total) for each in offences]
    slashed = [after.slashed - before.slashed for before, after in zip(offences, paid, strict=True)]
    reward = slashed[-1] * draft.document.staking.reporter_bps // BPS
    burn(draft, sum(slashed) - reward)
    if reward:
        credit(draft, reporter, reward)
    _put_offences(draft, paid)
    values = (body.offender, slashed[-1], reward, sum(slashed[:-1]))
    return (Event(EventKind.VALIDATOR_SLASHED, values),)


def penalty(params: StakingParams, exposed: int, together: int, total: int) -> int:
    """What an offender loses of `exposed` when `together` of `total` stake has offended.

    max(slash_bps, CORRELATION * together / total) of it, but not more than all; rounded down.
    """
    correlated = CORRELATION * exposed * together // total
    return min(exposed, max(exposed * params.slash_bps // BPS, correlated))


def offences_of(draft: Draft) -> tuple[Offence, ...]:
    """Those that may still count, in the order of their proof."""
    raw = draft.record(OFFENCES_KEY)
    return () if raw is None else decode_offences(raw)


def encode_offences(offences: list[Offence] | tuple[Offence, ...]) -> bytes:
    rows: list[codec.Value] = [
        [each.index, each.height, encode_amount(each.exposed), encode_amount(each.slashed)]
        for each in offences
    ]
    return codec.encode([RECORD_VERSION, rows])


def decode_offences(raw: bytes) -> tuple[Offence, ...]:
    decoded = codec.decode(
        raw, max_bytes=STATE_RECORD_MAX_BYTES, max_items=2 + 5 * OFFENCES_MAX, max_depth=3
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


def _pay(draft: Draft, offence: Offence, together: int, total: int) -> Offence:
    """Take what the offence costs now beyond what it has cost already, as far as it is there."""
    due = penalty(draft.document.staking, offence.exposed, together, total) - offence.slashed
    if due <= 0:
        return offence
    owner, _ = registered(draft.record, offence.index)
    return replace(offence, slashed=offence.slashed + take_stake(draft, owner, due))


def _put_offences(draft: Draft, offences: list[Offence]) -> None:
    """Of a full list the smallest is forgotten: many small offences cannot hide a large one."""
    if len(offences) > OFFENCES_MAX:
        offences.remove(min(offences, key=lambda each: (each.exposed, each.index)))
    draft.put_record(OFFENCES_KEY, encode_offences(offences))


def _offence(row: codec.Value) -> Offence:
    index, height, exposed, slashed = codec.array(row, 4)
    return Offence(
        codec.uint(index, 32), codec.uint(height), decode_amount(exposed), decode_amount(slashed)
    )
