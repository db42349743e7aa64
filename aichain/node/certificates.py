"""Certificates from peers: filtered, verified once however many copies come, handed to the core."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

import trio

from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.sources import Rotation, steady_ms
from aichain.node.verifier import Verifier
from consensus.certificates import QuorumCertificate, certificate_witnesses
from consensus.core.events import CertificateAccepted
from consensus.core.filters import wants_certificate
from consensus.core.state import State
from consensus.electorate import Electorate
from consensus.errors import InvalidCertificate
from genesis import limits
from genesis.validators import ValidatorSet
from native.errors import InvalidSignature
from native.hashing import Hash32, blake3_256
from p2p.errors import Penalty, RequestFailed
from p2p.network import Network
from p2p.wire.messages import Certificates, GetCertificates

REQUEST_TIMEOUT_S = 2.0

_Key = tuple[Hash32, int, int, Hash32]


class CertificateIntake:
    """The way of a certificate from a peer to a core, whichever core that is."""

    def __init__(
        self,
        wants: Callable[[QuorumCertificate], bool],
        verify: Callable[[QuorumCertificate], Awaitable[None]],
        network: Network,
    ) -> None:
        self._wants = wants
        self._verify_all = verify
        self._network = network
        self._in_flight: dict[_Key, tuple[bytes, trio.Event]] = {}
        self._taken: OrderedDict[_Key, None] = OrderedDict()

    async def take(
        self,
        peer: str,
        certificate: QuorumCertificate,
        offer: Callable[[QuorumCertificate], bool],
    ) -> bool:
        """Verify and hand over; False when it is not wanted now. A forged one costs its sender.

        One at a time for each subject: copies are dropped, other signatures wait for the verdict
        on the first, so that a forged certificate cannot stand in the way of the true one.
        """
        key = (
            certificate.instance_id,
            certificate.view,
            int(certificate.phase),
            certificate.block_id,
        )
        content = blake3_256(b"".join((certificate.voters, *certificate.signatures)))
        while key in self._in_flight:
            other, judged = self._in_flight[key]
            if other == content:
                return False
            await judged.wait()
        if key in self._taken or not self._wants(certificate):
            return False
        judged = trio.Event()
        self._in_flight[key] = content, judged
        try:
            return await self._verify(peer, key, certificate, offer)
        finally:
            del self._in_flight[key]
            judged.set()

    async def _verify(
        self,
        peer: str,
        key: _Key,
        certificate: QuorumCertificate,
        offer: Callable[[QuorumCertificate], bool],
    ) -> bool:
        try:
            await self._verify_all(certificate)
        except (InvalidCertificate, InvalidSignature) as error:
            self._network.penalize(peer, Penalty.FORGED, str(error))
            return False
        offered = offer(certificate)
        if offered:
            self._taken[key] = None  # the core's state shows it only after its next step
            while len(self._taken) > limits.CERTIFICATES_TAKEN_MAX:
                self._taken.popitem(last=False)
        return offered


class CertificateDesk:
    """Certificates of the instance that the core is in, pushed to us or asked for."""

    def __init__(self, engine: Engine, context: NodeContext) -> None:
        self._engine = engine
        self._electorates = context.electorates
        self._verifier = context.verifier
        self._network = context.network
        self._clock = context.clock
        self._intake = CertificateIntake(
            lambda certificate: wants_certificate(engine.state, certificate),
            self._verify,
            context.network,
        )
        self._rotation = Rotation(lambda: context.electorates.keys)

    async def take(self, peer: str, certificate: QuorumCertificate) -> bool:
        """Verify and hand over; False when it is not wanted now. A forged one costs its sender."""
        return await self._intake.take(peer, certificate, self._offer)

    def _offer(self, certificate: QuorumCertificate) -> bool:
        return self._engine.offer(CertificateAccepted(certificate, self._clock.now_ms()))

    async def _verify(self, certificate: QuorumCertificate) -> None:
        electorate = self._engine.state.instance.electorate
        validators = self._electorates.validators(electorate.epoch)
        await verify_certificate(certificate, electorate, validators, self._verifier)

    async def request(self, epoch: int, low_view: int, high_view: int) -> None:
        """Ask peers, one after the other, until one gives something that we want."""
        last = min(high_view, low_view + limits.CERTIFICATE_VIEWS_PER_ANSWER - 1)
        question = GetCertificates(epoch, low_view, last)
        peers = self._rotation.order(self._network.peers(), steady_ms())
        for peer in peers[: limits.CERTIFICATE_PEERS_MAX]:
            try:
                answer = await self._network.request(peer, question, REQUEST_TIMEOUT_S)
            except RequestFailed:
                self._rotation.unreliable.failed(peer, steady_ms())
                continue
            self._rotation.unreliable.delivered(peer)
            taken = [
                await self.take(peer, certificate)
                for certificate in answer.certificates
                if is_of_current_instance(self._engine.state, certificate)
            ]
            if any(taken):
                return


def answered(certificates: Iterable[QuorumCertificate]) -> Certificates:
    """As many of them as an answer has room for, in their order; of what is cut off the peer asks
    again. At 1,000 members four certificates are too many, and the whole answer was refused."""
    found: list[QuorumCertificate] = []
    size = 0
    for certificate in certificates:
        size += certificate.size
        if found and size > limits.RESPONSE_MAX_BYTES // 2:
            break
        found.append(certificate)
    return Certificates(tuple(found))


def is_of_current_instance(state: State, certificate: QuorumCertificate) -> bool:
    """The core binds certificates to instances by id; others are nobody's fault, only late."""
    return certificate.instance_id == state.instance.id


async def verify_certificate(
    certificate: QuorumCertificate,
    electorate: Electorate,
    validators: ValidatorSet,
    verifier: Verifier,
) -> None:
    """InvalidCertificate or InvalidSignature unless a quorum of `electorate` signed it."""
    certificate.check_quorum(electorate)
    witnesses = certificate_witnesses(certificate, validators, electorate)
    if not all(await verifier.verify_consensus(witnesses)):
        raise InvalidSignature(subject=f"certificate of view {certificate.view}")
