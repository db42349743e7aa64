"""A public key that the chain has is in no block again, whoever added it to a transaction."""

from dataclasses import replace

import pytest

from genesis.upgrades import BlockVersion, Upgrade
from tests.builders_evidence import make_evidence, system
from tests.builders_vm import (
    address,
    advance,
    build,
    key,
    make_block,
    make_document,
    make_registration,
    make_state,
    make_transaction,
    seal,
    with_records,
)
from vm.apply import apply_block
from vm.errors import KeyAlreadyRevealed, UnchargeableTransaction
from vm.genesis_block import genesis_state
from vm.records import public_key_key
from vm.spare_keys import as_built, without_spare_key
from vm.transactions import VerifiedTransaction, decode_transaction, without_key


def of_one_sender(count: int) -> list[VerifiedTransaction]:
    """Signed before any of them was final, so that each shows the key."""
    return [seal(make_transaction(nonce=nonce), reveal=True) for nonce in range(count)]


def test_without_its_key_a_transaction_is_the_same_intent() -> None:
    signed = seal(make_transaction(make_registration(), sender=3))
    bare = without_key(signed)
    assert decode_transaction(bare.raw) == bare
    assert (bare.id, bare.signature, bare.public_key) == (signed.id, signed.signature, b"")
    assert bare == seal(signed.transaction, reveal=False)
    assert without_key(bare) is bare


def test_several_of_a_new_sender_stand_in_one_block_and_the_first_shows_the_key() -> None:
    sent = of_one_sender(3)
    built = build(make_state(), sent)
    assert built.dropped == ()
    taken = built.block.transactions
    assert [bool(each.public_key) for each in taken] == [True, False, False]
    assert [each.id for each in taken] == [each.id for each in sent]
    state, receipts = apply_block(make_state(), built.block)
    assert state.root == built.state.root
    base_fee = make_state().base_fee
    assert [each.fee_burned for each in receipts] == [base_fee * each.weight for each in taken]


@pytest.mark.parametrize("sender", [0, 2])
def test_a_key_that_somebody_added_costs_the_sender_nothing(sender: int) -> None:
    state, _ = advance(make_state(), seal(make_transaction(sender=sender)))
    bare = seal(make_transaction(sender=sender, nonce=1), reveal=False)
    fattened = seal(bare.transaction, reveal=True)
    assert fattened.id == bare.id
    assert without_spare_key(state, fattened) == bare
    assert build(state, [fattened]).block == build(state, [bare]).block


def test_a_block_that_shows_a_key_again_is_invalid() -> None:
    state, _ = advance(make_state(), seal(make_transaction()))
    for parent, body in (
        (state, [seal(make_transaction(nonce=1), reveal=True)]),
        (make_state(), of_one_sender(2)),
    ):
        with pytest.raises(UnchargeableTransaction) as refused:
            apply_block(parent, make_block(parent, body))
        assert isinstance(refused.value.__cause__, KeyAlreadyRevealed)


def test_before_the_second_version_a_key_may_be_shown_again_if_it_is_the_same() -> None:
    at = (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, 3),)
    parent = genesis_state(replace(make_document(), upgrades=at))
    for nonce in range(2):
        parent, _ = apply_block(parent, make_block(parent, of_one_sender(2)[nonce:][:1]))
    assert parent.head.version == BlockVersion.FIRST
    with pytest.raises(UnchargeableTransaction) as refused:
        apply_block(parent, make_block(parent, of_one_sender(3)[2:]))
    assert isinstance(refused.value.__cause__, KeyAlreadyRevealed)


def test_a_body_is_put_together_from_whatever_copies_there_are() -> None:
    other = [seal(make_transaction(sender=sender), reveal=True) for sender in (0, 3)]
    sent = [*of_one_sender(3), *other]
    taken = build(make_state(), sent).block.transactions
    assert as_built(make_state(), sent) == taken
    assert as_built(make_state(), taken) == taken


def test_another_key_of_the_same_address_is_not_taken_for_the_known_one() -> None:
    """Two keys of one address cost 2^80 work; who has them makes no proposer build a bad block."""
    colliding: dict[bytes, bytes | None] = {public_key_key(address(0)): key(9).public_key}
    state = with_records(make_state(), colliding)
    signed = seal(make_transaction(sender=0), reveal=True)
    assert without_spare_key(state, signed) is signed
    assert as_built(state, [signed]) == (signed,)
    built = build(state, [signed])
    assert built.block.transactions == ()
    assert [type(error) for _, error in built.dropped] == [KeyAlreadyRevealed]


def test_system_transactions_keep_their_keys() -> None:
    """They are free, and what they show is not kept."""
    signed = seal(system(make_evidence(make_state()), sender=0), reveal=True)
    assert without_spare_key(make_state(), signed) is signed
    assert as_built(make_state(), [signed, signed]) == (signed, signed)
