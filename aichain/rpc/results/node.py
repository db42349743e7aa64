"""What a node says of itself, its peers and its mempool."""

from typing import Literal

from msgspec import UNSET, UnsetType

from aichain.rpc.results.result import AmountText, Count, HashHex, Hex, Result
from aichain.rpc.results.transactions import Transaction
from aichain.rpc.statuses import JoinStage, Voting


class NextUpgrade(Result, frozen=True, kw_only=True):
    """From this height on, blocks are of this version."""

    block_version: Count
    from_height: Count


class Status(Result, frozen=True, kw_only=True):
    """Where a node stands. The last block is the last final one."""

    network: str
    chain_id: Count
    genesis_hash: HashHex
    node_id: str
    height: Count
    block_hash: HashHex
    state_root: HashHex
    finalized_at_ms: Count
    finalized_ago_ms: Count
    now_ms: Count
    clock_offset_ms: int | None
    """How far its clock is ahead of the others' at the least; None while too few propose."""
    epoch: Count
    view: Count
    peers: Count
    validator_index: Count | None
    voting: Voting
    syncing: bool
    target_height: Count
    first_height: Count
    """The lowest block that it keeps."""
    version: str
    signature_engine: str
    accelerators: list[str]
    hash_engine: str
    kernels_compiled: bool
    block_version: Count
    """Of the next block: the rules that it obeys."""
    next_upgrade: NextUpgrade | None
    base_fee: AmountText
    account_creation_fee: AmountText
    fast_height: Count | UnsetType = UNSET
    """With two lanes: how far committees have made blocks fast."""
    checkpoint: Count | UnsetType = UNSET
    """With two lanes: the number of the last one."""
    snapshot_stage: JoinStage | UnsetType = UNSET
    """This and the next three stand while it joins by a snapshot."""
    snapshot_height: Count | UnsetType = UNSET
    snapshot_part: Count | UnsetType = UNSET
    snapshot_parts: Count | UnsetType = UNSET
    indexed_height: Count | UnsetType = UNSET
    """With an index of accounts: how far it is."""
    clock_trouble: str | UnsetType = UNSET
    """What is wrong and what to do, here and below; left out while nothing is."""
    index_trouble: str | UnsetType = UNSET
    archive_trouble: str | UnsetType = UNSET
    engine_trouble: str | UnsetType = UNSET


class Readiness(Result, frozen=True):
    """What GET /ready and GET /health say."""

    status: Literal["ready", "behind"]
    network: str
    height: Count
    target_height: Count
    finalized_ago_ms: Count
    syncing: bool
    peers: Count


class Peer(Result, frozen=True):
    """A connected peer, and what it says of itself."""

    peer_id: str
    address: str
    direction: Literal["inbound", "outbound"]
    agent: str
    validator_key: Hex | None
    final_height: Count
    final_hash: HashHex
    epoch: Count
    view: Count
    rtt_ms: int
    """Rounded up; 0 before it was measured."""
    score: int


class Mempool(Result, frozen=True):
    """Its size, and its best paying transactions."""

    count: Count
    size_bytes: Count
    transactions: list[Transaction]


class BlockedPeers(Result, frozen=True):
    blocked: list[str]


class Regions(Result, frozen=True):
    regions: bool
