"""Catches up from peers: ranges of final blocks with the certificate that proves them.

What it fetches goes through the core like everything else: executed blocks, then the FINAL that
covers them. So a node that was away for many epochs crosses their edges one after the other.
"""

import logging
from dataclasses import dataclass

import trio

from aichain.node.bodies import Bodies, BodyUnavailable, decode_block
from aichain.node.certificates import verify_certificate
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.finalizer import Finalizer
from consensus.certificates import QuorumCertificate
from consensus.core.events import BlockExecuted, CertificateAccepted
from consensus.errors import InvalidCertificate
from consensus.headers import block_ref
from consensus.votes import VotePhase
from genesis import limits
from native.errors import InvalidData, InvalidSignature
from native.hashing import Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.network import PeerView
from p2p.wire.messages import BlockRange, GetRange
from vm.blocks import Block, decode_header
from vm.errors import InvalidBlock

log = logging.getLogger(__name__)

POLL_S = 0.25
STALLED_POLLS = 6
REQUEST_TIMEOUT_S = 20.0
FINALIZE_TIMEOUT_S = 30.0


class PeerLied(Exception):
    """A peer's range is not the chain it claims; another peer is asked."""


@dataclass(frozen=True, slots=True)
class _Range:
    """A checked answer: these blocks lie on the final chain."""

    blocks: tuple[Block, ...]
    certificate: QuorumCertificate
    is_certified_block: bool
    """The last block is the certificate's own."""


class Syncer:
    """Sleeps while the core keeps up; the core itself closes gaps of a few blocks."""

    def __init__(
        self, engine: Engine, bodies: Bodies, finalizer: Finalizer, context: NodeContext
    ) -> None:
        self._engine = engine
        self._bodies = bodies
        self._finalizer = finalizer
        self._context = context
        self._verified: Hash32 | None = None
        self.syncing = False

    @property
    def target_height(self) -> int:
        """The highest final height that a peer claims; never below our own."""
        claims = (peer.final_height for peer in self._context.network.peers())
        return max(claims, default=0)

    async def run(self) -> None:
        """Watch the gap, and close it when the core does not."""
        height, stalled = -1, 0
        while True:
            await trio.sleep(POLL_S)
            now = self._engine.state.final.height
            stalled = stalled + 1 if now == height else 0
            height = now
            gap = self.target_height - height
            if gap >= limits.SYNC_GAP_BLOCKS or (gap > 0 and stalled >= STALLED_POLLS):
                self.syncing = gap >= limits.SYNC_GAP_BLOCKS
                await self._catch_up()
                stalled = 0
            else:
                self.syncing = False

    async def _catch_up(self) -> None:
        for peer in self._sources():
            try:
                await self._follow(peer)
            except RequestFailed as error:
                log.info("sync from %s failed: %s", peer.peer_id, error)
            except BodyUnavailable:
                return  # the core has got ahead of us: look again
            except PeerLied as error:
                log.warning("sync from %s refused: %s", peer.peer_id, error)
                self._context.network.penalize(peer.peer_id, Penalty.FORGED, str(error))
            else:
                return

    def _claim(self, peer_id: str) -> int:
        """What a peer says of its height now; 0 when it is gone."""
        claims = (p.final_height for p in self._context.network.peers() if p.peer_id == peer_id)
        return next(claims, 0)

    def _sources(self) -> list[PeerView]:
        ahead = [
            peer
            for peer in self._context.network.peers()
            if peer.final_height > self._engine.state.final.height
        ]
        return sorted(ahead, key=lambda peer: (-peer.score, peer.rtt_ms))[: limits.SYNC_PEERS]

    async def _follow(self, peer: PeerView) -> None:
        """Take ranges from one peer until level with what it claims."""
        tip = self._engine.state.final
        tip_id, height = tip.id, tip.height
        while height < self._claim(peer.peer_id):
            question = GetRange(height + 1, limits.MAX_RANGE_BLOCKS)
            answer = await self._context.network.request(peer.peer_id, question, REQUEST_TIMEOUT_S)
            checked = await self._check(answer, tip_id, height)
            await self._execute(checked)
            tip_id, height = checked.blocks[-1].id, checked.blocks[-1].header.height
            if checked.is_certified_block:
                self._engine.post(
                    CertificateAccepted(checked.certificate, self._context.clock.now_ms())
                )
                with trio.fail_after(FINALIZE_TIMEOUT_S):
                    await self._finalizer.reached(height)

    async def _check(self, answer: BlockRange, tip_id: Hash32, height: int) -> _Range:
        """The blocks follow our tip and lead, by hash, to a certificate of this epoch."""
        certificate = answer.certificate
        if not answer.blocks or certificate is None:
            raise PeerLied("it claims a height that it does not serve")
        try:
            blocks = tuple(decode_block(data) for data in answer.blocks)
            path = [decode_header(raw) for raw in answer.path]
        except InvalidData as error:
            raise PeerLied(str(error)) from error
        parent_id = tip_id
        for header in (*(block.header for block in blocks), *path):
            height += 1
            if header.parent_id != parent_id or header.height != height:
                raise PeerLied("its blocks do not follow each other")
            parent_id = header.id
        if certificate.block_id != parent_id or certificate.phase is not VotePhase.COMMIT:
            raise PeerLied("its certificate is of another block")
        await self._verify(certificate)
        return _Range(blocks, certificate, not path)

    async def _verify(self, certificate: QuorumCertificate) -> None:
        """Once per certificate: many ranges of an epoch rest on the same one."""
        instance = self._engine.state.instance
        if certificate.instance_id != instance.id:
            raise PeerLied("its certificate belongs to another instance")
        if self._verified == certificate.block_id:
            return
        try:
            await verify_certificate(
                certificate,
                instance.electorate,
                self._context.validators,
                self._context.verifier,
            )
        except (InvalidCertificate, InvalidSignature) as error:
            raise PeerLied(str(error)) from error
        self._verified = certificate.block_id

    async def _execute(self, checked: _Range) -> None:
        for block in checked.blocks:
            try:
                await self._bodies.execute(block, durable=False)
            except (InvalidBlock, InvalidSignature) as error:
                # a quorum finalized what we refuse: one of the two is wrong, and it may be us
                log.error("final block %d does not execute: %s", block.header.height, error)
                raise PeerLied(str(error)) from error
            self._engine.post(BlockExecuted(block_ref(block.header), self._context.clock.now_ms()))
