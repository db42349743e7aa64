"""Does what the lanes ask for, in their order, once all that they sign is in the log."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from aichain.node.accuser import Accuser
from aichain.node.bodies import Bodies
from aichain.node.context import NodeContext
from aichain.node.fork_report import ForkReport
from aichain.node.halting import halt
from aichain.node.lanes.alarms import Alarms
from aichain.node.lanes.ballots import LaneBallots
from aichain.node.lanes.caster import Caster
from aichain.node.lanes.certificates import LaneCertificates
from aichain.node.lanes.engine import WAKE, LaneEngine, TimerKey
from aichain.node.lanes.finalizer import LaneFinalizer
from aichain.node.lanes.instances import Instances
from aichain.node.lanes.probation import LaneProbation
from aichain.node.lanes.relay import Relay
from aichain.node.producer import Producer
from aichain.node.renewer import Renewer
from consensus.certificates import QuorumCertificate
from consensus.core import effects as core
from consensus.lanes import effects as asked
from consensus.lanes.accusations import Accusation
from consensus.lanes.effects import LaneEffect
from consensus.lanes.events import EpochDecided
from consensus.lanes.records import CheckpointHard, TermClosed
from native.hashing import Hash32
from p2p.wire.messages import LaneCertificate

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What only a validator has."""

    ballots: LaneBallots
    caster: Caster
    accuser: Accuser
    renewer: Renewer
    probation: LaneProbation | None


@dataclass(frozen=True, slots=True)
class LaneServices:
    """Who does what the lanes ask for; no `holder` on a node that follows."""

    instances: Instances
    holder: KeyHolder | None
    relay: Relay
    bodies: Bodies
    producer: Producer
    finalizer: LaneFinalizer
    certificates: LaneCertificates
    alarms: Alarms
    fork_report: ForkReport
    context: NodeContext


class LanePerformer:
    """Called by the engine alone."""

    def __init__(
        self,
        engine: LaneEngine,
        services: LaneServices,
        set_timer: Callable[[TimerKey, int], None],
        start_soon: Callable[..., None],
    ) -> None:
        self._engine = engine
        self._services = services
        self._set_timer = set_timer
        self._start_soon = start_soon

    async def perform(self, effects: tuple[LaneEffect, ...]) -> None:
        if self._services.holder is not None:
            await self._services.holder.ballots.log(effects)
        for effect in effects:
            await self._perform(effect)

    async def _perform(self, effect: LaneEffect) -> None:  # noqa: C901, PLR0912 a case per effect
        services, start, network = self._services, self._start_soon, self._services.context.network
        match effect:
            case asked.InInstance(name, wish):
                self._perform_core(name, wish)
            case asked.BeginInstance():
                services.instances.begin(effect)
                services.alarms.began(effect)
            case asked.CastCheckpoint(proposal, checkpoint, proof):
                start(self._caster.cast_checkpoint, proposal, checkpoint, proof)
            case asked.RebroadcastCheckpoint(signed, checkpoint, proof):
                self._caster.send_checkpoint(signed, checkpoint, proof)
            case asked.CloseTerm(record, notar):
                services.alarms.closed(self._engine.state, record)
                start(self._close, record, notar)
            case asked.Persist():
                pass  # logged with the votes, in their order
            case asked.ForwardCertificate(certificate):
                services.certificates.forward(certificate)
            case asked.ForwardClose(message):
                network.gossip(message)
            case asked.FetchBlocks(block_id):
                start(services.bodies.check, block_id, self._engine.post)
            case asked.FetchCheckpoint(checkpoint_id):
                start(services.certificates.fetch_checkpoint, checkpoint_id)
            case asked.RequestDecision(number):
                start(services.certificates.request_decision, number)
            case asked.ExtendFast(_, _, blocks):
                services.finalizer.show_fast(blocks)
            case asked.FinalizeHard():
                await self._finalize(effect)
            case asked.RollBack():
                services.finalizer.roll_back(effect)
            case asked.Accuse(accusation):
                services.alarms.accused(accusation)
                self._accuse(accusation)
            case asked.SetWake(at_ms):
                self._set_timer(WAKE, at_ms)
            case asked.Halt(reason, certificate):
                accuser = None if services.holder is None else services.holder.accuser
                report = services.fork_report
                await halt(reason, certificate, services.finalizer, report, accuser)
            case _:
                assert_never(effect)

    def _perform_core(self, name: Hash32, wish: asked.CoreAsks) -> None:
        services, start, post = self._services, self._start_soon, self._engine.post
        match wish:
            case core.CastVote(vote, epoch):
                start(self._caster.cast_vote, vote, epoch)
            case core.CastProposal(proposal):
                start(self._caster.cast_proposal, proposal)
            case core.RebroadcastProposal(signed):
                self._caster.send_proposal(signed)
            case core.BroadcastCertificate(certificate):
                services.certificates.broadcast(certificate)
            case core.SendCertificate(peer, certificate):
                services.context.network.send(peer, LaneCertificate(certificate))
            case core.PersistCertificate():
                pass  # logged with the votes, in their order
            case core.SetTimer(timer, at_ms):
                self._set_timer((name, timer), at_ms)
            case core.BuildBlock():
                start(services.producer.build, wish, post)
            case core.CheckBlock(block):
                start(services.bodies.check, block.id, post)
            case core.FetchBlock(block_id):
                start(services.bodies.check, block_id, post)
            case core.RequestCertificates(_, low_view, high_view):
                start(services.certificates.request, name, low_view, high_view)
            case _:
                assert_never(wish)

    @property
    def _caster(self) -> Caster:
        holder = self._services.holder
        assert holder is not None, "a node without a key signs nothing"
        return holder.caster

    async def _close(self, record: TermClosed, notar: QuorumCertificate | None) -> None:
        """Seats give their word; whoever else closes shows the tip it stands on."""
        holder = self._services.holder
        said = holder is not None and await holder.caster.cast_close(record, notar)
        if not said and notar is not None:
            self._services.certificates.forward(notar)

    def _accuse(self, accusation: Accusation) -> None:
        """Bring it on chain, if we have a key to do so."""
        holder, instances = self._services.holder, self._services.instances
        seating = instances.numbered(accusation.lane, accusation.term)
        if seating is None or seating.instance.start.id != accusation.start_id:
            return  # another term of this number has begun
        if holder is not None:
            self._start_soon(holder.accuser.accuse_in_lane, accusation, seating.instance)

    async def _finalize(self, effect: asked.FinalizeHard) -> None:
        services, state = self._services, self._engine.state
        await services.finalizer.finalize(effect)
        if services.holder is not None and not state.abstain:
            number = effect.checkpoint.number
            floor = CheckpointHard(effect.certificate.instance_id, number)
            await services.holder.ballots.settle(floor, frozenset(state.instances()))
        self._cross_edge(effect)

    def _cross_edge(self, effect: asked.FinalizeHard) -> None:
        """The hard end of an epoch has decided who votes in the second one after it."""
        context, height = self._services.context, effect.checkpoint.block_height
        blocks = context.document.consensus.epoch_blocks
        if not effect.blocks or height % blocks:
            return
        epoch = height // blocks
        log.info("epoch %d begins", epoch)
        context.electorates.enter(epoch)
        context.serve_validators()
        voters = self._engine.voters_of(context.electorates, epoch + 1)
        self._engine.post(EpochDecided(voters, context.clock.now_ms()))
