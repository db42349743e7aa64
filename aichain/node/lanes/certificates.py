"""Certificates, checkpoints and decisions: from peers to the lanes, verified once."""

from collections import OrderedDict
from collections.abc import Sequence

from aichain.node.certificates import REQUEST_TIMEOUT_S, CertificateIntake
from aichain.node.context import NodeContext
from aichain.node.lanes.caster import audience_of
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.fork_watch import LaneForkWatch
from aichain.node.lanes.instances import Instances, Seating, close_witnesses
from aichain.node.sources import Rotation, steady_ms
from consensus.certificates import QuorumCertificate, certificate_witnesses
from consensus.core.events import CertificateAccepted
from consensus.instance import Instance
from consensus.lanes.closes import CloseMessage, SignedClose
from consensus.lanes.events import CheckpointFetched, DecisionReceived
from consensus.lanes.filters import wants_certificate
from consensus.lanes.messages import Decision
from consensus.lanes.proofs import CheckpointProof, CommitteeClosed
from consensus.votes import Lane
from genesis import limits
from native.errors import InvalidSignature
from native.hashing import Hash32, blake3_256
from native.signatures import SignatureItem
from p2p.errors import RequestFailed
from p2p.network import Audience
from p2p.wire.messages import (
    CertificateForwarded,
    GetCheckpoint,
    GetDecisions,
    GetLaneCertificates,
    LaneCertificate,
)


class LaneCertificates:
    """What proves something to us, pushed, gossiped or asked for."""

    def __init__(
        self,
        engine: LaneEngine,
        instances: Instances,
        fork_watch: LaneForkWatch,
        context: NodeContext,
    ) -> None:
        self._engine = engine
        self._fork_watch = fork_watch
        self.instances = instances
        self._electorates = context.electorates
        self._verifier = context.verifier
        self._network = context.network
        self._clock = context.clock
        self._forwarded: OrderedDict[Hash32, None] = OrderedDict()
        self._rotation = Rotation(lambda: context.electorates.keys)
        self._intake = CertificateIntake(
            lambda certificate: wants_certificate(engine.state, certificate),
            self.verify,
            context.network,
        )

    async def take(self, peer: str, certificate: QuorumCertificate) -> bool:
        """Verify and hand over; False when it is not wanted now. A forged one costs its sender."""
        if self.instances.named(certificate.instance_id) is None:
            return False
        return await self._intake.take(peer, certificate, self._offer)

    async def take_decision(self, peer: str, decision: Decision) -> bool:
        """The FINAL of our ballot with its checkpoint; others may be of another chain, or are of no
        use yet, or any more."""
        checkpoint, seating, ballot = decision.checkpoint, self._ballot(), self._engine.state.ballot
        if seating is None or decision.certificate.instance_id != seating.instance.id:
            self._fork_watch.told(peer, decision)
            return False
        if checkpoint.id in ballot.notarized and checkpoint.id not in ballot.checkpoints:
            # Its certificate came alone, and nobody may remember by name what it is of.
            return self._engine.offer(CheckpointFetched(checkpoint, self._clock.now_ms()))

        def offer(certificate: QuorumCertificate) -> bool:
            now_ms = self._clock.now_ms()
            return self._engine.offer(DecisionReceived(checkpoint, certificate, now_ms))

        return await self._intake.take(peer, decision.certificate, offer)

    async def verify_final(self, certificate: QuorumCertificate, ballot: Instance) -> None:
        """One of a ballot of the same voters, whose own instance may never have begun here."""
        certificate.check_quorum(ballot.electorate)
        validators = self._electorates.validators(ballot.epoch)
        items = list(certificate_witnesses(certificate, validators))
        await self._require(items, f"decision of view {certificate.view}")

    def hand_over(self, decision: Decision) -> None:
        """A decision that was verified; its blocks are executed."""
        now_ms = self._clock.now_ms()
        self._engine.post(DecisionReceived(decision.checkpoint, decision.certificate, now_ms))

    async def verify(self, certificate: QuorumCertificate) -> None:
        """InvalidCertificate or InvalidSignature unless a quorum of its instance signed it."""
        await self._require(self._witnesses(certificate), f"certificate of view {certificate.view}")

    async def verify_proof(self, proof: CheckpointProof) -> None:
        """The signatures in a proof whose shape was checked; InvalidSignature."""
        certificate = proof.certificate
        items = [] if certificate is None else self._witnesses(certificate)
        if isinstance(proof, CommitteeClosed):
            items += self._close_items(proof.closes)
        await self._require(items, "a proof of a checkpoint")

    async def verify_close(self, message: CloseMessage) -> None:
        """The signatures of a CLOSE of a living term; InvalidSignature, InvalidCertificate."""
        items = [] if message.notar is None else self._witnesses(message.notar)
        await self._require([*items, *self._close_items((message.signed,))], "a CLOSE")

    def _close_items(self, closes: Sequence[SignedClose]) -> list[SignatureItem]:
        seating = self.instances.named(closes[0].close.instance_id)
        assert seating is not None, "its shape was checked"
        return close_witnesses(closes, seating)

    def broadcast(self, certificate: QuorumCertificate) -> None:
        """To those who vote in its instance; who needs one that is too large to push asks."""
        if certificate.size > limits.PUSHED_MAX_BYTES:
            return
        seating = self.instances.named(certificate.instance_id)
        audience = Audience.VALIDATORS if seating is None else audience_of(seating)
        self._network.push(LaneCertificate(certificate), audience)

    def forward(self, certificate: QuorumCertificate) -> None:
        """To everybody. Gossip carries the same bytes only once in a while, so what is said again
        goes to our peers directly."""
        content = blake3_256(b"".join((certificate.voters, *certificate.signatures)))
        if content in self._forwarded:
            self._network.push(LaneCertificate(certificate), Audience.VALIDATORS)
            return
        self._forwarded[content] = None
        while len(self._forwarded) > limits.CERTIFICATES_TAKEN_MAX:
            self._forwarded.popitem(last=False)
        self._network.gossip(CertificateForwarded(certificate))

    async def request(self, instance_id: Hash32, low_view: int, high_view: int) -> None:
        """Ask peers, one after the other, until one gives something that we want.

        Who has left the instance behind gives nothing: then its decision may be had.
        """
        last = min(high_view, low_view + limits.CERTIFICATE_VIEWS_PER_ANSWER - 1)
        question = GetLaneCertificates(instance_id, low_view, last)
        for peer in self._peers():
            try:
                answer = await self._network.request(peer, question, REQUEST_TIMEOUT_S)
            except RequestFailed:
                self._rotation.unreliable.failed(peer, steady_ms())
                continue
            self._rotation.unreliable.delivered(peer)
            taken = [
                await self.take(peer, certificate)
                for certificate in answer.certificates
                if self.instances.named(certificate.instance_id) is not None
            ]
            if any(taken):
                return
        seating, number = self.instances.named(instance_id), self._engine.state.number
        if seating is not None and seating.number == number:
            await self.request_decision(number)

    async def request_decision(self, number: int) -> None:
        """Ask peers whether a checkpoint has been decided."""
        for peer in self._peers():
            try:
                answer = await self._network.request(
                    peer, GetDecisions(number, 1), REQUEST_TIMEOUT_S
                )
            except RequestFailed:
                self._rotation.unreliable.failed(peer, steady_ms())
                continue
            self._rotation.unreliable.delivered(peer)
            for decision in answer.decisions:
                if await self.take_decision(peer, decision):
                    return

    async def fetch_checkpoint(self, checkpoint_id: Hash32) -> None:
        """A checkpoint that only its certificate names here; the hash proves it."""
        for peer in self._peers():
            try:
                answer = await self._network.request(
                    peer, GetCheckpoint(checkpoint_id), REQUEST_TIMEOUT_S
                )
            except RequestFailed:
                continue
            for checkpoint in answer.checkpoints:
                if checkpoint.id == checkpoint_id:
                    self._engine.offer(CheckpointFetched(checkpoint, self._clock.now_ms()))
                    return

    def _ballot(self) -> Seating | None:
        return self.instances.numbered(Lane.HARD, self._engine.state.number)

    def _peers(self) -> list[str]:
        order = self._rotation.order(self._network.peers(), steady_ms())
        return order[: limits.CERTIFICATE_PEERS_MAX]

    def _offer(self, certificate: QuorumCertificate) -> bool:
        return self._engine.offer(CertificateAccepted(certificate, self._clock.now_ms()))

    def _witnesses(self, certificate: QuorumCertificate) -> list[SignatureItem]:
        seating = self.instances.named(certificate.instance_id)
        assert seating is not None, "of an instance that has begun"
        certificate.check_quorum(seating.instance.electorate)
        return self.instances.witnesses(certificate, seating)

    async def _require(self, items: list[SignatureItem], subject: str) -> None:
        if not all(await self._verifier.verify_consensus(items)):
            raise InvalidSignature(subject=subject)
