"""What is worth verifying: cheap questions the shell asks before any signature is checked.

The core asks them again, so that an event that waited in a queue cannot exceed a bound.
"""

from consensus.certificates import QuorumCertificate
from consensus.core import hearing
from consensus.core.state import State, ViewState, certificates_against, suspects
from consensus.proposals import Proposal
from consensus.votes import SignedVote, VotePhase
from genesis.limits import (
    CORE_BLOCKS_MAX,
    PROPOSALS_PER_VIEW_MAX,
    VIEWS_AHEAD_MAX,
    VIEWS_BEHIND_MAX,
)


def is_wanted(state: State, signed: SignedVote) -> bool:
    """A vote that can still count, that shows its voter alive, or that convicts it."""
    vote, voter, instance = signed.vote, signed.voter_index, state.instance
    if vote.instance_id != instance.id or signed.epoch != instance.epoch:
        return False
    if voter >= len(instance.electorate):
        return False
    if vote.view <= state.final_view:
        return hearing.would_tell(state, voter, vote.view)
    if not _is_near(state, vote.view):
        return False
    known = state.at(vote.view)
    held = known.tally(vote.phase).votes.get(voter)
    if held is not None:
        return held.vote != vote and voter not in known.reported
    if not _is_closed(known, vote.phase) or hearing.would_tell(state, voter, vote.view):
        return True
    return bool(certificates_against(known, signed))


def is_current(state: State, signed: SignedVote) -> bool:
    """A vote of a view that others may still be in, whether or not our own count goes on.

    It is what everybody who is stuck says again (R9), so the passing on of votes needs no more.
    """
    vote = signed.vote
    if vote.instance_id != state.instance.id or signed.epoch != state.epoch:
        return False
    if signed.voter_index >= len(state.instance.electorate) or vote.view <= state.final_view:
        return False
    recent = state.view - 1 <= vote.view <= state.view + VIEWS_AHEAD_MAX
    return recent or vote.view == state.first_open_view


def wants_certificate(state: State, certificate: QuorumCertificate) -> bool:
    """A certificate of this instance that says something new, contradicts finality, or convicts
    somebody who gave us another vote."""
    if contradicts_final(state, certificate):
        return True
    if certificate.instance_id != state.instance.id or certificate.view <= state.final_view:
        return False
    known = state.at(certificate.view)
    if suspects(known, certificate):
        return True
    if known.final is not None and certificate.phase is VotePhase.PREFER:
        return certificate.block_id != known.final.block_id
    held = known.certificate(certificate.phase)
    return held is None or held.block_id != certificate.block_id


def wants_proposal(state: State, proposal: Proposal) -> bool:
    """A proposal by the view's proposer that can still be voted on, or whose block is needed."""
    if proposal.instance_id != state.instance.id or proposal.block.epoch != state.epoch:
        return False
    if proposal.proposer_index != state.instance.proposer(proposal.view):
        return False
    if not _is_near(state, proposal.view) or len(state.blocks) >= CORE_BLOCKS_MAX:
        return False
    known = state.at(proposal.view)
    if proposal.view < state.view and known.notarized != proposal.block.id:
        return False
    for held in known.proposals:
        if held.proposal == proposal:
            return not held.signature
    return len(known.proposals) < PROPOSALS_PER_VIEW_MAX


def contradicts_final(state: State, certificate: QuorumCertificate) -> bool:
    """A FINAL for another block at a height that is final here: safety is gone."""
    if certificate.phase is not VotePhase.COMMIT:
        return False
    if certificate.instance_id == state.instance.id:
        known = state.at(certificate.view).final
        if known is not None and known.block_id != certificate.block_id:
            return True
    for settled in (state.final_certificate, state.edge_certificate):
        if (
            settled is not None
            and settled.instance_id == certificate.instance_id
            and (settled.height == certificate.height or settled.view == certificate.view)
            and settled.block_id != certificate.block_id
        ):
            return True
    return False


def _is_near(state: State, view: int) -> bool:
    """Or old, and the first whose outcome is open: its votes are said again, however old (R9)."""
    low = max(state.final_view, state.view - VIEWS_BEHIND_MAX - 1)
    return low < view <= state.view + VIEWS_AHEAD_MAX or view == state.first_open_view


def _is_closed(known: ViewState, phase: VotePhase) -> bool:
    return known.final is not None or known.certificate(phase) is not None
