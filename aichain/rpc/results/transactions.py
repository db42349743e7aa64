"""Transactions, what became of them, and the events they caused."""

from typing import Literal

from msgspec import UNSET, UnsetType

from aichain.rpc.results.result import AddressHex, AmountText, Count, HashHex, Hex, Result
from aichain.rpc.statuses import BlockStatus

RoleName = Literal["miner", "validator", "delegator"]
Standing = Literal["pending", "included", "final", "failed"]
"""Of a transaction."""
PhaseName = Literal["prefer", "commit", "cancel"]
LaneName = Literal["hard", "fast"]


class TransferBody(Result, frozen=True):
    to: AddressHex
    amount: AmountText
    memo: Hex


class StakeBody(Result, frozen=True):
    """Of a stake, and of an unstake."""

    role: RoleName
    target: AddressHex
    amount: AmountText


class RegisterValidatorBody(Result, frozen=True):
    public_key: Hex
    peer_id: str
    commission_bps: Count
    onion_head: HashHex
    onion_length: Count
    stake: AmountText


class NoBody(Result, frozen=True):
    """Of a withdrawal, and of an unjail: the sender says it all."""


class VoteClaim(Result, frozen=True, tag_field="kind", tag="vote"):
    phase: PhaseName
    height: Count
    block_hash: HashHex


class ProposalClaim(Result, frozen=True, tag_field="kind", tag="proposal"):
    justify_view: Count
    height: Count
    block_hash: HashHex


class CloseClaim(Result, frozen=True, tag_field="kind", tag="close"):
    tip_view: Count
    tip_hash: HashHex


class EvidenceBody(Result, frozen=True):
    """Two signatures of one validator that exclude each other; `raw` has them."""

    offender: AddressHex
    instance_id: HashHex
    epoch: Count
    lane: LaneName
    view: Count
    claims: list[VoteClaim | ProposalClaim | CloseClaim]


class ParticipationBody(Result, frozen=True):
    """Who signed the last block of an epoch, as a bitmap of its validators."""

    epoch: Count
    view: Count
    voters: Hex
    checkpoint_hash: HashHex | None


class Transferred(Result, frozen=True, tag_field="kind", tag="transferred"):
    sender: AddressHex
    to: AddressHex
    amount: AmountText
    memo: Hex


class AccountCreated(Result, frozen=True, tag_field="kind", tag="account_created"):
    address: AddressHex
    fee_burned: AmountText


class ValidatorRegistered(Result, frozen=True, tag_field="kind", tag="validator_registered"):
    address: AddressHex
    index: Count
    stake: AmountText


class Staked(Result, frozen=True, tag_field="kind", tag="staked"):
    owner: AddressHex
    role: Count
    target: AddressHex
    amount: AmountText


class Unstaked(Result, frozen=True, tag_field="kind", tag="unstaked"):
    owner: AddressHex
    role: Count
    target: AddressHex
    amount: AmountText
    matures_at: Count


class Withdrawn(Result, frozen=True, tag_field="kind", tag="withdrawn"):
    owner: AddressHex
    amount: AmountText


class Unjailed(Result, frozen=True, tag_field="kind", tag="unjailed"):
    address: AddressHex


class OnionRenewed(Result, frozen=True, tag_field="kind", tag="onion_renewed"):
    address: AddressHex
    epoch: Count
    length: Count


class ValidatorSlashed(Result, frozen=True, tag_field="kind", tag="validator_slashed"):
    address: AddressHex
    slashed: AmountText
    reward: AmountText
    slashed_of_earlier: AmountText


class VotesCounted(Result, frozen=True, tag_field="kind", tag="votes_counted"):
    epoch: Count
    votes: Count


Event = (
    Transferred
    | AccountCreated
    | ValidatorRegistered
    | Staked
    | Unstaked
    | Withdrawn
    | Unjailed
    | OnionRenewed
    | ValidatorSlashed
    | VotesCounted
)


class Receipt(Result, frozen=True):
    """What a transaction cost; `error` is the rule it broke, and then it had no other effect."""

    ok: bool
    error: str | None
    fee_burned: AmountText
    tip: AmountText
    events: list[Event] | UnsetType = UNSET
    """Left out where a block lists its transactions."""


class TransactionFields(Result, frozen=True, kw_only=True, tag_field="kind"):
    """What the sender signed, whatever it asks for."""

    hash: HashHex
    network_id: Count
    sender: AddressHex
    nonce: Count
    fee_max: AmountText
    tip: AmountText
    valid_until: Count
    algorithm: str
    weight: Count
    size_bytes: Count
    index: Count | UnsetType = UNSET
    """This and the receipt stand only where a block lists its transactions."""
    receipt: Receipt | UnsetType = UNSET


class TransferTransaction(TransactionFields, frozen=True, kw_only=True, tag="transfer"):
    body: TransferBody


class StakeTransaction(TransactionFields, frozen=True, kw_only=True, tag="stake"):
    body: StakeBody


class UnstakeTransaction(TransactionFields, frozen=True, kw_only=True, tag="unstake"):
    body: StakeBody


class WithdrawTransaction(TransactionFields, frozen=True, kw_only=True, tag="withdraw"):
    body: NoBody


class UnjailTransaction(TransactionFields, frozen=True, kw_only=True, tag="unjail"):
    body: NoBody


class EvidenceTransaction(TransactionFields, frozen=True, kw_only=True, tag="evidence"):
    body: EvidenceBody


class RegisterValidatorTransaction(
    TransactionFields, frozen=True, kw_only=True, tag="register_validator"
):
    body: RegisterValidatorBody


class ParticipationTransaction(TransactionFields, frozen=True, kw_only=True, tag="participation"):
    body: ParticipationBody


Transaction = (
    TransferTransaction
    | StakeTransaction
    | UnstakeTransaction
    | WithdrawTransaction
    | RegisterValidatorTransaction
    | UnjailTransaction
    | EvidenceTransaction
    | ParticipationTransaction
)


class TransactionStatus(Result, frozen=True):
    """A transaction that the node holds: where it stands, and what came of it."""

    hash: HashHex
    status: Standing
    """`failed` is final too: charged, and without any other effect."""
    block_status: BlockStatus | None
    """None while it is pending."""
    height: Count | None
    block_hash: HashHex | None
    index: Count | None
    transaction: Transaction
    receipt: Receipt | None
    raw: Hex | UnsetType = UNSET
    """Left out of what subscribers are pushed."""
