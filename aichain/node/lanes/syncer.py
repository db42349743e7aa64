"""Catches up decision by decision: a checkpoint with its FINAL, then the blocks up to it by hash.

What is fetched goes through the lanes like everything else, and a node that was away crosses edges
one after the other.
"""

import logging
from typing import TypeAlias

import trio

from aichain.node.bodies import Bodies, BodyUnavailable, OffTrustedChain, decode_block
from aichain.node.context import NodeContext
from aichain.node.hedge import first_answer
from aichain.node.lanes.certificates import LaneCertificates
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.finalizer import LaneFinalizer
from aichain.node.lanes.fork_watch import LaneForkWatch
from aichain.node.sources import BlockSources
from aichain.rpc.backend import JoinProgress
from aichain.rpc.statuses import JoinStage
from consensus.core.events import BlockExecuted, BlockRejected
from consensus.errors import InvalidCertificate
from consensus.headers import block_ref
from consensus.lanes.messages import Decision
from consensus.lanes.state import Lanes
from consensus.lanes.voters import ballot_name
from genesis import limits
from native.errors import InvalidData, InvalidSignature
from p2p.errors import PeerPruned, Penalty, RequestFailed
from p2p.wire.messages import BlockRange, GetDecisions, GetRange
from vm.blocks import Block
from vm.errors import InvalidBlock

log = logging.getLogger(__name__)

POLL_S = 0.25
STALLED_POLLS = 12
REQUEST_TIMEOUT_S = 20.0
HELD_UP_S = 4.0
"""Long enough for a term over a good line; who is silent must not stop us until it times out."""
_ASKED_MAX = 4
"""Peers at a time: each may hold the blocks of one answer."""
DECIDE_TIMEOUT_S = 30.0
_LEAD_TERMS = 3
"""Peers decide a term at a time: so far behind somebody may be who keeps up."""
_TRAILING_POLLS = 20
"""But not for five seconds on end: where terms are short, decisions that come as fast as they are
made would keep a node two terms behind for ever, and it would see nothing of the fast lane."""


_Step: TypeAlias = tuple[Decision, list[Block]]
"""A verified decision, and the blocks above our hard head that lead to it."""


class PeerLied(Exception):
    """What a peer gave is not what the hard lane decided; another peer is asked."""


class LaneSyncer:
    """Sleeps while the lanes keep up; they close small gaps themselves."""

    def __init__(
        self,
        engine: LaneEngine,
        certificates: LaneCertificates,
        bodies: Bodies,
        finalizer: LaneFinalizer,
        fork_watch: LaneForkWatch,
        context: NodeContext,
    ) -> None:
        self._engine = engine
        self._certificates = certificates
        self._bodies = bodies
        self._finalizer = finalizer
        self.fork_watch = fork_watch
        self._context = context
        self._is_behind = False
        self.sources = BlockSources(context.network)
        self.joining: JoinProgress | None = None
        """The joiner's: while it is at work, no blocks are fetched."""

    @property
    def target_height(self) -> int:
        """The highest hard height that a reliable peer claims; 0 without peers."""
        return self.sources.target_height

    @property
    def syncing(self) -> bool:
        """Whether others are further than what is still taken for live."""
        joining = self.joining
        return self._is_behind or (joining is not None and joining.stage is not JoinStage.LOOKING)

    async def run(self) -> None:
        """Watch the gap, and close it when the lanes do not."""
        number, stalled, trailing = 0, 0, 0
        while True:
            await trio.sleep(POLL_S)
            state = self._engine.state
            stalled = stalled + 1 if state.number == number else 0
            number = state.number
            gap = self.target_height - state.hard.height
            terms = [term.instance for term in state.terms]
            longest = max((each.last_height - each.start.height for each in terms), default=1)
            trailing = trailing + 1 if gap >= longest else 0
            self._is_behind = gap >= _LEAD_TERMS * longest + limits.SYNC_GAP_BLOCKS
            if self.joining is not None:
                continue
            is_stuck = gap > 0 and stalled >= STALLED_POLLS
            if self._is_behind or is_stuck or trailing >= _TRAILING_POLLS:
                stalled = trailing = 0
                await self._catch_up()

    async def _catch_up(self) -> None:
        """From one peer after the other, until none that is believed claims more."""
        while True:
            before = self._engine.state
            peers = tuple(self.sources.of_block(before.hard.height + 1))[:_ASKED_MAX]
            if not peers:
                return
            first = await first_answer(peers, self._fetch, HELD_UP_S)
            if first is None:
                continue
            for late in first.late:
                self.sources.failed(late)
            try:
                await self._take(*first.answer)
            except OffTrustedChain:
                pass  # no lie: perhaps our operator is wrong
            except BodyUnavailable:
                return  # the head has moved on: the lanes were faster
            if self._engine.state.number == before.number:
                self.sources.failed(first.peer)
            else:
                self.sources.delivered(first.peer)

    async def _fetch(self, peer: str) -> _Step | None:
        """What one peer gives of the next step, checked; a failure costs it its claim."""
        height = self._engine.state.hard.height
        try:
            return await self._ask(peer)
        except PeerPruned as error:
            if error.first_height > height + 1:
                self.sources.pruned(peer, error.first_height)
                return None
        except RequestFailed as error:
            log.info("sync from %s failed: %s", peer, error)
        except PeerLied as error:
            self._context.network.penalize(peer, Penalty.FORGED, str(error))
        self.sources.failed(peer)
        return None

    async def _ask(self, peer: str) -> _Step | None:
        """As far as one answer goes: the last decision of this epoch decides for those before it.

        None when the lanes were faster: what was right when we asked blames nobody.
        """
        state = self._engine.state
        question = GetDecisions(state.number, limits.DECISIONS_PER_ANSWER)
        answer = await self._context.network.request(peer, question, REQUEST_TIMEOUT_S)
        epoch = state.ballot.instance.epoch
        usable = [each for each in answer.decisions if each.checkpoint.epoch == epoch]
        if not usable:
            await self._range(peer, state.hard.height, 1)  # who joined above us says so here
            raise RequestFailed(peer, "it does not know what it claims to have")
        for each in usable:
            if await self.fork_watch.suspects(peer, each):
                raise RequestFailed(peer, "it is on another chain")
        decision = usable[-1]
        await self._verify(decision, state)
        if self._engine.state.number > decision.checkpoint.number:
            return None
        return decision, await self._blocks(peer, decision)

    async def _take(self, decision: Decision, blocks: list[Block]) -> None:
        """Execute the blocks, and wait until the lanes have decided what the decision says."""
        await self._execute(blocks, decision)
        self._certificates.hand_over(decision)
        with trio.move_on_after(DECIDE_TIMEOUT_S):
            while self._engine.state.number <= decision.checkpoint.number:  # noqa: ASYNC110
                await trio.sleep(POLL_S / 10)
            await self._finalizer.reached(decision.checkpoint.block_height)

    async def _verify(self, decision: Decision, state: Lanes) -> None:
        """It decides our ballot, as it was when we asked, or a later one of this epoch: old ones
        are not kept for ever."""
        checkpoint = decision.checkpoint
        ballot = state.ballot.instance
        if checkpoint.number < state.number or checkpoint.epoch != ballot.epoch:
            raise PeerLied("decisions out of order")
        name = ballot.id
        if checkpoint.number > state.number:
            voters, core = state.epochs[ballot.epoch], state.config.core
            name = ballot_name(checkpoint, voters, genesis_hash=core.genesis_hash)
        if decision.certificate.instance_id != name:
            raise PeerLied("a decision of another chain of checkpoints")
        try:
            await self._certificates.verify_final(decision.certificate, ballot)
        except (InvalidCertificate, InvalidSignature) as error:
            raise PeerLied(str(error)) from error

    async def _blocks(self, peer: str, decision: Decision) -> list[Block]:
        """The blocks above our head up to the checkpoint, by hash.

        The decision is true. If they lead to it from another block than our last hard one, 69 % of
        the stake have signed two chains: the fork watch halts us.
        """
        head, checkpoint = self._engine.state.hard, decision.checkpoint
        blocks: list[Block] = []
        parent_id, height = head.id, head.height
        while height < checkpoint.block_height:
            count = min(checkpoint.block_height - height, limits.RANGE_BLOCKS_MAX)
            answer = await self._range(peer, height, count)
            if not answer.blocks:
                raise RequestFailed(peer, "it does not give what it decided on")
            for data in answer.blocks:
                try:
                    block = decode_block(data)
                except InvalidData as error:
                    raise PeerLied(str(error)) from error
                height += 1
                follows = not blocks or block.header.parent_id == parent_id
                if not follows or block.header.height != height:
                    raise PeerLied("its blocks do not follow each other")
                parent_id = block.id
                blocks.append(block)
                await trio.lowlevel.checkpoint()
        if parent_id != checkpoint.block_id:
            raise PeerLied("its blocks do not lead to its checkpoint")
        if blocks and blocks[0].header.parent_id != head.id:
            self.fork_watch.leads_elsewhere(peer, decision)
            raise RequestFailed(peer, f"another block {head.height} is hard there")
        return blocks

    async def _range(self, peer: str, height: int, count: int) -> BlockRange:
        """Some of the blocks above a height; PeerPruned if the peer does not keep them."""
        ask = GetRange(height + 1, count)
        return await self._context.network.request(peer, ask, REQUEST_TIMEOUT_S)

    async def _execute(self, blocks: list[Block], decision: Decision) -> None:
        """All of them on disk, in one write, before the lanes hear of any (R8)."""
        for block in blocks:
            try:
                await self._bodies.execute(block, durable=block is blocks[-1])
            except (InvalidBlock, InvalidSignature) as error:
                # A quorum decided what we refuse: one of the two is wrong, and it may be us. With
                # the checkpoint's own block rejected, too, the hard lane halts.
                log.error("hard block %d does not execute: %s", block.header.height, error)
                now_ms = self._context.clock.now_ms()
                for rejected in (block.id, decision.checkpoint.block_id):
                    self._engine.post(BlockRejected(rejected, now_ms))
                return
        for block in blocks:
            now_ms = self._context.clock.now_ms()
            self._engine.post(BlockExecuted(block_ref(block.header), now_ms))
