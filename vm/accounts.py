"""Balances: the only place where coins move between accounts."""

from genesis.units import Address
from vm.draft import Draft
from vm.errors import AccountCreationNotCovered, InsufficientBalance
from vm.receipts import Event, EventKind
from vm.records import BURNED, Account
from vm.transactions import Transfer


def apply_transfer(
    draft: Draft, sender: Address, body: Transfer, allowance: int
) -> tuple[Event, ...]:
    """Move coins. A new account burns the creation fee, which must fit into `allowance`."""
    to, amount = body.to, body.amount
    recipient = draft.account(to)
    moved = Event(EventKind.TRANSFERRED, (sender, to, amount, body.memo))
    if recipient is not None:
        debit(draft, sender, amount)
        credit(draft, to, amount)
        return (moved,)
    creation_fee = draft.document.fees.account_creation_fee
    if creation_fee > allowance:
        raise AccountCreationNotCovered(required=creation_fee, fee_max=allowance)
    debit(draft, sender, amount + creation_fee)
    burn(draft, creation_fee)
    credit(draft, to, amount)
    return (Event(EventKind.ACCOUNT_CREATED, (to, creation_fee)), moved)


def debit(draft: Draft, address: Address, amount: int) -> Account:
    """Take from a balance; InsufficientBalance when it is not there."""
    account = draft.account(address)
    assert account is not None, "who pays has an account"
    nonce, balance, staked, algorithm = account
    if balance < amount:
        raise InsufficientBalance(required=amount, available=balance)
    debited = Account(nonce, balance - amount, staked, algorithm)
    draft.put_account(address, debited)
    return debited


def credit(draft: Draft, address: Address, amount: int) -> None:
    """Add to a balance. Amounts fit 128 bits because the whole supply does (genesis checks it)."""
    nonce, balance, staked, algorithm = draft.account(address) or Account()
    draft.put_account(address, Account(nonce, balance + amount, staked, algorithm))


def burn(draft: Draft, amount: int) -> None:
    """Count coins that were just taken from a balance as destroyed."""
    draft.put_counter(BURNED, draft.counter(BURNED) + amount)
