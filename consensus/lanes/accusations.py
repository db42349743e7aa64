"""Evidence out of a lane: which instance it is about, and the pair that only a seat can give."""

from dataclasses import dataclass
from typing import Final

from consensus.electorate import Electorate
from consensus.errors import NotInConflict, WrongTerm
from consensus.evidence import (
    ConflictingProposals,
    ConflictingVotes,
    Evidence,
    check_evidence,
    decode_evidence,
    encode_evidence,
)
from consensus.instance import instance_id
from consensus.lanes.closes import Close, SignedClose
from consensus.votes import VOTE_SIGNATURE_BYTES, Lane, SignedVote, Vote, VotePhase, decode_lane
from genesis.signed_bytes import breaks_close
from native.codec import Value, array, blob, bounded, uint
from native.hashing import Hash32

_CORE_TAG: Final = 1
_CLOSE_TAG: Final = 2


@dataclass(frozen=True, slots=True)
class BrokenClose:
    """A CLOSE on a tip, and a COMMIT of the same seat above it: one of the two was a lie."""

    close: SignedClose
    commit: SignedVote

    @property
    def offender(self) -> int:
        """The accused's index in the committee."""
        return self.close.voter_index


@dataclass(frozen=True, slots=True)
class Accusation:
    """Evidence, and all it takes to know the accused: lane, term, and where the term started.

    With the validator set and seed of the epoch, these give back the instance id and the committee,
    so that nobody has to remember old terms.
    """

    lane: Lane
    epoch: int
    term: int
    start_id: Hash32
    evidence: Evidence | BrokenClose

    @property
    def offender(self) -> int:
        """The accused's index among the voters of the instance."""
        return self.evidence.offender


def close_is_broken(close: Close, commit: Vote) -> bool:
    """Whether no honest seat signs both: what it COMMITs to, it stands on."""
    return (
        close.instance_id == commit.instance_id
        and commit.phase is VotePhase.COMMIT
        and breaks_close(close.tip_view, commit.view)
    )


def check_accusation(accusation: Accusation, voters: Electorate, genesis_hash: Hash32) -> None:
    """Raise unless it is about an instance of these voters and its sides exclude each other."""
    named = instance_id(
        genesis_hash,
        voters.epoch,
        voters.vset_hash,
        accusation.start_id,
        lane=accusation.lane,
        term=accusation.term,
    )
    evidence = accusation.evidence
    if _instance_of(evidence) != named or accusation.offender >= len(voters):
        raise WrongTerm(accusation.term, voters.epoch)
    if not isinstance(evidence, BrokenClose):
        check_evidence(evidence)
        return
    close, commit = evidence.close, evidence.commit
    if close.voter_index != commit.voter_index:
        raise NotInConflict("two different seats")
    if not close_is_broken(close.close, commit.vote):
        raise NotInConflict("both may be signed")


def encode_accusation(accusation: Accusation) -> list[Value]:
    """The canonical form."""
    head: list[Value] = [int(accusation.lane), accusation.epoch, accusation.term]
    evidence = accusation.evidence
    if not isinstance(evidence, BrokenClose):
        return [*head, accusation.start_id, _CORE_TAG, encode_evidence(evidence)]
    close, commit = evidence.close, evidence.commit
    sides: list[Value] = [
        close.close.instance_id,
        close.voter_index,
        [close.close.tip_view, close.close.tip_id, close.signature],
        [commit.vote.view, commit.vote.height, commit.vote.block_id, commit.signature],
    ]
    return [*head, accusation.start_id, _CLOSE_TAG, sides]


def decode_accusation(value: Value) -> Accusation:
    """The exact inverse of `encode_accusation`; `check_accusation` comes after."""
    fields = array(value, 6)
    lane, epoch, term = decode_lane(fields[0]), uint(fields[1]), uint(fields[2])
    start_id, tag = Hash32(blob(fields[3], 32)), uint(fields[4], bits=8)
    if tag == _CORE_TAG:
        return Accusation(lane, epoch, term, start_id, decode_evidence(fields[5]))
    if tag != _CLOSE_TAG:
        raise NotInConflict(f"no accusation of kind {tag}")
    sides = array(fields[5], 4)
    name, index = Hash32(blob(sides[0], 32)), uint(sides[1], bits=32)
    tip, cast = array(sides[2], 3), array(sides[3], 4)
    close = Close(name, uint(tip[0]), Hash32(blob(tip[1], 32)))
    commit = Vote(name, VotePhase.COMMIT, uint(cast[0]), uint(cast[1]), Hash32(blob(cast[2], 32)))
    tip_signature = bounded(tip[2], VOTE_SIGNATURE_BYTES)
    vote_signature = bounded(cast[3], VOTE_SIGNATURE_BYTES)
    broken = BrokenClose(
        SignedClose(close, epoch, term, index, tip_signature),
        SignedVote(commit, epoch, index, vote_signature),
    )
    return Accusation(lane, epoch, term, start_id, broken)


def _instance_of(evidence: Evidence | BrokenClose) -> Hash32:
    match evidence:
        case BrokenClose(close):
            return close.close.instance_id
        case ConflictingVotes(first):
            return first.vote.instance_id
        case ConflictingProposals(side):
            return side.claim.instance_id
