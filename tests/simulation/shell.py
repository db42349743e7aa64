"""A node of the simulator: the real core, guard and record codec on a fake disk."""

from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

from consensus import guard
from consensus.certificates import QuorumCertificate
from consensus.core import (
    Effect,
    Event,
    State,
    is_wanted,
    restore,
    step,
    wants_certificate,
    wants_proposal,
)
from consensus.core import effects as asked
from consensus.core import events as told
from consensus.core.effects import TimerName
from consensus.electorate import Electorate
from consensus.errors import DoubleSign, InvalidCertificate
from consensus.instance import BlockRef
from consensus.proposals import Proposal, SignedProposal
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
    encode_record,
    is_trusted,
)
from consensus.votes import SignedVote, Vote
from genesis.units import Address
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import GENESIS, make_address
from tests.simulation.checkers import Checker, Violation
from tests.simulation.disk import Disk
from tests.simulation.messages import EVENT_NUMBERS, Body, Message, Request
from tests.simulation.scenario import Scenario

HELLO_MS = 150


class Surroundings(Protocol):
    """What a node sees of the world."""

    scenario: Scenario
    checker: Checker
    now: int

    @property
    def is_healed(self) -> bool: ...
    def at(self, time: int, action: Callable[[], None]) -> None: ...
    def note(self, *numbers: int) -> None: ...
    def fault(self, kind: str) -> None: ...
    def chance(self, probability: float) -> bool: ...
    def below(self, bound: int) -> int: ...
    def broadcast(self, sender: "Node", message: Message) -> None: ...
    def ask_some(self, sender: "Node", message: Message) -> None: ...
    def answer(self, sender: "Node", peer: str, message: Message) -> None: ...
    def sign(self, member: Address, subject: Vote | Proposal) -> bytes: ...
    def verifies(self, member: Address, subject: Vote | Proposal, signature: bytes) -> bool: ...
    def publish(self, block: BlockRef) -> None: ...
    def find_body(self, node: "Node", block_id: Hash32) -> "Body | None": ...
    def hear_heads(self, node: "Node") -> list[tuple[int, guard.Head]]: ...
    def tempt(self, node: "Node") -> None: ...


class Node:
    """One copy of one member. Twins are two copies of a Byzantine member, each the only one."""

    def __init__(self, world: Surroundings, member: int, copy: int, number: int) -> None:
        self.world = world
        self.member, self.copy, self.number = member, copy, number
        self.name = f"{member}.{copy}"
        self.address = make_address(member)
        self.is_honest = member not in world.scenario.byzantine
        self.is_evil = not self.is_honest
        self.skew_ms = world.scenario.skew_ms[member]
        self.config = world.scenario.config(member)
        self.disk = Disk()
        self.is_up = False
        self.life = 0
        self.state: State = self._restored()
        begun = SigningAllowed(self.state.instance.id, 0, 1)
        self.disk = Disk(log=[encode_record(begun)], synced=1)
        self.signed = guard.SignedSlots()
        self.probation: guard.Probation | None = None
        self.memory: dict[Hash32, BlockRef] = {}
        self.timers: dict[asked.Timer, int] = {}

    @property
    def local_ms(self) -> int:
        return GENESIS.timestamp_ms + self.world.now + self.skew_ms

    def electorate(self, epoch: int) -> Electorate:
        return self.world.scenario.electorate(epoch)

    def holds(self, block_id: Hash32) -> bool:
        return block_id in self.disk.blocks or block_id in self.memory

    # --- life and death -------------------------------------------------------------------------

    def boot(self) -> None:
        if self.is_up:
            return
        self.is_up = True
        self.life += 1
        self.signed = guard.SignedSlots()
        for record in self.remembered():
            self.signed = self.signed.after(record)
        self.state = self._restored()
        tip = self.state.final
        for block in sorted(self.disk.blocks.values(), key=lambda block: block.height):
            if block.height > tip.height:
                self.handle(told.BlockExecuted(block, self.local_ms))
        self.handle(told.Started(self.local_ms))
        if self.state.abstain:
            head = guard.Head(self.state.final.height, self.state.epoch, self.state.view)
            electorate = self.state.instance.electorate
            index = electorate.index_of(self.address)
            heard = {} if index is None else {index: head}
            self.probation = guard.Probation(electorate, heard)
            self._ask_heads()

    def crash(self) -> None:
        """Unsynced records are lost, in whole or in part; so is all that was not on disk."""
        self.is_up = False
        self.life += 1
        unsynced = len(self.disk.log) - self.disk.synced
        if self.disk.lose_unsynced(self.world.below(unsynced + 1)):
            self.world.fault("unsynced certificates lost")
        self.memory.clear()
        self.timers.clear()
        if self.world.chance(0.5):
            state = self.state
            floor = (state.epoch, state.final_view)
            self.disk.prune(
                HeightFinal(state.instance.id, *floor, state.final.height, state.final.id)
            )

    def wipe(self) -> None:
        """A new disk: what was signed is unknown, so nothing is signed for a while."""
        self.disk = Disk()

    def reform(self) -> None:
        """From now on an ordinary node, though its past stays what it was."""
        self.is_evil = False

    def remembered(self) -> list[Record]:
        """What the log tells us after a restart."""
        return self.disk.records()

    def _restored(self) -> State:
        disk, length = self.disk, self.config.epoch_blocks
        epoch = disk.chain[-1].height // length
        return restore(
            self.config,
            disk.chain[epoch * length],
            disk.chain[-1],
            disk.certificate,
            {number: self.electorate(number) for number in (epoch, epoch + 1)},
            self.remembered(),
            abstain=not is_trusted(disk.records()),
        )

    def _ask_heads(self) -> None:
        """A validator with a new log asks where the others stand until it may sign."""
        if self.probation is None:
            return
        for index, head in self.world.hear_heads(self):
            self.probation = self.probation.with_hello(index, head)
        epoch, final_view = self.state.epoch, self.state.final_view
        if guard.may_start_signing(self.probation, epoch=epoch, final_view=final_view):
            self.probation = None
            allowed = SigningAllowed(self.state.instance.id, epoch, self.state.view)
            self.disk.append(allowed, sync=True)
            self.signed = self.signed.after(allowed)
            self.handle(told.VotingAllowed(self.local_ms))
        else:
            self.later(HELLO_MS, self._ask_heads)

    # --- events in ------------------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        """One step of the core, and what it asks for."""
        before = self.state
        state, effects = step(before, event)
        self.state = state
        self.world.note(
            self.number, EVENT_NUMBERS[type(event)], state.view, state.final.height, len(effects)
        )
        if self.is_honest:
            self.world.checker.on_step(self.member, state)
        for effect in effects:
            self.perform(effect)
        if self.is_evil and (state.view, state.epoch) != (before.view, before.epoch):
            self.world.tempt(self)

    def later(self, delay: int, action: Callable[[], None]) -> None:
        """Do something then, unless we crash before."""
        life = self.life

        def unless_dead() -> None:
            if self.is_up and self.life == life:
                action()

        self.world.at(self.world.now + delay, unless_dead)

    def receive(self, sender: "Node", message: Message) -> None:
        """The shell's duty: cheap filter, then signatures, then the core."""
        if not self.is_up:
            return
        now_ms, state = self.local_ms, self.state
        match message:
            case SignedVote():
                if is_wanted(state, message) and self._verifies(
                    message.voter_index, message.vote, message.signature
                ):
                    self.handle(told.VoteAccepted(message, now_ms))
            case QuorumCertificate():
                if wants_certificate(state, message) and self._holds_true(message):
                    self.handle(told.CertificateAccepted(message, now_ms))
            case SignedProposal(proposal, signature):
                if wants_proposal(state, proposal) and self._verifies(
                    proposal.proposer_index, proposal, signature
                ):
                    self.handle(told.ProposalAccepted(message, now_ms))
            case Request(epoch, low, high):
                if epoch in self.disk.edges and epoch < state.epoch:
                    self.world.answer(self, sender.name, self.disk.edges[epoch])
                else:
                    self.handle(told.CertificatesRequested(sender.name, epoch, low, high, now_ms))
            case _:
                assert_never(message)

    def _verifies(self, index: int, subject: Vote | Proposal, signature: bytes) -> bool:
        member = self.state.instance.electorate.members[index]
        return self.world.verifies(member, subject, signature)

    def _holds_true(self, certificate: QuorumCertificate) -> bool:
        instance = self.state.instance
        electorate = instance.electorate
        if certificate.epoch != instance.epoch:  # the edge behind us, which contradicts ours
            electorate = self.electorate(certificate.epoch)
        try:
            certificate.check_quorum(electorate)
        except InvalidCertificate:
            return False
        vote = certificate.vote
        return all(
            self.world.verifies(electorate.members[signed.voter_index], vote, signed.signature)
            for signed in certificate.votes()
        )

    # --- effects out ----------------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """What must be sent or remembered; questions to the ledger and reports come after."""
        world = self.world
        match effect:
            case asked.CastVote(vote, epoch):
                self._log(VoteCast(vote, epoch))
                self.later(1 + world.below(3), lambda: self._send_vote(vote, epoch))
            case asked.CastProposal(proposal):
                self._log(ProposalCast(proposal))
                self.later(1 + world.below(3), lambda: self._send_proposal(proposal))
            case asked.RebroadcastProposal(proposal=signed):
                world.broadcast(self, signed)
            case asked.BroadcastCertificate(certificate):
                world.broadcast(self, certificate)
            case asked.SendCertificate(peer, certificate):
                world.answer(self, peer, certificate)
            case asked.RequestCertificates(epoch, low, high):
                world.ask_some(self, Request(epoch, low, high))
            case asked.PersistCertificate(certificate):
                self.disk.append(CertificateSeen(certificate), sync=False)
            case asked.SetTimer(timer, at_ms):
                self._set_timer(timer, at_ms)
            case asked.BuildBlock() | asked.CheckBlock() | asked.FetchBlock():
                self._ask_ledger(effect)
            case _:
                self._take_note(effect)

    def _ask_ledger(self, effect: asked.BuildBlock | asked.CheckBlock | asked.FetchBlock) -> None:
        world = self.world
        match effect:
            case asked.BuildBlock():
                self.later(1 + world.below(10), lambda: self._build(effect))
            case asked.CheckBlock(block):
                self.later(1 + world.below(20), lambda: self.obtain(block.id))
            case asked.FetchBlock(block_id):
                self.later(10 + world.below(60), lambda: self.obtain(block_id))

    def _take_note(self, effect: Effect) -> None:
        checker = self.world.checker
        match effect:
            case asked.Finalize(certificate, blocks):
                self._finalize(certificate, blocks)
            case asked.EnterEpoch(epoch, instance):
                if self.is_honest:
                    checker.on_epoch(self.member, instance)
                self.handle(told.ElectorateDecided(self.electorate(epoch + 2), self.local_ms))
            case asked.ReportEquivocation(evidence):
                if self.is_honest:
                    checker.on_evidence(self.member, evidence)
            case asked.Halt(reason):
                if self.is_honest:
                    raise Violation("halt", f"node {self.name}: {reason}")
            case _:
                raise AssertionError(f"an effect nobody performs: {effect}")

    def _log(self, record: VoteCast | ProposalCast) -> None:
        """R8: guard, append, fsync; only then is anything signed."""
        if not self.is_honest:
            return
        try:
            guard.may_cast(self.signed, record)
        except DoubleSign as error:
            raise Violation("guard", f"node {self.name}: {error}") from error
        self.world.checker.on_signature(self.member, record)
        if not guard.is_repeat(self.signed, record):
            self.disk.append(record, sync=True)
            self.signed = self.signed.after(record)

    def _send_vote(self, vote: Vote, epoch: int) -> None:
        index = self.electorate(epoch).index_of(self.address)
        assert index is not None, "only members vote"
        signed = SignedVote(vote, epoch, index, self.world.sign(self.address, vote))
        self.world.broadcast(self, signed)
        self.handle(told.VoteAccepted(signed, self.local_ms))

    def _send_proposal(self, proposal: Proposal) -> None:
        signed = SignedProposal(proposal, self.world.sign(self.address, proposal))
        self.world.broadcast(self, signed)
        self.handle(told.ProposalAccepted(signed, self.local_ms))

    def _set_timer(self, timer: asked.Timer, at_ms: int) -> None:
        delay = max(1, at_ms - self.local_ms)
        if self.is_evil:
            delay = 1 + delay * (1 + self.world.below(15)) // 10
        self.timers[timer] = serial = self.timers.get(timer, 0) + 1

        def fire() -> None:
            if self.timers.get(timer) != serial:
                return
            del self.timers[timer]
            self.handle(told.TimerFired(timer, self.local_ms))
            if self.is_evil and timer.name in (TimerName.RETRY, TimerName.PROPOSE):
                self.world.tempt(self)

        self.later(delay, fire)

    def _build(self, order: asked.BuildBlock) -> None:
        parent = order.parent
        place = (parent.height + 1, order.view, order.epoch, parent.id, order.parent_view)
        index = self.electorate(order.epoch).index_of(self.address)
        assert index is not None, "only members build"
        fields = (*place, index, order.timestamp_ms)
        block = BlockRef(blake3_256(repr((fields, self.name)).encode()), *fields)
        self.world.publish(block)
        self.memory[block.id] = block
        self.handle(told.BlockBuilt(order.instance_id, order.view, block, self.local_ms))

    def obtain(self, block_id: Hash32) -> None:
        """Collect the body and all unexecuted ancestors, execute them oldest first."""
        missing: list[Body] = []
        while block_id not in self.disk.blocks:
            body = self.world.find_body(self, block_id)
            if body is None:
                return
            missing.append(body)
            block_id = body.block.parent_id
        for body in reversed(missing):
            if not body.is_valid:
                self.handle(told.BlockRejected(body.block.id, self.local_ms))
                return
            self.disk.blocks[body.block.id] = body.block
            self.handle(told.BlockExecuted(body.block, self.local_ms))

    def _finalize(self, certificate: QuorumCertificate, blocks: Sequence[BlockRef]) -> None:
        if self.is_honest:
            self.world.checker.on_final(self.member, self.disk.chain[-1], certificate, blocks)
        tip = blocks[-1]
        self.disk.chain.extend(blocks)
        self.disk.certificate = certificate
        if tip.height % self.config.epoch_blocks == 0:
            self.disk.edges[certificate.epoch] = certificate
        final = HeightFinal(
            certificate.instance_id, certificate.epoch, certificate.view, tip.height, tip.id
        )
        self.disk.append(final, sync=False)
        self.signed = self.signed.after(final)
