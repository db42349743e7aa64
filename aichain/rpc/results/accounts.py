"""Accounts, their records with proofs, and where all coins are."""

from aichain.rpc.results.result import AddressHex, AmountText, Count, HashHex, Hex, Result
from aichain.rpc.results.transactions import RoleName


class Unbonding(Result, frozen=True):
    """Stake that was taken back and is not free yet."""

    amount: AmountText
    matures_at: Count
    """A height."""
    role: RoleName
    target: AddressHex


class Account(Result, frozen=True):
    """An unused address has zeros, and `exists` is false."""

    address: AddressHex
    exists: bool
    balance: AmountText
    nonce: Count
    staked: AmountText
    unbonding: list[Unbonding]
    algorithm: str | None
    """Of the key it revealed; None before its first transaction."""
    is_validator: bool
    pending_nonce: Count
    """The next free nonce, pending transactions counted."""
    height: Count


class AccountProof(Result, frozen=True):
    """The record of an account or its absence under a state root."""

    address: AddressHex
    height: Count
    state_root: HashHex
    block_hash: HashHex
    key: Hex
    value: Hex | None
    proof: Hex


class HistoryEntry(Result, frozen=True):
    """A final transaction that is an account's own or names it in an event."""

    height: Count
    index: Count
    hash: HashHex
    kind: str
    sender: AddressHex
    to: AddressHex | None
    """Who got coins or stake."""
    amount: AmountText
    ok: bool
    error: str | None
    fee_burned: AmountText
    tip: AmountText
    timestamp_ms: Count


class AccountHistory(Result, frozen=True):
    """A page, the newest first."""

    address: AddressHex
    transactions: list[HistoryEntry]
    next: str | None
    """The cursor of the page after this one; None on the last."""
    first_height: Count
    """The blocks that are indexed, from this one to the next field's."""
    indexed_height: Count


class Rewards(Result, frozen=True):
    """What is on its way to a validator that voted, and what it gets for a block of its own."""

    address: AddressHex
    height: Count
    pending: AmountText
    """Its part of the last epoch's votes, once its vote was counted."""
    vote_counted: bool
    paid_at: Count
    """The height of the block that pays voters next."""
    accruing: AmountText
    """Its part of what this epoch has earned so far, if it votes for the epoch's last block."""
    next_proposal: AmountText
    """What its proposal would be paid if it made the next block, tips not counted."""


class Supply(Result, frozen=True):
    """Every coin: from where it came, and where it is."""

    height: Count
    genesis: AmountText
    minted: AmountText
    burned: AmountText
    total: AmountText
    balances: AmountText
    staked: AmountText
    unbonding: AmountText
    treasury: AmountText
    ai_pool: AmountText
    voter_pool: AmountText
    cap: AmountText
    next_reward: AmountText
    base_fee: AmountText
