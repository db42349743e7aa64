"""Transfers: who loses, who gains, and what a new account costs."""

import pytest

from genesis.params import FeeParams
from genesis.units import AI
from tests.builders_vm import (
    PURSE,
    account_of,
    address,
    advance,
    balance,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.accounts import apply_transfer, credit, debit
from vm.draft import Draft
from vm.errors import AccountCreationNotCovered, InsufficientBalance
from vm.queries import account_view
from vm.receipts import Event, EventKind
from vm.records import Account

CREATION = FeeParams().account_creation_fee


def test_a_transfer_moves_exactly_its_amount() -> None:
    signed = seal(make_transaction(make_transfer(3, 5 * AI, b"hi"), tip=9))
    state, (receipt,) = advance(make_state(), signed)
    assert receipt.ok
    assert receipt.fee_burned == signed.weight * FeeParams().initial_base_fee
    assert balance(state, 2) == PURSE - 5 * AI - receipt.fee_burned - 9
    assert balance(state, 3) == PURSE + 5 * AI
    assert receipt.events == (
        Event(EventKind.TRANSFERRED, (address(2), address(3), 5 * AI, b"hi")),
    )


def test_a_new_account_burns_the_creation_fee() -> None:
    signed = seal(make_transaction(make_transfer(70, AI)))
    state, (receipt,) = advance(make_state(), signed)
    base = signed.weight * FeeParams().initial_base_fee
    assert receipt.ok
    assert receipt.fee_burned == base + CREATION
    assert balance(state, 70) == AI
    assert balance(state, 2) == PURSE - AI - base - CREATION - 7
    assert [event.kind for event in receipt.events] == [
        EventKind.ACCOUNT_CREATED,
        EventKind.TRANSFERRED,
    ]


def test_the_creation_fee_must_fit_under_fee_max() -> None:
    base = seal(make_transaction(make_transfer(70))).weight * FeeParams().initial_base_fee
    enough = make_transaction(make_transfer(70), fee_max=base + CREATION)
    short = make_transaction(make_transfer(70), fee_max=base + CREATION - 1)
    assert advance(make_state(), seal(enough))[1][0].ok
    state, (receipt,) = advance(make_state(), seal(short))
    assert (receipt.ok, receipt.error) == (False, "account_creation_not_covered")
    assert receipt.fee_burned == base
    assert not account_view(state, address(70)).exists


def test_a_transfer_to_oneself_costs_only_the_fee() -> None:
    state, (receipt,) = advance(make_state(), seal(make_transaction(make_transfer(2, PURSE // 2))))
    assert receipt.ok
    assert balance(state, 2) == PURSE - receipt.fee_burned - 7


def test_overspending_fails_with_its_fee_charged() -> None:
    state, (receipt,) = advance(make_state(), seal(make_transaction(make_transfer(3, PURSE))))
    assert (receipt.ok, receipt.error, receipt.events) == (False, "insufficient_balance", ())
    assert balance(state, 2) == PURSE - receipt.fee_burned - 7
    assert balance(state, 3) == PURSE
    assert account_view(state, address(2)).nonce == 1


def test_everything_can_be_spent_and_not_one_unit_more() -> None:
    draft = Draft(make_state(), 1)
    with pytest.raises(InsufficientBalance):
        apply_transfer(draft, address(2), make_transfer(3, PURSE + 1), 0)
    apply_transfer(draft, address(2), make_transfer(3, PURSE), 0)
    assert draft.account(address(2)) == Account()
    with pytest.raises(AccountCreationNotCovered):
        apply_transfer(draft, address(3), make_transfer(70, 1), CREATION - 1)


def test_debit_and_credit_keep_the_rest_of_an_account() -> None:
    draft = Draft(make_state(), 1)
    founder = account_of(draft, 0)
    assert debit(draft, address(0), 1) == founder._replace(balance=founder.balance - 1)
    credit(draft, address(0), 1)
    assert draft.account(address(0)) == founder
    credit(draft, address(71), 4)
    assert draft.account(address(71)) == Account(balance=4)
