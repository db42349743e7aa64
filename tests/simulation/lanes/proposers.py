"""What Byzantine proposers propose: two blocks, none, spoilt ones, and checkpoints of all kinds."""

from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.lanes import effects as asked
from consensus.lanes.checkpoints import Checkpoint, checkpoint_ref
from consensus.lanes.closes import Close, SignedClose, seats_closed
from consensus.lanes.proofs import (
    BoundaryFinal,
    CheckpointProof,
    CommitteeClosed,
    WaitedOut,
)
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import Lane, Vote, VotePhase
from native.hashing import Hash32
from tests.builders_consensus import GENESIS
from tests.simulation.lanes.means import Front, Means
from tests.simulation.lanes.scenario import BLOCK_TIME_MS, TICK_MS

REPEATING = ("coop", "late", "dribble", "slowp")
MUTE = ("chase", "feed")
WORKING_VIEWS = 2
TURN_PASSED = "turn passed over"
TWO_BLOCKS = "two blocks of one view"
LAST_BLOCK_AGAIN = "last block proposed again"
TWO_CHECKPOINTS = "two checkpoints of one view"
CHECKPOINT_AGAIN = "checkpoint of an older view proposed again"
BY_PROOF = "checkpoint of an evil proposer by "
PROOFS = tuple(each.__name__ for each in (BoundaryFinal, CommitteeClosed, WaitedOut))
PROPOSED = (
    TURN_PASSED,
    TWO_BLOCKS,
    LAST_BLOCK_AGAIN,
    TWO_CHECKPOINTS,
    CHECKPOINT_AGAIN,
    *(f"{BY_PROOF}{proof}" for proof in PROOFS),
)
SPOILING = ("withhold", "invalid", "capture", "equiv")


class EvilProposers:
    """Every view whose turn is Byzantine comes here once."""

    def __init__(self, means: Means) -> None:
        self.means, self.world, self.rng = means, means.world, means.rng
        self.closes: dict[Hash32, dict[int, SignedClose]] = {}

    def lead(self, front: Front, view: int) -> None:
        if front.lane is Lane.FAST:
            self._lead_fast(front, view)
        elif front.mode != "silent":
            sent = [self.propose_checkpoint(front, view) for _ in range(self.rng.choice((1, 2)))]
            if len({each.id for each in sent if each is not None}) > 1:
                self.world.fault(TWO_CHECKPOINTS)
            if self.rng.random() < 0.3:
                self._repeat_checkpoint(front, view)

    def _passes(self, front: Front, view: int) -> bool:
        """Whether it lets its turn go by."""
        mode = front.mode
        if mode == "split" and view > 1 and not self.closes.get(front.instance.id):
            return True
        if mode == "strike" and view > WORKING_VIEWS:
            return True
        return mode in ("silent", "chase", "feed") or (mode == "random" and self.rng.random() < 0.5)

    # --- blocks ---------------------------------------------------------------------------------

    def _lead_fast(self, front: Front, view: int) -> None:
        mode, rng = front.mode, self.rng
        if self._passes(front, view):
            self.world.fault(TURN_PASSED)
            return
        last = front.instance.last_height
        sound = [
            block
            for block in front.blocks.values()
            if block.id not in front.spoilt and block.view < view
        ]
        below = [block for block in sound if block.height < last]
        done = [block for block in sound if block.height == last]
        if done and mode in REPEATING:
            self._propose(front, view, done[-1], done[-1].view, front.audience)
            self.world.fault(LAST_BLOCK_AGAIN)
            return
        parent = max(below, key=lambda block: block.view, default=None)
        if mode in ("equiv", "random") and below and rng.random() < 0.5:
            parent = rng.choice(below)
        copies = 2 if mode == "equiv" else rng.choice((1, 2)) if mode == "random" else 1
        for _ in range(copies):
            self._propose_block(front, view, parent, copies)
        if copies > 1:
            self.world.fault(TWO_BLOCKS)

    def _propose_block(self, front: Front, view: int, parent: BlockRef | None, copies: int) -> None:
        mode, means, rng = front.mode, self.means, self.rng
        flaw = {"withhold": "withheld", "invalid": "invalid"}.get(mode, "")
        if mode == "capture":
            flaw = rng.choice(("", "withheld", "invalid"))
        base = front.instance.start if parent is None else parent
        parent_view = 0 if parent is None else parent.view
        block = means.make_block(front, view, base, parent_view, spoilt=bool(flaw))
        means.publish(block, flaw=flaw)
        if flaw != "withheld":
            to = means.some(means.live) if copies > 1 else means.live
            means.hand_body(block, to, means.ticks(1, 5))
        elif rng.random() < 0.3 and front.bad < front.quorum:
            means.hand_body(block, [rng.choice(means.live)], TICK_MS)
        receivers = front.audience
        if copies > 1:
            receivers = tuple(means.some(front.audience or means.live))
        self._propose(front, view, block, parent_view, receivers)
        if front.bad >= front.quorum and mode in SPOILING:
            for phase in (VotePhase.PREFER, VotePhase.COMMIT):
                vote = Vote(front.instance.id, phase, view, block.height, block.id)
                delay = means.ticks(1, 12)
                means.release_later(front, vote, delay, rng.choice((1, 5, 999)))

    def _propose(
        self,
        front: Front,
        view: int,
        block: BlockRef,
        justify_view: int,
        receivers: tuple[int, ...],
    ) -> None:
        proposer = front.instance.proposer(view)
        proposal = Proposal(front.instance.id, view, justify_view, block, proposer)
        if receivers:
            self.world.send_proposal(-1, SignedProposal(proposal, b"evil"), receivers)

    # --- checkpoints ----------------------------------------------------------------------------

    def propose_checkpoint(
        self, front: Front, view: int, to: tuple[int, ...] | None = None
    ) -> Checkpoint | None:
        """Any block that a certificate can be had for, or the start; any CLOSEs that fit. `to` the
        members of one half of a split; None: to whom our mood says."""
        term = self._term_of(front)
        if term is None:
            return None
        certificate, proof = self._pick_target(front, term)
        start = term.instance.start
        height = start.height if certificate is None else certificate.height
        voters = self.world.scenario.voters(height // self.world.scenario.epoch_blocks)
        base = front.instance.start
        checkpoint = Checkpoint(
            number=front.number,
            parent_id=base.id,
            block_id=start.id if certificate is None else certificate.block_id,
            block_height=height,
            is_restart=height != term.instance.last_height,
            next_vset_hash=voters.electorate.vset_hash,
            epoch=front.instance.epoch,
            view=view,
            proposer_index=front.instance.proposer(view),
            timestamp_ms=max(
                base.timestamp_ms + BLOCK_TIME_MS, GENESIS.timestamp_ms + self.world.now
            ),
        )
        self._send(front, view, 0, checkpoint, proof, to)
        self.world.fault(f"{BY_PROOF}{type(proof).__name__}")
        if certificate is not None:
            self.means.show(certificate, to or self.means.live, TICK_MS)
        return checkpoint

    def _pick_target(
        self, front: Front, term: Front
    ) -> tuple[QuorumCertificate | None, CheckpointProof]:
        possible = [
            vote
            for vote in {**term.votes, **term.certified}
            if vote.phase is VotePhase.PREFER and term.reach(vote) >= term.quorum
        ]
        undercuts = front.mode in ("lie", "help") and self.rng.random() >= 0.3
        undercuts = undercuts or term.mode == "strike"
        vote = None if undercuts else self.rng.choice([None, *possible])
        certificate = None if vote is None else self.means.certificate(term, vote)
        view = 0 if certificate is None else certificate.view
        if certificate is not None and self.rng.random() < 0.3:
            final = Vote(
                certificate.instance_id,
                VotePhase.COMMIT,
                view,
                certificate.height,
                certificate.block_id,
            )
            proven = self.means.certificate(term, final)
            if proven is not None and proven.height == term.instance.last_height:
                return proven, BoundaryFinal(proven)
        honest_closes = list(self.closes.get(term.instance.id, {}).values())
        chosen = self.rng.sample(honest_closes, self.rng.randint(0, len(honest_closes)))
        closes = {each.voter_index: each for each in chosen if each.close.tip_view <= view}
        lie = Close(term.instance.id, 0, term.instance.start.id)
        for index in term.evil if term.mode not in MUTE else ():
            closes[index] = SignedClose(lie, term.instance.epoch, term.number, index, b"")
        if seats_closed(closes.values(), term.instance.electorate) >= term.quorum:
            return certificate, CommitteeClosed(certificate, tuple(closes.values()))
        return certificate, WaitedOut(certificate)

    def _repeat_checkpoint(self, front: Front, view: int) -> None:
        """One that is NOTAR, or could be, though a later view may have skipped it."""
        old = [
            vote
            for vote in front.votes
            if vote.phase is VotePhase.PREFER
            and vote.view < view
            and front.reach(vote) >= front.quorum
            and vote.block_id in self.world.checkpoints
        ]
        if old:
            vote = self.rng.choice(old)
            checkpoint = self.world.checkpoints[vote.block_id]
            self._send(front, view, vote.view, checkpoint, None)
            self.world.fault(CHECKPOINT_AGAIN)

    def _send(
        self,
        front: Front,
        view: int,
        justify_view: int,
        checkpoint: Checkpoint,
        proof: CheckpointProof | None,
        to: tuple[int, ...] | None = None,
    ) -> None:
        proposer = front.instance.proposer(view)
        proposal = Proposal(
            front.instance.id, view, justify_view, checkpoint_ref(checkpoint), proposer
        )
        effect = asked.RebroadcastCheckpoint(SignedProposal(proposal, b"evil"), checkpoint, proof)
        live = self.means.live
        receivers = live if front.mode == "help" else to or tuple(self.means.some(live))
        self.world.send_checkpoint(to[0] if to else -1, effect, receivers)

    def _term_of(self, front: Front) -> Front | None:
        """The term that this ballot ends: the one that starts where the last checkpoint did."""
        base = self.world.checkpoints.get(front.instance.start.id)
        start = GENESIS.id if base is None else base.block_id
        for other in self.means.fronts.values():
            same = other.number == front.number and other.instance.start.id == start
            if other.lane is Lane.FAST and same:
                return other
        return None
