"""Beyond the bound: a copy of every Byzantine member in each half of a split, true to its half.

It joins in whatever somebody honest there says, and so signs twice wherever the halves differ. When
the network heals, the copies are gone.
"""

from consensus.instance import BlockRef
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import Lane, SignedVote, Vote, VotePhase
from tests.simulation.lanes.means import Front, Means
from tests.simulation.lanes.proposers import TWO_BLOCKS, TWO_CHECKPOINTS, EvilProposers

TWINS = "twins"


class Twins:
    """All copies together; what they sign is shown to one half each."""

    def __init__(self, means: Means, proposers: EvilProposers) -> None:
        self._means, self._world, self._proposers = means, means.world, proposers
        self._given: set[tuple[Vote, int]] = set()

    @property
    def _halves(self) -> tuple[tuple[int, ...], ...]:
        is_split = self._world.now < self._world.heal_ms
        return self._world.scenario.halves if is_split else ()

    def support(self, front: Front, signed: SignedVote) -> None:
        """Somebody honest has voted: its half hears all copies say the same, once."""
        author = self._author(front, signed.voter_index)
        for number, half in enumerate(self._halves):
            if author in half and (signed.vote, number) not in self._given:
                self._given.add((signed.vote, number))
                self._means.vote(front, signed.vote, half)

    def lead(self, front: Front, view: int) -> None:
        """Their turn: a proposal for each half, so that two are signed in one view."""
        is_hard = front.lane is Lane.HARD
        propose = self._proposers.propose_checkpoint if is_hard else self._propose_block
        sent = [propose(front, view, half) for half in self._halves]
        if len({each.id for each in sent if each is not None}) > 1:
            self._world.fault(TWO_CHECKPOINTS if is_hard else TWO_BLOCKS)

    def _propose_block(self, front: Front, view: int, half: tuple[int, ...]) -> BlockRef | None:
        parent = self._tip(front, view, half)
        if parent.height >= front.instance.last_height:
            return None
        parent_view = parent.view if parent in front.blocks.values() else 0
        block = self._means.make_block(front, view, parent, parent_view, spoilt=False)
        self._means.publish(block)
        self._means.hand_body(block, half, self._means.ticks(1, 5))
        proposer = front.instance.proposer(view)
        proposal = Proposal(front.instance.id, view, parent_view, block, proposer)
        receivers = tuple(member for member in front.audience if member in half)
        self._world.send_proposal(half[0], SignedProposal(proposal, b"evil"), receivers)
        return block

    def _tip(self, front: Front, view: int, half: tuple[int, ...]) -> BlockRef:
        """The highest-view block that is NOTAR with the voters of this half."""
        notarized = [
            front.blocks[vote.block_id]
            for vote, voters in front.votes.items()
            if vote.phase is VotePhase.PREFER
            and vote.view < view
            and vote.block_id in front.blocks
            and self._reach(front, voters, half) >= front.quorum
        ]
        return max(notarized, key=lambda block: block.view, default=front.instance.start)

    def _reach(self, front: Front, voters: dict[int, SignedVote], half: tuple[int, ...]) -> int:
        weights = front.instance.electorate.weights
        here = (index for index in voters if self._author(front, index) in half)
        return front.bad + sum(weights[index] for index in here)

    def _author(self, front: Front, index: int) -> int:
        return self._world.scenario.number_of[front.instance.electorate.members[index]]
