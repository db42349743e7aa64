"""One transaction: charged, then done or undone."""

import pytest

from tests.builders_vm import (
    account_of,
    address,
    make_registration,
    make_state,
    make_transaction,
    make_transfer,
    peer_id,
    seal,
)
from vm.draft import Draft
from vm.errors import NonceMismatch
from vm.execute import apply_transaction, perform
from vm.records import consensus_key_key, peer_id_key, validator_key
from vm.transactions import Unjail


def test_a_receipt_names_the_transaction_and_its_cost() -> None:
    signed = seal(make_transaction(tip=12))
    receipt = apply_transaction(Draft(make_state(), 1), signed)
    assert (receipt.tx_id, receipt.ok, receipt.error, receipt.tip) == (signed.id, True, "", 12)


def test_what_cannot_be_charged_raises_and_what_fails_returns() -> None:
    draft = Draft(make_state(), 1)
    with pytest.raises(NonceMismatch):
        apply_transaction(draft, seal(make_transaction(nonce=1)))
    receipt = apply_transaction(draft, seal(make_transaction(Unjail())))
    assert (receipt.ok, receipt.error, receipt.events) == (False, "validator_unknown", ())
    assert account_of(draft, 2).nonce == 1


def test_a_failure_half_way_is_undone_completely() -> None:
    """The registration has written its index entries when the balance turns out too small."""
    draft = Draft(make_state(), 1)
    body = make_registration(40, stake=10**30)
    signed = seal(make_transaction(body))
    before = account_of(draft, 2)
    receipt = apply_transaction(draft, signed)
    assert (receipt.ok, receipt.error) == (False, "insufficient_balance")
    assert draft.record(consensus_key_key(body.public_key)) is None
    assert draft.record(peer_id_key(peer_id(40))) is None
    assert draft.record(validator_key(address(2))) is None
    spent = before.balance - account_of(draft, 2).balance
    assert spent == receipt.fee_burned + receipt.tip


def test_perform_takes_the_creation_fee_from_the_allowance() -> None:
    draft = Draft(make_state(), 1)
    transaction = make_transaction(make_transfer(80))
    assert len(perform(draft, transaction, transaction.fee_max)) == 2
