"""The working copy: reads fall through, writes stay, undo takes back one transaction."""

import pytest

from tests.builders_vm import account_of, address, make_state
from vm.draft import Draft, read_account, read_counter
from vm.records import BURNED, MINTED, STAKED, Account, account_key, counter_key


def test_reads_fall_through_and_writes_stay_in_the_draft() -> None:
    state = make_state()
    draft = Draft(state, 1)
    before = account_of(draft, 2)
    assert before == read_account(state, address(2))
    draft.put_account(address(2), before._replace(nonce=9))
    assert account_of(draft, 2).nonce == 9
    assert read_account(state, address(2)) == before


def test_undo_takes_back_what_came_after_begin_only() -> None:
    draft = Draft(make_state(), 1)
    draft.account(address(2))
    draft.put_account(address(2), Account(nonce=1))
    draft.begin()
    draft.put_account(address(2), Account(nonce=2))
    draft.put_account(address(2), Account(nonce=3))
    draft.account(address(80))
    draft.put_account(address(80), Account(nonce=4))
    draft.put_counter(BURNED, draft.counter(BURNED) + 5)
    draft.record(b"x")
    draft.put_record(b"x", b"1")
    draft.undo()
    assert draft.account(address(2)) == Account(nonce=1)
    assert draft.account(address(80)) is None
    assert draft.counter(BURNED) == 0
    assert draft.record(b"x") is None
    assert draft.changes().keys() == {account_key(address(2))}


def test_begin_forgets_the_transaction_before() -> None:
    draft = Draft(make_state(), 1)
    draft.counter(MINTED)
    draft.begin()
    draft.put_counter(MINTED, 1)
    draft.begin()
    draft.undo()
    assert draft.counter(MINTED) == 1


def test_only_what_differs_is_a_change() -> None:
    draft = Draft(make_state(), 1)
    account = account_of(draft, 2)
    draft.put_account(address(2), account._replace(nonce=1))
    draft.put_account(address(2), account)
    draft.account(address(90))
    draft.record(b"x")
    draft.put_record(b"x", None)
    assert draft.changes() == {}
    draft.put_counter(STAKED, draft.counter(STAKED) + 1)
    assert draft.changes().keys() == {counter_key(STAKED)}


def test_a_counter_below_zero_is_our_bug() -> None:
    draft = Draft(make_state(), 1)
    draft.counter(MINTED)
    with pytest.raises(AssertionError):
        draft.put_counter(MINTED, -1)
    assert read_counter(make_state(), "nothing") == 0
