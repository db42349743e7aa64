"""Blocks: order, atomicity of failures, invalid bodies, and what the end of a block does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from genesis.document import GenesisDocument
from genesis.params import FeeParams
from genesis.units import AI
from tests.builders_evidence import make_evidence, make_participation, report
from tests.builders_vm import (
    PURSE,
    address,
    advance,
    advance_to,
    all_records,
    balance,
    build,
    make_block,
    make_document,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.anchors import ANCHOR_KEY
from vm.apply import apply_block
from vm.commitment import StateTree
from vm.epochs import epoch_key
from vm.errors import InvalidBlock, UnchargeableTransaction
from vm.fees import next_base_fee
from vm.genesis_block import genesis_state
from vm.offences import OFFENCES_KEY
from vm.queries import account_view, supply_view
from vm.transactions import Transaction, Withdraw

GOLDEN = json.loads((Path(__file__).parents[2] / "vectors" / "vm.json").read_text())
FIRST_RULES = replace(make_document(), upgrades=())


def test_transactions_apply_in_order() -> None:
    first = seal(make_transaction(make_transfer(3, PURSE - 2 * AI)))
    second = seal(make_transaction(make_transfer(4, PURSE + AI), sender=3))
    state, receipts = advance(make_state(), first, second)
    assert [receipt.ok for receipt in receipts] == [True, True]
    assert balance(state, 4) == 2 * PURSE + AI
    state, receipts = advance(make_state(), second, first)
    assert [receipt.ok for receipt in receipts] == [False, True]


def test_a_failed_transaction_pays_and_leaves_no_other_trace() -> None:
    with_failure = [
        seal(make_transaction(make_transfer(80, PURSE))),
        seal(make_transaction(nonce=1)),
    ]
    state, receipts = advance(make_state(), *with_failure)
    assert [receipt.ok for receipt in receipts] == [False, True]
    assert not account_view(state, address(80)).exists
    assert account_view(state, address(2)).nonce == 2
    spent = AI + 2 * 7 + sum(receipt.fee_burned for receipt in receipts)
    assert balance(state, 2) == PURSE - spent


@pytest.mark.parametrize(
    "transactions",
    [
        [make_transaction(nonce=1)],
        [make_transaction(nonce=1), make_transaction()],
        [make_transaction(), make_transaction(nonce=2)],
        [make_transaction(), make_transaction(Withdraw())],
        [make_transaction(network_id=36_964)],
        [make_transaction(valid_until=0)],
        [make_transaction(sender=60)],
        [make_transaction(fee_max=1)],
        [make_transaction(tip=PURSE)],
        [make_transaction(), make_transaction(tip=PURSE - AI, nonce=1)],
    ],
    ids=[
        "nonce ahead",
        "out of order",
        "gap",
        "same nonce",
        "other network",
        "expired",
        "no account",
        "fee",
        "tip",
        "second cannot pay",
    ],
)
def test_a_transaction_that_cannot_be_charged_makes_the_block_invalid(
    transactions: list[Transaction],
) -> None:
    state = make_state()
    block = make_block(state, [seal(each) for each in transactions])
    with pytest.raises(UnchargeableTransaction) as caught:
        apply_block(state, block)
    assert isinstance(caught.value, InvalidBlock)
    assert caught.value.tx_id == block.transactions[caught.value.index].id


def test_a_replay_in_a_later_block_is_invalid() -> None:
    signed = seal(make_transaction())
    state, _ = advance(make_state(), signed)
    with pytest.raises(UnchargeableTransaction, match="expected=1 given=0"):
        apply_block(state, make_block(state, [signed]))


def test_an_invalid_block_leaves_its_parent_as_it_was() -> None:
    state = genesis_state(make_document())
    root, changes = state.root, dict(state.changes)
    bad = make_block(state, [seal(make_transaction()), seal(make_transaction(nonce=5))])
    for _ in range(2):
        with pytest.raises(InvalidBlock):
            apply_block(state, bad)
    assert state.root == root
    assert state.changes == changes
    good = build(state, [seal(make_transaction())])
    assert apply_block(state, good.block)[0].root == good.state.root


def test_two_children_of_one_parent_do_not_touch_each_other() -> None:
    state = make_state()
    one, _ = advance(state, seal(make_transaction()))
    two, _ = advance(state, seal(make_transaction(sender=4)))
    assert balance(one, 2) < PURSE == balance(two, 2)
    assert balance(two, 4) < PURSE == balance(one, 4)


def test_tips_are_the_proposers_only_at_the_end_of_the_block() -> None:
    tip = 50 * AI
    rich = seal(make_transaction(tip=tip))
    spends = seal(make_transaction(make_transfer(5, 120 * AI), sender=0))
    state, receipts = advance(make_state(), rich, spends, proposer_index=0)
    assert [receipt.ok for receipt in receipts] == [True, False]
    assert receipts[1].error == "insufficient_balance"
    assert balance(state, 0) > 140 * AI


def test_the_base_fee_follows_the_weight_of_the_block() -> None:
    state, fees = make_state(), FeeParams()
    signed = seal(make_transaction())
    after, _ = advance(state, signed)
    assert after.base_fee == next_base_fee(fees, fees.initial_base_fee, signed.weight)
    empty, _ = advance(after)
    assert empty.base_fee == next_base_fee(fees, after.base_fee, 0)


def test_supply_is_genesis_and_minted_without_burned() -> None:
    state, receipts = advance(make_state(), seal(make_transaction(make_transfer(80))))
    view = supply_view(state)
    assert view.burned == receipts[0].fee_burned
    assert view.minted == 1785 * 10**15
    assert view.total == make_document().supply + view.minted - view.burned


def test_the_root_is_that_of_a_rebuilt_database() -> None:
    states = [genesis_state(make_document())]
    for nonce in range(3):
        transfer = seal(make_transaction(make_transfer(80 + nonce), nonce=nonce))
        states.append(advance(states[-1], transfer)[0])
    records = all_records(states)
    assert StateTree.build(records.items()).root == states[-1].root


BY_VERSION = [(FIRST_RULES, GOLDEN), (make_document(), GOLDEN | GOLDEN["block_version_2"])]


@pytest.mark.parametrize(("document", "golden"), BY_VERSION, ids=["first version", "second"])
def test_golden_roots_never_move(document: GenesisDocument, golden: dict[str, str]) -> None:
    """They change only with a decision in vm/README.md."""
    state = make_state(document)
    assert state.document.hash.hex() == golden["genesis_hash"]
    assert state.head.id.hex() == golden["genesis_block_id"]
    assert state.root.hex() == golden["genesis_state_root"]
    transfer = seal(make_transaction(make_transfer(80, memo=b"golden")))
    failing = seal(make_transaction(Withdraw(), sender=3))
    built = build(state, [transfer, failing])
    assert transfer.raw[: len(golden["transaction_head"]) // 2].hex() == golden["transaction_head"]
    assert transfer.id.hex() == golden["transaction_id"]
    assert transfer.raw_hash.hex() == golden["transaction_raw_hash"]
    assert built.block.header.raw.hex() == golden["header"]
    assert built.block.id.hex() == golden["block_id"]
    assert built.state.root.hex() == golden["state_root"]
    assert built.state.receipts_root.hex() == golden["receipts_root"]
    assert built.state.mmr.root.hex() == golden["header_mmr_root"]


@pytest.mark.parametrize(("document", "golden"), BY_VERSION, ids=["first version", "second"])
def test_golden_epochs_never_move(document: GenesisDocument, golden: dict[str, str]) -> None:
    """Two epochs with votes counted and a double signer proven: sets, seeds, anchors, offences."""
    edge = advance_to(make_state(document), 4)
    state, _ = advance(edge, report(make_participation(edge, 0, 1)))
    evidence = report(make_evidence(make_state(document), 1))
    assert evidence.id.hex() == golden["evidence_id"]
    state, _ = advance(state, evidence)
    state = advance_to(state, 8)
    assert state.head.id.hex() == golden["block_8_id"]
    assert state.root.hex() == golden["block_8_state_root"]
    assert state.head.beacon_mix.hex() == golden["block_8_beacon_mix"]
    names = {"epoch_2": epoch_key(2), "anchor": ANCHOR_KEY, "offences": OFFENCES_KEY}
    records = {name: state.get(key) for name, key in names.items()}
    assert {name: raw.hex() for name, raw in records.items() if raw} == {
        name: golden[name] for name in names
    }
