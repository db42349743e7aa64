"""Votes: what a validator signs in each phase of a view, and how a vote looks on the wire."""

from dataclasses import dataclass
from typing import Final

from consensus.errors import MalformedVote
from genesis.limits import ELECTORATE_MEMBERS_MAX, LANE_MEMBERS_MAX
from genesis.signed_bytes import VOTE_CONTEXT as VOTE_CONTEXT
from genesis.signed_bytes import Lane as Lane
from genesis.signed_bytes import VotePhase as VotePhase
from genesis.signed_bytes import vote_bytes
from genesis.validators import VALIDATOR_ALGORITHM
from native.codec import Value, array, blob, bounded, uint
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SIGNATURE_BYTES

VOTE_SIGNATURE_BYTES: Final = SIGNATURE_BYTES[VALIDATOR_ALGORITHM]
VOTE_FIELDS: Final = 9


@dataclass(frozen=True, slots=True)
class Vote:
    """What is signed: 86 bytes of fixed layout, bound to one instance."""

    instance_id: Hash32
    phase: VotePhase
    view: int
    height: int
    block_id: Hash32

    def __post_init__(self) -> None:
        if not 0 < self.view < 2**64 or not 0 <= self.height < 2**64:
            raise MalformedVote("view or height out of range")
        if self.phase is VotePhase.CANCEL and (self.height or self.block_id != ZERO_HASH):
            raise MalformedVote("a CANCEL names no block")

    @property
    def signing_bytes(self) -> bytes:
        """`AICV1`, instance, phase, view, height, block id."""
        return vote_bytes(self.instance_id, self.phase, self.view, self.height, self.block_id)


def cancel_vote(instance_id: Hash32, view: int) -> Vote:
    """The vote that skips `view`."""
    return Vote(instance_id, VotePhase.CANCEL, view, 0, ZERO_HASH)


@dataclass(frozen=True, slots=True)
class SignedVote:
    """A vote with its voter's index in the electorate of `epoch`, and signature."""

    vote: Vote
    epoch: int
    voter_index: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class ReceivedVote:
    """A vote as it came from the wire: it names an epoch, the reader knows which instance."""

    epoch: int
    phase: VotePhase
    view: int
    height: int
    block_id: Hash32
    voter_index: int
    signature: bytes

    def bind(self, instance_id: Hash32) -> SignedVote:
        """The same vote as a claim about one instance; the signature decides if the claim holds."""
        vote = Vote(instance_id, self.phase, self.view, self.height, self.block_id)
        return SignedVote(vote, self.epoch, self.voter_index, self.signature)


def encode_vote(signed: SignedVote, lane: Lane = Lane.HARD, term: int = 0) -> list[Value]:
    """The wire form: an index instead of a key saves 1,952 bytes, an epoch instead of an id 30."""
    vote = signed.vote
    cancels = vote.phase is VotePhase.CANCEL
    return [
        int(lane),
        signed.epoch,
        term,
        int(vote.phase),
        vote.view,
        vote.height,
        b"" if cancels else vote.block_id,
        signed.voter_index,
        signed.signature,
    ]


def decode_vote(value: Value) -> ReceivedVote:
    """The exact inverse of `encode_vote` without lanes; anything else is refused."""
    lane, term, received = decode_lane_vote(value, members_max=ELECTORATE_MEMBERS_MAX)
    if lane is not Lane.HARD or term != 0:
        raise MalformedVote("only the hard lane is open")
    return received


def decode_lane_vote(
    value: Value, *, members_max: int = LANE_MEMBERS_MAX
) -> tuple[Lane, int, ReceivedVote]:
    """The exact inverse of `encode_vote`: lane, term, and the vote."""
    fields = array(value, VOTE_FIELDS)
    lane, term = decode_lane(fields[0]), uint(fields[2])
    phase, view = decode_phase(fields[3]), uint(fields[4])
    height, voter_index = uint(fields[5]), uint(fields[7], bits=32)
    if voter_index >= members_max:
        raise MalformedVote("voter index out of range")
    if phase is VotePhase.CANCEL:
        blob(fields[6], 0)
        block_id = ZERO_HASH
    else:
        block_id = Hash32(blob(fields[6], 32))
    if view == 0 or (phase is VotePhase.CANCEL and height):
        raise MalformedVote("view 0, or a CANCEL that names a height")
    signature = bounded(fields[8], VOTE_SIGNATURE_BYTES)
    epoch = uint(fields[1])
    received = ReceivedVote(epoch, phase, view, height, block_id, voter_index, signature)
    return lane, term, received


def decode_lane(value: Value) -> Lane:
    """A lane's number, or a named refusal."""
    number = uint(value, bits=8)
    if number not in (Lane.HARD, Lane.FAST):
        raise MalformedVote(f"no lane {number}")
    return Lane(number)


def decode_phase(value: Value) -> VotePhase:
    """A phase number, or a named refusal."""
    number = uint(value, bits=8)
    if number not in (VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL):
        raise MalformedVote(f"no phase {number}")
    return VotePhase(number)
