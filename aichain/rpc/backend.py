"""What the RPC room asks of a node: one protocol, and the frozen views it answers with."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from aichain.feed import Subscription
from aichain.rpc.statuses import BlockStatus, JoinStage, Voting
from aichain.store.history_index import Entry
from aichain.store.location import Location
from consensus.certificates import QuorumCertificate
from consensus.core.events import VoteAccepted
from consensus.core.state import State as CoreState
from consensus.electorate import Electorate
from consensus.lanes.state import Lanes
from consensus.light import Finality
from genesis.checkpoints import Checkpoint
from genesis.units import Address
from genesis.validators import ValidatorSet
from native.backends import EngineView, view_engines
from native.hashing import Hash32
from native.signatures import SignatureItem
from p2p.network import PeerView
from vm.blocks import Block, Header
from vm.mmr import MmrProof
from vm.queries import RecordProof
from vm.receipts import Receipt
from vm.state import State
from vm.transactions import SignedTransaction


@dataclass(frozen=True, slots=True)
class JoinProgress:
    """How far it is."""

    stage: JoinStage
    height: int = 0
    part: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Where this node stands; read often, so it must be cheap and never touch the disk."""

    network: str
    network_id: int
    genesis_hash: Hash32
    peer_id: str
    version: str
    height: int
    block_id: Hash32
    state_root: Hash32
    """Root after the block at `height`."""
    finalized_at_ms: int
    epoch: int
    view: int
    peers: int
    validator_index: int | None
    voting: Voting
    syncing: bool
    target_height: int
    """Highest final height that a peer has told us of; never below `height`."""
    first_height: int = 0
    """The lowest block that is kept; of older ones only what proofs need."""
    joining: JoinProgress | None = None
    """How far a snapshot is that takes the place of the blocks up to it; None where none is."""
    indexed_height: int | None = None
    """How far the index of accounts is; None where there is none, or where it has failed."""
    index_trouble: str = ""
    """Why final transactions cannot be looked up; empty while they can."""
    clock_offset_ms: int | None = None
    """How far, at the least, our clock is ahead of the others'; None while too few propose."""
    clock_trouble: str = ""
    """What is wrong with the clock, and what to do; empty while consensus can live with it."""
    archive_trouble: str = ""
    """Why certificates that would convict after a fork are not kept; empty while they are."""
    engines: EngineView = field(default_factory=view_engines)
    """Who verifies signatures and hashes, and who is not trusted to any more."""


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block we executed; block 0 has no transactions and is final."""

    block: Block
    receipts: tuple[Receipt, ...]
    state_root: Hash32
    """Root after this block (the next header carries it as `parent_state_root`)."""
    status: BlockStatus
    finalized_at_ms: int | None
    """None when it is not final, or when the time was not kept (blocks taken by sync)."""

    @property
    def final(self) -> bool:
        """Whether it can never change."""
        return self.status in (BlockStatus.HARD, BlockStatus.FINAL)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a transaction was executed, and what came of it."""

    height: int
    block_id: Hash32
    index: int
    receipt: Receipt
    status: BlockStatus

    @property
    def final(self) -> bool:
        """Whether it can never change."""
        return self.status in (BlockStatus.HARD, BlockStatus.FINAL)


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction we hold: in the mempool (no placement), in a block, or in a final one."""

    signed: SignedTransaction
    placement: Placement | None


@dataclass(frozen=True, slots=True)
class CommitView:
    """What finalized a height: a certificate at or above it, and the headers that lead down."""

    certificate: QuorumCertificate
    headers: tuple[Header, ...]
    """From the certified block (first) down to the asked height (last), each the parent's child."""
    validators: ValidatorSet
    """The set whose indices the certificate's bitmap uses."""
    checkpoint: Checkpoint | None = None
    """With two lanes, what they voted for: it ends at the certified block."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """What a window of final blocks says of one validator; it counts where it was a member."""

    address: Address
    proposed: int
    missed: int
    """Turns of its own that left no block, with a final block after them."""
    signed: int
    certificates: int
    """Certificates that it could have signed; a certificate closes with a quorum."""


@dataclass(frozen=True, slots=True)
class Uptime:
    """Who proposed and who signed the final blocks of a window, members of its epochs only."""

    first_height: int
    last_height: int
    certificates: int
    validators: tuple[Attendance, ...]


@dataclass(frozen=True, slots=True)
class HeaderProof:
    """A final header, and that it lies under the header at `at`."""

    header: Header
    at: int
    proof: MmrProof


@dataclass(frozen=True, slots=True)
class CertifiedRecord:
    """A state record with its proof, and what makes the header final that carries the root."""

    record: RecordProof
    finality: Finality
    """Its last header is the child of the block whose state this is."""


@dataclass(frozen=True, slots=True)
class MempoolView:
    """Size of the mempool and its first transactions, best paying first."""

    count: int
    size_bytes: int
    transactions: tuple[SignedTransaction, ...]
    tip_floor: int = 0
    """The tip per unit of weight that it asks for; nothing up to three quarters full."""


@dataclass(frozen=True, slots=True)
class AccountHistoryView:
    """A page of an account's transactions, the newest first."""

    entries: tuple[Entry, ...]
    first: int
    """The lowest block whose transactions are indexed."""
    height: int
    """The highest."""


class Backend(Protocol):
    """The node as RPC sees it. Plain methods answer from memory; async ones may use a thread."""

    def status(self) -> NodeStatus: ...

    def head(self) -> State:
        """State after the last final block; only the newest lasts, so read it before awaiting."""
        ...

    def pending_nonce(self, address: Address) -> int:
        """Next free nonce of `address`, its pending transactions counted."""
        ...

    async def block_at(self, height: int) -> BlockView | None:
        """The final block of this height."""
        ...

    async def block_by_id(self, block_id: Hash32) -> BlockView | None:
        """A final block, or one that is executed and not final yet."""
        ...

    async def transaction(self, tx_id: Hash32) -> TransactionView | None: ...

    async def submit(self, raw: bytes) -> Hash32:
        """Check and pool a signed transaction, answer its id; InvalidData when it is refused.

        A transaction that is pooled already is not an error.
        """
        ...

    async def verify_signature(self, item: SignatureItem) -> bool:
        """Whether it holds, verified behind all that the chain needs; its shape is right."""
        ...

    async def validator_set(self, height: int) -> ValidatorSet | None:
        """The set that votes at this height; None when it is not known (any more, or yet)."""
        ...

    def core(self) -> CoreState | Lanes:
        """What consensus remembers, in one lane or two: a frozen value."""
        ...

    def evidence(self) -> tuple[bytes, ...]:
        """The evidence of double signatures that this node holds, oldest first, canonical bytes."""
        ...

    async def electorate(self, height: int) -> Electorate | None:
        """Who votes on a height and whose turn each view is; None where `validator_set` is."""
        ...

    async def uptime(self, blocks: int) -> Uptime:
        """Who proposed and signed the last so many final blocks."""
        ...

    async def uptime_parts(self, blocks: int, parts: int) -> tuple[Uptime, ...]:
        """The same in parts of about one length, the oldest first; none is empty."""
        ...

    async def commit(self, height: int) -> CommitView | None:
        """None for heights that are not final and for block 0, which needs no certificate."""
        ...

    async def finality(self, height: int) -> Finality | None:
        """What shows a stranger that a height is final; None where `commit` is None."""
        ...

    async def header_proof(self, height: int, at: int) -> HeaderProof | None:
        """A final header with its proof under a later final one; None where either is unknown."""
        ...

    async def certified_record(self, key: bytes) -> CertifiedRecord | None:
        """A record of the newest state whose root a final header carries; None: there is none."""
        ...

    async def account_history(
        self, address: Address, before: Location | None, limit: int
    ) -> AccountHistoryView | None:
        """Entries below `before`; None where accounts are not indexed."""
        ...

    def peers(self) -> tuple[PeerView, ...]: ...

    def mempool(self, limit: int) -> MempoolView:
        """At most `limit` transactions; count and size are those of the whole pool."""
        ...

    def connect_peer(self, address: str) -> None:
        """Dial this multiaddr, now and whenever the peer is lost. Raises InvalidPeerAddress."""
        ...

    def ban_peer(self, peer_id: str) -> None:
        """End its connection, and refuse it for a while."""
        ...

    def stop(self) -> None:
        """Begin to stop the node."""
        ...

    def accepted_votes(self) -> AbstractContextManager[Subscription[VoteAccepted]]:
        """Votes as the core takes them in."""
        ...

    def pooled_transactions(self) -> AbstractContextManager[Subscription[tuple[Hash32, ...]]]:
        """The ids of transactions as the mempool takes them, those that came together as one."""
        ...

    def final_blocks(self) -> AbstractContextManager[Subscription[BlockView]]:
        """Final blocks from now on, in order: the node publishes BlockViews to a `Feed`."""
        ...

    def metrics_text(self) -> bytes:
        """Prometheus exposition, gauges brought up to date first."""
        ...

    def set_blocked_peers(self, peer_ids: frozenset[str]) -> None:
        """Fault injection: drop these peers until the next call. Served where faults are on."""
        ...

    def set_regions(self, on: bool) -> None:
        """Fault injection: peers are as far away as their cloud regions, or as they are."""
        ...
