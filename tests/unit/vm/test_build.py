"""Building: what is taken, what is left for later, what is dropped."""

import pytest

from genesis.params import FeeParams
from tests.builders_vm import (
    PURSE,
    build,
    make_document,
    make_registration,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.apply import apply_block
from vm.blocks import body_bytes, require_body
from vm.build import may_come_later
from vm.errors import (
    FeeTooLow,
    InsufficientBalance,
    InvalidBlock,
    NonceMismatch,
    ValidUntilTooFar,
)
from vm.genesis_block import genesis_state
from vm.transactions import Transaction, Withdraw

BROKEN = (
    make_transaction(sender=60),
    make_transaction(network_id=1),
    make_transaction(valid_until=0),
    make_transaction(tip=PURSE),
)
WAITING = (
    make_transaction(nonce=3),
    make_transaction(fee_max=1),
    make_transaction(valid_until=8_000),
)


def test_what_is_built_is_what_another_node_computes() -> None:
    candidates = [
        seal(make_transaction(make_transfer(80))),
        seal(make_transaction(make_registration(), sender=3)),
        seal(make_transaction(Withdraw(), sender=4)),
    ]
    built = build(make_state(), candidates, proposer_index=1)
    require_body(built.block.header, built.block.transactions)
    state, receipts = apply_block(make_state(), built.block)
    assert state.root == built.state.root
    assert receipts == built.receipts
    assert state.changes == built.state.changes
    assert [receipt.ok for receipt in receipts] == [True, True, False]


@pytest.mark.parametrize("bad", BROKEN)
def test_what_can_never_follow_is_dropped_with_its_reason(bad: Transaction) -> None:
    built = build(make_state(), [seal(bad), seal(make_transaction())])
    assert [signed.id for signed, _ in built.dropped] == [bad.id]
    assert built.block.transactions == (seal(make_transaction()),)


@pytest.mark.parametrize("waiting", WAITING)
def test_what_waits_is_neither_taken_nor_dropped(waiting: Transaction) -> None:
    built = build(make_state(), [seal(waiting), seal(make_transaction(sender=3))])
    assert built.dropped == ()
    assert len(built.block.transactions) == 1


def test_a_used_nonce_is_dropped_and_a_later_one_taken() -> None:
    again = make_transaction(make_transfer(4))
    built = build(
        make_state(), [seal(make_transaction()), seal(again), seal(make_transaction(nonce=1))]
    )
    assert [type(error) for _, error in built.dropped] == [NonceMismatch]
    assert len(built.block.transactions) == 2


def test_only_some_refusals_pass_with_time() -> None:
    assert may_come_later(NonceMismatch(expected=1, given=2))
    assert not may_come_later(NonceMismatch(expected=2, given=1))
    assert may_come_later(FeeTooLow(required=2, fee_max=1))
    assert may_come_later(ValidUntilTooFar(valid_until=2, limit=1))
    assert not may_come_later(InsufficientBalance(required=2, available=1))


@pytest.mark.parametrize(
    "fees",
    [FeeParams(max_block_weight=170_000), FeeParams(max_block_bytes=170_000)],
    ids=["weight", "bytes"],
)
def test_a_block_is_filled_to_its_limit_and_not_beyond(fees: FeeParams) -> None:
    state = genesis_state(make_document(fees=fees))
    candidates = [seal(make_transaction(nonce=nonce)) for nonce in range(60)]
    built = build(state, candidates)
    taken = built.block.transactions
    assert 20 < len(taken) < 60
    assert built.dropped == ()
    assert sum(each.weight for each in taken) <= fees.max_block_weight
    assert body_bytes(taken) <= fees.max_block_bytes
    after, _ = apply_block(state, built.block)
    assert after.root == built.state.root
    more = sum(each.weight for each in taken) + candidates[-1].weight
    size = body_bytes(taken) + len(candidates[-1].raw) + 3
    assert more > fees.max_block_weight or size > fees.max_block_bytes - 2


def test_a_small_candidate_still_fits_behind_a_large_one() -> None:
    fees = FeeParams(max_block_weight=170_000)
    state = genesis_state(make_document(fees=fees))
    fill = [seal(make_transaction(nonce=nonce)) for nonce in range(36)]
    large = seal(make_transaction(make_registration(), sender=3))
    left = fees.max_block_weight - sum(each.weight for each in fill)
    assert seal(make_transaction(sender=4)).weight <= left < large.weight
    built = build(state, [*fill, large, seal(make_transaction(sender=4))])
    assert large not in built.block.transactions
    assert len(built.block.transactions) == 37


@pytest.mark.parametrize(
    "attributes",
    [{"epoch": 1}, {"view": 0}, {"proposer_index": 2}, {"timestamp_ms": 1}],
    ids=["epoch", "view", "proposer", "timestamp"],
)
def test_attributes_that_do_not_follow_the_parent_are_refused(attributes: dict[str, int]) -> None:
    with pytest.raises(InvalidBlock):
        build(make_state(), (), **attributes)


def test_no_candidates_make_an_empty_block() -> None:
    built = build(make_state())
    assert (built.block.transactions, built.receipts) == ((), ())
    assert apply_block(make_state(), built.block)[0].root == built.state.root
