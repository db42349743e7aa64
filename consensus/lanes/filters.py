"""What is worth verifying: cheap questions the shell asks before any signature is checked."""

from consensus.certificates import QuorumCertificate
from consensus.core import filters as core
from consensus.lanes.closes import Close, SignedClose
from consensus.lanes.state import Lanes, Term
from consensus.proposals import Proposal
from consensus.votes import SignedVote, VotePhase
from native.hashing import Hash32


def is_wanted(state: Lanes, signed: SignedVote) -> bool:
    """A vote that the core of its instance wants; a term that has ended wants none."""
    name = signed.vote.instance_id
    if name == state.ballot.instance.id:
        return core.is_wanted(state.ballot.core, signed)
    term = term_named(state, name)
    return term is not None and term.boundary is None and core.is_wanted(term.core, signed)


def is_current(state: Lanes, signed: SignedVote) -> bool:
    """A vote of a living instance that others may still wait for, though our count is over."""
    name = signed.vote.instance_id
    if name == state.ballot.instance.id:
        return core.is_current(state.ballot.core, signed)
    term = term_named(state, name)
    return term is not None and term.boundary is None and core.is_current(term.core, signed)


def wants_certificate(state: Lanes, certificate: QuorumCertificate) -> bool:
    """One that the core wants, or that moves a tip or contradicts a FINAL of a committee."""
    name = certificate.instance_id
    if name == state.ballot.instance.id:
        return core.wants_certificate(state.ballot.core, certificate)
    term = term_named(state, name)
    if term is None:
        return False
    if term.core.halted is None and core.wants_certificate(term.core, certificate):
        return True
    if certificate.phase is VotePhase.CANCEL:
        return False
    held = term.pending.get((certificate.block_id, certificate.phase))
    if held is not None:
        return certificate.view > held.view
    if certificate.phase is VotePhase.COMMIT:
        return all(final.block_id != certificate.block_id for final in term.finals)
    return certificate.view > term.tip.view or certificate.block_id not in state.tree


def wants_proposal(state: Lanes, proposal: Proposal) -> bool:
    """A block for an open term, or a checkpoint for the ballot."""
    name = proposal.instance_id
    if name == state.ballot.instance.id:
        return core.wants_proposal(state.ballot.core, proposal)
    term = term_named(state, name)
    return term is not None and term.is_open and core.wants_proposal(term.core, proposal)


def wants_close(state: Lanes, signed: SignedClose) -> bool:
    """The first CLOSE of a seat holder of a living term."""
    close: Close = signed.close
    term = term_named(state, close.instance_id)
    if term is None or signed.voter_index >= len(term.instance.electorate):
        return False
    return signed.voter_index not in term.closes


def term_named(state: Lanes, instance_id: Hash32) -> Term | None:
    """The living term of that name."""
    for term in state.terms:
        if term.instance.id == instance_id:
            return term
    return None
