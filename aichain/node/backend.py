"""What RPC sees of this node: reads of the chain, the pool, the core and the network."""

import signal
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import trio

from aichain.chain import Chain
from aichain.errors import StoreCorrupt, StoreFailed
from aichain.feed import Feed, Subscription
from aichain.node.attendance import AttendanceBook
from aichain.node.beside_chain import BesideChain
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.faults import place_in_regions
from aichain.node.final_views import FinalViews
from aichain.node.finalizer import decided_status
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.syncer import LaneSyncer
from aichain.node.own_status import OwnStatus
from aichain.node.placements import find_in, placed
from aichain.node.pool import TransactionPool
from aichain.node.standing import show_standing
from aichain.node.syncer import Syncer
from aichain.pending import PRICE_SCALE
from aichain.rpc.backend import (
    AccountHistoryView,
    BlockView,
    CertifiedRecord,
    CommitView,
    HeaderProof,
    MempoolView,
    NodeStatus,
    TransactionView,
    Uptime,
)
from aichain.rpc.errors import HistoryPruned
from aichain.rpc.statuses import BlockStatus
from aichain.store.decisions import finality_of
from aichain.store.location import Location
from consensus.core.events import VoteAccepted
from consensus.core.state import State as CoreState
from consensus.electorate import Electorate
from consensus.headers import block_ref
from consensus.lanes.state import Lanes, Status, status_of
from consensus.light import Finality
from genesis import limits
from genesis.epochs import epoch_of_height, last_decided_epoch, last_height
from genesis.units import Address
from genesis.validators import ValidatorSet
from native.hashing import Hash32
from native.signatures import SignatureItem
from p2p.errors import Penalty
from p2p.network import PeerView
from vm.blocks import Header
from vm.queries import account_view, prove_record
from vm.state import State

T = TypeVar("T")


class NodeBackend:
    """Implements `aichain.rpc.backend.Backend`; disk reads go to threads of their own."""

    def __init__(
        self,
        chain: Chain,
        engine: Engine | LaneEngine,
        pool: TransactionPool,
        syncer: Syncer | LaneSyncer,
        clock_watch: ClockWatch,
        feed: Feed[BlockView],
        context: NodeContext,
        beside: BesideChain,
    ) -> None:
        self._accounts = beside.accounts
        self._chain = chain
        self._engine = engine
        self._pool = pool
        self._syncer = syncer
        self._feed = feed
        self._context = context
        self._decided = decided_status(context.document)
        self._threads = trio.CapacityLimiter(limits.RESPONDER_THREADS)
        # Of its own: the index may be on a server, whose slowness is not to hold up our disk.
        self._page_threads = trio.CapacityLimiter(limits.INDEX_READERS)
        self._views = FinalViews(chain, context, self._threads)
        self._own_status = OwnStatus(chain, engine, syncer, clock_watch, context, beside)
        self._attendance = AttendanceBook(chain.blocks, context.document, chain.decisions)
        self._attendance_thread = trio.CapacityLimiter(1)

    def status(self) -> NodeStatus:
        """Where the node stands; nothing here touches the disk."""
        return self._own_status.now()

    def head(self) -> State:
        """The state after the last final block."""
        return self._chain.head

    def pending_nonce(self, address: Address) -> int:
        """The next free nonce, pending transactions counted."""
        nonce = account_view(self._chain.head, address).nonce
        return self._pool.mempool.next_nonce(address, nonce)

    async def block_at(self, height: int) -> BlockView | None:
        """A final block, from memory or from disk."""
        return self._kept(height, await self._views.at(height))

    async def block_by_id(self, block_id: Hash32) -> BlockView | None:
        """A final block, or an executed one that waits for finality."""
        executed = self._chain.executed(block_id)
        if executed is not None:
            return BlockView(
                block=executed.block,
                receipts=executed.receipts,
                state_root=executed.state.root,
                status=self._status_above(executed.header),
                finalized_at_ms=None,
            )
        height = await self._views.height_of(block_id)
        return await self.block_at(height) if height is not None else None

    async def transaction(self, tx_id: Hash32) -> TransactionView | None:
        """Pending, in an executed block, or final.

        In this order: what leaves one place meanwhile is in the next one already.
        """
        place = await self._context.run_blocking(self._chain.locate, tx_id, limiter=self._threads)
        final = None if place is None else await self._views.at(place.height)
        if place is not None and final is not None:
            return placed(final, place.index, self._decided)
        above = self._chain.above_head()
        for entry in above:
            view = find_in(entry, tx_id, BlockStatus.PROPOSED)
            if view is not None and view.placement is not None:
                placement = replace(view.placement, status=self._status_above(entry.header))
                return replace(view, placement=placement)
        for recent in self._chain.recent:
            view = find_in(recent, tx_id, self._decided)
            if view is not None:
                return view
        pooled = self._pool.mempool.get(tx_id)
        return TransactionView(pooled, None) if pooled is not None else None

    async def submit(self, raw: bytes) -> Hash32:
        """Admit a transaction; InvalidData says why not."""
        return await self._pool.submit(raw)

    async def verify_signature(self, item: SignatureItem) -> bool:
        """With the transactions that callers submit, and as bounded as they are."""
        (verdict,) = await self._context.verifier.verify_bulk([item])
        return verdict

    async def validator_set(self, height: int) -> ValidatorSet | None:
        """Who decided a height, or will; None beyond the next epoch, which nobody knows yet."""
        if self._is_forgotten(height):
            return self._kept(height, None)
        if not self._is_decided(height):
            return None
        return await self._views.voters_at(height)

    def core(self) -> CoreState | Lanes:
        """The memory of the core, or of both lanes."""
        return self._engine.state

    def evidence(self) -> tuple[bytes, ...]:
        """What the engine reported."""
        return self._engine.evidence.held()

    async def electorate(self, height: int) -> Electorate | None:
        """Of any decided epoch: the seeds of past ones are in the headers."""
        if height > 0 and self._is_forgotten(height):
            return self._kept(height, None)
        if height == 0 or not self._is_decided(height):
            return None
        return await self._context.run_blocking(
            self._attendance.electorate, height, limiter=self._attendance_thread
        )

    async def uptime(self, blocks: int) -> Uptime:
        """Over the last final blocks."""
        return await self._context.run_blocking(
            self._attendance.over,
            blocks,
            self._chain.head.head.height,
            limiter=self._attendance_thread,
        )

    async def uptime_parts(self, blocks: int, parts: int) -> tuple[Uptime, ...]:
        """The same in parts."""
        head = self._chain.head.head.height
        book = self._attendance
        return await self._context.run_blocking(
            book.parts, blocks, parts, head, limiter=self._attendance_thread
        )

    async def commit(self, height: int) -> CommitView | None:
        """The certificate that finalized a height and the headers down to it."""
        if not 0 < height <= self._chain.head.head.height:
            return None
        view = await self._context.run_blocking(self._commit, height, limiter=self._threads)
        return self._kept(height, view)

    async def finality(self, height: int) -> Finality | None:
        """What shows a stranger that a height is final."""
        if not 0 < height <= self._chain.head.head.height:
            return None
        finality = await self._context.run_blocking(
            self._finality_of, height, limiter=self._threads
        )
        return self._kept(height, finality)

    async def header_proof(self, height: int, at: int) -> HeaderProof | None:
        """A final header, and that it lies under the one at `at`."""
        if not 0 <= height < at <= self._chain.head.head.height:
            return None
        proof = await self._context.run_blocking(
            self._header_proof, height, at, limiter=self._threads
        )
        return self._kept(height, proof)

    async def certified_record(self, key: bytes) -> CertifiedRecord | None:
        """A record of the state before the last commit: its root stands in a final header."""
        state = self._chain.certified
        if state is None:
            return None
        record = prove_record(state, key)
        finality = await self.finality(state.head.height + 1)
        assert finality is not None, "the blocks after a certified state are final"
        return CertifiedRecord(record, finality)

    async def account_history(
        self, address: Address, before: Location | None, limit: int
    ) -> AccountHistoryView | None:
        """The newest entries of an account; None where no account is indexed."""
        index = self._accounts
        if index is None or index.failed:
            return None
        try:
            entries = await self._context.run_blocking(
                index.page, address, before, limit, limiter=self._page_threads
            )
        except (StoreCorrupt, StoreFailed) as error:
            index.give_up(error)
            return None
        return AccountHistoryView(entries, first=index.first, height=index.height)

    def peers(self) -> tuple[PeerView, ...]:
        """The connected peers."""
        return self._context.network.peers()

    def mempool(self, limit: int) -> MempoolView:
        """Its size and the best payers."""
        pool = self._pool.mempool
        stats = pool.stats
        floor = -(-pool.floor(self._chain.head.base_fee) // PRICE_SCALE)
        return MempoolView(stats.transactions, stats.size_bytes, pool.best(limit), floor)

    def final_blocks(self) -> AbstractContextManager[Subscription[BlockView]]:
        """Blocks as they become final."""
        return self._feed.subscribe()

    def accepted_votes(self) -> AbstractContextManager[Subscription[VoteAccepted]]:
        """Votes as the core takes them in."""
        return self._engine.votes.subscribe()

    def pooled_transactions(self) -> AbstractContextManager[Subscription[tuple[Hash32, ...]]]:
        """Transactions as the mempool takes them."""
        return self._pool.pooled.subscribe()

    def metrics_text(self) -> bytes:
        """Prometheus text."""
        disk = self._chain.blocks.path
        show_standing(self._context, self.status(), self._pool.mempool.stats, disk)
        return self._context.metrics.text()

    def set_blocked_peers(self, peer_ids: frozenset[str]) -> None:
        """Fault injection for local networks."""
        self._context.network.set_blocked(peer_ids)

    def set_regions(self, on: bool) -> None:
        """Fault injection for local networks."""
        place_in_regions(self._context.network, self._context.document, on=on)

    def connect_peer(self, address: str) -> None:
        """Dial a peer that the operator names."""
        self._context.network.connect(address)

    def ban_peer(self, peer_id: str) -> None:
        """Ban a peer that the operator names."""
        self._context.network.penalize(peer_id, Penalty.FORGED, "banned by the operator")

    def stop(self) -> None:
        """As a service manager would."""
        signal.raise_signal(signal.SIGTERM)

    def _status_above(self, header: Header) -> BlockStatus:
        """Of a block that is executed and not final."""
        state = self._engine.state
        if isinstance(state, Lanes) and status_of(state, block_ref(header)) is Status.FAST:
            return BlockStatus.FAST
        return BlockStatus.PROPOSED

    def _is_forgotten(self, height: int) -> bool:
        """Whether it was decided by a set that a chain which was joined has never known."""
        epoch_blocks = self._context.document.consensus.epoch_blocks
        return height >= 0 and epoch_of_height(height, epoch_blocks) < self._chain.blocks.first_set

    def _is_decided(self, height: int) -> bool:
        blocks = self._chain.document.consensus.epoch_blocks
        last = last_height(last_decided_epoch(self._chain.head.head.height, blocks), blocks)
        return 0 <= height <= last

    def _commit(self, height: int) -> CommitView | None:
        found = self._finality_of(height)
        if found is None:
            return None
        return CommitView(found.certificate, found.headers, found.validators, found.checkpoint)

    def _finality_of(self, height: int) -> Finality | None:
        return finality_of(self._chain.blocks, self._chain.decisions, height)

    def _header_proof(self, height: int, at: int) -> HeaderProof | None:
        header = self._chain.blocks.header_at(height)
        proof = self._chain.blocks.prove_header(height, at)
        return None if header is None or proof is None else HeaderProof(header, at, proof)

    def _kept(self, height: int, found: T | None) -> T | None:
        """What was found; who asks for what is pruned hears so, not that it does not exist."""
        first = self._chain.blocks.first
        if found is None and height < first:
            raise HistoryPruned(height=height, first=first)
        return found
