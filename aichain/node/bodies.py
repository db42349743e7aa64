"""Gets blocks whole, from the pool by a proposal's list or from peers; executes and keeps them."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final, TypeAlias

import trio

from aichain.config import TrustPoint
from aichain.errors import ParentNotExecuted, UnfinalizedFull
from aichain.node.charges import charge_proposer
from aichain.node.context import NodeContext
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.node.sources import Rotation, steady_ms
from consensus.core.events import BlockExecuted, BlockRejected
from consensus.errors import MalformedProposal
from consensus.headers import block_ref
from consensus.proposals import ProposalMessage
from genesis import limits
from genesis.limits import SIGNATURE_WEIGHT
from genesis.params import FeeParams
from native.errors import DecodeError, InvalidData, InvalidSignature
from native.hashing import Hash32
from native.merkle import merkle_root
from native.signatures import SignatureItem
from p2p.errors import Penalty, RequestFailed
from p2p.wire.messages import BlockData, GetBlocks, GetTransactions
from vm.blocks import Block, Header, VerifiedBlock, assemble_block, decode_body, decode_header
from vm.errors import BodyMismatch, InvalidBlock, InvalidTransaction
from vm.headers import require_size
from vm.spare_keys import as_built
from vm.state import State
from vm.transactions import SignedTransaction, decode_transaction
from vm.witnesses import block_witnesses

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 2.0
_ASKED_AGAIN_AFTER_S: Final = 0.05
_RELAY_AWAITED_S: Final = 0.5

PostJudged: TypeAlias = Callable[[BlockExecuted | BlockRejected], None]
"""Tells the core what became of a block."""


class BodyUnavailable(Exception):
    """The block cannot be had or executed now; the core asks again on its own timer."""


class OffTrustedChain(BodyUnavailable):
    """It is another block than the one that --trust names at its height."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A proposed block that we know the contents list of, and who told us."""

    header: Header
    tx_ids: tuple[Hash32, ...]
    peer: str
    author: bytes | None
    """The key of its proposer; who only proposed it again (R10) answers for nothing."""


class Bodies:
    """Answers CheckBlock and FetchBlock. One task per block id, however often it is asked for."""

    def __init__(
        self,
        ledger: LedgerWriter,
        pool: TransactionPool,
        context: NodeContext,
        trust: TrustPoint | None = None,
    ) -> None:
        self._context = context
        self._trust = trust
        self._refused: Hash32 | None = None
        self._ledger = ledger
        self._chain = ledger.chain
        self._pool = pool
        self._verifier = context.verifier
        self._network = context.network
        self._clock = context.clock
        self._candidates: OrderedDict[Hash32, _Candidate] = OrderedDict()
        self._in_flight: set[Hash32] = set()
        self._rotation = Rotation(lambda: context.electorates.keys)

    def note(
        self, message: ProposalMessage, header: Header, peer: str, author: bytes | None
    ) -> None:
        """Remember what a proposal with a valid signature says its block contains.

        The list must lead to the header's root. Whoever told us first stays the one to ask.
        """
        if header.id in self._candidates:
            return
        self._candidates[header.id] = _Candidate(header, message.tx_ids, peer, author)
        while len(self._candidates) > limits.CANDIDATE_BLOCKS_MAX:
            self._candidates.popitem(last=False)

    async def check(self, block_id: Hash32, post: PostJudged) -> None:
        """Assemble, execute and keep a block; post BlockExecuted or BlockRejected.

        Posts nothing when the body cannot be had now: the core's timers ask again.
        """
        if block_id in self._in_flight:
            return
        self._in_flight.add(block_id)
        try:
            await self._check(block_id, post)
        except BodyUnavailable:
            pass
        finally:
            self._in_flight.discard(block_id)

    async def execute(self, block: Block, *, durable: bool = True) -> State:
        """Verify and execute a block whose parent is executed, and keep it on disk.

        A line of blocks needs one write: `durable` for the last of them keeps its ancestors too.
        Raises InvalidBlock or InvalidSignature: the block itself is bad, not its sender's copy;
        BodyUnavailable when its parent is not the head or above it (any more), or it is not the
        block that our operator trusts.
        """
        self._require_trusted(block)
        parent = self._chain.state_of(block.header.parent_id)
        if parent is None:
            raise BodyUnavailable  # the head has moved on: this block is beside or below it
        require_size(parent.document.fees, block.transactions)  # before it costs us signatures
        await self._verify(parent, block)
        try:
            state = await self._ledger.execute(VerifiedBlock(block))
        except (ParentNotExecuted, UnfinalizedFull):
            raise BodyUnavailable from None  # the head moved meanwhile, or there is no room now
        if durable:
            await self._ledger.make_durable(block.id)
        return state

    def _require_trusted(self, block: Block) -> None:
        """Whoever named a block relies on no quorum that made another one of its height final:
        after the unbonding time keys sign what they like."""
        trust = self._trust
        if trust is None or block.header.height != trust.height or block.id == trust.block_id:
            return
        if self._refused != block.id:
            self._refused = block.id
            place = trust.height, block.id.hex()
            log.error("block %d of this chain is 0x%s, not that of --trust", *place)
            log.error(
                "fix: ask again whoever vouched for the block; if it is right, give nodes of its "
                "chain with --bootstrap, and remove this home's data/chain (--sync-again)"
            )
        raise OffTrustedChain

    async def _check(self, block_id: Hash32, post: PostJudged) -> None:
        """Walk down to an executed ancestor, then execute upwards."""
        missing: list[Block] = []
        wanted = block_id
        while not self._chain.is_executed(wanted):
            if len(missing) >= limits.FETCHED_ANCESTORS_MAX:
                raise BodyUnavailable  # the syncer is the one to close such a gap
            block = await self._obtain(wanted)
            if block.header.height <= self._chain.head.head.height:
                raise BodyUnavailable  # final meanwhile, or beside the final chain
            missing.append(block)
            wanted = block.header.parent_id
        if not missing:
            header = self._chain.header_of(block_id)
            assert header is not None
            await self._ledger.make_durable(block_id)
            post(BlockExecuted(block_ref(header), self._clock.now_ms()))
        for block in reversed(missing):
            try:
                await self.execute(block)
            except (InvalidBlock, InvalidSignature) as error:
                candidate = self._candidates.get(block.id)
                author = candidate.author if candidate else None
                charge_proposer(self._context, block.header, author, error)
                post(BlockRejected(block.id, self._clock.now_ms()))
                return
            self._candidates.pop(block.id, None)
            post(BlockExecuted(block_ref(block.header), self._clock.now_ms()))

    async def _obtain(self, block_id: Hash32) -> Block:
        candidate = self._candidates.get(block_id)
        if candidate is not None:
            try:
                return self._assemble(candidate.header, await self._gather(candidate))
            except (BodyMismatch, BodyUnavailable, InvalidData):
                pass  # our copies have other witnesses, or the proposer keeps some back
        try:
            return await self._download(block_id, candidate.peer if candidate else None)
        except BodyUnavailable:
            if candidate is None:
                raise
        return await self._await_relay(block_id, candidate.peer)

    def _assemble(self, header: Header, found: list[SignedTransaction]) -> Block:
        """With each witness as the block has it, where our copy shows a key that the chain has."""
        parent = self._chain.state_of(header.parent_id)
        return assemble_block(header, found if parent is None else as_built(parent, found))

    async def _await_relay(self, block_id: Hash32, peer: str) -> Block:
        """Who relays a proposal does so at once, and may still be fetching what it lists."""
        until_s = trio.current_time() + _RELAY_AWAITED_S
        while trio.current_time() < until_s:
            await trio.sleep(_ASKED_AGAIN_AFTER_S)
            block = await self._download_from(peer, block_id)
            if block is not None:
                return block
        raise BodyUnavailable

    async def _gather(self, candidate: _Candidate) -> list[SignedTransaction]:
        """The listed transactions: those of the pool, and the rest from the proposal's sender.

        More than a block may hold is left to the whole block, if that can be had at all.
        """
        found: dict[Hash32, SignedTransaction] = {}
        missing = []
        room = self._chain.head.document.fees.max_block_bytes
        for tx_id in candidate.tx_ids:
            pooled = self._pool.find(tx_id)
            if pooled is None:
                missing.append(tx_id)
            else:
                found[tx_id] = pooled
        for start in range(0, len(missing), limits.FETCHED_TRANSACTIONS_MAX):
            batch = tuple(missing[start : start + limits.FETCHED_TRANSACTIONS_MAX])
            try:
                answer = await self._network.request(
                    candidate.peer, GetTransactions(batch), REQUEST_TIMEOUT_S
                )
            except RequestFailed:
                raise BodyUnavailable from None
            for raw in answer.raws:
                signed = decode_transaction(raw)
                found[signed.id] = signed
                room -= len(raw)
            if room < 0:
                raise BodyUnavailable
        if any(tx_id not in found for tx_id in candidate.tx_ids):
            raise BodyUnavailable
        return [found[tx_id] for tx_id in candidate.tx_ids]

    async def _download(self, block_id: Hash32, first: str | None) -> Block:
        """The whole block from one of our peers; a body that does not match blames that peer."""
        peers = self._rotation.order(self._network.peers(), steady_ms(), first)
        for peer in peers[: limits.DOWNLOAD_PEERS_MAX]:
            block = await self._download_from(peer, block_id)
            if block is not None:
                return block
        raise BodyUnavailable

    async def _download_from(self, peer: str, block_id: Hash32) -> Block | None:
        """None when it has no such block, or does not answer."""
        try:
            answer = await self._network.request(peer, GetBlocks((block_id,)), REQUEST_TIMEOUT_S)
        except RequestFailed:
            self._rotation.unreliable.failed(peer, steady_ms())
            return None
        for data in answer.blocks:
            try:
                if decode_header(data.header_raw).id != block_id:  # its body may take long
                    raise DecodeError("another block than was asked for")
                block = decode_block(data)
            except InvalidData as error:
                self._network.penalize(peer, Penalty.MALFORMED, str(error))
                continue
            self._rotation.unreliable.delivered(peer)
            return block
        return None

    async def _verify(self, parent: State, block: Block) -> None:
        """Verify the witnesses that the pool has not verified, these very bytes."""
        verified = {
            signed.raw_hash for signed in block.transactions if self._pool.has_verified(signed)
        }
        witnesses = required_witnesses(parent, block, verified)
        items = [item for each in witnesses for item in each]
        self._context.metrics.block_checked(
            known=witnesses.count(()), verified=len(witnesses) - witnesses.count(())
        )
        if not all(await self._verifier.verify_block(items)):
            raise InvalidSignature(subject=f"a transaction of block 0x{block.id.hex()}")


def require_list(message: ProposalMessage, header: Header, fees: FeeParams) -> None:
    """MalformedProposal where its list is not that of its header, or longer than any block: every
    transaction weighs a signature at least. The list is not signed, so its sender answers for it.
    """
    most = fees.max_block_weight // SIGNATURE_WEIGHT
    if len(message.tx_ids) > most:
        raise MalformedProposal(f"it lists {len(message.tx_ids)} transactions of {most} at most")
    if merkle_root(message.tx_ids) != header.tx_root:
        raise MalformedProposal("it lists other contents than its header")


def required_witnesses(
    parent: State, block: Block, verified: Container[bytes] = frozenset()
) -> tuple[tuple[SignatureItem, ...], ...]:
    """`block_witnesses` on the parent's state; InvalidSignature where one lacks a key."""
    try:
        return block_witnesses(parent, block, verified)
    except InvalidTransaction as error:
        raise InvalidSignature(subject=f"block 0x{block.id.hex()}: {error}") from error


def decode_block(data: BlockData) -> Block:
    """The block of a peer's bytes, its body checked against its header; InvalidData otherwise."""
    return assemble_block(decode_header(data.header_raw), decode_body(data.body_raw))
