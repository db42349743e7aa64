"""Evidence: two signatures of one validator that no honest validator gives together."""

from dataclasses import dataclass
from typing import Final

from consensus.certificates import QuorumCertificate
from consensus.errors import NotInConflict
from consensus.proposals import BareProposal, SignedProposal
from consensus.votes import (
    VOTE_SIGNATURE_BYTES,
    SignedVote,
    Vote,
    decode_phase,
)
from genesis.signed_bytes import excludes
from native.codec import Value, array, blob, bounded, uint
from native.hashing import Hash32

_VOTES_TAG: Final = 1
_PROPOSALS_TAG: Final = 2


@dataclass(frozen=True, slots=True)
class SignedClaim:
    """One side of conflicting proposals."""

    claim: BareProposal
    signature: bytes

    @classmethod
    def of(cls, signed: SignedProposal) -> "SignedClaim":
        """The accusable part of a proposal."""
        return cls(signed.proposal.claim, signed.signature)


@dataclass(frozen=True, slots=True)
class ConflictingVotes:
    """Two votes of one view: different blocks in one phase, or COMMIT together with CANCEL."""

    first: SignedVote
    second: SignedVote

    @property
    def offender(self) -> int:
        """The accused's index in the electorate of `epoch`."""
        return self.first.voter_index

    @property
    def epoch(self) -> int:
        """The epoch whose electorate the accused belongs to."""
        return self.first.epoch


@dataclass(frozen=True, slots=True)
class ConflictingProposals:
    """Two proposals of one view."""

    first: SignedClaim
    second: SignedClaim

    @property
    def offender(self) -> int:
        """The accused's index in the electorate of `epoch`."""
        return self.first.claim.proposer_index

    @property
    def epoch(self) -> int:
        """The epoch whose electorate the accused belongs to."""
        return self.first.claim.epoch


Evidence = ConflictingVotes | ConflictingProposals


def votes_conflict(first: Vote, second: Vote) -> bool:
    """R7 is broken by whoever signed both."""
    if first.instance_id != second.instance_id or first.view != second.view:
        return False
    return excludes(first.phase, second.phase, same=first == second)


def claims_conflict(first: BareProposal, second: BareProposal) -> bool:
    """R1 is broken by whoever signed both."""
    return (
        first.instance_id == second.instance_id
        and first.view == second.view
        and first.signing_bytes != second.signing_bytes
    )


def certificates_conflict(
    first: QuorumCertificate, second: QuorumCertificate
) -> tuple[ConflictingVotes, ...]:
    """Everybody who signed both of two certificates that exclude each other (at least 38 %)."""
    if first.view != second.view:
        return ()  # as most: no vote need be made of them
    if not votes_conflict(first.vote, second.vote):
        return ()
    by_voter = {signed.voter_index: signed for signed in first.votes()}
    return tuple(
        ConflictingVotes(by_voter[signed.voter_index], signed)
        for signed in second.votes()
        if signed.voter_index in by_voter
    )


def check_evidence(evidence: Evidence) -> None:
    """Raise `NotInConflict` unless the two sides exclude each other; signatures come after."""
    match evidence:
        case ConflictingVotes(first, second):
            if (first.voter_index, first.epoch) != (second.voter_index, second.epoch):
                raise NotInConflict("two different voters")
            if not votes_conflict(first.vote, second.vote):
                raise NotInConflict("both votes are legal together")
        case ConflictingProposals(first_side, second_side):
            one, other = first_side.claim, second_side.claim
            if (one.proposer_index, one.epoch) != (other.proposer_index, other.epoch):
                raise NotInConflict("two different proposers")
            if not claims_conflict(one, other):
                raise NotInConflict("both proposals are legal together")


def encode_evidence(evidence: Evidence) -> list[Value]:
    """The canonical form: what both sides share once, then each side."""
    match evidence:
        case ConflictingVotes(first, second):
            head: list[Value] = [_VOTES_TAG, first.vote.instance_id, first.epoch, first.vote.view]
            return [*head, first.voter_index, _vote_side(first), _vote_side(second)]
        case ConflictingProposals(one, other):
            claim = one.claim
            head = [_PROPOSALS_TAG, claim.instance_id, claim.epoch, claim.view]
            return [*head, claim.proposer_index, _claim_side(one), _claim_side(other)]


def decode_evidence(value: Value) -> Evidence:
    """The exact inverse of `encode_evidence`, checked for conflict."""
    fields = array(value, 7)
    tag, instance_id = uint(fields[0], bits=8), Hash32(blob(fields[1], 32))
    epoch, view, offender = uint(fields[2]), uint(fields[3]), uint(fields[4], bits=32)
    evidence: Evidence
    if tag == _VOTES_TAG:
        sides = [array(side, 4) for side in fields[5:]]
        votes = [
            SignedVote(
                Vote(
                    instance_id,
                    decode_phase(side[0]),
                    view,
                    uint(side[1]),
                    Hash32(blob(side[2], 32)),
                ),
                epoch,
                offender,
                bounded(side[3], VOTE_SIGNATURE_BYTES),
            )
            for side in sides
        ]
        evidence = ConflictingVotes(votes[0], votes[1])
    elif tag == _PROPOSALS_TAG:
        sides = [array(side, 4) for side in fields[5:]]
        claims = [
            SignedClaim(
                BareProposal(
                    instance_id,
                    epoch,
                    view,
                    uint(side[0]),
                    uint(side[1]),
                    Hash32(blob(side[2], 32)),
                    offender,
                ),
                bounded(side[3], VOTE_SIGNATURE_BYTES),
            )
            for side in sides
        ]
        evidence = ConflictingProposals(claims[0], claims[1])
    else:
        raise NotInConflict(f"no evidence of kind {tag}")
    check_evidence(evidence)
    return evidence


def _vote_side(signed: SignedVote) -> list[Value]:
    vote = signed.vote
    return [int(vote.phase), vote.height, vote.block_id, signed.signature]


def _claim_side(side: SignedClaim) -> list[Value]:
    claim = side.claim
    return [claim.justify_view, claim.height, claim.block_id, side.signature]
