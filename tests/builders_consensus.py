"""Builders for the consensus room: valid by default, one keyword breaks one rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate, assemble
from consensus.core import CoreConfig, Effect, Event, State, initial, step
from consensus.core.effects import CastVote, Finalize, Timer, TimerName
from consensus.core.events import (
    BlockExecuted,
    CertificateAccepted,
    ProposalAccepted,
    Started,
    TimerFired,
    VoteAccepted,
)
from consensus.electorate import Electorate, draw_schedule
from consensus.instance import BlockRef
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import SignedVote, Vote, VotePhase
from genesis.units import Address
from native.hashing import ZERO_HASH, Hash32, blake3_256, derive_hash

GENESIS_HASH = blake3_256(b"a test chain")
BLOCK_TIME_MS = 500
KNOWN_EPOCHS = 8
GENESIS = BlockRef(blake3_256(b"block 0"), 0, 0, 0, ZERO_HASH, 0, 0, 1_000_000)
START_MS = GENESIS.timestamp_ms + BLOCK_TIME_MS


def make_address(node: int) -> Address:
    return Address(bytes([node + 1]) * 20)


def make_electorate(
    weights: Sequence[int] | Mapping[int, int] = (1, 1, 1, 1), epoch: int = 0, seed: bytes = b""
) -> Electorate:
    """Members are named by node number; a mapping leaves some nodes out."""
    by_node = weights if isinstance(weights, Mapping) else dict(enumerate(weights))
    nodes = sorted(node for node, weight in by_node.items() if weight)
    shares = tuple(by_node[node] for node in nodes)
    members = tuple(make_address(node) for node in nodes)
    text = repr((members, shares)).encode()
    schedule = draw_schedule(shares, derive_hash("tests/schedule", seed + bytes([epoch % 256])))
    return Electorate(epoch, members, shares, schedule, blake3_256(text))


def make_config(
    me: int | None = 0,
    *,
    epoch_blocks: int = 4,
    block_time_ms: int = BLOCK_TIME_MS,
    delta_ms: int = 50,
    clock_offset_ms: int = 0,
) -> CoreConfig:
    address = None if me is None else make_address(me)
    return CoreConfig(GENESIS_HASH, epoch_blocks, block_time_ms, delta_ms, clock_offset_ms, address)


def make_state(
    me: int | None = 0,
    *,
    weights: Sequence[int] = (1, 1, 1, 1),
    epoch_blocks: int = 4,
    delta_ms: int = 50,
    clock_offset_ms: int = 0,
) -> State:
    """A node at block 0; the electorate is the same in every epoch, the schedule is not."""
    electorates = {epoch: make_electorate(weights, epoch) for epoch in range(KNOWN_EPOCHS)}
    config = make_config(
        me, epoch_blocks=epoch_blocks, delta_ms=delta_ms, clock_offset_ms=clock_offset_ms
    )
    return initial(config, GENESIS, electorates)


def make_block(
    state: State,
    view: int,
    parent: BlockRef | None = None,
    *,
    parent_view: int | None = None,
    height: int | None = None,
    proposer_index: int | None = None,
    timestamp_ms: int | None = None,
    salt: int = 0,
) -> BlockRef:
    parent = state.final if parent is None else parent
    first = parent.height < state.instance.first_height
    fields = (
        parent.height + 1 if height is None else height,
        view,
        state.epoch,
        parent.id,
        (0 if first else parent.view) if parent_view is None else parent_view,
        state.instance.proposer(view) if proposer_index is None else proposer_index,
        parent.timestamp_ms + state.config.block_time_ms if timestamp_ms is None else timestamp_ms,
    )
    return BlockRef(blake3_256(repr((fields, salt)).encode()), *fields)


def make_proposal(
    state: State,
    block: BlockRef,
    *,
    view: int | None = None,
    justify_view: int | None = None,
    proposer_index: int | None = None,
    instance_id: Hash32 | None = None,
) -> SignedProposal:
    view = block.view if view is None else view
    return SignedProposal(
        Proposal(
            state.instance.id if instance_id is None else instance_id,
            view,
            block.parent_view if justify_view is None else justify_view,
            block,
            state.instance.proposer(view) if proposer_index is None else proposer_index,
        ),
        b"proposal signature",
    )


def make_vote(
    state: State,
    voter: int,
    phase: VotePhase,
    view: int,
    block: BlockRef | None = None,
    *,
    instance_id: Hash32 | None = None,
    epoch: int | None = None,
) -> SignedVote:
    name = state.instance.id if instance_id is None else instance_id
    height, block_id = (0, ZERO_HASH) if block is None else (block.height, block.id)
    vote = Vote(name, phase, view, height, block_id)
    return SignedVote(vote, state.epoch if epoch is None else epoch, voter, b"vote %d" % voter)


def make_certificate(
    state: State,
    phase: VotePhase,
    view: int,
    block: BlockRef | None = None,
    *,
    voters: Iterable[int] = (0, 1, 2),
) -> QuorumCertificate:
    votes = [make_vote(state, voter, phase, view, block) for voter in voters]
    return assemble(votes, len(state.instance.electorate))


@dataclass
class Driver:
    """One core and the little a test needs of a shell: a clock, and all that was asked."""

    state: State
    now_ms: int = START_MS
    effects: list[Effect] = field(default_factory=list)

    @classmethod
    def started(cls, state: State | None = None, *, me: int | None = 0) -> "Driver":
        driver = cls(make_state(me) if state is None else state)
        driver.feed(Started(driver.now_ms))
        driver.effects.clear()
        return driver

    @classmethod
    def at_view_1(cls, *, proposer: bool, epoch_blocks: int = 4) -> "Driver":
        """A core that is, or is not, the proposer of view 1."""
        turn = make_state(epoch_blocks=epoch_blocks).instance.proposer(1)
        return cls.started(
            make_state(turn if proposer else (turn + 1) % 4, epoch_blocks=epoch_blocks)
        )

    @classmethod
    def at_the_edge(cls, *, proposer: bool = False) -> tuple["Driver", BlockRef]:
        """Epochs of one block: block 1 is the last height and NOTAR; is view 2 our turn?"""
        turn = make_state(epoch_blocks=1).instance.proposer(2)
        driver = cls.started(make_state(turn if proposer else (turn + 1) % 4, epoch_blocks=1))
        last = make_block(driver.state, 1)
        driver.execute(last)
        driver.notarize(1, last)
        return driver, last

    def feed(self, *events: Event) -> list[Effect]:
        """Step through the events; returns what these asked for."""
        asked: list[Effect] = []
        for event in events:
            self.state, effects = step(self.state, event)
            asked.extend(effects)
        self.effects.extend(asked)
        return asked

    def execute(self, *blocks: BlockRef) -> list[Effect]:
        return self.feed(*(BlockExecuted(block, self.now_ms) for block in blocks))

    def accept(
        self, block: BlockRef, *, view: int | None = None, justify: int | None = None
    ) -> list[Effect]:
        """The proposal arrives, then its block is executed."""
        signed = make_proposal(self.state, block, view=view, justify_view=justify)
        asked = self.feed(ProposalAccepted(signed, self.now_ms))
        return asked + self.execute(block)

    def notarize(self, view: int, block: BlockRef) -> list[Effect]:
        return self._certify(make_certificate(self.state, VotePhase.PREFER, view, block))

    def nullify(self, view: int) -> list[Effect]:
        return self._certify(make_certificate(self.state, VotePhase.CANCEL, view))

    def finalize(self, view: int, block: BlockRef) -> list[Effect]:
        return self._certify(make_certificate(self.state, VotePhase.COMMIT, view, block))

    def _certify(self, certificate: QuorumCertificate) -> list[Effect]:
        return self.feed(CertificateAccepted(certificate, self.now_ms))

    def fire(self, name: TimerName) -> list[Effect]:
        """A timer of the current view."""
        timer = Timer(name, self.state.epoch, self.state.view)
        return self.feed(TimerFired(timer, self.now_ms))

    def votes(
        self,
        phase: VotePhase,
        view: int,
        block: BlockRef | None = None,
        *,
        voters: Iterable[int] = (1, 2, 3),
    ) -> list[Effect]:
        made = [make_vote(self.state, voter, phase, view, block) for voter in voters]
        return self.feed(*(VoteAccepted(vote, self.now_ms) for vote in made))

    def cast(self, phase: VotePhase | None = None) -> list[Vote]:
        """All votes asked for so far, of one phase or of any."""
        cast = [effect.vote for effect in self.effects if isinstance(effect, CastVote)]
        return [vote for vote in cast if phase is None or vote.phase is phase]

    def finalized(self) -> list[BlockRef]:
        """All blocks made final so far."""
        return [
            block
            for effect in self.effects
            if isinstance(effect, Finalize)
            for block in effect.blocks
        ]
