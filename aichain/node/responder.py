"""Answers peers' requests from memory and disk, within the limits of one answer."""

import trio

from aichain.chain import Chain
from aichain.clock import Clock
from aichain.node.engine import Engine
from aichain.node.pool import TransactionPool
from aichain.store.blocks import CertifiedPath
from consensus.core.effects import SendCertificate
from consensus.core.events import CertificatesRequested
from consensus.core.step import step
from consensus.instance import epoch_of_height, last_height
from genesis import limits
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    BlockRange,
    Blocks,
    Certificates,
    GetBlocks,
    GetCertificates,
    GetPeers,
    GetRange,
    GetTransactions,
    Peers,
    Response,
    Transactions,
)

_ANSWER_BYTES = limits.RESPONSE_MAX_BYTES // 2
_NOTHING = BlockRange((), (), None)


class Responder:
    """Reads only: a request can never change what this node believes."""

    def __init__(self, chain: Chain, pool: TransactionPool, engine: Engine, clock: Clock) -> None:
        self._chain = chain
        self._pool = pool
        self._engine = engine
        self._clock = clock
        self._limiter = trio.CapacityLimiter(limits.RESPONDER_THREADS)

    async def answer(self, peer: str, request: AnyRequest) -> Response:
        """The answer to one request of a peer."""
        match request:
            case GetTransactions(ids):
                found = (self._pool.mempool.get(tx_id) for tx_id in ids)
                return Transactions(_fitting([signed.raw for signed in found if signed]))
            case GetBlocks():
                return await trio.to_thread.run_sync(self._blocks, request, limiter=self._limiter)
            case GetRange():
                return await trio.to_thread.run_sync(self._range, request, limiter=self._limiter)
            case GetCertificates():
                return self._certificates(peer, request)
            case GetPeers():
                return Peers(())

    def _blocks(self, request: GetBlocks) -> Blocks:
        blocks: list[BlockData] = []
        size = 0
        for block_id in request.ids:
            raw = self._chain.raw_block(block_id)
            if raw is None:
                continue
            size += len(raw.header_raw) + len(raw.body_raw)
            if blocks and size > _ANSWER_BYTES:
                break
            blocks.append(BlockData(raw.header_raw, raw.body_raw))
        return Blocks(tuple(blocks))

    def _range(self, request: GetRange) -> BlockRange:
        """Consecutive final blocks of one epoch, and the path from the last to a certificate."""
        first = request.from_height
        final_height = self._chain.head.head.height
        if not 0 < first <= final_height:
            return _NOTHING
        epoch_blocks = self._chain.document.consensus.epoch_blocks
        edge = last_height(epoch_of_height(first, epoch_blocks), epoch_blocks)
        last = min(first + request.count - 1, edge, final_height)
        blocks: list[BlockData] = []
        size = 0
        for height in range(first, last + 1):
            raw = self._chain.blocks.raw_at(height)
            assert raw is not None, "every height up to the head has a block"
            size += len(raw.header_raw) + len(raw.body_raw)
            if blocks and size > _ANSWER_BYTES:
                break
            blocks.append(BlockData(raw.header_raw, raw.body_raw))
        proof = self._chain.blocks.certificate_covering(first + len(blocks) - 1)
        if proof is None:
            return _NOTHING
        return BlockRange(tuple(blocks), _path(proof), proof.certificate)

    def _certificates(self, peer: str, request: GetCertificates) -> Certificates:
        """What the core would send; asking it changes nothing, for its state is a value."""
        event = CertificatesRequested(
            peer, request.epoch, request.low_view, request.high_view, self._clock.now_ms()
        )
        _, effects = step(self._engine.state, event)
        certificates = [
            effect.certificate for effect in effects if isinstance(effect, SendCertificate)
        ]
        return Certificates(tuple(certificates))


def _path(proof: CertifiedPath) -> tuple[bytes, ...]:
    """The headers above the last block up to the certified one, ascending."""
    return tuple(header.raw for header in reversed(proof.headers[:-1]))


def _fitting(raws: list[bytes]) -> tuple[bytes, ...]:
    kept: list[bytes] = []
    size = 0
    for raw in raws:
        size += len(raw)
        if kept and size > _ANSWER_BYTES:
            break
        kept.append(raw)
    return tuple(kept)
