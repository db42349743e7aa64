"""Admission: what may wait for a block."""

from typing import Any

import pytest

from genesis import limits
from genesis.units import AI
from tests.builders_vm import (
    PURSE,
    address,
    advance,
    make_registration,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.errors import (
    AccountCreationNotCovered,
    Expired,
    FeeTooLow,
    InsufficientBalance,
    KeyNotRevealed,
    NonceMismatch,
    NonceTooFar,
    NothingToWithdraw,
    RoleNotOpen,
    SenderUnknown,
    StakeTooSmall,
    ValidatorUnknown,
    ValidUntilTooFar,
    WrongNetwork,
)
from vm.transactions import Role, Stake, Transaction, Unjail, Withdraw
from vm.validate import check_transaction


def check(transaction: Transaction, *, height: int = 1, reveal: bool | None = None) -> None:
    check_transaction(make_state(), seal(transaction, reveal=reveal), height=height)


def test_a_valid_transaction_may_wait() -> None:
    check(make_transaction())
    check(make_transaction(make_registration()))
    check(make_transaction(Stake(Role.VALIDATOR, address(0), AI), sender=0))


def test_checking_changes_nothing() -> None:
    signed = seal(make_transaction())
    for _ in range(3):
        check_transaction(make_state(), signed, height=1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"network_id": 1}, WrongNetwork),
        ({"valid_until": 0}, Expired),
        ({"valid_until": 7_202}, ValidUntilTooFar),
        ({"sender": 60}, SenderUnknown),
        ({"fee_max": 1}, FeeTooLow),
        ({"tip": PURSE}, InsufficientBalance),
        ({"fee_max": PURSE}, InsufficientBalance),
        ({"body": make_transfer(3, PURSE)}, InsufficientBalance),
        ({"nonce": limits.NONCE_GAP_MAX + 1}, NonceTooFar),
        ({"body": make_transfer(80), "fee_max": 10**15}, AccountCreationNotCovered),
        ({"body": make_registration(stake=1)}, StakeTooSmall),
        ({"body": Stake(Role.DELEGATOR, address(2), 1)}, RoleNotOpen),
        ({"body": Unjail()}, ValidatorUnknown),
        ({"body": Withdraw()}, NothingToWithdraw),
    ],
)
def test_what_is_refused_is_refused_by_name(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        check(make_transaction(**changes))


def test_a_used_nonce_is_refused() -> None:
    signed = seal(make_transaction(sender=0))
    after, _ = advance(make_state(), signed)
    with pytest.raises(NonceMismatch):
        check_transaction(after, signed, height=2)


def test_a_later_nonce_may_wait_within_the_gap() -> None:
    check(make_transaction(nonce=limits.NONCE_GAP_MAX), reveal=True)
    check(make_transaction(Withdraw(), nonce=1), reveal=True)


def test_a_key_must_be_known_to_be_checked() -> None:
    with pytest.raises(KeyNotRevealed):
        check(make_transaction(), reveal=False)
    with pytest.raises(KeyNotRevealed):
        check(make_transaction(nonce=1))


def test_admission_and_a_block_agree_on_the_height() -> None:
    check(make_transaction(valid_until=9), height=9)
    with pytest.raises(Expired):
        check(make_transaction(valid_until=9), height=10)
