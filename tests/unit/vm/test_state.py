"""States: overlays, collapse, and what a tip record brings back."""

import pytest

from native.errors import DecodeError
from tests.builders_vm import (
    address,
    advance,
    advance_to,
    all_records,
    make_document,
    make_state,
    make_transaction,
    seal,
)
from vm.commitment import StateTree
from vm.errors import TipMismatch
from vm.genesis_block import genesis_state
from vm.queries import account_view
from vm.records import account_key, unbonding_key
from vm.state import Outcome, State


def chain(length: int) -> list[State]:
    """Genesis and children that each move a coin; fresh states, because tests collapse them."""
    states = [genesis_state(make_document())]
    for nonce in range(length):
        state, _ = advance(states[-1], seal(make_transaction(nonce=nonce)))
        states.append(state)
    return states


def test_a_child_reads_through_its_ancestors() -> None:
    states = chain(3)
    assert account_view(states[3], address(2)).nonce == 3
    assert account_view(states[0], address(2)).nonce == 0
    assert states[3].get(account_key(address(5))) == states[0].get(account_key(address(5)))
    assert states[3].get(b"nothing") is None


def test_a_removed_record_hides_the_ancestors() -> None:
    state = make_state()
    key = account_key(address(2))
    child = state.after(state.head, Outcome({key: None}, ()))
    assert state.get(key) is not None
    assert child.get(key) is None
    assert child.after(state.head, Outcome({}, ())).get(key) is None


def test_collapse_changes_nothing_that_can_be_seen() -> None:
    states = chain(3)
    database: dict[bytes, bytes] = {}
    for state in states[:3]:
        assert all(value is not None for value in state.changes.values())
        expected = (state.root, state.receipts_root, state.tip_record(), state.base_fee)
        records = {key: state.get(key) for key in all_records(states)}
        database.update(all_records([state]))
        state.collapse(database)
        assert state.changes == {}
        assert (state.root, state.receipts_root, state.tip_record(), state.base_fee) == expected
        assert {key: state.get(key) for key in records} == records
    assert account_view(states[3], address(2)).nonce == 3
    assert states[3].root == StateTree.build(all_records([states[3]], database).items()).root


def test_a_state_is_loaded_from_its_records_and_its_tip() -> None:
    states = chain(4)
    records = all_records(states)
    tree = StateTree.build(records.items())
    loaded = State.load(make_document(), records, tree, states[-1].tip_record())
    assert loaded.head == states[-1].head
    assert loaded.root == states[-1].root
    assert loaded.mmr == states[-1].mmr
    assert loaded.receipts_root == states[-1].receipts_root
    again = seal(make_transaction(nonce=4))
    assert advance(loaded, again)[0].root == advance(states[-1], again)[0].root


def test_a_damaged_database_or_another_chain_is_not_loaded() -> None:
    states = chain(2)
    records, tip = all_records(states), states[-1].tip_record()
    tree = StateTree.build(records.items())
    damaged = tree.update({account_key(address(3)): b"\x00"})
    with pytest.raises(TipMismatch) as caught:
        State.load(make_document(), records, damaged, tip)
    assert caught.value.what == "state root"
    with pytest.raises(TipMismatch) as caught:
        State.load(make_document(epoch_blocks=9), records, tree, tip)
    assert caught.value.what == "genesis hash"
    for broken in (b"", tip[:-1], tip + b"\x00", b"\x96\x02" + tip[2:]):
        with pytest.raises(DecodeError):
            State.load(make_document(), records, tree, broken)


def test_the_tree_is_made_when_it_is_first_asked_for() -> None:
    state = genesis_state(make_document())
    child = state.after(state.head, Outcome({b"zx": b"1"}, ()))
    assert child._tree is None
    assert child.root != state.root
    assert child._tree is not None


def test_hundreds_of_unfinalized_ancestors_are_read_without_recursion() -> None:
    state = make_state()
    for _ in range(2_000):
        state = state.after(state.head, Outcome({}, ()))
    assert state.get(account_key(address(2))) is not None


def test_receipts_root_is_that_of_the_own_block() -> None:
    states = chain(2)
    assert len({state.receipts_root for state in states}) == 3
    assert states[1].get(unbonding_key(address(2))) is None
    assert advance_to(states[0], 2).receipts_root == states[0].receipts_root
