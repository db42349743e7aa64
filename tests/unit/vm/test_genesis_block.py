"""Block 0: every coin of the document is in a record, and nothing else."""

from genesis.units import AI
from tests.builders_vm import (
    FOUNDER_STAKE,
    FOUNDERS,
    PURSE,
    PURSES,
    address,
    all_records,
    balance,
    key,
    make_document,
    make_state,
)
from vm.genesis_block import genesis_state
from vm.queries import account_view, supply_view, validators_view
from vm.records import public_key_key
from vm.supply import scan_supply


def test_the_records_hold_exactly_the_supply_of_the_document() -> None:
    document, state = make_document(), make_state()
    supply = scan_supply(document, all_records([state]).items())
    assert supply.total == document.supply == PURSES * PURSE + 100 * AI + FOUNDERS * FOUNDER_STAKE
    assert supply.staked == FOUNDERS * FOUNDER_STAKE
    assert supply_view(state).total == document.supply


def test_founders_are_validators_with_a_revealed_key() -> None:
    state = make_state()
    views = validators_view(state)
    assert [view.address for view in views] == [address(0), address(1)]
    assert [view.set_index for view in views] == [0, 1]
    for index in range(FOUNDERS):
        account = account_view(state, address(index))
        assert account.staked == FOUNDER_STAKE
        assert account.algorithm == key(index).algorithm
        assert state.get(public_key_key(address(index))) == key(index).public_key


def test_purses_have_no_key_yet() -> None:
    state = make_state()
    assert balance(state, 2) == PURSE
    assert account_view(state, address(2)).algorithm == 0
    assert state.get(public_key_key(address(2))) is None


def test_two_nodes_make_the_same_block_0() -> None:
    first, second = make_state(), genesis_state(make_document())
    assert first.head == second.head
    assert first.root == second.root
    assert first.mmr.count == 1
    assert first.head.vset_hash == make_document().validator_set.hash


def test_another_document_is_another_chain() -> None:
    other = genesis_state(make_document(epoch_blocks=5))
    assert other.head.id != make_state().head.id
