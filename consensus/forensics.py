"""After a fork: who signed twice, as the certificates of both sides show when they lie together."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from consensus.certificates import QuorumCertificate
from consensus.evidence import ConflictingVotes, votes_conflict
from consensus.instance import BlockRef
from consensus.votes import SignedVote, Vote, VotePhase, cancel_vote
from native.hashing import Hash32

View = tuple[Hash32, int]
"""An instance and one of its views."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One side of a fork: a FINAL, and its block with those below it, the highest first."""

    certificate: QuorumCertificate
    blocks: tuple[BlockRef, ...]


def signed_twice(certificates: Iterable[QuorumCertificate]) -> Iterator[ConflictingVotes]:
    """Every pair of signatures of one voter that exclude each other.

    Certificates of one and the same vote are taken together: each may hold other voters.
    """
    views: dict[View, dict[Vote, dict[int, SignedVote]]] = {}
    for certificate in certificates:
        subjects = views.setdefault((certificate.instance_id, certificate.view), {})
        voters = subjects.setdefault(certificate.vote, {})
        for signed in certificate.votes():
            voters.setdefault(signed.voter_index, signed)
    for subjects in views.values():
        for one, other in combinations(subjects, 2):
            if votes_conflict(one, other):
                yield from _voters_of_both(subjects[one], subjects[other])


def convicted(
    certificates: Iterable[QuorumCertificate], instance_id: Hash32
) -> dict[int, ConflictingVotes]:
    """Each member of this instance that signed twice, with one proof of it."""
    ours = (each for each in certificates if each.instance_id == instance_id)
    proofs: dict[int, ConflictingVotes] = {}
    for pair in signed_twice(ours):
        proofs.setdefault(pair.offender, pair)
    return dict(sorted(proofs.items()))


def decisive_votes(one: Branch, other: Branch) -> tuple[tuple[Vote, Vote], ...]:
    """The pairs of votes of which one had a quorum on both sides, so that 38 % gave both.

    This is the walk of the README, "Why it is safe": from the FINAL of the later view down the
    justifications, to the first that is not above the view of the other FINAL. As long as not all
    of a quorum was evil, somebody honest held each certificate on the way. More than one pair is
    possible only where a last block was proposed again (R10), for headers do not name those views.
    """
    low, high = sorted((one, other), key=lambda branch: branch.certificate.view)
    final, view = low.certificate, low.certificate.view
    if view == high.certificate.view:
        return ((final.vote, high.certificate.vote),)
    skipped = final.vote, cancel_vote(final.instance_id, view)
    notar = Vote(final.instance_id, VotePhase.PREFER, view, final.height, final.block_id)
    for block in high.blocks:
        rival = Vote(final.instance_id, VotePhase.PREFER, view, block.height, block.id)
        if view > block.view:
            return skipped, (notar, rival)
        if view == block.view:
            return ((notar, rival),)
        if view > block.parent_view:
            return (skipped,)
    return ()


def lacking(
    pairs: Iterable[tuple[Vote, Vote]], certificates: Iterable[QuorumCertificate]
) -> tuple[Vote, ...]:
    """What somebody must still bring, so that one of these pairs is complete; nothing if one is."""
    held = {certificate.vote for certificate in certificates}
    gaps = [tuple(vote for vote in pair if vote not in held) for pair in pairs]
    return min(gaps, key=len, default=())


def _voters_of_both(
    first: Mapping[int, SignedVote], second: Mapping[int, SignedVote]
) -> Iterator[ConflictingVotes]:
    for voter in sorted(first.keys() & second.keys()):
        yield ConflictingVotes(first[voter], second[voter])
