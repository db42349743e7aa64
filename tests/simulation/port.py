"""A node's key, network, clock, metrics and book of evidence, as the product's code calls them."""

from collections.abc import Iterable
from types import SimpleNamespace

from aichain.machine import RunBlocking
from consensus.certificates import QuorumCertificate
from consensus.electorate import Electorate
from consensus.evidence import Evidence
from consensus.votes import SignedVote
from genesis.units import Address
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SignatureItem
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.messages import Request


class Port:
    """Signatures are numbers that only the world hands out; an honest key is watched."""

    def __init__(self, node: Inhabitant) -> None:
        self._node = node
        self._world = node.world

    def sign(self, message: bytes, context: bytes) -> bytes:
        """What is signed may be sent at any time, whatever happens to us meanwhile."""
        node = self._node
        if node.is_honest:
            self._world.checker.on_signature(node.member, message, node.disk.durable)
        return self._world.sign(node.address, message, context)

    def push(self, message: SignedVote | QuorumCertificate, _audience: object) -> None:
        self._world.broadcast(self._node, message)

    def send(self, peer: str, certificate: QuorumCertificate) -> None:
        self._world.answer(self._node, peer, certificate)

    async def request_certificates(self, epoch: int, low_view: int, high_view: int) -> None:
        self._world.ask_some(self._node, Request(epoch, low_view, high_view))

    async def verify_consensus(self, items: Iterable[SignatureItem]) -> list[bool]:
        """The verdicts of a `Verifier`, at once."""
        return [
            self._world.verifies(
                Address(item.public_key), item.message, item.context, item.signature
            )
            for item in items
        ]

    def keys_of(self, electorate: Electorate) -> list[SimpleNamespace]:
        """The validator set of an electorate; a key is its address here."""
        return [SimpleNamespace(public_key=address) for address in electorate.members]

    def now_ms(self) -> int:
        return self._node.local_ms

    def add(self, evidence: Evidence) -> Hash32:
        """Every proof that is kept must convict, and none may convict the honest."""
        if self._node.is_honest:
            life = f"{self._node.name} {self._node.life}"
            self._world.checker.on_evidence(self._node.member, life, evidence)
        return ZERO_HASH

    def context(self, run_blocking: RunBlocking) -> SimpleNamespace:
        """The part of a `NodeContext` that ballots and the performer use."""
        metrics = SimpleNamespace(
            wal_synced=_ignore,
            vote_cast=_ignore,
            view_cancelled=_ignore,
            equivocation_seen=_ignore,
        )
        electorates = SimpleNamespace(electorate=self._node.electorate, enter=_ignore)
        return SimpleNamespace(
            network=self,
            clock=self,
            metrics=metrics,
            electorates=electorates,
            run_blocking=run_blocking,
            serve_validators=_ignore,
        )


def _ignore(*_: object) -> None:
    """Nobody reads metrics here."""
