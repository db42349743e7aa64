"""The working copy: reads fall through, writes stay, undo takes back one transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from genesis.units import AI
from tests.builders_vm import FOUNDER_STAKE, account_of, address, make_state
from vm import draft as draft_module
from vm.candidates import list_candidate
from vm.draft import Draft, read_account, read_counter
from vm.epochs import CANDIDATES_KEY, decode_candidates, encode_candidates
from vm.records import BURNED, MINTED, STAKED, Account, account_key, counter_key
from vm.staking import validator_of


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


def test_the_candidates_are_read_and_written_once_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of 2,000 takes 5 ms both ways, and a block has 400 transactions that change it."""
    coded: list[str] = []
    for code in (decode_candidates, encode_candidates):

        def count(value: Any, code: Callable[[Any], Any] = code) -> Any:
            coded.append(code.__name__)
            return code(value)

        monkeypatch.setattr(draft_module, code.__name__, count)
    draft = Draft(make_state(), 1)
    founder = validator_of(draft, address(0))
    for stake in range(FOUNDER_STAKE, FOUNDER_STAKE + 100):
        list_candidate(draft, replace(founder, stake=stake))
    stakes = {0: FOUNDER_STAKE + 99, 1: FOUNDER_STAKE}
    assert draft.changes() == {CANDIDATES_KEY: encode_candidates(stakes)}
    assert coded == ["decode_candidates", "encode_candidates"]


def test_undo_takes_back_what_became_of_the_candidates() -> None:
    draft = Draft(make_state(), 1)
    founder = validator_of(draft, address(0))
    list_candidate(draft, replace(founder, stake=FOUNDER_STAKE + AI))
    draft.begin()
    list_candidate(draft, replace(founder, stake=0))
    assert draft.candidates() == {1: FOUNDER_STAKE}
    draft.undo()
    assert draft.candidates() == {0: FOUNDER_STAKE + AI, 1: FOUNDER_STAKE}
    list_candidate(draft, founder)
    assert draft.changes() == {}
