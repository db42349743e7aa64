"""What subscribers are pushed besides blocks and transactions."""

from aichain.rpc.results.result import AddressHex, AmountText, Count, HashHex, Result
from aichain.rpc.results.transactions import PhaseName


class AccountNotice(Result, frozen=True):
    """A final block has transactions that are an account's own or name it in an event."""

    address: AddressHex
    height: Count
    block_hash: HashHex
    transactions: list[HashHex]
    balance: AmountText
    """This and the nonce are those after `state_height`, the newest final block."""
    nonce: Count
    state_height: Count


class VoteNotice(Result, frozen=True):
    """A vote that the core took in. A CANCEL names no block."""

    instance_id: HashHex
    epoch: Count
    phase: PhaseName
    view: Count
    height: Count | None
    block_hash: HashHex | None
    voter: Count
    """Its index in the set, or among the seats, of the instance."""
    accepted_ms: Count
