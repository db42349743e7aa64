"""What existing mining clients read, name by name as they do: not our names."""

import msgspec

from aichain.rpc.results.result import AmountText, Count

ByteValues = list[int]
"""Their hashes and keys are arrays of byte values."""


class LedgerHeight(msgspec.Struct, frozen=True):
    height: Count


class LedgerRewards(msgspec.Struct, frozen=True):
    rewards: AmountText


class LedgerTransaction(msgspec.Struct, frozen=True):
    status: str
    block_height: Count | None
    reason: str | None


class LedgerBlock(msgspec.Struct, frozen=True):
    height: Count
    parent_hash: ByteValues
    hash: ByteValues
    timestamp: Count
    proposer: ByteValues
    tx_root: ByteValues
    state_root: ByteValues
    tx_count: Count


class LedgerSubmission(msgspec.Struct, frozen=True):
    hash: str
    """Without 0x."""
