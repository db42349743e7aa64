"""May a transaction wait for a block: everything the state can say, without its signature."""

from genesis.limits import NONCE_GAP_MAX
from vm.draft import Draft
from vm.errors import InsufficientBalance, NonceMismatch, NonceTooFar, SenderUnknown
from vm.execute import perform
from vm.fees import charge, maximum_cost, require_current, require_fee, require_key
from vm.records import Account
from vm.state import State
from vm.transactions import SignedTransaction
from vm.validator_errors import SystemTransaction


def check_transaction(state: State, signed: SignedTransaction, *, height: int) -> Account:
    """Refuse what could not be charged at `height`, or would fail, or lies too far ahead.

    The next transaction of its sender is tried in full, so that nobody pays for a failure that
    was certain. One that waits for earlier nonces is only asked whether it could be charged.
    Answers the sender's account as the state has it.
    """
    draft = Draft(state, height)
    transaction = signed.transaction
    require_current(draft, transaction)
    if transaction.is_system:
        raise SystemTransaction(int(transaction.kind))
    account = draft.account(transaction.sender)
    if account is None:
        raise SenderUnknown(transaction.sender)
    if transaction.nonce < account.nonce:
        raise NonceMismatch(expected=account.nonce, given=transaction.nonce)
    if transaction.nonce > account.nonce + NONCE_GAP_MAX:
        raise NonceTooFar(expected=account.nonce, given=transaction.nonce, limit=NONCE_GAP_MAX)
    require_key(draft, signed, account)
    require_fee(draft, signed)
    cost = maximum_cost(transaction)
    if account.balance < cost:
        raise InsufficientBalance(required=cost, available=account.balance)
    if transaction.nonce == account.nonce:
        fee = charge(draft, signed)
        perform(draft, transaction, transaction.fee_max - fee)
    return account
