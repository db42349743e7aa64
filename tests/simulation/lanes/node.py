"""A node of the simulator: the real lanes, guard and record codec on a fake disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from consensus.certificates import QuorumCertificate
from consensus.core import effects as core
from consensus.core import events as told
from consensus.core.effects import Timer, TimerName
from consensus.errors import DoubleSign
from consensus.instance import BlockRef
from consensus.lanes import Lanes, LanesConfig, guard, restore, step
from consensus.lanes import effects as asked
from consensus.lanes import events as heard
from consensus.lanes.checkpoints import Checkpoint, first_checkpoint
from consensus.lanes.closes import Close, CloseMessage, SignedClose
from consensus.lanes.events import LaneEvent
from consensus.lanes.guard import SignedLanes
from consensus.lanes.records import LaneRecord, TermClosed
from consensus.lanes.voters import EpochVoters
from consensus.proposals import SignedProposal
from consensus.records import CertificateSeen, ProposalCast, VoteCast
from consensus.votes import SignedVote, Vote
from genesis.units import Address
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import GENESIS
from tests.simulation.lanes.checker import Checker, Violation
from tests.simulation.lanes.disk import Disk
from tests.simulation.lanes.scenario import Scenario


@dataclass(frozen=True)
class ViewsWanted:
    """Certificates of views of one instance."""

    instance_id: Hash32
    low: int
    high: int


Question = ViewsWanted | asked.RequestDecision | asked.FetchCheckpoint | asked.FetchBlocks


class Surroundings(Protocol):
    """What a node sees of the world."""

    checker: Checker
    scenario: Scenario

    @property
    def now(self) -> int: ...
    def at(self, time: int, action: Callable[[], None]) -> None: ...
    def note(self, *numbers: int) -> None: ...
    def fault(self, kind: str) -> None: ...
    def below(self, bound: int) -> int: ...
    def voters(self, epoch: int) -> EpochVoters: ...
    def began(self, effect: asked.BeginInstance) -> None: ...
    def entered(self, instance_id: Hash32, view: int) -> None: ...
    def send_vote(self, node: "Node", signed: SignedVote) -> None: ...
    def send_proposal(self, sender: int, signed: SignedProposal) -> None: ...
    def send_checkpoint(self, sender: int, effect: asked.RebroadcastCheckpoint) -> None: ...
    def gossip_certificate(
        self, sender: int, certificate: QuorumCertificate, *, to_all: bool
    ) -> None: ...
    def gossip_close(self, sender: int, message: CloseMessage) -> None: ...
    def gossip_body(self, sender: int, block: BlockRef) -> None: ...
    def answer(self, node: "Node", peer: str, certificate: QuorumCertificate) -> None: ...
    def ask(self, node: "Node", question: Question) -> None: ...
    def is_valid(self, block_id: Hash32) -> bool: ...


class Node:
    """One honest member. Byzantine ones are played by the adversary and have no node."""

    def __init__(
        self, world: Surroundings, member: int, address: Address, config: LanesConfig
    ) -> None:
        self.world, self.member, self.address, self.config = world, member, address, config
        self.name = str(member)
        self.skew_ms = world.scenario.skew_ms[member]
        first = first_checkpoint(GENESIS, world.voters(0).electorate.vset_hash)
        self.disk = Disk(first)
        self.is_up = False
        self.life = 0
        self.signed = SignedLanes()
        self.state: Lanes = self._restored()
        self.timers: dict[tuple[Hash32, Timer], int] = {}
        self.wake = 0
        self.bodies: dict[Hash32, BlockRef] = {}
        self.waiting: dict[Hash32, list[BlockRef]] = {}
        self.shown: dict[Hash32, int] = {}

    # --- life and death -------------------------------------------------------------------------

    def boot(self) -> None:
        if self.is_up:
            return
        self.is_up = True
        self.life += 1
        self.signed = SignedLanes()
        for record in self.disk.records():
            self.signed = self.signed.after(record)
        self.state = self._restored()
        hard = self.state.hard
        for block in sorted(self.disk.blocks.values(), key=lambda block: block.height):
            if block.height > hard.height:
                self.handle(told.BlockExecuted(block, self.now_ms))
        self.handle(told.Started(self.now_ms))

    def crash(self) -> None:
        """Of what was not synced, some is lost; blocks not executed are forgotten."""
        self.is_up = False
        self.life += 1
        unsynced = len(self.disk.log) - self.disk.synced
        self.disk.lose_unsynced(self.world.below(unsynced + 1))
        self.bodies.clear()
        self.waiting.clear()
        self.timers.clear()

    def _restored(self) -> Lanes:
        disk = self.disk
        hard = disk.blocks[disk.checkpoint.block_id]
        epoch = hard.height // self.config.core.epoch_blocks
        epochs = {number: self.world.voters(number) for number in (epoch, epoch + 1)}
        return restore(
            self.config,
            disk.checkpoint,
            disk.decision,
            hard,
            epochs,
            self.remembered(),
            abstain=False,
        )

    def remembered(self) -> list[LaneRecord]:
        """What the log tells us after a restart."""
        return self.disk.records()

    @property
    def now_ms(self) -> int:
        """Our own clock, which is a little wrong."""
        return GENESIS.timestamp_ms + self.world.now + self.skew_ms

    def later(self, delay: int, action: Callable[[], None]) -> None:
        """Do something then, unless we crash before."""
        life = self.life

        def unless_dead() -> None:
            if self.is_up and self.life == life:
                action()

        self.world.at(self.world.now + delay, unless_dead)

    # --- events in ------------------------------------------------------------------------------

    def handle(self, event: LaneEvent) -> None:
        """One step of both lanes, and what it asks for."""
        self.state, effects = step(self.state, event)
        if not effects:
            return
        self.world.note(self.member, self.state.number, len(effects))
        self.world.checker.on_step(self.member, self.state)
        self.world.checker.aftermath.take(effects)
        for effect in effects:
            self.perform(effect)

    def holds(self, block_id: Hash32) -> bool:
        return block_id in self.disk.blocks or block_id in self.bodies

    def knows_checkpoint(self, checkpoint_id: Hash32) -> bool:
        return checkpoint_id in self.state.ballot.checkpoints or any(
            checkpoint.id == checkpoint_id for checkpoint, _ in self.disk.decisions.values()
        )

    def take_body(self, block: BlockRef) -> None:
        """A body arrived; execute it as soon as its parent is executed."""
        if block.id in self.disk.blocks or block.id in self.bodies:
            return
        self.bodies[block.id] = block
        if block.parent_id in self.disk.blocks:
            self._execute(block)
        else:
            self.waiting.setdefault(block.parent_id, []).append(block)

    def _execute(self, block: BlockRef) -> None:
        if not self.world.is_valid(block.id):
            self.world.fault("invalid block rejected")
            self.handle(told.BlockRejected(block.id, self.now_ms))
            return
        self.disk.blocks[block.id] = block
        self.handle(told.BlockExecuted(block, self.now_ms))
        for child in self.waiting.pop(block.id, []):
            self._execute(child)

    # --- effects out ----------------------------------------------------------------------------

    def perform(self, effect: asked.LaneEffect) -> None:
        """What must be logged or sent; decisions and alarms come after."""
        world = self.world
        match effect:
            case asked.InInstance(name, wish):
                self._perform_core(name, wish)
            case asked.CastCheckpoint(proposal, checkpoint, proof):
                self._log(ProposalCast(proposal))
                signed = SignedProposal(proposal, b"checkpoint")
                world.send_checkpoint(
                    self.member, asked.RebroadcastCheckpoint(signed, checkpoint, proof)
                )
                self._come_back(heard.CheckpointProposed(signed, checkpoint, proof, self.now_ms))
            case asked.RebroadcastCheckpoint():
                world.send_checkpoint(self.member, effect)
            case asked.CloseTerm(record, notar):
                self._close(record, notar)
            case asked.Persist(record):
                self.disk.append(record, sync=False)
            case asked.ForwardCertificate(certificate):
                world.gossip_certificate(self.member, certificate, to_all=True)
            case asked.ForwardClose(message):
                world.gossip_close(self.member, message)
            case asked.FetchBlocks() | asked.FetchCheckpoint() | asked.RequestDecision():
                world.ask(self, effect)
            case asked.SetWake(at_ms):
                self._set_wake(at_ms)
            case _:
                self._take_note(effect)

    def _take_note(self, effect: asked.LaneEffect) -> None:
        checker = self.world.checker
        match effect:
            case asked.BeginInstance():
                self.world.began(effect)
            case asked.ExtendFast(number, _, blocks):
                self.disk.synced = len(self.disk.log)
                self.shown |= {block.id: number for block in blocks}
                checker.fast_blocks += len(blocks)
            case asked.FinalizeHard(checkpoint, certificate, blocks):
                self._finalize(checkpoint, certificate, blocks)
            case asked.RollBack(number, _, lost):
                terms = tuple(self.shown.pop(block.id) for block in lost)
                self.world.fault("(fast blocks rolled back)")
                checker.on_rollback(self.member, number, terms)
            case asked.Accuse(accusation):
                checker.on_accusation(self.member, accusation)
            case asked.Halt(reason):
                checker.on_halt(self.member, reason, self.world.now)
            case _:
                raise AssertionError(f"an effect nobody performs: {effect}")

    def _perform_core(self, name: Hash32, wish: asked.CoreAsks) -> None:
        world = self.world
        match wish:
            case core.CastVote(vote, epoch):
                self._log(VoteCast(vote, epoch))
                self._send_vote(name, vote, epoch)
            case core.CastProposal(proposal):
                self._log(ProposalCast(proposal))
                signed = SignedProposal(proposal, b"block")
                world.send_proposal(self.member, signed)
                self._come_back(told.ProposalAccepted(signed, self.now_ms))
            case core.RebroadcastProposal(signed):
                world.send_proposal(self.member, signed)
            case core.BroadcastCertificate(certificate):
                world.gossip_certificate(self.member, certificate, to_all=False)
            case core.SendCertificate(peer, certificate):
                world.answer(self, peer, certificate)
            case core.PersistCertificate(certificate):
                self.disk.append(CertificateSeen(certificate), sync=False)
            case core.SetTimer(timer, at_ms):
                self._set_timer(name, timer, at_ms)
            case _:
                self._ask_ledger(name, wish)

    def _ask_ledger(self, name: Hash32, wish: asked.CoreAsks) -> None:
        match wish:
            case core.BuildBlock():
                self._build(wish)
            case core.CheckBlock(block):
                self.world.ask(self, asked.FetchBlocks(block.id))
            case core.FetchBlock(block_id):
                self.world.ask(self, asked.FetchBlocks(block_id))
            case core.RequestCertificates(_, low, high):
                self.world.ask(self, ViewsWanted(name, low, high))
            case _:
                raise AssertionError(f"a wish nobody grants: {wish}")

    def _come_back(self, event: LaneEvent) -> None:
        """What we signed ourselves counts as soon as it is signed."""
        self.later(0, lambda: self.handle(event))

    def _log(self, record: VoteCast | ProposalCast | TermClosed) -> None:
        """R8: guard, append, fsync; only then is anything signed."""
        try:
            guard.may_sign(self.signed, record)
        except DoubleSign as error:
            raise Violation("guard", f"member {self.member}: {error}") from error
        if isinstance(record, TermClosed):
            self.world.checker.on_close(self.member, record)
        else:
            self.world.checker.on_vote(self.member, record)
        if not guard.is_repeat(self.signed, record):
            self.disk.append(record, sync=True)
            self.signed = self.signed.after(record)

    def _send_vote(self, name: Hash32, vote: Vote, epoch: int) -> None:
        index = self.index_in(name)
        assert index is not None, "only members vote"
        signed = SignedVote(vote, epoch, index, b"")
        self.world.send_vote(self, signed)
        if not self.world.scenario.counted:
            self._come_back(told.VoteAccepted(signed, self.now_ms))

    def _close(self, record: TermClosed, notar: QuorumCertificate | None) -> None:
        self._log(record)
        index = self.index_in(record.instance_id)
        if index is None:
            if notar is not None:
                self.world.gossip_certificate(self.member, notar, to_all=True)
            return
        close = Close(record.instance_id, record.tip_view, record.tip_id)
        signed = SignedClose(close, record.epoch, record.term, index, b"")
        message = CloseMessage(signed, notar)
        self.world.gossip_close(self.member, message)
        self._come_back(heard.CloseAccepted(message, self.now_ms))

    def index_in(self, instance_id: Hash32) -> int | None:
        """Our index among the voters of an instance."""
        _, _, instance = self.world.checker.instances[instance_id]
        return instance.electorate.index_of(self.address)

    def _build(self, wish: core.BuildBlock) -> None:
        parent, index = wish.parent, self.index_in(wish.instance_id)
        assert index is not None, "only members build"
        _, _, instance = self.world.checker.instances[wish.instance_id]
        place = (
            parent.height + 1,
            wish.view,
            wish.epoch,
            parent.id,
            wish.parent_view,
            instance.electorate.place(index),
            wish.timestamp_ms,
        )
        name = blake3_256(repr((place, wish.instance_id, self.member)).encode())
        block = BlockRef(name, *place)
        self.bodies[block.id] = block
        self.world.gossip_body(self.member, block)
        self._come_back(told.BlockBuilt(wish.instance_id, wish.view, block, self.now_ms))

    def obtain(self, blocks: Iterable[BlockRef]) -> None:
        """Blocks we asked for, oldest first; our own are executed when the core asks."""
        for block in blocks:
            if block.id in self.disk.blocks:
                continue
            if block.id in self.bodies and block.parent_id in self.disk.blocks:
                self._execute(block)
            else:
                self.take_body(block)

    def _finalize(
        self, checkpoint: Checkpoint, certificate: QuorumCertificate, blocks: tuple[BlockRef, ...]
    ) -> None:
        world, disk = self.world, self.disk
        world.checker.on_hard(self.member, checkpoint, certificate, blocks, world.now)
        disk.checkpoint, disk.decision = checkpoint, certificate
        disk.decisions[checkpoint.number] = (checkpoint, certificate)
        if checkpoint.block_height % self.config.core.epoch_blocks == 0:
            voters = world.voters(checkpoint.block_height // self.config.core.epoch_blocks + 1)
            self._come_back(heard.EpochDecided(voters, self.now_ms))

    def _set_timer(self, name: Hash32, timer: Timer, at_ms: int) -> None:
        key = (name, timer)
        if timer.name is TimerName.CANCEL:
            self.world.entered(name, timer.view)
        self.timers[key] = serial = self.timers.get(key, 0) + 1

        def fire() -> None:
            if self.timers.get(key) == serial:
                del self.timers[key]
                self.handle(heard.CoreTimerFired(name, timer, self.now_ms))

        self.later(max(1, at_ms - self.now_ms), fire)

    def _set_wake(self, at_ms: int) -> None:
        self.wake += 1
        serial = self.wake

        def fire() -> None:
            if self.wake == serial:
                self.handle(heard.Woke(self.now_ms))

        self.later(max(1, at_ms - self.now_ms), fire)
