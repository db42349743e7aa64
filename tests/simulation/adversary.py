"""What Byzantine members do beyond running twins: one small crime per function."""

from collections.abc import Callable
from dataclasses import replace

from consensus.certificates import QuorumCertificate, encode_voters
from consensus.core import voting
from consensus.instance import BlockRef, Instance
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import SignedVote, Vote, VotePhase, cancel_vote
from native.hashing import ZERO_HASH, blake3_256
from tests.builders_consensus import GENESIS_HASH
from tests.simulation.crimes import ANYWHERE, AS_VOTER, AT_THE_EDGE
from tests.simulation.shell import Node
from tests.simulation.world import World

Crime = Callable[[Node], bool]


class Criminal:
    """Acts for every evil node; each crime says whether it could be committed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.serial = 0
        self.anywhere = self._named_crimes(ANYWHERE)
        self.at_the_edge = self._named_crimes(AT_THE_EDGE)
        self.as_voter = self._named_crimes(AS_VOTER)
        every = self.anywhere | self.at_the_edge | self.as_voter
        self.favourites = {name: every[name] for name in world.scenario.favourites}

    def _named_crimes(self, methods: dict[str, str]) -> dict[str, Crime]:
        return {name: getattr(self, method) for name, method in methods.items()}

    def act(self, node: Node) -> None:
        """An evil node has entered a view, or one of its timers fired."""
        world, state = self.world, node.state
        if not node.is_evil or not node.is_up or state.me is None:
            return
        if state.instance.proposer(state.view) == state.me and world.chance(0.7):
            if world.chance(0.5):
                self._commit_one(node, self.favourites)
            elif self._at_last_height(node) is not None and world.chance(0.6):
                self._commit_one(node, self.at_the_edge)
            else:
                self._commit_one(node, self.anywhere)
        if world.chance(0.3):
            self._commit_one(node, self.as_voter)

    def _commit_one(self, node: Node, crimes: dict[str, Crime]) -> None:
        """Try a few crimes until one is possible."""
        names = list(crimes)
        for _ in range(3):
            name = names[self.world.below(len(names))]
            if crimes[name](node):
                self.world.fault(name)
                return

    # --- as the proposer ------------------------------------------------------------------------

    def equivocate(self, node: Node) -> bool:
        parent = self._tip_block(node)
        if parent is None:
            return False
        for half in (0, 1):
            block = self._child(node, *parent)
            self._propose(node, block, block.parent_view, half=half)
        return True

    def wrong_parent(self, node: Node) -> bool:
        """Beside the tip, or on any block, claimed to be NOTAR in the last view or long ago."""
        state, tip = node.state, self._tip_block(node)
        parent = self._pick(node, lambda block: True)
        if tip is not None and self.world.chance(0.5):
            parent = state.blocks.get(tip[0].parent_id, parent)
        if parent is None:
            return False
        claimed = parent.view if parent.epoch == state.epoch else 0
        if self.world.chance(0.7):
            claimed = state.view - 1
        return self._propose(node, self._child(node, parent, claimed), claimed)

    def past_the_edge(self, node: Node) -> bool:
        parent = self._at_last_height(node)
        return parent is not None and self._propose(
            node, self._child(node, parent, parent.view), parent.view
        )

    def sibling_at_last_height(self, node: Node) -> bool:
        last = node.state.instance.last_height
        parent = self._pick(node, lambda block: block.height == last - 1)
        if parent is None or self._at_last_height(node) is None:
            return False
        view = 0 if parent.height < node.state.instance.first_height else parent.view
        return self._propose(node, self._child(node, parent, view), view)

    def repeat_old_block(self, node: Node) -> bool:
        """NOTAR is real, but a later view may have decided otherwise: the NULLs are missing."""
        state, tip = node.state, voting.tip(node.state)
        for view, known in state.views.items():
            block = state.blocks.get(known.notarized or ZERO_HASH)
            if (
                block is not None
                and view < state.view
                and block.height == state.instance.last_height
                and (tip is None or (block.id, view) != (tip.block_id, tip.view))
            ):
                return self._propose(node, block, view)
        return False

    def repeat_unnotarized(self, node: Node) -> bool:
        block, view = self._at_last_height(node), node.state.view
        if block is None or block.view >= view:
            return False
        if self.world.chance(0.5):  # one nobody ever proposed
            block = self._named(replace(block, view=max(1, view - 1)))
            self.world.publish(block)
            node.memory[block.id] = block
        hints = (block.view, view - 1, self.world.below(view))
        return self._propose(node, block, hints[self.world.below(3)])

    def stamp_early(self, node: Node) -> bool:
        parent = self._tip_block(node)
        if parent is None:
            return False
        block = self._child(node, *parent, timestamp_ms=parent[0].timestamp_ms + 1)
        return self._propose(node, block, block.parent_view)

    def stamp_late(self, node: Node) -> bool:
        parent = self._tip_block(node)
        if parent is None:
            return False
        later = node.local_ms + (1 + self.world.below(9)) * node.config.block_time_ms
        return self._propose(node, self._child(node, *parent, timestamp_ms=later), parent[1])

    def invalid_block(self, node: Node) -> bool:
        parent = self._tip_block(node)
        return parent is not None and self._propose(
            node, self._child(node, *parent, is_valid=False), parent[1]
        )

    def withhold_body(self, node: Node) -> bool:
        parent = self._tip_block(node)
        return parent is not None and self._propose(
            node, self._child(node, *parent, is_withheld=True), parent[1]
        )

    # --- as a voter -----------------------------------------------------------------------------

    def next_instance_early(self, node: Node) -> bool:
        """Build the next epoch on a block of the last height that is not final."""
        start = self._at_last_height(node)
        if start is None:
            return False
        electorate = node.electorate(node.state.epoch + 1)
        instance = Instance.after(
            start,
            electorate,
            genesis_hash=GENESIS_HASH,
            epoch_blocks=node.config.epoch_blocks,
        )
        index = electorate.index_of(node.address)
        if index is None:
            return False
        stamp = start.timestamp_ms + node.config.block_time_ms
        place = (start.height + 1, 1, instance.epoch, start.id, 0, instance.proposer(1), stamp)
        block = self._named(BlockRef(ZERO_HASH, *place))
        self.world.publish(block)
        for phase in (VotePhase.PREFER, VotePhase.COMMIT):
            vote = Vote(instance.id, phase, 1, block.height, block.id)
            self._send_vote(node, vote, instance.epoch, index)
        return True

    def random_vote(self, node: Node) -> bool:
        state = node.state
        view = max(1, state.view - self.world.below(3))
        phase = VotePhase(1 + self.world.below(3))
        if phase is VotePhase.CANCEL:
            return self._vote(node, cancel_vote(state.instance.id, view))
        block = self._pick(node, lambda block: True)
        return block is not None and self._vote(
            node, Vote(state.instance.id, phase, view, block.height, block.id)
        )

    def support_everything(self, node: Node) -> bool:
        state = node.state
        proposals = state.at(state.view).proposals or state.at(state.view - 1).proposals
        for signed in proposals:
            self.support(node, signed.proposal)
        return bool(proposals)

    def support(self, node: Node, proposal: Proposal) -> None:
        """PREFER, COMMIT and CANCEL at once."""
        block, name = proposal.block, proposal.instance_id
        for phase in (VotePhase.PREFER, VotePhase.COMMIT):
            self._vote(node, Vote(name, phase, proposal.view, block.height, block.id))
        self._vote(node, cancel_vote(name, proposal.view))

    def forge_vote(self, node: Node) -> bool:
        state = node.state
        victim = self.world.below(len(state.instance.electorate))
        vote = cancel_vote(state.instance.id, state.view)
        if victim == state.me:
            return False
        signature = self.world.sign(node.address, vote)  # ours, under another's index
        self.world.broadcast(node, SignedVote(vote, state.epoch, victim, signature))
        return True

    def forge_certificate(self, node: Node) -> bool:
        """A quorum of names, one signature; or one signature, one name, no quorum."""
        state, world = node.state, self.world
        block = self._pick(node, lambda block: block.height > state.final.height)
        if block is None:
            return False
        size = len(state.instance.electorate)
        voters = range(size) if world.chance(0.5) else [state.me or 0]
        vote = Vote(state.instance.id, VotePhase.COMMIT, state.view, block.height, block.id)
        signature = world.sign(node.address, vote)
        forged = QuorumCertificate(
            vote.instance_id,
            state.epoch,
            vote.phase,
            vote.view,
            vote.height,
            vote.block_id,
            encode_voters(list(voters), size),
            (signature,) * len(voters),
        )
        world.broadcast(node, forged)
        return True

    def vote_far_ahead(self, node: Node) -> bool:
        state = node.state
        far = state.view + 1 + self.world.below(200)
        return self._vote(node, cancel_vote(state.instance.id, far))

    def replay_instance(self, node: Node) -> bool:
        """Votes of the instance before, in the same views: none may count."""
        edge = node.state.edge_certificate
        if edge is None:
            return False
        for signed in edge.votes():
            self.world.broadcast(node, replace(signed, epoch=node.state.epoch))
        return True

    # --- means ----------------------------------------------------------------------------------

    def _tip_block(self, node: Node) -> tuple[BlockRef, int] | None:
        tip = voting.tip(node.state)
        block = None if tip is None else node.state.blocks.get(tip.block_id)
        return None if tip is None or block is None else (block, tip.view)

    def _pick(self, node: Node, fits: Callable[[BlockRef], bool]) -> BlockRef | None:
        found = [block for block in node.state.blocks.values() if fits(block)]
        return found[self.world.below(len(found))] if found else None

    def _at_last_height(self, node: Node) -> BlockRef | None:
        last = node.state.instance.last_height
        return self._pick(node, lambda block: block.height == last)

    def _child(
        self,
        node: Node,
        parent: BlockRef,
        parent_view: int,
        *,
        timestamp_ms: int | None = None,
        is_valid: bool = True,
        is_withheld: bool = False,
    ) -> BlockRef:
        state = node.state
        stamp = parent.timestamp_ms + node.config.block_time_ms
        block = self._named(
            BlockRef(
                ZERO_HASH,
                parent.height + 1,
                state.view,
                state.epoch,
                parent.id,
                parent_view,
                state.me or 0,
                stamp if timestamp_ms is None else timestamp_ms,
            )
        )
        self.world.publish(block, is_valid=is_valid, is_withheld=is_withheld)
        node.memory[block.id] = block
        return block

    def _named(self, block: BlockRef) -> BlockRef:
        self.serial += 1
        return replace(block, id=blake3_256(repr((block, self.serial)).encode()))

    def _propose(
        self, node: Node, block: BlockRef, justify_view: int, *, half: int | None = None
    ) -> bool:
        """To everybody or to one half, with our votes for it; our own copy need not know."""
        state, world = node.state, self.world
        if not 0 <= justify_view < state.view or state.me is None:
            return False
        proposal = Proposal(state.instance.id, state.view, justify_view, block, state.me)
        signed = SignedProposal(proposal, world.sign(node.address, proposal))
        receivers = [other for other in world.nodes if half is None or other.number % 2 == half]
        world.multicast(node, signed, receivers)
        if world.chance(0.8):
            self.support(node, proposal)
        return True

    def _vote(self, node: Node, vote: Vote) -> bool:
        if node.state.me is None:
            return False
        return self._send_vote(node, vote, node.state.epoch, node.state.me)

    def _send_vote(self, node: Node, vote: Vote, epoch: int, index: int) -> bool:
        signature = self.world.sign(node.address, vote)
        self.world.broadcast(node, SignedVote(vote, epoch, index, signature))
        return True
