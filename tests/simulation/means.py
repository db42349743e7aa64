"""What every crime needs: blocks beside the tip, proposals to some, votes for anything."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from consensus.certificates import QuorumCertificate, encode_voters
from consensus.core import voting
from consensus.instance import BlockRef
from consensus.proposals import PROPOSAL_CONTEXT, Proposal, SignedProposal
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase, cancel_vote
from native.hashing import ZERO_HASH, Hash32, blake3_256
from tests.simulation.inhabitants import Inhabitant, Surroundings
from tests.simulation.messages import Body, Flaw, Message


class Arena(Surroundings, Protocol):
    """The world, as far as the adversary uses it."""

    bodies: dict[Hash32, Body]

    @property
    def nodes(self) -> Sequence[Inhabitant]: ...
    def chance(self, probability: float) -> bool: ...
    def multicast(
        self, sender: Inhabitant, message: Message, receivers: Iterable[Inhabitant]
    ) -> None: ...


class Means:
    """Signs with the keys of evil members, and with no others."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self._serial = 0

    # --- blocks and proposals -------------------------------------------------------------------

    def tip(self, node: Inhabitant) -> tuple[BlockRef, int] | None:
        """The block an honest proposer would build on, and the view of its NOTAR."""
        tip = voting.tip(node.state)
        block = None if tip is None else node.state.blocks.get(tip.block_id)
        return None if tip is None or block is None else (block, tip.view)

    def pick(
        self, node: Inhabitant, fits: Callable[[BlockRef], bool] = lambda _: True
    ) -> BlockRef | None:
        found = [block for block in node.state.blocks.values() if fits(block)]
        return found[self.arena.below(len(found))] if found else None

    def at_last_height(self, node: Inhabitant) -> BlockRef | None:
        last = node.state.instance.last_height
        return self.pick(node, lambda block: block.height == last)

    def child(
        self,
        node: Inhabitant,
        parent: BlockRef,
        parent_view: int,
        *,
        timestamp_ms: int | None = None,
    ) -> BlockRef:
        """A block of this view that nobody has seen; its body is whatever `hide` makes of it."""
        state = node.state
        stamp = parent.timestamp_ms + node.config.block_time_ms
        return self.named(
            node,
            BlockRef(
                ZERO_HASH,
                parent.height + 1,
                state.view,
                state.epoch,
                parent.id,
                parent_view,
                state.me or 0,
                stamp if timestamp_ms is None else timestamp_ms,
            ),
        )

    def named(self, node: Inhabitant, block: BlockRef) -> BlockRef:
        """The block gets an id that no other has, and the evil node a body for it."""
        self._serial += 1
        block = replace(block, id=blake3_256(repr((block, self._serial)).encode()))
        self.arena.publish(block)
        node.memory[block.id] = block
        return block

    def spoil(self, block: BlockRef, flaw: Flaw) -> BlockRef:
        self.arena.bodies[block.id] = Body(block, flaw)
        return block

    def propose(
        self, node: Inhabitant, block: BlockRef, justify_view: int, *, half: int | None = None
    ) -> bool:
        """To everybody or to one half, with our votes for it; our own copy need not know."""
        state, arena = node.state, self.arena
        if not 0 <= justify_view < state.view or state.me is None:
            return False
        proposal = Proposal(state.instance.id, state.view, justify_view, block, state.me)
        signature = arena.sign(node.address, proposal.signing_bytes, PROPOSAL_CONTEXT)
        arena.multicast(node, SignedProposal(proposal, signature), self.half(half))
        if arena.chance(0.8):
            self.support(node, proposal)
        return True

    # --- votes and certificates -----------------------------------------------------------------

    def half(self, which: int | None) -> list[Inhabitant]:
        return [other for at, other in enumerate(self.arena.nodes) if which in (None, at % 2)]

    def support(self, node: Inhabitant, proposal: Proposal) -> None:
        """PREFER, COMMIT and CANCEL at once."""
        block, name = proposal.block, proposal.instance_id
        for phase in (VotePhase.PREFER, VotePhase.COMMIT):
            self.vote(node, Vote(name, phase, proposal.view, block.height, block.id))
        self.vote(node, cancel_vote(name, proposal.view))

    def vote(self, node: Inhabitant, vote: Vote, *, half: int | None = None) -> bool:
        if node.state.me is None:
            return False
        signed = self.signed(node, vote, node.state.epoch, node.state.me)
        self.arena.multicast(node, signed, self.half(half))
        return True

    def signed(self, node: Inhabitant, vote: Vote, epoch: int, index: int) -> SignedVote:
        """Our signature, under whatever index."""
        signature = self.arena.sign(node.address, vote.signing_bytes, VOTE_CONTEXT)
        return SignedVote(vote, epoch, index, signature)

    def certificate(
        self, node: Inhabitant, votes: Sequence[SignedVote], voters: Sequence[int]
    ) -> QuorumCertificate:
        """Signatures of `votes`, said to be those of `voters`."""
        state, vote = node.state, votes[0].vote
        return QuorumCertificate(
            state.instance.id,
            state.epoch,
            vote.phase,
            vote.view,
            vote.height,
            vote.block_id,
            encode_voters(voters, len(state.instance.electorate)),
            tuple(signed.signature for signed in votes),
        )
