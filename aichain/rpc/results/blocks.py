"""Blocks, and the certificates that made them final."""

from aichain.rpc.results.result import AddressHex, Count, HashHex, Hex, Result, WeightText
from aichain.rpc.results.transactions import PhaseName, Transaction
from aichain.rpc.statuses import BlockStatus


class Header(Result, frozen=True):
    """Every field that the block's hash covers, and that hash."""

    hash: HashHex
    height: Count
    version: Count
    genesis_hash: HashHex
    epoch: Count
    view: Count
    parent_hash: HashHex
    parent_view: Count
    proposer_index: Count
    timestamp_ms: Count
    tx_root: HashHex
    witness_root: HashHex
    parent_state_root: HashHex
    parent_receipts_root: HashHex
    parent_outbox_root: HashHex
    header_mmr_root: HashHex
    vset_hash: HashHex
    next_vset_hash: HashHex
    onion_reveal: HashHex
    beacon_mix: HashHex
    last_hard_height: Count
    last_hard_hash: HashHex


class BlockHead(Header, frozen=True):
    """A block without its transactions."""

    proposer: AddressHex | None
    """None of block 0, and where the validators of its epoch are not kept."""
    state_root: HashHex
    """After this block; the next header carries it."""
    final: bool
    status: BlockStatus
    finalized_at_ms: Count | None
    """None while it is not final, and where it was taken by sync."""
    transaction_count: Count


class Block(BlockHead, frozen=True):
    """A block with its transactions, each with its index and receipt."""

    transactions: list[Transaction]


class RawHeader(Header, frozen=True):
    raw: Hex
    """These bytes hash to `hash`."""


class Checkpoint(Result, frozen=True):
    """What the hard lane votes for: a term ends at its block, and the next one starts there."""

    number: Count
    hash: HashHex
    parent_hash: HashHex
    height: Count
    block_hash: HashHex
    restart: bool
    next_vset_hash: HashHex
    epoch: Count
    view: Count
    proposer_index: Count
    timestamp_ms: Count


class Signer(Result, frozen=True):
    index: Count
    address: AddressHex
    stake: WeightText
    signature: Hex


class Certificate(Result, frozen=True):
    """A quorum's votes; `signed_message` is what each signature covers."""

    instance_id: HashHex
    epoch: Count
    phase: PhaseName
    view: Count
    height: Count
    block_hash: HashHex
    voters: Hex
    """Bitmap over the validator set."""
    signed_message: Hex
    weight: WeightText
    total_stake: WeightText
    signers: list[Signer]


class Commit(Result, frozen=True):
    """Enough to verify finality with nothing but the validators' public keys."""

    height: Count
    block_hash: HashHex
    certificate: Certificate
    checkpoint: Checkpoint | None
    """With two lanes, what the votes are for."""
    headers: list[RawHeader]
    """From the certified block by parent to the one asked for."""
