"""What a transaction costs, who gets it, and how the price moves from block to block."""

from genesis.limits import VALIDITY_WINDOW_BLOCKS
from genesis.params import FeeParams
from genesis.upgrades import BlockVersion
from vm.accounts import burn
from vm.draft import Draft
from vm.errors import (
    Expired,
    FeeTooLow,
    InsufficientBalance,
    KeyAlgorithmMismatch,
    KeyAlreadyRevealed,
    KeyMismatch,
    KeyNotRevealed,
    NonceMismatch,
    SenderUnknown,
    TransactionTooHeavy,
    ValidUntilTooFar,
    WrongNetwork,
)
from vm.records import Account, public_key_key
from vm.system_bodies import Evidence, Participation
from vm.transactions import (
    RegisterValidator,
    SignedTransaction,
    Stake,
    Transaction,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
)

_MOST_CHANGE = 8  # the base fee moves by at most 1/8 a block (EIP-1559)


def next_base_fee(params: FeeParams, base_fee: int, weight: int) -> int:
    """The price after a block of this weight: up above half a block, down below (EIP-1559)."""
    target = params.max_block_weight // 2
    if weight > target:
        excess = min(weight - target, target)
        return base_fee + max(1, base_fee * excess // target // _MOST_CHANGE)
    fall = base_fee * (target - weight) // target // _MOST_CHANGE
    return max(params.min_base_fee, base_fee - fall)


def maximum_cost(transaction: Transaction) -> int:
    """What a sender must own for the transaction to succeed at any price it allows."""
    return transaction.fee_max + transaction.tip + value_of(transaction)


def value_of(transaction: Transaction) -> int:
    """The coins that leave the sender's balance apart from fees."""
    match transaction.body:
        case Transfer(amount=amount) | Stake(amount=amount):
            return amount
        case RegisterValidator(stake=stake):
            return stake
        case Unstake() | Withdraw() | Unjail() | Evidence() | Participation():
            return 0


def charge(draft: Draft, signed: SignedTransaction) -> int:
    """Check everything that must hold for a transaction to stand in a block, then take its cost.

    Returns the fee burned. The tip is taken too; the proposer gets all tips at the end of the
    block. Nothing is written when a rule is broken.
    """
    transaction = signed.transaction
    require_current(draft, transaction)
    account = draft.account(transaction.sender)
    if account is None:
        raise SenderUnknown(transaction.sender)
    if transaction.nonce != account.nonce:
        raise NonceMismatch(expected=account.nonce, given=transaction.nonce)
    require_key(draft, signed, account)
    fee = require_fee(draft, signed)
    cost = fee + transaction.tip
    if account.balance < cost:
        raise InsufficientBalance(required=cost, available=account.balance)
    if account.algorithm == 0:
        draft.put_record(public_key_key(transaction.sender), signed.public_key)
    charged = Account(
        account.nonce + 1, account.balance - cost, account.staked, int(signed.algorithm)
    )
    draft.put_account(transaction.sender, charged)
    burn(draft, fee)
    return fee


def require_current(draft: Draft, transaction: Transaction) -> None:
    """The right network, and height <= valid_until <= height + window."""
    if transaction.network_id != draft.document.network_id:
        raise WrongNetwork(expected=draft.document.network_id, given=transaction.network_id)
    if transaction.valid_until < draft.height:
        raise Expired(valid_until=transaction.valid_until, height=draft.height)
    if transaction.valid_until > draft.height + VALIDITY_WINDOW_BLOCKS:
        limit = draft.height + VALIDITY_WINDOW_BLOCKS
        raise ValidUntilTooFar(valid_until=transaction.valid_until, limit=limit)


def require_key(draft: Draft, signed: SignedTransaction, account: Account) -> None:
    """The key is revealed by this transaction or by an earlier one; since version 2 not again."""
    sender = signed.transaction.sender
    if account.algorithm == 0:
        if not signed.public_key:
            raise KeyNotRevealed(sender)
        assert draft.record(public_key_key(sender)) is None, "no key is stored before its reveal"
    elif account.algorithm != signed.algorithm:
        raise KeyAlgorithmMismatch(expected=account.algorithm, given=signed.algorithm)
    elif signed.public_key:
        if draft.block_version >= BlockVersion.KEYS_SHOWN_ONCE:
            raise KeyAlreadyRevealed(sender)
        if signed.public_key != draft.record(public_key_key(sender)):
            raise KeyMismatch(sender)


def require_fee(draft: Draft, signed: SignedTransaction) -> int:
    """The base fee of the transaction's weight, which fee_max covers."""
    weight, limit = signed.weight, draft.document.fees.max_block_weight
    if weight > limit:
        raise TransactionTooHeavy(weight=weight, limit=limit)
    fee = draft.base_fee * weight
    if fee > signed.transaction.fee_max:
        raise FeeTooLow(required=fee, fee_max=signed.transaction.fee_max)
    return fee
