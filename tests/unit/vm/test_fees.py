"""Fees: the base fee's walk, and every reason why a transaction cannot be charged."""

from typing import Any

import pytest

from genesis import limits
from genesis.params import FeeParams
from genesis.units import U128_MAX
from native.signatures import Algorithm, SigningKey
from tests.builders_vm import (
    PURSE,
    account_of,
    address,
    key,
    make_state,
    make_transaction,
    make_transfer,
    seal,
    with_account,
)
from vm.draft import Draft
from vm.errors import (
    Expired,
    FeeTooLow,
    InsufficientBalance,
    KeyAlgorithmMismatch,
    KeyAlreadyRevealed,
    KeyNotRevealed,
    NonceMismatch,
    SenderUnknown,
    TransactionTooHeavy,
    ValidUntilTooFar,
    WrongNetwork,
)
from vm.fees import charge, maximum_cost, next_base_fee, value_of
from vm.records import BURNED, Account, public_key_key
from vm.state import State
from vm.transactions import (
    Body,
    Role,
    SignedTransaction,
    Stake,
    Unjail,
    Unstake,
    VerifiedTransaction,
    Withdraw,
)

THIRTY = FeeParams(max_block_weight=30_000_000, initial_base_fee=1_000, min_base_fee=8)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(15_000_000, 1_000), (20_000_000, 1_041), (10_000_000, 959), (30_000_000, 1_125), (0, 875)],
)
def test_the_base_fee_moves_as_eip_1559_says(weight: int, expected: int) -> None:
    assert next_base_fee(THIRTY, 1_000, weight) == expected


def test_the_base_fee_has_a_floor_and_always_rises_when_a_block_is_more_than_half_full() -> None:
    assert next_base_fee(THIRTY, 8, 0) == 8
    assert next_base_fee(THIRTY, 9, 0) == 8
    assert next_base_fee(THIRTY, 8, 15_000_001) == 9


@pytest.mark.parametrize("limit", [170_000, 170_001, 2_000_000])
def test_the_base_fee_never_moves_more_than_an_eighth(limit: int) -> None:
    params = FeeParams(max_block_weight=limit)
    for base_fee in (10**9, 10**10 + 7, 10**20):
        for weight in (0, 1, limit // 3, limit // 2, limit // 2 + 1, limit):
            moved = next_base_fee(params, base_fee, weight) - base_fee
            assert abs(moved) <= max(1, base_fee // 8)


def charged(
    signed: VerifiedTransaction, state: State | None = None, height: int = 1
) -> tuple[Draft, int]:
    draft = Draft(state or make_state(), height)
    return draft, charge(draft, signed)


def test_a_charge_takes_fee_tip_and_nonce_and_stores_the_key() -> None:
    signed = seal(make_transaction(tip=9))
    draft, fee = charged(signed)
    assert fee == signed.weight * FeeParams().initial_base_fee
    expected = Account(1, PURSE - fee - 9, 0, int(Algorithm.ML_DSA_65))
    assert draft.account(address(2)) == expected
    assert draft.counter(BURNED) == fee
    assert draft.record(public_key_key(address(2))) == key(2).public_key


def other_algorithm(signed: VerifiedTransaction) -> VerifiedTransaction:
    """The same transaction signed, by its form, with ML-DSA-44."""
    small = SigningKey.from_seed(bytes(32), Algorithm.ML_DSA_44)
    other = SignedTransaction(
        signed.transaction, small.algorithm, b"", signed.raw, signed.id, signed.raw_hash
    )
    return VerifiedTransaction(other)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"network_id": 36_964}, WrongNetwork),
        ({"valid_until": 0}, Expired),
        ({"valid_until": 2 + limits.VALIDITY_WINDOW_BLOCKS}, ValidUntilTooFar),
        ({"sender": 60}, SenderUnknown),
        ({"nonce": 1}, NonceMismatch),
        ({"fee_max": 0}, FeeTooLow),
        ({"tip": PURSE}, InsufficientBalance),
        ({"tip": U128_MAX}, InsufficientBalance),
    ],
)
def test_what_cannot_be_charged_is_refused_by_name_and_changes_nothing(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    draft = Draft(make_state(), 1)
    with pytest.raises(error):
        charge(draft, seal(make_transaction(**changes)))
    assert draft.changes() == {}


def test_a_transaction_is_valid_from_its_window_to_its_last_height() -> None:
    at_the_end = seal(make_transaction(valid_until=1))
    assert charged(at_the_end, height=1)[1] > 0
    with pytest.raises(Expired):
        charged(at_the_end, height=2)
    at_the_start = seal(make_transaction(valid_until=1 + limits.VALIDITY_WINDOW_BLOCKS))
    assert charged(at_the_start, height=1)[1] > 0


def test_fee_max_covers_exactly_the_base_fee_of_the_weight() -> None:
    fee = seal(make_transaction()).weight * FeeParams().initial_base_fee
    assert charged(seal(make_transaction(fee_max=fee)))[1] == fee
    with pytest.raises(FeeTooLow) as caught:
        charged(seal(make_transaction(fee_max=fee - 1)))
    assert (caught.value.required, caught.value.fee_max) == (fee, fee - 1)


def test_the_balance_covers_exactly_fee_and_tip() -> None:
    signed = seal(make_transaction(tip=5))
    cost = signed.weight * FeeParams().initial_base_fee + 5
    draft, _ = charged(signed, with_account(make_state(), 2, Account(balance=cost)))
    assert account_of(draft, 2).balance == 0
    with pytest.raises(InsufficientBalance):
        charged(signed, with_account(make_state(), 2, Account(balance=cost - 1)))


def test_the_first_transaction_must_reveal_the_key_and_later_ones_may_omit_it() -> None:
    with pytest.raises(KeyNotRevealed):
        charged(seal(make_transaction(), reveal=False))
    draft, _ = charged(seal(make_transaction()))
    assert charge(draft, seal(make_transaction(nonce=1), reveal=False)) > 0
    with pytest.raises(KeyAlreadyRevealed):
        charge(draft, seal(make_transaction(nonce=2), reveal=True))


def test_a_founders_key_is_known_from_genesis() -> None:
    assert charged(seal(make_transaction(sender=0), reveal=False))[1] > 0


def test_a_key_is_never_shown_again_nor_replaced() -> None:
    with pytest.raises(KeyAlreadyRevealed):
        charged(seal(make_transaction(sender=0), reveal=True))
    with pytest.raises(KeyAlgorithmMismatch):
        charged(other_algorithm(seal(make_transaction(sender=0), reveal=False)))


def test_a_transaction_heavier_than_a_block_is_refused() -> None:
    signed = seal(make_transaction())
    draft = Draft(make_state(), 1)
    heavy = SignedTransaction(
        signed.transaction,
        signed.algorithm,
        signed.public_key,
        bytes(FeeParams().max_block_weight),
        signed.id,
        signed.raw_hash,
    )
    with pytest.raises(TransactionTooHeavy):
        charge(draft, heavy)


def test_the_value_is_what_leaves_the_balance_besides_fees() -> None:
    bodies: list[tuple[Body, int]] = [
        (make_transfer(amount=5), 5),
        (Stake(Role.VALIDATOR, address(2), 6), 6),
        (Unstake(Role.VALIDATOR, address(2), 7), 0),
        (Withdraw(), 0),
        (Unjail(), 0),
    ]
    for body, value in bodies:
        transaction = make_transaction(body, fee_max=100, tip=10)
        assert value_of(transaction) == value
        assert maximum_cost(transaction) == value + 110
