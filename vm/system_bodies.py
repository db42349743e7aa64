"""Bodies of system transactions: they pay nothing, for only what is true may be in a block."""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from genesis.checkpoints import CHECKPOINT_FIELDS, Checkpoint, decode_checkpoint
from genesis.limits import GENESIS_VALIDATORS_MAX, PARTICIPATION_VOTES_MAX
from genesis.signed_bytes import (
    CLOSE_CONTEXT,
    PROPOSAL_CONTEXT,
    VOTE_CONTEXT,
    InstanceName,
    Lane,
    VotePhase,
    breaks_close,
    close_bytes,
    excludes,
    proposal_bytes,
    vote_bytes,
)
from genesis.units import ADDRESS_BYTES, U64_MAX, Address, read_address
from genesis.validators import VALIDATOR_ALGORITHM
from native import codec
from native.hashing import HASH_BYTES, ZERO_HASH, Hash32, hash32
from native.signatures import SIGNATURE_BYTES
from vm.errors import FieldHasWrongLength, FieldOutOfRange
from vm.validator_errors import NotInConflict, VotesMismatch

_VOTES = 1
_PROPOSALS = 2
_CLOSE = 3
EVIDENCE_FIELDS = 17
_PARTICIPATION_FIELDS = 4
_SIGNATURE_BYTES = SIGNATURE_BYTES[VALIDATOR_ALGORITHM]
_VOTERS_MAX_BYTES = -(-GENESIS_VALIDATORS_MAX // 8)


@dataclass(frozen=True, slots=True)
class VoteClaim:
    """One of two votes of one view."""

    phase: VotePhase
    height: int
    block_id: Hash32
    signature: bytes

    def __post_init__(self) -> None:
        _require_place(self.height, self.block_id, self.signature)
        if self.phase is VotePhase.CANCEL and (self.height or self.block_id != ZERO_HASH):
            raise FieldOutOfRange("height", self.height, 0)


@dataclass(frozen=True, slots=True)
class ProposalClaim:
    """One of two proposals of one view."""

    justify_view: int
    height: int
    block_id: Hash32
    signature: bytes

    def __post_init__(self) -> None:
        _require_range("justify_view", self.justify_view, U64_MAX)
        _require_place(self.height, self.block_id, self.signature)


@dataclass(frozen=True, slots=True)
class CloseClaim:
    """A seat's CLOSE of its term: what it stood on when it signed for the last time."""

    tip_view: int
    tip_id: Hash32
    signature: bytes

    def __post_init__(self) -> None:
        _require_range("tip_view", self.tip_view, U64_MAX)
        _require_place(0, self.tip_id, self.signature)


Claim: TypeAlias = VoteClaim | ProposalClaim | CloseClaim
Claims: TypeAlias = (
    tuple[VoteClaim, VoteClaim] | tuple[ProposalClaim, ProposalClaim] | tuple[CloseClaim, VoteClaim]
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two signatures of one validator that nobody honest gives together; they are its witnesses.

    Whether the instance ever ran does not matter: no honest key signs two such claims in any.
    """

    instance: InstanceName
    view: int
    """Of both claims; a CLOSE has none, so that of the COMMIT above its tip."""
    offender: Address
    """The owner of the validator: where its stake is, and its consensus key."""
    claims: Claims

    def __post_init__(self) -> None:
        for name in ("epoch", "term"):
            _require_range(name, getattr(self.instance, name), U64_MAX)
        for name in ("genesis_hash", "vset_hash", "start_block_id"):
            _require_length(name, getattr(self.instance, name), HASH_BYTES)
        _require_length("offender", self.offender, ADDRESS_BYTES)
        _require_range("view", self.view, U64_MAX)
        if self.view == 0 or not _conflict(self.claims, self.view, *self.messages):
            raise NotInConflict(self.view)

    @property
    def messages(self) -> tuple[bytes, bytes]:
        """What the two signatures cover."""
        first, second = self.claims
        name = self.instance.id
        return _message(name, self.view, first), _message(name, self.view, second)


@dataclass(frozen=True, slots=True)
class Participation:
    """COMMIT votes for the last block of an epoch; their signatures are its witnesses.

    On a chain of two lanes they are for a checkpoint that ends at this block, and name it.
    """

    epoch: int
    view: int
    """The view of the votes: a last block may be voted for in several (R10)."""
    voters: bytes
    """Bit i of the epoch's set is bit i%8 of byte i//8, as in a certificate."""
    signatures: tuple[bytes, ...]
    """One for each bit, in their order."""
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        _require_range("epoch", self.epoch, U64_MAX)
        _require_range("view", self.view, U64_MAX)
        if self.view == 0:
            raise FieldOutOfRange("view", 0, U64_MAX)
        if len(self.voters) > _VOTERS_MAX_BYTES:
            raise FieldHasWrongLength("voters", len(self.voters), _VOTERS_MAX_BYTES)
        votes = len(self.signatures)
        if not 1 <= votes <= PARTICIPATION_VOTES_MAX:
            raise FieldOutOfRange("signatures", votes, PARTICIPATION_VOTES_MAX)
        if len(self.places) != votes:
            raise VotesMismatch(voters=len(self.places), signatures=votes)
        for signature in self.signatures:
            _require_length("signature", signature, _SIGNATURE_BYTES)

    @property
    def places(self) -> list[int]:
        """The voters' places in the set, ascending."""
        return [
            8 * at + bit
            for at, byte in enumerate(self.voters)
            for bit in range(8)
            if byte >> bit & 1
        ]


def context_of(claim: Claim) -> bytes:
    """The FIPS 204 context of a claim's signature."""
    match claim:
        case VoteClaim():
            return VOTE_CONTEXT
        case ProposalClaim():
            return PROPOSAL_CONTEXT
        case CloseClaim():
            return CLOSE_CONTEXT
        case _:
            assert_never(claim)


def evidence_fields(evidence: Evidence) -> list[codec.Value]:
    """One flat array: what both claims share, then each claim."""
    name = evidence.instance
    first, second = evidence.claims
    return [
        _tag(first),
        name.genesis_hash,
        int(name.lane),
        name.epoch,
        name.vset_hash,
        name.start_block_id,
        name.term,
        evidence.view,
        evidence.offender,
        *_claim_fields(first),
        *_claim_fields(second),
    ]


def evidence_from_fields(value: codec.Value) -> Evidence:
    """The exact inverse; DecodeError or InvalidTransaction otherwise."""
    fields = codec.array(value, EVIDENCE_FIELDS)
    tag, lane = codec.uint(fields[0], 8), codec.uint(fields[2], 8)
    if tag not in (_VOTES, _PROPOSALS, _CLOSE):
        raise FieldOutOfRange("claims", tag, _CLOSE)
    if lane > Lane.FAST:
        raise FieldOutOfRange("lane", lane, Lane.FAST)
    instance = InstanceName(
        genesis_hash=hash32(fields[1]),
        lane=Lane(lane),
        epoch=codec.uint(fields[3]),
        vset_hash=hash32(fields[4]),
        start_block_id=hash32(fields[5]),
        term=codec.uint(fields[6]),
    )
    claims: Claims
    first, second = fields[9:13], fields[13:17]
    if tag == _VOTES:
        claims = _vote_claim(first), _vote_claim(second)
    elif tag == _PROPOSALS:
        claims = _proposal_claim(first), _proposal_claim(second)
    else:
        claims = _close_claim(first), _vote_claim(second)
    return Evidence(instance, codec.uint(fields[7]), read_address(fields[8]), claims)


def participation_fields(participation: Participation) -> list[codec.Value]:
    """The signatures as one string: they have one size. The checkpoint's fields come last."""
    checkpoint = participation.checkpoint
    return [
        participation.epoch,
        participation.view,
        participation.voters,
        b"".join(participation.signatures),
        *(() if checkpoint is None else checkpoint.encode()),
    ]


def participation_from_fields(value: codec.Value) -> Participation:
    """The exact inverse; DecodeError or InvalidTransaction otherwise."""
    fields = codec.sequence(value, _PARTICIPATION_FIELDS + CHECKPOINT_FIELDS)
    rest = fields[_PARTICIPATION_FIELDS:]
    epoch, view, voters, joined_field = codec.array(fields[:_PARTICIPATION_FIELDS], 4)
    joined = codec.bounded(joined_field, _SIGNATURE_BYTES * PARTICIPATION_VOTES_MAX)
    return Participation(
        epoch=codec.uint(epoch),
        view=codec.uint(view),
        voters=codec.bounded(voters, _VOTERS_MAX_BYTES),
        signatures=tuple(
            joined[start : start + _SIGNATURE_BYTES]
            for start in range(0, len(joined), _SIGNATURE_BYTES)
        ),
        checkpoint=decode_checkpoint(rest) if rest else None,
    )


def _conflict(claims: Claims, view: int, first: bytes, second: bytes) -> bool:
    match claims:
        case (VoteClaim(phase=one), VoteClaim(phase=other)):
            return excludes(one, other, same=first == second)
        case (CloseClaim(tip_view), VoteClaim(phase)):
            return phase is VotePhase.COMMIT and breaks_close(tip_view, view)
        case _:
            return first != second  # R1: one proposal a view


def _message(name: Hash32, view: int, claim: Claim) -> bytes:
    match claim:
        case VoteClaim(phase, height, block_id):
            return vote_bytes(name, phase, view, height, block_id)
        case ProposalClaim(justify_view, height, block_id):
            return proposal_bytes(name, view, justify_view, height, block_id)
        case CloseClaim(tip_view, tip_id):
            return close_bytes(name, tip_view, tip_id)
        case _:
            assert_never(claim)


def _tag(first: Claim) -> int:
    match first:
        case VoteClaim():
            return _VOTES
        case ProposalClaim():
            return _PROPOSALS
        case CloseClaim():
            return _CLOSE
        case _:
            assert_never(first)


def _claim_fields(claim: Claim) -> list[codec.Value]:
    match claim:
        case VoteClaim(phase, height, block_id, signature):
            return [int(phase), height, block_id, signature]
        case ProposalClaim(justify_view, height, block_id, signature):
            return [justify_view, height, block_id, signature]
        case CloseClaim(tip_view, tip_id, signature):
            return [tip_view, 0, tip_id, signature]
        case _:
            assert_never(claim)


def _vote_claim(fields: list[codec.Value]) -> VoteClaim:
    phase = codec.uint(fields[0], 8)
    if not VotePhase.PREFER <= phase <= VotePhase.CANCEL:
        raise FieldOutOfRange("phase", phase, VotePhase.CANCEL)
    return VoteClaim(VotePhase(phase), *_place(fields))


def _proposal_claim(fields: list[codec.Value]) -> ProposalClaim:
    return ProposalClaim(codec.uint(fields[0]), *_place(fields))


def _close_claim(fields: list[codec.Value]) -> CloseClaim:
    height, tip_id, signature = _place(fields)
    if height:
        raise FieldOutOfRange("height", height, 0)
    return CloseClaim(codec.uint(fields[0]), tip_id, signature)


def _place(fields: list[codec.Value]) -> tuple[int, Hash32, bytes]:
    signature = codec.blob(fields[3], _SIGNATURE_BYTES)
    return codec.uint(fields[1]), hash32(fields[2]), signature


def _require_place(height: int, block_id: bytes, signature: bytes) -> None:
    _require_range("height", height, U64_MAX)
    _require_length("block_id", block_id, HASH_BYTES)
    _require_length("signature", signature, _SIGNATURE_BYTES)


def _require_range(field: str, value: int, limit: int) -> None:
    if not 0 <= value <= limit:
        raise FieldOutOfRange(field, value, limit)


def _require_length(field: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise FieldHasWrongLength(field, len(value), length)
