"""Builders for the two lanes: valid by default, one keyword breaks one rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from consensus.certificates import QuorumCertificate, assemble
from consensus.core.events import BlockExecuted, CertificateAccepted, Started
from consensus.instance import BlockRef, Instance
from consensus.lanes import LaneEffect, LaneEvent, Lanes, LanesConfig, initial, step
from consensus.lanes.checkpoints import Checkpoint, checkpoint_ref
from consensus.lanes.closes import Close, CloseMessage, SignedClose
from consensus.lanes.effects import InInstance
from consensus.lanes.events import CloseAccepted, DecisionReceived, EpochDecided, Woke
from consensus.lanes.state import Term
from consensus.lanes.voters import EpochVoters
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import SignedVote, Vote, VotePhase
from native.hashing import ZERO_HASH, Hash32, blake3_256
from tests.builders_consensus import GENESIS, make_config, make_electorate

ESCAPE_MS = 10_000
EPOCH_BLOCKS = 8
TERM_BLOCKS = 4
VALIDATORS = 24

Asked = TypeVar("Asked", bound=LaneEffect)


def make_voters(epoch: int, stakes: Sequence[int] = (1,) * VALIDATORS) -> EpochVoters:
    """24 equal validators: more than there are seats."""
    return EpochVoters(make_electorate(stakes, epoch), blake3_256(b"seed %d" % epoch), TERM_BLOCKS)


def make_lanes(me: int | None = 0) -> Lanes:
    """A node at block 0 that knows the voters of two epochs."""
    config = LanesConfig(make_config(me, epoch_blocks=EPOCH_BLOCKS), ESCAPE_MS)
    return initial(config, GENESIS, {epoch: make_voters(epoch) for epoch in (0, 1)})


def make_child(
    instance: Instance, parent: BlockRef, view: int, *, parent_view: int = 0, salt: int = 0
) -> BlockRef:
    """The block a committee's proposer would build."""
    place = (
        parent.height + 1,
        view,
        instance.epoch,
        parent.id,
        parent_view,
        instance.proposer(view),
        parent.timestamp_ms + 500,
    )
    block = BlockRef(blake3_256(repr((place, instance.id, salt)).encode()), *place)
    return replace(block, proposer_index=instance.electorate.place(block.proposer_index))


def quorum_of(instance: Instance) -> list[int]:
    """The first voters whose weight is a quorum."""
    voters, weight = list[int](), 0
    for index, share in enumerate(instance.electorate.weights):
        if 100 * weight < 69 * instance.electorate.total:
            voters.append(index)
            weight += share
    return voters


def make_certificate(
    instance: Instance,
    phase: VotePhase,
    view: int,
    block: BlockRef | None = None,
    *,
    voters: Iterable[int] | None = None,
) -> QuorumCertificate:
    """A quorum of votes of one instance."""
    height, block_id = (0, ZERO_HASH) if block is None else (block.height, block.id)
    vote = Vote(instance.id, phase, view, height, block_id)
    chosen = quorum_of(instance) if voters is None else voters
    votes = [SignedVote(vote, instance.epoch, index, b"vote") for index in chosen]
    return assemble(votes, len(instance.electorate))


def make_close(
    instance: Instance, index: int, tip: QuorumCertificate | None = None, *, term: int = 1
) -> CloseMessage:
    """A seat's CLOSE on a tip, or on the start of the term."""
    tip_id = instance.start.id if tip is None else tip.block_id
    close = Close(instance.id, 0 if tip is None else tip.view, tip_id)
    return CloseMessage(SignedClose(close, instance.epoch, term, index, b"close"), tip)


def make_checkpoint(
    state: Lanes, block: BlockRef | None = None, *, view: int = 1, is_restart: bool = False
) -> Checkpoint:
    """What a ballot's proposer would propose for this block (the end of the term by default)."""
    target = state.hard if block is None else block
    following = state.epochs[target.height // EPOCH_BLOCKS]
    ballot = state.ballot.instance
    return Checkpoint(
        number=state.number,
        parent_id=state.checkpoint.id,
        block_id=target.id,
        block_height=target.height,
        is_restart=is_restart,
        next_vset_hash=following.electorate.vset_hash,
        epoch=ballot.epoch,
        view=view,
        proposer_index=ballot.proposer(view),
        timestamp_ms=ballot.start.timestamp_ms + 500,
    )


@dataclass
class LaneDriver:
    """Both lanes of one node, a clock, and all that was asked."""

    state: Lanes
    now_ms: int = GENESIS.timestamp_ms + 500
    effects: list[LaneEffect] = field(default_factory=list)

    @classmethod
    def started(cls, me: int | None = 0) -> "LaneDriver":
        driver = cls(make_lanes(me))
        driver.feed(Started(driver.now_ms))
        driver.effects.clear()
        return driver

    @property
    def term(self) -> Term:
        """The term of the undecided checkpoint."""
        return self.state.terms[0]

    def feed(self, *events: LaneEvent) -> list[LaneEffect]:
        """Step through the events; returns what these asked for."""
        asked: list[LaneEffect] = []
        for event in events:
            self.state, effects = step(self.state, event)
            asked.extend(effects)
        self.effects.extend(asked)
        return asked

    def wait(self, until_ms: int) -> list[LaneEffect]:
        """Time passes; the lanes are woken whenever they asked for it."""
        asked: list[LaneEffect] = []
        while self.now_ms < until_ms:
            self.now_ms = min(until_ms, max(self.state.wake_ms, self.now_ms + 1))
            asked += self.feed(Woke(self.now_ms))
        return asked

    def execute(self, *blocks: BlockRef) -> list[LaneEffect]:
        return self.feed(*(BlockExecuted(block, self.now_ms) for block in blocks))

    def certify(
        self, phase: VotePhase, view: int, block: BlockRef | None = None, *, at: int = 0
    ) -> QuorumCertificate:
        """A certificate of the committee of term `at` arrives."""
        certificate = make_certificate(self.state.terms[at].instance, phase, view, block)
        self.feed(CertificateAccepted(certificate, self.now_ms))
        return certificate

    def grow(self, blocks: int, *, at: int = 0) -> list[BlockRef]:
        """The committee makes so many blocks final, one a view."""
        term = self.state.terms[at]
        parent, grown = term.instance.start, list[BlockRef]()
        for view in range(1, blocks + 1):
            block = make_child(term.instance, parent, view, parent_view=view - 1)
            self.now_ms = max(self.now_ms, block.timestamp_ms)
            self.execute(block)
            self.certify(VotePhase.PREFER, view, block, at=at)
            self.certify(VotePhase.COMMIT, view, block, at=at)
            grown.append(block)
            parent = block
        return grown

    def close_seats(self, seats: int, tip: QuorumCertificate | None = None) -> list[LaneEffect]:
        """CLOSE arrives from holders of at least so many seats, none of them ours."""
        instance, asked, weight = self.term.instance, list[LaneEffect](), 0
        for index, share in enumerate(instance.electorate.weights):
            if weight < seats and index != self.term.core.me:
                message = make_close(instance, index, tip, term=self.term.number)
                asked += self.feed(CloseAccepted(message, self.now_ms))
                weight += share
        return asked

    def decide(self, block: BlockRef, *, is_restart: bool = False) -> list[LaneEffect]:
        """The hard lane decides on this block."""
        checkpoint = make_checkpoint(self.state, block, is_restart=is_restart)
        instance = self.state.ballot.instance
        final = make_certificate(instance, VotePhase.COMMIT, 1, checkpoint_ref(checkpoint))
        asked = self.feed(DecisionReceived(checkpoint, final, self.now_ms))
        epoch = block.height // EPOCH_BLOCKS + 1
        self.feed(EpochDecided(make_voters(epoch), self.now_ms))
        return asked

    def asked(self, kind: type[Asked]) -> list[Asked]:
        """Everything of one kind asked for so far."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def core_asked(self, instance_id: Hash32) -> list[object]:
        """What the core of one instance asked for so far."""
        return [
            effect.effect
            for effect in self.effects
            if isinstance(effect, InInstance) and effect.instance_id == instance_id
        ]


def seat_holder() -> LaneDriver:
    """A node with a seat that does not propose in view 1."""
    holders = LaneDriver.started(0).term.instance.electorate
    for member in range(24):
        driver = LaneDriver.started(member)
        me = driver.term.core.me
        if me is not None and me != holders.proposer(1):
            return driver
    raise AssertionError("twenty seats and nobody in them")


def propose_block(driver: LaneDriver, view: int = 1) -> SignedProposal:
    """By whose turn it is, on the start of the term."""
    instance = driver.term.instance
    block = make_child(instance, instance.start, view)
    proposal = Proposal(instance.id, view, 0, block, instance.proposer(view))
    return SignedProposal(proposal, b"signature")
