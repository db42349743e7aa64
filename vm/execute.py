"""One transaction on a draft: charge it, do what it asks, or undo that and say why not."""

from typing import assert_never

from vm.accounts import apply_transfer
from vm.anchors import apply_participation
from vm.draft import Draft
from vm.errors import InvalidTransaction
from vm.fees import charge, require_current
from vm.offences import apply_evidence
from vm.receipts import Event, Receipt
from vm.records import BURNED
from vm.staking import (
    apply_register,
    apply_stake,
    apply_unjail,
    apply_unstake,
    apply_withdraw,
)
from vm.system_bodies import Evidence, Participation
from vm.transactions import (
    SYSTEM_BODIES,
    RegisterValidator,
    SignedTransaction,
    Stake,
    Transaction,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
)


def apply_transaction(draft: Draft, signed: SignedTransaction) -> Receipt:
    """The receipt of a charged transaction; InvalidTransaction if it cannot be charged.

    A charged transaction always costs its fee, its tip and a nonce, also when it then fails. A
    system transaction costs nothing and does not fail: it is refused.
    """
    transaction = signed.transaction
    if type(transaction.body) in SYSTEM_BODIES:
        return _apply_free(draft, signed)
    burned_before = draft.counter(BURNED)
    fee = charge(draft, signed)
    draft.begin()
    try:
        events = perform(draft, transaction, transaction.fee_max - fee)
    except InvalidTransaction as error:
        draft.undo()
        return Receipt(signed.id, False, error.code, fee, transaction.tip, ())
    burned = draft.counter(BURNED) - burned_before
    return Receipt(signed.id, True, "", burned, transaction.tip, events)


def _apply_free(draft: Draft, signed: SignedTransaction) -> Receipt:
    transaction = signed.transaction
    require_current(draft, transaction)
    draft.begin()
    try:
        events = perform(draft, transaction, 0)
    except InvalidTransaction:
        draft.undo()
        raise
    return Receipt(signed.id, True, "", 0, 0, events)


def perform(draft: Draft, transaction: Transaction, allowance: int) -> tuple[Event, ...]:
    """The effects of a body. `allowance` is what fee_max leaves for an account creation fee."""
    sender, body = transaction.sender, transaction.body
    match body:
        case Transfer():
            return apply_transfer(draft, sender, body, allowance)
        case Stake():
            return apply_stake(draft, sender, body)
        case Unstake():
            return apply_unstake(draft, sender, body)
        case Withdraw():
            return apply_withdraw(draft, sender)
        case RegisterValidator():
            return apply_register(draft, sender, body)
        case Unjail():
            return apply_unjail(draft, sender)
        case Evidence():
            return apply_evidence(draft, sender, body)
        case Participation():
            return apply_participation(draft, body)
        case _:
            assert_never(body)
