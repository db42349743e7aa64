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
    block_hash: HashHex
    block_number: Quantity
    transaction_index: Quantity
    pq_scheme: str


class EthBlock(EthHead, frozen=True, kw_only=True):
    transactions: list[HashHex | EthTransaction]
    uncles: list[HashHex]
    size: Quantity


class Syncing(Result, frozen=True):
    starting_block: Quantity
    current_block: Quantity
    highest_block: Quantity
