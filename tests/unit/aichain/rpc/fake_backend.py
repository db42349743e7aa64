"""A node without a network: a real ledger of real blocks, votes and proofs, moved by hand."""

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from aichain.feed import Feed, Subscription
from aichain.metrics import Metrics
from aichain.node.standing import standing_of
from aichain.readings import read_host
from aichain.rpc.backend import (
    AccountHistoryView,
    BlockView,
    CertifiedRecord,
    CommitView,
    HeaderProof,
    JoinProgress,
    MempoolView,
    NodeStatus,
    Placement,
    TransactionView,
    Uptime,
)
from aichain.rpc.statuses import BlockStatus, Voting
from aichain.store.account_index import AccountIndex
from aichain.store.location import Location
from consensus.certificates import assemble
from consensus.core.events import VoteAccepted
from consensus.core.state import CoreConfig, initial
from consensus.core.state import State as CoreState
from consensus.electorate import Electorate, epoch_seed
from consensus.headers import block_ref
from consensus.instance import instance_id
from consensus.light import Finality
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from genesis.epochs import epoch_of_height
from genesis.networks import account_key, founder_key, founder_onion_seed, local_document
from genesis.onion import Onion
from genesis.units import AI, Address, address_of_key
from genesis.validators import ValidatorSet
from native.backends import EngineView, view_engines
from native.hashing import ZERO_HASH, Hash32
from native.node_keys import peer_id_text
from native.signatures import SignatureItem, verify
from p2p.addresses import parse_peer_address
from p2p.network import Direction, PeerView
from vm.blocks import Block
from vm.build import BlockAttributes, build_block
from vm.genesis_block import genesis_state
from vm.mmr import prove_ancestor
from vm.onions import onion_at
from vm.queries import account_view, prove_record
from vm.state import State
from vm.transactions import (
    Body,
    SignedTransaction,
    Transaction,
    Transfer,
    Unjail,
    VerifiedTransaction,
    decode_transaction,
    sign_transaction,
)
from vm.validate import check_transaction

NETWORK = "devnet"
FOUNDERS = 4
FEED_CAPACITY = 64
STRANGER = Address(bytes(19) + b"\x07")


@dataclass
class FakeBackend:
    """Implements aichain.rpc.backend.Backend; `extend` makes and finalizes the next block."""

    metrics: Metrics = field(default_factory=lambda: Metrics(network=NETWORK, version="0.1.0"))
    syncing: bool = False
    voting: Voting = Voting.YES
    index_trouble: str = ""
    archive_trouble: str = ""
    clock_trouble: str = ""
    joining: JoinProgress | None = None
    indexed_height: int | None = None
    engines: EngineView = field(default_factory=view_engines)
    blocked: frozenset[str] = frozenset()
    regions: bool = False
    submitted: list[bytes] = field(default_factory=list)
    held: tuple[bytes, ...] = ()
    attended: Uptime = field(default_factory=lambda: Uptime(1, 0, 0, ()))
    windows: list[int] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    stopped: bool = False
    accounts: AccountIndex | None = None

    def __post_init__(self) -> None:
        self.document = local_document(NETWORK, FOUNDERS, onion_length=64)
        self.feed: Feed[BlockView] = Feed(capacity=FEED_CAPACITY, max_readers=4)
        self.pooled: Feed[tuple[Hash32, ...]] = Feed(capacity=FEED_CAPACITY, max_readers=4)
        self.votes: Feed[VoteAccepted] = Feed(capacity=FEED_CAPACITY, max_readers=4)
        state = genesis_state(self.document)
        genesis = BlockView(Block(state.head, ()), (), state.root, BlockStatus.FINAL, None)
        self.state: State = state
        self.earlier: State = state
        self.views: list[BlockView] = [genesis]
        self.unfinalized: dict[bytes, BlockView] = {}
        self.pool: dict[bytes, SignedTransaction] = {}
        consensus = self.document.consensus
        self.consensus = initial(
            CoreConfig(
                genesis_hash=self.document.hash,
                epoch_blocks=consensus.epoch_blocks,
                block_time_ms=consensus.block_time_ms,
                delta_ms=consensus.delta_ms,
                clock_offset_ms=consensus.clock_offset_ms,
                validator=self.document.validators[0].address,
            ),
            block_ref(state.head),
            {epoch: self._electorate(epoch) for epoch in (0, 1)},
        )

    # --- making history

    def extend(
        self, transactions: Sequence[SignedTransaction] = (), *, final: bool = True
    ) -> BlockView:
        """The next block with these transactions; not final, it can be made final by no one."""
        head = self.state.head
        proposer = (head.height + 1) % FOUNDERS
        attributes = BlockAttributes(
            epoch=head.height // self.document.consensus.epoch_blocks,
            view=head.view + 1,
            parent_view=head.view,
            proposer_index=proposer,
            timestamp_ms=head.timestamp_ms + 500,
            onion_reveal=self.reveal(proposer),
        )
        built = build_block(self.state, [VerifiedTransaction(t) for t in transactions], attributes)
        assert not built.dropped, built.dropped
        assert len(built.block.transactions) == len(transactions)
        finalized_at_ms = attributes.timestamp_ms + 40 if final else None
        status = BlockStatus.FINAL if final else BlockStatus.PROPOSED
        view = BlockView(built.block, built.receipts, built.state.root, status, finalized_at_ms)
        if not final:
            self.unfinalized[view.block.id] = view
            return view
        self.earlier, self.state = self.state, built.state
        self.views.append(view)
        for signed in transactions:
            self.pool.pop(signed.id, None)
        self.feed.publish(view)
        return view

    def reveal(self, founder: int) -> Hash32:
        left = onion_at(self.state.get, founder, self.state.head.epoch).layers
        return Onion.build(founder_onion_seed(NETWORK, founder), left).reveal(left)

    def transfer(self, amount: int = AI, *, account: int = 0, **changes: int) -> SignedTransaction:
        return self.sign(Transfer(STRANGER, amount, b"memo"), account=account, **changes)

    def failing(self, *, account: int = 1) -> SignedTransaction:
        """It is charged and fails: there is nothing to unjail."""
        return self.sign(Unjail(), account=account)

    def sign(
        self, body: Body, *, account: int, ahead: int = 0, network_id: int | None = None
    ) -> SignedTransaction:
        key = account_key(NETWORK, account)
        sender = address_of_key(key.public_key)
        known = account_view(self.state, sender)
        transaction = Transaction(
            network_id=self.document.network_id if network_id is None else network_id,
            sender=sender,
            nonce=known.nonce + ahead,
            fee_max=AI,
            tip=5,
            valid_until=self.state.head.height + 100,
            body=body,
        )
        return sign_transaction(transaction, key, reveal=not known.algorithm and not ahead)

    # --- Backend

    def status(self) -> NodeStatus:
        head = self.state.head
        return NodeStatus(
            network=NETWORK,
            network_id=self.document.network_id,
            genesis_hash=self.document.hash,
            peer_id=peer_id_text(self.document.validators[0].peer_id),
            version="0.1.0",
            height=head.height,
            block_id=head.id,
            state_root=self.state.root,
            finalized_at_ms=self.views[-1].finalized_at_ms or head.timestamp_ms,
            epoch=head.epoch,
            view=head.view + 1,
            peers=FOUNDERS - 1,
            validator_index=0,
            voting=self.voting,
            syncing=self.syncing,
            target_height=head.height + (10 if self.syncing else 0),
            index_trouble=self.index_trouble,
            archive_trouble=self.archive_trouble,
            clock_offset_ms=-900 if self.clock_trouble else 0,
            clock_trouble=self.clock_trouble,
            joining=self.joining,
            indexed_height=self.indexed_height,
            engines=self.engines,
        )

    def head(self) -> State:
        return self.state

    def pending_nonce(self, address: Address) -> int:
        waiting = sum(t.transaction.sender == address for t in self.pool.values())
        return account_view(self.state, address).nonce + waiting

    async def block_at(self, height: int) -> BlockView | None:
        return self.views[height] if height < len(self.views) else None

    async def block_by_id(self, block_id: Hash32) -> BlockView | None:
        found = (view for view in self.views if view.block.id == block_id)
        return next(found, self.unfinalized.get(block_id))

    async def transaction(self, tx_id: Hash32) -> TransactionView | None:
        for view in itertools.chain(self.views, self.unfinalized.values()):
            for index, signed in enumerate(view.block.transactions):
                if signed.id == tx_id:
                    header = view.block.header
                    receipt = view.receipts[index]
                    place = Placement(header.height, header.id, index, receipt, view.status)
                    return TransactionView(signed, place)
        waiting = self.pool.get(tx_id)
        return None if waiting is None else TransactionView(waiting, None)

    async def submit(self, raw: bytes) -> Hash32:
        self.submitted.append(raw)
        signed = decode_transaction(raw)
        check_transaction(self.state, signed, height=self.state.head.height + 1)
        self.pool[signed.id] = signed
        self.pooled.publish((signed.id,))
        return signed.id

    async def verify_signature(self, item: SignatureItem) -> bool:
        return verify(item.public_key, item.message, item.context, item.signature)

    async def validator_set(self, height: int) -> ValidatorSet | None:
        epochs_known = 2 * self.document.consensus.epoch_blocks
        return self.document.validator_set if height <= epochs_known else None

    def core(self) -> CoreState:
        return self.consensus

    def evidence(self) -> tuple[bytes, ...]:
        return self.held

    async def electorate(self, height: int) -> Electorate | None:
        if height == 0 or await self.validator_set(height) is None:
            return None
        return self._electorate(epoch_of_height(height, self.document.consensus.epoch_blocks))

    def _electorate(self, epoch: int) -> Electorate:
        return Electorate.of(
            self.document.validator_set, epoch, epoch_seed(self.document.seed, epoch)
        )

    async def uptime(self, blocks: int) -> Uptime:
        self.windows.append(blocks)
        return self.attended

    async def uptime_parts(self, blocks: int, parts: int) -> tuple[Uptime, ...]:
        self.windows.append(blocks)
        return (self.attended,) * parts

    def vote(self, founder: int, phase: VotePhase = VotePhase.PREFER) -> VoteAccepted:
        """A vote on the head, as the core takes it in."""
        top = self.state.head
        named = (0, ZERO_HASH) if phase is VotePhase.CANCEL else (top.height, top.id)
        vote = Vote(self._instance_id(), phase, top.view, *named)
        signature = founder_key(NETWORK, founder).sign(vote.signing_bytes, VOTE_CONTEXT)
        return VoteAccepted(SignedVote(vote, 0, founder, signature), top.timestamp_ms + 30)

    def _instance_id(self) -> Hash32:
        vset_hash = self._electorate(0).vset_hash
        return instance_id(self.document.hash, 0, vset_hash, self.views[0].block.id)

    async def commit(self, height: int) -> CommitView | None:
        """The certificate of the last final block covers all below it."""
        if not 0 < height < len(self.views):
            return None
        top = self.views[-1].block.header
        votes = [self.vote(founder, VotePhase.COMMIT).vote for founder in (0, 1, 3)]
        path = tuple(self.views[at].block.header for at in range(top.height, height - 1, -1))
        return CommitView(assemble(votes, FOUNDERS), path, self.document.validator_set)

    async def finality(self, height: int) -> Finality | None:
        view = await self.commit(height)
        if view is None:
            return None
        start_id = self.views[0].block.id
        return Finality(view.certificate, start_id, view.headers, view.validators)

    async def header_proof(self, height: int, at: int) -> HeaderProof | None:
        if not height < at < len(self.views):
            return None
        proof = prove_ancestor([view.block.id for view in self.views[:at]], height)
        return HeaderProof(self.views[height].block.header, at, proof)

    async def certified_record(self, key: bytes) -> CertifiedRecord | None:
        finality = await self.finality(len(self.views) - 1)
        if finality is None:
            return None
        return CertifiedRecord(prove_record(self.earlier, key), finality)

    async def account_history(
        self, address: Address, before: Location | None, limit: int
    ) -> AccountHistoryView | None:
        if self.accounts is None:
            return None
        entries = self.accounts.page(address, before, limit)
        return AccountHistoryView(entries, first=self.accounts.first, height=self.accounts.height)

    def peers(self) -> tuple[PeerView, ...]:
        head = self.state.head
        return tuple(
            PeerView(
                peer_id=peer_id_text(founder.peer_id),
                address=f"/ip4/127.0.0.1/tcp/{3691 + 10 * index}",
                validator_key=founder.public_key if index else b"",
                final_height=head.height,
                final_id=head.id,
                view=head.view,
                epoch=head.epoch,
                rtt_ms=1,
                score=100,
                direction=Direction.OUTBOUND,
                agent="aichain/0.1.0",
            )
            for index, founder in enumerate(self.document.validators)
        )

    def mempool(self, limit: int) -> MempoolView:
        waiting = tuple(self.pool.values())
        size_bytes = sum(len(signed.raw) for signed in waiting)
        return MempoolView(len(waiting), size_bytes, waiting[:limit])

    def connect_peer(self, address: str) -> None:
        self.dialled.append(str(parse_peer_address(address)))

    def ban_peer(self, peer_id: str) -> None:
        self.banned.append(peer_id)

    def stop(self) -> None:
        self.stopped = True

    def accepted_votes(self) -> AbstractContextManager[Subscription[VoteAccepted]]:
        return self.votes.subscribe()

    def pooled_transactions(self) -> AbstractContextManager[Subscription[tuple[Hash32, ...]]]:
        return self.pooled.subscribe()

    def final_blocks(self) -> AbstractContextManager[Subscription[BlockView]]:
        return self.feed.subscribe()

    def metrics_text(self) -> bytes:
        status = self.status()
        self.metrics.stand(standing_of(status, read_host(Path("/"))))
        return self.metrics.text()

    def set_blocked_peers(self, peer_ids: frozenset[str]) -> None:
        self.blocked = peer_ids

    def set_regions(self, on: bool) -> None:
        self.regions = on
