"""What Byzantine voters do: one crime per function, True if it could be committed."""

from dataclasses import replace

from consensus.proposals import Proposal, SignedProposal
from consensus.votes import Vote, VotePhase, cancel_vote
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.means import Means

FLOOD_VOTES = 8
FAR_VIEWS = 2_000


def random_vote(means: Means, node: Inhabitant) -> bool:
    state, arena = node.state, means.arena
    view = max(1, state.view - arena.below(3))
    phase = VotePhase(1 + arena.below(3))
    if phase is VotePhase.CANCEL:
        return means.vote(node, cancel_vote(state.instance.id, view))
    block = means.pick(node)
    return block is not None and means.vote(
        node, Vote(state.instance.id, phase, view, block.height, block.id)
    )


def support_everything(means: Means, node: Inhabitant) -> bool:
    proposals = _proposals(node)
    for signed in proposals:
        means.support(node, signed.proposal)
    return bool(proposals)


def vote_at_another_height(means: Means, node: Inhabitant) -> bool:
    """For the right block, said to be elsewhere: counted by name, signatures would be too few."""
    proposal = _proposal(node)
    if proposal is None:
        return False
    block, name = proposal.block, proposal.instance_id
    height = block.height + 1 + means.arena.below(3)
    for phase in (VotePhase.PREFER, VotePhase.COMMIT):
        means.vote(node, Vote(name, phase, proposal.view, height, block.id))
    return True


def vote_of_another_epoch(means: Means, node: Inhabitant) -> bool:
    """A true vote beside an epoch that is not signed: it must spoil no certificate."""
    state, proposal = node.state, _proposal(node)
    if proposal is None or state.me is None:
        return False
    block, name = proposal.block, proposal.instance_id
    for phase in (VotePhase.PREFER, VotePhase.COMMIT):
        vote = Vote(name, phase, proposal.view, block.height, block.id)
        means.arena.broadcast(node, means.signed(node, vote, state.epoch + 1, state.me))
    return True


def split_vote(means: Means, node: Inhabitant) -> bool:
    """One half hears that we go for the block, the other that we skip the view."""
    state = node.state
    proposals = state.at(state.view).proposals
    if not proposals:
        return False
    block, name = proposals[0].proposal.block, state.instance.id
    for phase in (VotePhase.PREFER, VotePhase.COMMIT):
        means.vote(node, Vote(name, phase, state.view, block.height, block.id), half=0)
    return means.vote(node, cancel_vote(name, state.view), half=1)


def forge_vote(means: Means, node: Inhabitant) -> bool:
    """Our signature under another's index."""
    state = node.state
    victim = means.arena.below(len(state.instance.electorate))
    vote = cancel_vote(state.instance.id, state.view)
    if victim == state.me:
        return False
    means.arena.broadcast(node, means.signed(node, vote, state.epoch, victim))
    return True


def vote_far_ahead(means: Means, node: Inhabitant) -> bool:
    far = node.state.view + 1 + means.arena.below(200)
    return means.vote(node, cancel_vote(node.state.instance.id, far))


def flood(means: Means, node: Inhabitant) -> bool:
    """Many views at once that nobody will ever see: who keeps them all runs out of memory."""
    state = node.state
    first = state.view + 1 + means.arena.below(FAR_VIEWS)
    return all(
        means.vote(node, cancel_vote(state.instance.id, first + far)) for far in range(FLOOD_VOTES)
    )


def replay_instance(means: Means, node: Inhabitant) -> bool:
    """Votes of the instance before, in the same views: none may count."""
    edge = node.state.edge_certificate
    if edge is None:
        return False
    for signed in edge.votes():
        means.arena.broadcast(node, replace(signed, epoch=node.state.epoch))
    return True


def _proposals(node: Inhabitant) -> tuple[SignedProposal, ...]:
    """Of this view, or of the one before: its count may still be open."""
    state = node.state
    return state.at(state.view).proposals or state.at(state.view - 1).proposals


def _proposal(node: Inhabitant) -> Proposal | None:
    proposals = _proposals(node)
    return proposals[0].proposal if proposals else None
