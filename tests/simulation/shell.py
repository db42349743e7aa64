"""A node of the simulator: core, guard, vote log and performer of effects are the product's."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from aichain.errors import ConsensusHalted, StoreFailed, WalDamaged, WalForeign
from aichain.node.assemble import slots_of
from aichain.node.ballots import Ballots, Signer
from aichain.node.certificates import verify_certificate
from aichain.node.engine import EngineServices, Performer
from aichain.store.wal import VoteWal
from consensus import probation
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
from consensus.proposals import PROPOSAL_CONTEXT, SignedProposal
from consensus.records import Record, SigningAllowed, decode_record, is_trusted
from consensus.votes import VOTE_CONTEXT, SignedVote
from native.errors import InvalidSignature
from native.hashing import Hash32
from tests.builders_consensus import GENESIS, make_address
from tests.simulation.checkers import Violation
from tests.simulation.disk import Disk, new_log
from tests.simulation.inhabitants import Surroundings
from tests.simulation.ledger import Ledger
from tests.simulation.log_disk import LogDisk, PowerLost
from tests.simulation.messages import EVENT_NUMBERS, Message, Request
from tests.simulation.port import Port
from tests.simulation.tasks import Pause, Work, advance

HELLO_MS = 100
SLOW_DISK_MS = 40


class UnguardedBallots(Ballots):
    """Of a Byzantine validator: it writes nothing down and signs whatever it likes."""

    async def log(self, effects: Iterable[Effect]) -> None:
        pass

    async def settle(self, effect: asked.Finalize, instance_id: Hash32) -> None:
        pass


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
        self.disk = Disk(self.new_log())
        self.memory: dict[Hash32, BlockRef] = {}
        self.is_up = False
        self.life = 0
        self.state: State = self._restored(())
        self.head = probation.Head(0, 0, 0)
        self.port = Port(self)
        self.evidence = self.port
        """Where the performer looks for it."""
        self._ledger = Ledger(self)
        self._timers: dict[asked.Timer, int] = {}
        self._inbox: deque[Event] = deque()
        self._is_working = False
        self._disk_free_at = 0

    @property
    def local_ms(self) -> int:
        return GENESIS.timestamp_ms + self.world.now + self.skew_ms

    def electorate(self, epoch: int) -> Electorate:
        return self.world.scenario.electorate(epoch)

    def holds(self, block_id: Hash32) -> bool:
        return block_id in self.disk.blocks or block_id in self.memory

    # --- life and death -------------------------------------------------------------------------

    def boot(self) -> None:
        """As `aichain.node.assemble`: read the log, restore the core, connect the services."""
        if self.is_up:
            return
        try:
            wal = VoteWal(self.disk.log, self.address)
        except StoreFailed:
            self.world.repair(self)
            return
        except (WalDamaged, WalForeign) as refusal:
            self.world.on_refused(self, refusal)
            return
        self.world.on_opened(self)
        records = tuple(decode_record(raw) for raw in wal.records())
        self.is_up = True
        self.life += 1
        self._is_working = False
        self._disk_free_at = self.world.now
        self.state = self._restored(records)
        self.head = probation.Head(self.state.final.height, self.state.epoch, self.state.view)
        self._connect(wal, records)
        for block in sorted(self.disk.blocks.values(), key=lambda block: block.height):
            if block.height > self.state.final.height:
                self.state, effects = step(self.state, told.BlockExecuted(block, self.local_ms))
                assert not effects, "before it starts the core only takes note"
        self.post(told.Started(self.local_ms))
        if self.state.abstain:
            self.run(self._serve_probation())

    def crash(self, *, power: bool) -> None:
        """What was only in memory is gone; without power so is what was not synced."""
        self.is_up = False
        self.life += 1
        self.memory.clear()
        self._timers.clear()
        self._inbox.clear()
        if power:
            self.disk.log.lose_power()

    def new_log(self) -> LogDisk:
        """A log without any record: what this key has signed is unknown."""
        return new_log(self.address, self.world.below, self.world.fault)

    def reform(self) -> None:
        """From now on an ordinary node, though its past stays what it was."""
        self.is_evil = False

    def _restored(self, records: tuple[Record, ...]) -> State:
        disk, length = self.disk, self.config.epoch_blocks
        epoch = disk.chain[-1].height // length
        return restore(
            self.config,
            disk.chain[epoch * length],
            disk.chain[-1],
            disk.certificate,
            {number: self.electorate(number) for number in (epoch, epoch + 1)},
            records,
            abstain=not is_trusted(records),
        )

    def _connect(self, wal: VoteWal, records: tuple[Record, ...]) -> None:
        port: Any = self.port
        ledger: Any = self._ledger
        engine: Any = self
        context = port.context(self._run_blocking)
        self._ballots = (Ballots if self.is_honest else UnguardedBallots)(
            Signer(port, wal),
            slots_of(records),
            context,
            self.post,
            prune_bytes=self.world.scenario.accidents.prune_bytes,
        )
        services = EngineServices(
            ballots=self._ballots,
            bodies=ledger,
            producer=ledger,
            finalizer=ledger,
            request_certificates=port.request_certificates,
            context=context,
        )
        self._performer = Performer(engine, services, self._set_timer, self._start_soon)

    async def _serve_probation(self) -> None:
        """As `aichain.node.probation`: ask where the others stand until we may sign."""
        state, world = self.state, self.world
        heard = {} if state.me is None else {state.me: self.head}
        silence = probation.Probation(state.instance.electorate, heard)
        may_sign = False
        while not may_sign:
            await Pause(HELLO_MS)
            for address, head in world.hear_heads(self):
                index = silence.electorate.index_of(address)
                if index is not None:
                    silence = silence.with_hello(index, head)
            state = self.state
            may_sign = probation.may_start_signing(
                silence, epoch=state.epoch, final_view=state.final_view
            )
        world.fault(f"(probation ends {'on a living chain' if state.final.height else 'at once'})")
        await self._ballots.allow(SigningAllowed(state.instance.id, state.epoch, state.view))
        self.post(told.VotingAllowed(self.local_ms))

    # --- events ---------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Queue an event; the engine takes one after the other."""
        self._inbox.append(event)
        if not self._is_working:
            self._is_working = True
            self.run(self._work())

    async def _work(self) -> None:
        while self._inbox:
            await self._take(self._inbox.popleft())
        self._is_working = False

    async def _take(self, event: Event) -> None:
        before = self.state
        self.state, effects = step(before, event)
        state, world = self.state, self.world
        world.note(
            self.number, EVENT_NUMBERS[type(event)], state.view, state.final.height, len(effects)
        )
        if self.is_honest:
            world.checker.on_step(self.member, state, event)
            world.checker.inquest.take(effects)
            if state.instance is not before.instance or isinstance(event, told.Started):
                world.checker.on_epoch(self.member, state.instance)
        if effects:
            await self._performer.perform(effects)
        if self.is_evil and (state.view != before.view or state.epoch != before.epoch):
            world.tempt(self)

    def run(self, work: Work) -> None:
        """Go on with a coroutine of this node until it pauses, or ends, or ends the node."""
        try:
            pause = advance(work)
        except (PowerLost, StoreFailed):
            self.crash(power=True)  # after a failed write nobody knows what the kernel kept
            self.world.repair(self)
        except ConsensusHalted as error:
            if self.is_honest:
                self.world.checker.on_halt(self.member, error.reason)
            self.crash(power=False)
        except DoubleSign as error:
            raise Violation("guard", f"node {self.name}: {error}") from error
        else:
            if pause is not None:
                self.later(pause, lambda: self.run(work))

    def later(self, delay: int, action: Callable[[], None]) -> None:
        """Do something then, unless we crash before."""
        life = self.life

        def unless_dead() -> None:
            if self.is_up and self.life == life:
                action()

        self.world.at(self.world.now + delay, unless_dead)

    async def _run_blocking(
        self, work: Callable[..., Any], *arguments: Any, limiter: object = None
    ) -> Any:
        """In place of a thread. What has a limiter is the log: one write after the other."""
        world = self.world
        if limiter is not None:
            if self.member in world.scenario.accidents.slow_disk:
                self._disk_free_at = max(self._disk_free_at, world.now) + world.below(SLOW_DISK_MS)
                world.fault("slow disk")
            if self._disk_free_at > world.now:
                await Pause(self._disk_free_at - world.now)
        return work(*arguments)

    def _start_soon(self, work: Callable[..., Work], *arguments: Any) -> None:
        self.later(1 + self.world.below(3), lambda: self.run(work(*arguments)))

    def _set_timer(self, timer: asked.Timer, at_ms: int) -> None:
        delay = max(1, at_ms - self.local_ms)
        if self.is_evil:
            delay = 1 + delay * (1 + self.world.below(15)) // 10
        self._timers[timer] = serial = self._timers.get(timer, 0) + 1

        def fire() -> None:
            if self._timers.get(timer) != serial:
                return
            del self._timers[timer]
            self.post(told.TimerFired(timer, self.local_ms))
            if self.is_evil and timer.name in (TimerName.RETRY, TimerName.PROPOSE):
                self.world.tempt(self)

        self.later(delay, fire)

    # --- what peers send ------------------------------------------------------------------------

    def receive(self, peer: str, message: Message) -> None:
        """The shell's duty: cheap filter, then signatures, then the core."""
        if not self.is_up:
            return
        now_ms, state = self.local_ms, self.state
        match message:
            case SignedVote(vote):
                if is_wanted(state, message) and self._verifies(
                    message.voter_index, vote.signing_bytes, VOTE_CONTEXT, message.signature
                ):
                    self.post(told.VoteAccepted(message, now_ms))
            case QuorumCertificate():
                if wants_certificate(state, message):
                    self.run(self._take_certificate(message))
            case SignedProposal(proposal, signature):
                if wants_proposal(state, proposal) and self._verifies(
                    proposal.proposer_index, proposal.signing_bytes, PROPOSAL_CONTEXT, signature
                ):
                    self.post(told.ProposalAccepted(message, now_ms))
            case Request():
                self._answer(peer, message)

    def _answer(self, peer: str, request: Request) -> None:
        if self.is_evil and self.world.lies_to(self, peer, request):
            return
        epoch, edges = request.epoch, self.disk.edges
        if epoch in edges and epoch < self.state.epoch:
            self.world.answer(self, peer, edges[epoch])
            return
        self.post(told.CertificatesRequested(peer, epoch, request.low, request.high, self.local_ms))

    def _verifies(self, index: int, message: bytes, context: bytes, signature: bytes) -> bool:
        member = self.state.instance.electorate.members[index]
        return self.world.verifies(member, message, context, signature)

    async def _take_certificate(self, certificate: QuorumCertificate) -> None:
        port: Any = self.port
        electorate = self.state.instance.electorate
        try:
            await verify_certificate(certificate, electorate, port.keys_of(electorate), port)
        except (InvalidCertificate, InvalidSignature):
            return
        self.post(told.CertificateAccepted(certificate, self.local_ms))
