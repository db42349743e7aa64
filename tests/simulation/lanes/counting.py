"""Votes counted by the world instead of by every core: N * N additions, but N steps.

Each receiver still has its own count in its own order, and gets a certificate at the moment when
its core would have assembled one. Runs that count nothing here check that this changes nothing.
"""

from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate, assemble
from consensus.core import events as told
from consensus.core.catchup import is_announcer
from consensus.electorate import Electorate
from consensus.lanes import filters
from consensus.quorum import reaches_quorum
from consensus.votes import SignedVote, Vote
from native.hashing import Hash32
from tests.simulation.lanes.node import Node


@dataclass
class Count:
    """One thing voted for: the votes that exist, and whose of them each receiver has."""

    electorate: Electorate
    votes: dict[int, SignedVote] = field(default_factory=dict)
    heard: dict[int, set[int]] = field(default_factory=dict)
    weight: dict[int, int] = field(default_factory=dict)
    certificate: QuorumCertificate | None = None


class Counts:
    """All votes of a run."""

    def __init__(self) -> None:
        self._counts: dict[Vote, Count] = {}

    def add(self, node: Node, signed: SignedVote, electorate: Electorate) -> bool:
        """Count a vote at its receiver; True if the receiver then announces a certificate (R0)."""
        if not _listens(node, signed.vote.instance_id):
            return False
        count = self._counts.get(signed.vote)
        if count is None:
            count = self._counts[signed.vote] = Count(electorate)
        count.votes.setdefault(signed.voter_index, signed)
        heard = count.heard.setdefault(node.member, set())
        if signed.voter_index in heard:
            return False
        heard.add(signed.voter_index)
        before = count.weight.get(node.member, 0)
        after = before + electorate.weights[signed.voter_index]
        count.weight[node.member] = after
        if reaches_quorum(before, electorate.total) or not reaches_quorum(after, electorate.total):
            return False
        certificate = self._certificate(count, heard)
        if not filters.wants_certificate(node.state, certificate):
            return False
        announces = _announces(node, certificate)
        node.handle(told.CertificateAccepted(certificate, node.now_ms))
        return announces

    def certificate(self, vote: Vote) -> QuorumCertificate | None:
        """The certificate of a thing, if somebody has assembled one."""
        count = self._counts.get(vote)
        return None if count is None else count.certificate

    def forget(self, member: int) -> None:
        """A crash loses all that was counted."""
        for count in self._counts.values():
            count.heard.pop(member, None)
            count.weight.pop(member, None)

    def _certificate(self, count: Count, voters: set[int]) -> QuorumCertificate:
        if count.certificate is None:
            votes = [count.votes[voter] for voter in sorted(voters)]
            count.certificate = assemble(votes, len(count.electorate))
        return count.certificate


def _listens(node: Node, instance_id: Hash32) -> bool:
    if node.state.ballot.instance.id == instance_id:
        return True
    term = filters.term_named(node.state, instance_id)
    return term is not None and term.boundary is None


def _announces(node: Node, certificate: QuorumCertificate) -> bool:
    name, view = certificate.instance_id, certificate.view
    ballot, term = node.state.ballot, filters.term_named(node.state, name)
    known = ballot.core if ballot.instance.id == name else None if term is None else term.core
    return known is not None and view >= known.view - 1 and is_announcer(known, view)
