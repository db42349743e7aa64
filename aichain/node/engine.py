"""Owns the consensus state: an event in, `step`, its effects performed in order."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio
from trio_typing import TaskStatus

from aichain.clock import Clock
from aichain.node.accuser import Accuser
from aichain.node.ballots import Ballots
from aichain.node.bodies import Bodies
from aichain.node.context import NodeContext
from aichain.node.evidence_book import EvidenceBook
from aichain.node.finalizer import Finalizer
from aichain.node.fork_report import ForkReport
from aichain.node.halting import halt
from aichain.node.producer import Producer
from aichain.node.stepper import Stepper
from aichain.node.timers import Timers
from consensus.core.effects import (
    BroadcastCertificate,
    BuildBlock,
    CastProposal,
    CastVote,
    CheckBlock,
    Effect,
    EnterEpoch,
    FetchBlock,
    Finalize,
    Halt,
    PersistCertificate,
    RebroadcastProposal,
    ReportEquivocation,
    RequestCertificates,
    SendCertificate,
    SetTimer,
    Timer,
)
from consensus.core.events import ElectorateDecided, Event, Started, TimerFired
from consensus.core.state import State
from consensus.core.step import step
from consensus.evidence import Evidence
from consensus.instance import Instance
from consensus.votes import VotePhase
from p2p.network import Audience

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineServices:
    """Who does what the core asks for; no `ballots`, no `accuser` on a node that only follows."""

    ballots: Ballots | None
    bodies: Bodies
    producer: Producer
    finalizer: Finalizer
    request_certificates: Callable[[int, int, int], Awaitable[None]]
    context: NodeContext
    accuser: Accuser | None = None
    fork_report: ForkReport | None = None


class Engine(Stepper[State, Event, Effect]):
    """Steps the core of a chain on which everybody votes on every block."""

    def __init__(self, state: State) -> None:
        super().__init__(state, step)
        self.evidence = EvidenceBook()

    async def run(
        self,
        services: EngineServices,
        *,
        task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Step until cancelled; raises ConsensusHalted when the core says that safety is gone.

        Started once `Started` is queued: the core ignores what comes before it.
        """
        timers = Timers[Timer](services.context.clock, self._timer_fired(services.context.clock))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run)
            performer = Performer(self, services, timers.set, nursery.start_soon)
            self.post(Started(services.context.clock.now_ms()))
            task_status.started()
            await self.step_forever(performer.perform)

    def _timer_fired(self, clock: Clock) -> Callable[[Timer], None]:
        def fire(timer: Timer) -> None:
            self.post(TimerFired(timer, clock.now_ms()))

        return fire


class Performer:
    """Performs effects in the order of the core, once all that they sign is in the log."""

    def __init__(
        self,
        engine: Engine,
        services: EngineServices,
        set_timer: Callable[[Timer, int], None],
        start_soon: Callable[..., None],
    ) -> None:
        self._engine = engine
        self._services = services
        self._set_timer = set_timer
        self._start_soon = start_soon

    async def perform(self, effects: tuple[Effect, ...]) -> None:
        if self._services.ballots is not None:
            await self._services.ballots.log(effects)
        for effect in effects:
            await self._perform(effect)

    async def _perform(self, effect: Effect) -> None:  # noqa: C901, PLR0912 one case per effect
        services, start = self._services, self._start_soon
        match effect:
            case SetTimer(timer, at_ms):
                self._set_timer(timer, at_ms)
            case CastVote() | CastProposal():
                self._cast(effect)
            case CheckBlock(block):
                start(services.bodies.check, block.id, self._engine.post)
            case FetchBlock(block_id):
                start(services.bodies.check, block_id, self._engine.post)
            case BuildBlock():
                start(services.producer.build, effect, self._engine.post)
            case BroadcastCertificate(certificate):
                services.context.network.push(certificate, Audience.VALIDATORS)
            case SendCertificate(peer, certificate):
                services.context.network.send(peer, certificate)
            case RebroadcastProposal(signed):
                services.producer.send(signed)
            case RequestCertificates(epoch, low_view, high_view):
                start(services.request_certificates, epoch, low_view, high_view)
            case PersistCertificate():
                pass  # logged with the votes, in their order
            case Finalize():
                await services.finalizer.finalize(effect)
                if services.ballots is not None:
                    await services.ballots.settle(effect, self._engine.state.instance.id)
            case EnterEpoch(epoch):
                log.info("epoch %d begins", epoch)
                self._enter(epoch)
            case ReportEquivocation(evidence, instance):
                self._report(evidence, instance)
            case Halt(reason, certificate):
                report, accuser = services.fork_report, services.accuser
                await halt(reason, certificate, services.finalizer, report, accuser)

    def _cast(self, effect: CastVote | CastProposal) -> None:
        services = self._services
        assert services.ballots is not None, "a node without a key casts nothing"
        if isinstance(effect, CastProposal):
            self._start_soon(services.ballots.cast_proposal, effect, services.producer.send)
            return
        electorate = services.context.electorates.electorate(effect.epoch)
        me = electorate.index_of(self._engine.state.config.validator)
        assert me is not None, "only members vote, and this may be the last of its epoch"
        services.context.metrics.vote_cast(effect.vote.phase.name.lower())
        if effect.vote.phase is VotePhase.CANCEL:
            services.context.metrics.view_cancelled()
        self._start_soon(services.ballots.cast_vote, effect, me)

    def _enter(self, epoch: int) -> None:
        context = self._services.context
        context.electorates.enter(epoch)
        context.serve_validators()
        decided = context.electorates.electorate(epoch + 1)
        self._engine.post(ElectorateDecided(decided, context.clock.now_ms()))

    def _report(self, evidence: Evidence, instance: Instance) -> None:
        self._services.context.metrics.equivocation_seen()
        name = self._engine.evidence.add(evidence)
        log.error(
            "validator %d of epoch %d equivocated: evidence 0x%s",
            evidence.offender,
            evidence.epoch,
            name.hex(),
        )
        if self._services.accuser is not None:
            self._start_soon(self._services.accuser.accuse, evidence, instance)
