"""Certificates that prove nothing, made of true votes and of our own signature."""

from collections.abc import Callable
from dataclasses import replace

from consensus.certificates import QuorumCertificate
from consensus.quorum import reaches_quorum
from consensus.votes import SignedVote, Vote, VotePhase
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.means import Means

Forge = Callable[[Means, Inhabitant], QuorumCertificate | None]


def over_one_signature(means: Means, node: Inhabitant) -> QuorumCertificate | None:
    """A quorum of names over our own signature."""
    state = node.state
    block = means.pick(node, lambda block: block.height > state.final.height)
    if block is None or state.me is None:
        return None
    vote = Vote(state.instance.id, VotePhase.COMMIT, state.view, block.height, block.id)
    size = len(state.instance.electorate)
    signed = means.signed(node, vote, state.epoch, state.me)
    return means.certificate(node, [signed] * size, range(size))


def short_of_a_quorum(means: Means, node: Inhabitant) -> QuorumCertificate | None:
    """True votes, true names, too little weight."""
    votes = _too_few(means, node)
    voters = [signed.voter_index for signed in votes]
    return means.certificate(node, votes, voters) if votes else None


def with_repetition(means: Means, node: Inhabitant) -> QuorumCertificate | None:
    """True votes, of which one is there again and again in place of those that lack."""
    votes = _too_few(means, node)
    if not votes:
        return None
    size = len(node.state.instance.electorate)
    voters = [signed.voter_index for signed in votes]
    if means.arena.chance(0.5):  # as many names as signatures, or fewer
        voters = list(range(size))
    return means.certificate(node, [*votes, *[votes[-1]] * (size - len(votes))], voters)


def of_another_instance(means: Means, node: Inhabitant) -> QuorumCertificate | None:
    """The FINAL of the epoch before, as one of this."""
    edge, state = node.state.edge_certificate, node.state
    if edge is None:
        return None
    name = state.instance.id if means.arena.chance(0.5) else edge.instance_id
    return replace(edge, epoch=state.epoch, instance_id=name)


def _too_few(means: Means, node: Inhabitant) -> list[SignedVote]:
    """Votes that we hold for one thing, and our own, short of a quorum."""
    state = node.state
    electorate = state.instance.electorate
    phase = VotePhase(1 + means.arena.below(3))
    for view in (state.view, state.view - 1):
        held = list(state.at(view).tally(phase).votes.values())
        if not held or state.me is None:
            continue
        vote = held[0].vote
        votes = {signed.voter_index: signed for signed in held if signed.vote == vote}
        votes[state.me] = means.signed(node, vote, state.epoch, state.me)
        chosen: list[SignedVote] = []
        weight = 0
        for index in sorted(votes):
            weight += electorate.weights[index]
            if reaches_quorum(weight, electorate.total):
                break
            chosen.append(votes[index])
        return chosen
    return []
