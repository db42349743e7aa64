"""Witnesses: which signatures a transaction and a block stand on, verified for real here."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from genesis.units import format_address
from native.errors import InvalidSignature
from native.signatures import Algorithm, SignatureItem, SigningKey, verify
from tests.builders_vm import (
    NETWORK_ID,
    address,
    advance,
    key,
    make_block,
    make_registration,
    make_state,
    make_transaction,
    seal,
)
from vm.errors import KeyAlgorithmMismatch, KeyNotRevealed, PossessionUnproved
from vm.transactions import SignedTransaction, Transaction, sign_possession, sign_transaction
from vm.witnesses import block_witnesses, require_verified, transaction_witnesses


def verdicts(items: Iterable[SignatureItem]) -> list[bool]:
    return [verify(each.public_key, each.message, each.context, each.signature) for each in items]


def sign(transaction: Transaction, sender: int = 2, *, reveal: bool = True) -> SignedTransaction:
    return sign_transaction(transaction, key(sender), reveal=reveal)


def test_a_signed_transaction_verifies_and_an_altered_one_does_not() -> None:
    signed = sign(make_transaction())
    items = transaction_witnesses(make_state(), signed)
    assert verdicts(items) == [True]
    forged = replace(items[0], message=sign(make_transaction(nonce=1)).id)
    assert verdicts([forged]) == [False]
    assert verdicts(transaction_witnesses(make_state(), seal(make_transaction()))) == [False]


def test_the_key_comes_from_the_state_when_it_is_omitted() -> None:
    founder = sign(make_transaction(sender=0), 0, reveal=False)
    assert verdicts(transaction_witnesses(make_state(), founder)) == [True]
    with pytest.raises(KeyNotRevealed):
        transaction_witnesses(make_state(), sign(make_transaction(), reveal=False))


def test_a_registration_stands_on_two_signatures() -> None:
    body = replace(
        make_registration(40), possession=sign_possession(NETWORK_ID, address(2), key(40))
    )
    items = transaction_witnesses(make_state(), sign(make_transaction(body)))
    assert verdicts(items) == [True, True]
    stolen = sign(make_transaction(body, sender=3), 3)
    assert verdicts(transaction_witnesses(make_state(), stolen)) == [True, False]


def test_the_witness_that_did_not_verify_is_named() -> None:
    signed = sign(make_transaction(make_registration(40)))
    require_verified(signed, [True, True])
    with pytest.raises(InvalidSignature) as forged:
        require_verified(signed, [False, True])
    assert forged.value.code == "invalid_signature"
    with pytest.raises(PossessionUnproved) as unproved:
        require_verified(signed, [True, False])
    assert unproved.value.code == "possession_unproved"
    assert format_address(address(40)) in unproved.value.subject


def test_a_key_revealed_earlier_in_the_block_counts() -> None:
    first, second = sign(make_transaction()), sign(make_transaction(nonce=1), reveal=False)
    block = make_block(make_state(), [first, second])
    assert [verdicts(items) for items in block_witnesses(make_state(), block)] == [[True], [True]]
    with pytest.raises(KeyNotRevealed):
        block_witnesses(make_state(), make_block(make_state(), [second, first]))


def test_what_is_verified_already_is_not_asked_again() -> None:
    first, second = sign(make_transaction()), sign(make_transaction(nonce=1), reveal=False)
    block = make_block(make_state(), [first, second])
    known = frozenset({first.raw_hash})
    assert [len(items) for items in block_witnesses(make_state(), block, known)] == [0, 1]
    other_witness = sign(make_transaction())
    assert other_witness.id == first.id
    block = make_block(make_state(), [other_witness])
    assert [len(items) for items in block_witnesses(make_state(), block, known)] == [1]


def test_a_signature_of_another_algorithm_than_the_keys_is_refused() -> None:
    state, _ = advance(make_state(), seal(make_transaction()))
    small = SigningKey.from_seed(bytes(32), Algorithm.ML_DSA_44)
    signed = seal(make_transaction(nonce=1), reveal=False)
    other = SignedTransaction(
        signed.transaction, small.algorithm, b"", signed.raw, signed.id, signed.raw_hash
    )
    with pytest.raises(KeyAlgorithmMismatch):
        transaction_witnesses(state, other)
