"""Answers peers' questions about the lanes; asking changes nothing but who is passed on to."""

from aichain.chain import Chain
from aichain.clock import Clock
from aichain.node.certificates import answered
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.relay import Relay
from consensus.core.effects import SendCertificate
from consensus.core.events import CertificatesRequested
from consensus.lanes.effects import InInstance
from consensus.lanes.events import CertificatesWanted
from consensus.lanes.filters import term_named
from consensus.lanes.messages import Decision
from consensus.lanes.state import Lanes
from consensus.lanes.step import step
from genesis.limits import RESPONSE_MAX_BYTES
from native.hashing import Hash32
from p2p.wire.messages import (
    Certificates,
    Checkpoints,
    Decisions,
    GetCheckpoint,
    GetDecisions,
    GetLaneCertificates,
    Reach,
    Subscribe,
)

_ANSWER_BYTES = RESPONSE_MAX_BYTES // 2


class LaneAnswers:
    """Of what lives the state knows everything, of what is hard the store."""

    def __init__(self, engine: LaneEngine, relay: Relay, chain: Chain, clock: Clock) -> None:
        self._engine = engine
        self._relay = relay
        self._chain = chain
        self._clock = clock

    def subscribe(self, peer: str, request: Subscribe) -> Reach:
        """On the loop, which owns what is passed on to whom."""
        return self._relay.subscribe(peer, request)

    def answer(
        self, peer: str, request: GetLaneCertificates | GetDecisions | GetCheckpoint
    ) -> Certificates | Decisions | Checkpoints:
        """Blocking, briefly."""
        match request:
            case GetLaneCertificates():
                return self._certificates(peer, request)
            case GetDecisions(from_number, count):
                return self._decisions(from_number, count)
            case GetCheckpoint(name):
                return self._checkpoint(name)

    def _certificates(self, peer: str, request: GetLaneCertificates) -> Certificates:
        """What its core would send; the state is a value, so this is only a question."""
        state = self._engine.state
        epoch = _epoch_of(state, request.instance_id)
        if epoch is None:
            return Certificates(())
        now_ms = self._clock.now_ms()
        wanted = CertificatesRequested(peer, epoch, request.low_view, request.high_view, now_ms)
        _, effects = step(state, CertificatesWanted(request.instance_id, wanted))
        return answered(
            effect.effect.certificate
            for effect in effects
            if isinstance(effect, InInstance) and isinstance(effect.effect, SendCertificate)
        )

    def _decisions(self, from_number: int, count: int) -> Decisions:
        found: list[Decision] = []
        size = 0
        for decision in self._chain.decisions.from_number(from_number):
            if len(found) >= count:
                break
            size += sum(map(len, decision.certificate.signatures))
            if found and size > _ANSWER_BYTES:
                break
            found.append(decision)
        return Decisions(tuple(found))

    def _checkpoint(self, name: Hash32) -> Checkpoints:
        state = self._engine.state
        known = state.ballot.checkpoints.get(name)
        if known is None and state.checkpoint.id == name:
            known = state.checkpoint
        return Checkpoints(() if known is None else (known,))


def _epoch_of(state: Lanes, instance_id: Hash32) -> int | None:
    if instance_id == state.ballot.instance.id:
        return state.ballot.instance.epoch
    term = term_named(state, instance_id)
    return None if term is None else term.instance.epoch
