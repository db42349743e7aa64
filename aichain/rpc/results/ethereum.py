"""Blocks and transactions as Ethereum clients read them (execution-apis); constants where empty."""

import msgspec

from aichain.rpc.results.result import AddressHex, HashHex, Hex, Quantity, Result


class EthHead(Result, frozen=True, kw_only=True):
    """A block as `newHeads` sends it."""

    number: Quantity
    hash: HashHex
    parent_hash: HashHex
    timestamp: Quantity
    """In seconds."""
    miner: AddressHex
    """The proposer."""
    state_root: HashHex
    transactions_root: HashHex
    receipts_root: HashHex
    gas_used: Quantity
    """Weight: bytes, and 1,000 a signature."""
    gas_limit: Quantity
    base_fee_per_gas: Quantity | msgspec.UnsetType = msgspec.UNSET
    """What a unit of weight cost: found out, for headers do not carry it. Block 0 has none."""
    extra_data: Hex
    mix_hash: HashHex
    difficulty: Quantity
    total_difficulty: Quantity
    nonce: Hex
    sha3_uncles: HashHex = msgspec.field(name="sha3Uncles")
    logs_bloom: Hex


class EthTransaction(Result, frozen=True, kw_only=True):
    """`gas` times `gas_price` is exactly the fee of the weight; other costs stand apart."""

    type: Quantity
    hash: HashHex
    sender: AddressHex = msgspec.field(name="from")
    to: AddressHex | None
    value: Quantity
    input: Hex
    nonce: Quantity
    gas: Quantity
    gas_price: Quantity
    account_creation_fee: Quantity
    tip: Quantity
    chain_id: Quantity
    block_hash: HashHex | None
    """This and the two below are null while it is not final."""
    block_number: Quantity | None
    transaction_index: Quantity | None
    pq_scheme: str
    v: Quantity
    """This and the two below are zero: no ECDSA signature exists, and `ethers` insists on one."""
    r: Quantity
    s: Quantity


class EthBlock(EthHead, frozen=True, kw_only=True):
    transactions: list[HashHex | EthTransaction]
    uncles: list[HashHex]
    size: Quantity


class EthLog(Result, frozen=True, kw_only=True):
    """An event of a receipt, or what a proposer was paid for its block."""

    address: AddressHex
    topics: list[HashHex]
    data: Hex
    block_hash: HashHex
    block_number: Quantity
    block_timestamp: Quantity
    transaction_hash: HashHex
    """Of a reward, which no transaction caused, the block's hash."""
    transaction_index: Quantity
    log_index: Quantity
    removed: bool
    """Never: only what is final is shown."""


class EthReceipt(Result, frozen=True, kw_only=True):
    """`gas_used` times `effective_gas_price` is exactly the fee of the weight."""

    type: Quantity
    status: Quantity
    error: str | None
    """The rule that a failed transaction broke."""
    transaction_hash: HashHex
    transaction_index: Quantity
    block_hash: HashHex
    block_number: Quantity
    sender: AddressHex = msgspec.field(name="from")
    to: AddressHex | None
    contract_address: AddressHex | None
    cumulative_gas_used: Quantity
    gas_used: Quantity
    effective_gas_price: Quantity
    account_creation_fee: Quantity
    tip: Quantity
    logs: list[EthLog]
    logs_bloom: Hex


class FeeHistory(Result, frozen=True, kw_only=True):
    """Prices and fullness of final blocks, and the price of the block after them."""

    oldest_block: Quantity
    base_fee_per_gas: list[Quantity]
    gas_used_ratio: list[float]
    reward: list[list[Quantity]] | msgspec.UnsetType = msgspec.UNSET
    """Tips per weight at the percentiles asked for, by the weight of their transactions."""


class Syncing(Result, frozen=True):
    starting_block: Quantity
    current_block: Quantity
    highest_block: Quantity


class SyncNotice(Result, frozen=True):
    """What subscribers of "syncing" are told when it begins; when it ends they get false."""

    syncing: bool
    status: Syncing
