"""Reveals of our turns: the next layer on each branch, or a reason in the log."""

import pytest

from aichain.node.reveals import Reveals
from genesis.networks import founder_key, local_document
from genesis.onion import Onion, onion_seed, peel
from native.hashing import Hash32
from vm.genesis_block import genesis_state
from vm.onions import OnionRecord, encode_onion, onion_at, onion_key
from vm.state import Outcome, State

KEY = founder_key("devnet", 1)
PLACE = 1


def state_with(record: OnionRecord | None = None) -> State:
    state = genesis_state(local_document("devnet", 3, onion_length=40))
    if record is None:
        return state
    return state.after(state.head, Outcome({onion_key(PLACE): encode_onion(record)}, ()))


def record_of(state: State) -> OnionRecord:
    return onion_at(state.get, PLACE, 0)


def test_the_reveal_opens_what_the_ledger_holds_on_each_branch() -> None:
    reveals, state = Reveals(KEY), state_with()
    reveals.prepare(state)
    first = reveals.next(state, 0, PLACE)
    assert first is not None
    assert peel(first) == record_of(state).head
    child = state_with(record_of(state).peeled(first))
    second = reveals.next(child, 0, PLACE)
    assert second is not None
    assert peel(second) == first
    assert reveals.next(state, 0, PLACE) == first


def test_a_branch_with_more_layers_left_than_the_first_one_seen_is_served() -> None:
    reveals, state = Reveals(KEY), state_with()
    first = Hash32(Onion.build(onion_seed(KEY.seed), 40).reveal(40))
    assert reveals.next(state_with(record_of(state).peeled(first)), 0, PLACE) is not None
    assert reveals.next(state, 0, PLACE) == first


def test_a_renewed_onion_has_its_own_seed() -> None:
    renewed = Onion.build(onion_seed(KEY.seed, 1), 30)
    record = record_of(state_with()).renewed(renewed.head, 30, 1)
    reveals, state = Reveals(KEY), state_with(record)
    old = reveals.next(state, 0, PLACE)
    assert old is not None
    assert peel(old) == record.head
    assert reveals.next(state, 1, PLACE) == renewed.reveal(30)


def test_the_next_onion_is_made_before_it_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = Onion.build(onion_seed(KEY.seed, 1), 30)
    record = record_of(state_with()).renewed(renewed.head, 30, 1)
    reveals, state = Reveals(KEY), state_with(record)
    reveals.prepare(state)
    assert reveals.make(record.at(1)) == renewed
    monkeypatch.setattr(Onion, "build", None)  # from here on nothing takes long
    assert reveals.next(state, 0, PLACE) is not None
    assert reveals.next(state, 1, PLACE) == renewed.reveal(30)


def test_nothing_left_is_said_with_its_fix(caplog: pytest.LogCaptureFixture) -> None:
    assert Reveals(KEY).next(state_with(OnionRecord(Hash32(bytes(32)), 0)), 0, PLACE) is None
    assert "aichain tx renew-onion" in caplog.text


def test_an_onion_of_another_key_is_said(caplog: pytest.LogCaptureFixture) -> None:
    stranger = Reveals(founder_key("devnet", 2))
    assert stranger.next(state_with(), 0, PLACE) is None
    assert "not this key's" in caplog.text
    assert "renew-onion" in caplog.text


def test_who_does_not_vote_has_nothing_to_prepare() -> None:
    Reveals(founder_key("devnet", 9)).prepare(state_with())
