"""Answers peers' requests from memory and disk, within the limits of one answer."""

import logging
from collections import OrderedDict
from typing import assert_never

import trio

from aichain.chain import Chain
from aichain.errors import NodeError
from aichain.machine import Machine
from aichain.node.certificates import answered
from aichain.node.engine import Engine
from aichain.node.lanes.answers import LaneAnswers
from aichain.node.pool import TransactionPool
from aichain.node.proof_answers import ProofAnswers
from aichain.store.blocks import CertifiedPath
from aichain.store.snapshots import SnapshotShelf
from consensus.core.effects import SendCertificate
from consensus.core.events import CertificatesRequested
from consensus.core.state import State
from consensus.core.step import step
from genesis import limits
from genesis.epochs import epoch_of_height, last_height
from p2p.errors import RequestFailed
from p2p.quotas import Rate, TokenBucket
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    BlockRange,
    Blocks,
    Certificates,
    Checkpoints,
    Decisions,
    FinalityClaim,
    GetBlocks,
    GetCertificates,
    GetCheckpoint,
    GetDecisions,
    GetFinality,
    GetHeaderProof,
    GetLaneCertificates,
    GetManifest,
    GetPart,
    GetPeers,
    GetRange,
    GetSnapshots,
    GetTransactions,
    HeaderProof,
    LaneRequest,
    Peers,
    Pruned,
    Reach,
    Response,
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
    Subscribe,
    Transactions,
)

log = logging.getLogger(__name__)

_ANSWER_BYTES = limits.RESPONSE_MAX_BYTES // 2
_NOTHING = BlockRange((), (), None)
_FINALITY_BYTES = 64 * 1024
"""About what a certificate and a set of validators take."""
_BYTES = Rate(limits.SERVED_BYTES_PER_SECOND, limits.SERVED_BYTES_BURST)
_HEADERS = Rate(limits.SERVED_HEADERS_PER_SECOND, limits.SERVED_HEADERS_BURST)


class _Account:
    """What one peer may still be served: bytes, and headers read from the disk."""

    __slots__ = ("_bytes", "_headers")

    def __init__(self, now_ms: int) -> None:
        self._bytes = TokenBucket(_BYTES, now_ms)
        self._headers = TokenBucket(_HEADERS, now_ms)

    def is_open(self, now_ms: int) -> bool:
        return self._bytes.take(now_ms, 0) and self._headers.take(now_ms, 0)

    def charge(self, response: Response, now_ms: int) -> None:
        size, headers = _cost(response)
        self._bytes.charge(now_ms, size)
        self._headers.charge(now_ms, headers)


class Responder:
    """Reads only: a request can never change what this node believes."""

    def __init__(
        self,
        chain: Chain,
        pool: TransactionPool,
        core: Engine | LaneAnswers,
        machine: Machine,
        shelf: SnapshotShelf,
    ) -> None:
        self._chain = chain
        self._proofs = ProofAnswers(chain, shelf)
        self._pool = pool
        self._core = core
        self._clock = machine.clock
        self._run_blocking = machine.run_blocking
        self._limiter = trio.CapacityLimiter(limits.RESPONDER_THREADS)
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._paths: tuple[CertifiedPath, ...] = ()
        self._trouble = ""

    async def answer(self, peer: str, request: AnyRequest) -> Response:
        """The answer to one request of a peer; RequestFailed when it has been served too much."""
        account = self._account(peer)
        if not account.is_open(self._clock.now_ms()):
            raise RequestFailed(peer, "served as much as its quota allows")
        try:
            response = await self._answer(peer, request)
        except NodeError as error:
            self._say(error)
            raise
        account.charge(response, self._clock.now_ms())
        return response

    def _say(self, error: NodeError) -> None:
        """The peer is only refused, so nobody else would tell that our disk is damaged."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("a peer cannot be answered: %s", error)
            log.error("fix: %s", getattr(error, "fix", "start again"))

    def _account(self, peer: str) -> _Account:
        account = self._accounts.get(peer)
        if account is None:
            account = self._accounts[peer] = _Account(self._clock.now_ms())
        self._accounts.move_to_end(peer)
        while len(self._accounts) > limits.PEER_STANDINGS_MAX:
            self._accounts.popitem(last=False)
        return account

    async def _answer(self, peer: str, request: AnyRequest) -> Response:
        match request:
            case GetTransactions(ids):
                pooled = (self._pool.find(tx_id) for tx_id in ids)
                return Transactions(_fitting([signed.raw for signed in pooled if signed]))
            case GetBlocks():
                return await self._run_blocking(self._blocks, request, limiter=self._limiter)
            case GetRange():
                return await self._run_blocking(self._range, request, limiter=self._limiter)
            case GetCertificates() if isinstance(self._core, Engine):
                return self._certificates(peer, request, self._core.state)
            case GetLaneCertificates() | GetDecisions() | GetCheckpoint() | Subscribe() if (
                isinstance(self._core, LaneAnswers)
            ):
                return await self._of_lanes(self._core, peer, request)
            case GetFinality() | GetHeaderProof() | GetPart():
                prove = self._proofs.answer
                return await self._run_blocking(prove, request, limiter=self._limiter)
            case GetSnapshots() | GetManifest():
                return self._proofs.answer(request)
            case GetPeers():
                return Peers(())
            case _:
                raise RequestFailed(peer, "this chain has no such thing")

    async def _of_lanes(self, core: LaneAnswers, peer: str, request: LaneRequest) -> Response:
        if isinstance(request, Subscribe):
            return core.subscribe(peer, request)
        return await self._run_blocking(core.answer, peer, request, limiter=self._limiter)

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

    def _range(self, request: GetRange) -> BlockRange | Pruned:
        """Consecutive final blocks of one epoch, and the path from the last to a certificate."""
        first = request.from_height
        if 0 < first < self._chain.blocks.first:
            return Pruned(self._chain.blocks.first)
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
            if raw is None:  # pruned a moment ago
                return Pruned(self._chain.blocks.first)
            size += len(raw.header_raw) + len(raw.body_raw)
            if blocks and size > _ANSWER_BYTES:
                break
            blocks.append(BlockData(raw.header_raw, raw.body_raw))
        if isinstance(self._core, LaneAnswers):
            return BlockRange(tuple(blocks), (), None)  # the decision above leads to them by hash
        proof = self._proof_of(first + len(blocks) - 1)
        if proof is None:
            return _NOTHING
        return BlockRange(tuple(blocks), _path(proof), proof.certificate)

    def _proof_of(self, height: int) -> CertifiedPath | None:
        """The nearest certificate; the headers below those asked for last are in memory.

        A path is a value and stays a proof when the store drops its certificate. Two threads may
        replace the tuple at the same time: one of the paths is then read again.
        """
        for path in self._paths:
            top, bottom = path.certificate.height, path.headers[-1].height
            if bottom <= height <= top:
                return CertifiedPath(path.certificate, path.headers[: top - height + 1])
        found = self._chain.blocks.certificate_covering(height)
        if found is not None:
            self._paths = (found, *self._paths)[: limits.CACHED_CERTIFICATE_PATHS]
        return found

    def _certificates(self, peer: str, request: GetCertificates, state: State) -> Certificates:
        """What the core would send; asking it changes nothing, for its state is a value."""
        event = CertificatesRequested(
            peer, request.epoch, request.low_view, request.high_view, self._clock.now_ms()
        )
        _, effects = step(state, event)
        return answered(
            effect.certificate for effect in effects if isinstance(effect, SendCertificate)
        )


def _cost(response: Response) -> tuple[int, int]:
    """The bytes of an answer, about, and how many blocks and headers were read for it."""
    match response:
        case Transactions(raws):
            return sum(map(len, raws)), 0
        case Blocks(blocks):
            return _size(blocks), len(blocks)
        case BlockRange(blocks, path):
            return _size(blocks) + sum(map(len, path)), len(blocks) + len(path)
        case Certificates(certificates):
            return sum(len(each) for one in certificates for each in one.signatures), 0
        case Decisions(decisions):
            return sum(len(each) for one in decisions for each in one.certificate.signatures), 0
        case FinalityClaim(finality):
            headers = 0 if finality is None else len(finality.headers)
            return _FINALITY_BYTES + headers * limits.HEADER_MAX_BYTES, headers
        case SnapshotManifest(raw) | SnapshotPart(raw):
            return len(raw), 0
        case HeaderProof(header, proof):
            return len(header) + len(proof), 1
        case Peers() | Pruned() | Checkpoints() | SnapshotOffers() | Reach():
            return 0, 0
    assert_never(response)


def _size(blocks: tuple[BlockData, ...]) -> int:
    return sum(len(each.header_raw) + len(each.body_raw) for each in blocks)


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
