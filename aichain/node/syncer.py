"""Catches up from peers: ranges of final blocks with the certificate that proves them.

What it fetches goes through the core like everything else: executed blocks, then the FINAL that
covers them. So a node that was away for many epochs crosses their edges one after the other.
"""

import logging
from dataclasses import dataclass
from typing import TypeAlias

import trio

from aichain.node.bodies import Bodies, BodyUnavailable, OffTrustedChain, decode_block
from aichain.node.certificates import verify_certificate
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.finalizer import Finalizer
from aichain.node.fork_watch import ForkWatch
from aichain.node.sources import BlockSources
from aichain.rpc.backend import JoinProgress
from aichain.rpc.statuses import JoinStage
from consensus.certificates import QuorumCertificate
from consensus.core.events import (
    BlockExecuted,
    BlockRejected,
    CertificateAccepted,
    ForkProven,
)
from consensus.errors import InvalidCertificate
from consensus.headers import block_ref
from consensus.instance import BlockRef
from consensus.votes import VotePhase
from genesis import limits
from native.errors import InvalidData, InvalidSignature
from native.hashing import Hash32
from p2p.errors import PeerPruned, Penalty, RequestFailed
from p2p.wire.messages import BlockRange, GetRange
from p2p.wire.sync import RangeAsk, SyncPlan
from vm.blocks import Block, Header, decode_header
from vm.errors import InvalidBlock

log = logging.getLogger(__name__)

POLL_S = 0.25
STALLED_POLLS = 6
REQUEST_TIMEOUT_S = 20.0
HELD_UP_S = 4.0
"""Long enough for a range over a good line; who is silent must not stop us until it times out."""
FINALIZE_TIMEOUT_S = 30.0
_NOTHING = BlockRange((), (), None)
_Answer: TypeAlias = tuple[RangeAsk, BlockRange | None]


class PeerLied(Exception):
    """A peer's range is not the chain it claims; another peer is asked."""


class BlocksOfAnotherEpoch(PeerLied):
    """They do not follow ours, and their certificate is of an epoch that we are not in: a lie, or
    a fork that only anchors can show."""


class CoreIsAhead(Exception):
    """The core is not where the plan thinks: a new plan starts from where it is."""


@dataclass(frozen=True, slots=True)
class _Range:
    """A checked answer: these blocks lie on the final chain."""

    blocks: tuple[Block, ...]
    certificate: QuorumCertificate
    ends_certified: bool
    """The last block is the certificate's own."""


class Syncer:
    """Sleeps while the core keeps up; the core itself closes gaps of a few blocks."""

    def __init__(
        self,
        engine: Engine,
        bodies: Bodies,
        finalizer: Finalizer,
        fork_watch: ForkWatch,
        context: NodeContext,
    ) -> None:
        self.fork_watch = fork_watch
        self._engine = engine
        self._bodies = bodies
        self._finalizer = finalizer
        self._context = context
        self._verified: QuorumCertificate | None = None
        self._is_behind = False
        self.sources = BlockSources(context.network)
        self.joining: JoinProgress | None = None
        """The joiner's: while it is at work, no blocks are fetched."""

    @property
    def target_height(self) -> int:
        """The highest final height that a reliable peer claims; 0 without peers."""
        return self.sources.target_height

    @property
    def syncing(self) -> bool:
        """Whether others are further than what is still taken for live.

        Who only looks for a snapshot may be level, or alone.
        """
        joining = self.joining
        return self._is_behind or (joining is not None and joining.stage is not JoinStage.LOOKING)

    async def run(self) -> None:
        """Watch the gap, and close it when the core does not."""
        height, stalled = -1, 0
        while True:
            await trio.sleep(POLL_S)
            now = self._engine.state.final.height
            stalled = stalled + 1 if now == height else 0
            height = now
            gap = self.target_height - height
            self._is_behind = gap >= limits.SYNC_GAP_BLOCKS
            if self.joining is not None:
                continue
            if self._is_behind or (gap > 0 and stalled >= STALLED_POLLS):
                stalled = 0
                await _CatchUp(self, self._engine.state.final).run()

    async def ask(self, ask: RangeAsk) -> BlockRange | None:
        """One range from one peer; nothing if it does not answer, None if it has pruned it."""
        question = GetRange(ask.from_height, ask.count)
        try:
            return await self._context.network.request(ask.peer, question, REQUEST_TIMEOUT_S)
        except PeerPruned as error:
            if error.first_height <= ask.from_height:
                return _NOTHING
            self.sources.pruned(ask.peer, error.first_height)
            return None
        except RequestFailed as error:
            log.info("sync from %s failed: %s", ask.peer, error)
            return _NOTHING

    async def take(self, answer: BlockRange, tip_id: Hash32, height: int) -> Hash32:
        """Check, execute and finalize a range that follows our tip; the id of its last block.

        Raises PeerLied, CoreIsAhead.
        """
        checked = await self._check(answer, tip_id, height)
        await self._execute(checked)
        last = checked.blocks[-1]
        if checked.ends_certified:
            now_ms = self._context.clock.now_ms()
            self._engine.post(CertificateAccepted(checked.certificate, now_ms))
            with trio.move_on_after(FINALIZE_TIMEOUT_S):
                await self._finalizer.reached(last.header.height)
                return last.id
            raise CoreIsAhead
        return last.id

    async def is_fork(self, ask: RangeAsk) -> bool:
        """Whether the peer can show that a quorum made another chain final than ours."""
        return await self.fork_watch.judge(ask.peer, ask.from_height - 1)

    def penalize(self, peer: str, reason: str) -> None:
        """A peer served what is not on the chain."""
        log.warning("sync from %s refused: %s", peer, reason)
        self.sources.failed(peer)
        self._context.network.penalize(peer, Penalty.FORGED, reason)

    def missed(self, peer: str) -> None:
        """A peer did not serve what it claims to have; perhaps it is only slow."""
        self.sources.failed(peer)
        self._context.network.penalize(peer, Penalty.NUISANCE, "claims blocks it does not give")

    def served(self, peer: str) -> None:
        """A peer's range became ours."""
        self.sources.delivered(peer)

    async def _check(self, answer: BlockRange, tip_id: Hash32, height: int) -> _Range:
        """The blocks follow our tip and lead, by hash, to a certificate of this epoch."""
        certificate = answer.certificate
        if certificate is None:
            raise PeerLied("blocks without a certificate")
        blocks: list[Block] = []
        try:
            for data in answer.blocks:
                blocks.append(decode_block(data))
                await trio.lowlevel.checkpoint()
            path = [decode_header(raw) for raw in answer.path]
        except InvalidData as error:
            raise PeerLied(str(error)) from error
        first = blocks[0].header
        parent_id = first.parent_id
        for header in (*(block.header for block in blocks), *path):
            height += 1
            if header.parent_id != parent_id or header.height != height:
                raise PeerLied("its blocks do not follow each other")
            parent_id = header.id
        if certificate.block_id != parent_id or certificate.phase is not VotePhase.COMMIT:
            raise PeerLied("its certificate is of another block")
        if first.parent_id != tip_id:
            await self._judge_fork(first, certificate)
        await self._verify(certificate, first.height)
        return _Range(tuple(blocks), certificate, not path)

    async def _judge_fork(self, first: Header, certificate: QuorumCertificate) -> None:
        """Blocks that do not follow ours: a lie, unless a quorum of this epoch has signed it.

        Whatever the instance is called: it begins at a block of that other chain. What was signed
        is a block, and it leads by hash to one of our genesis.
        """
        epoch, genesis_hash = self._engine.state.epoch, self._context.document.hash
        if first.genesis_hash != genesis_hash:
            raise PeerLied("its blocks are of another chain")
        if certificate.epoch != epoch:
            raise BlocksOfAnotherEpoch("its blocks do not follow ours")
        await self._verify_by(certificate)
        log.error("block %d is final on another chain, too: a fork", first.height - 1)
        self._engine.post(ForkProven(certificate, self._context.clock.now_ms()))
        raise CoreIsAhead

    async def _verify(self, certificate: QuorumCertificate, first_height: int) -> None:
        """Once per certificate: many ranges of an epoch may rest on the same one.

        The same in all it says: the next one of its block may name any view, signed by nobody.
        """
        state = self._engine.state
        instance = state.instance
        if certificate.epoch < instance.epoch:
            if first_height <= state.final.height:
                raise CoreIsAhead
            raise PeerLied("its certificate is of an epoch that is over")
        if certificate.instance_id != instance.id:
            raise PeerLied("its certificate belongs to another instance")
        if self._verified == certificate:
            return
        await self._verify_by(certificate)
        self._verified = certificate

    async def _verify_by(self, certificate: QuorumCertificate) -> None:
        context, electorate = self._context, self._engine.state.instance.electorate
        try:
            validators = context.electorates.validators(electorate.epoch)
            await verify_certificate(certificate, electorate, validators, context.verifier)
        except (InvalidCertificate, InvalidSignature) as error:
            raise PeerLied(str(error)) from error

    async def _execute(self, checked: _Range) -> None:
        """All of the range is on disk, in one write, before the core hears of any of it (R8)."""
        last = checked.blocks[-1]
        for block in checked.blocks:
            try:
                await self._bodies.execute(block, durable=block is last)
            except (InvalidBlock, InvalidSignature) as error:
                log.error("final block %d does not execute: %s", block.header.height, error)
                self._reject(block.id, checked.certificate)
                raise CoreIsAhead from error
        for block in checked.blocks:
            now_ms = self._context.clock.now_ms()
            self._engine.post(BlockExecuted(block_ref(block.header), now_ms))

    def _reject(self, block_id: Hash32, certificate: QuorumCertificate) -> None:
        """A quorum finalized what we refuse: one of the two is wrong, and it may be us.

        The sender is not to blame. The certified block descends from the bad one by hash, so it
        does not execute either: with both rejected the core halts.
        """
        now_ms = self._context.clock.now_ms()
        for rejected in (block_id, certificate.block_id):
            self._engine.post(BlockRejected(rejected, now_ms))
        self._engine.post(CertificateAccepted(certificate, now_ms))


class _CatchUp:
    """One run from our tip to the highest claim: ranges are fetched ahead, and taken in order."""

    def __init__(self, syncer: Syncer, tip: BlockRef) -> None:
        self._syncer = syncer
        self._plan = SyncPlan(next_height=tip.height + 1)
        self._tip_id = tip.id
        self._answers: dict[RangeAsk, BlockRange] = {}

    async def run(self) -> None:
        """Until nobody who is believed claims more: each failure costs one peer its claim."""
        send, receive = trio.open_memory_channel[_Answer](0)
        async with trio.open_nursery() as nursery:
            try:
                while self._assign(nursery, send):
                    came: _Answer | None = None
                    with trio.move_on_after(HELD_UP_S):
                        came = await receive.receive()
                    if came is None:
                        self._doubt()
                        continue
                    self._note(*came)
                    while await self._take_next():
                        pass
            except (CoreIsAhead, BodyUnavailable):
                log.debug("the sync starts anew from the core's own tip")
            nursery.cancel_scope.cancel()

    def _assign(
        self,
        nursery: trio.Nursery,
        send: trio.MemorySendChannel[_Answer],
    ) -> bool:
        """Hand out what can be asked for now; False when there is nothing to wait for."""
        self._plan, asks = self._plan.assign(self._syncer.sources.of_block(self._plan.next_height))
        for ask in asks:
            nursery.start_soon(self._fetch, ask, send)
        return self._plan.is_waiting

    def _doubt(self) -> None:
        """Nothing comes: the next range is asked of somebody else, too."""
        plan = self._plan.overdue()
        for ask in plan.late[len(self._plan.late) :]:
            log.info("%s is slow to give blocks from %d on", ask.peer, ask.from_height)
        self._plan = plan

    async def _fetch(self, ask: RangeAsk, send: trio.MemorySendChannel[_Answer]) -> None:
        await send.send((ask, await self._syncer.ask(ask)))

    def _note(self, ask: RangeAsk, answer: BlockRange | None) -> None:
        if answer is None:
            self._plan = self._plan.failed(ask)
            return
        count = len(answer.blocks)
        if not 0 < count <= ask.count:
            self._syncer.missed(ask.peer)
            self._plan = self._plan.failed(ask)
            return
        self._plan = self._plan.received(ask, count)
        if self._plan.holds(ask):
            self._answers[ask] = answer

    async def _take_next(self) -> bool:
        self._plan, taken = self._plan.take()
        if taken is None:
            return False
        answer = self._pop_answer(taken)
        try:
            self._tip_id = await self._syncer.take(answer, self._tip_id, taken.from_height - 1)
        except PeerLied as error:
            if isinstance(error, BlocksOfAnotherEpoch) and await self._syncer.is_fork(taken):
                raise CoreIsAhead from error
            self._syncer.penalize(taken.peer, str(error))
            raise CoreIsAhead from error  # start anew: what was fetched ahead rests on the lie
        except OffTrustedChain:
            self._syncer.sources.failed(taken.peer)  # no lie: perhaps our operator is wrong
            raise
        self._syncer.served(taken.peer)
        for late in self._plan.late:
            if late.from_height == taken.from_height:
                self._syncer.sources.failed(late.peer)  # others were faster: they go first now
        return True

    def _pop_answer(self, taken: RangeAsk) -> BlockRange:
        """The answer that a taken range came from; its ask may have wanted more blocks."""
        for ask, answer in self._answers.items():
            if ask.from_height == taken.from_height and ask.peer == taken.peer:
                del self._answers[ask]
                return answer
        raise AssertionError("a range arrived without an answer")
