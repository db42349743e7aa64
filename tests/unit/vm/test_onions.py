"""Onions: every block opens its proposer's commitment, and a new one waits two epochs."""

from dataclasses import replace

import pytest

from genesis.beacon import epoch_seed, mixed
from genesis.onion import peel
from genesis.units import AI
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32
from tests.builders_vm import (
    FOUNDER_STAKE,
    ONION_LAYERS,
    address,
    advance,
    advance_to,
    balance,
    build,
    make_attributes,
    make_block,
    make_document,
    make_onion,
    make_registration,
    make_state,
    make_transaction,
    make_transfer,
    peer_id,
    seal,
    seed_of,
    with_records,
)
from vm.apply import apply_block
from vm.build import build_block
from vm.onions import (
    RENEWAL_EPOCHS,
    OnionRecord,
    decode_onion,
    encode_onion,
    onion_at,
    onion_key,
)
from vm.queries import ValidatorView, account_view, validator_view
from vm.receipts import EventKind, Receipt
from vm.records import peer_id_key
from vm.state import State
from vm.transactions import Body
from vm.validator_errors import OnionExhausted, WrongReveal

RECORD = OnionRecord(Hash32(b"\x01" * 32), 9, 2, Hash32(b"\x02" * 32), 100, 7)


def view_of(state: State, owner: int) -> ValidatorView:
    view = validator_view(state, address(owner))
    assert view is not None
    return view


def with_layers(state: State, index: int, layers: int) -> State:
    """Most of the onion is used up already."""
    record = onion_at(state.get, index, 0)
    used = replace(record, head=make_onion(index).reveal(layers + 1), layers=layers)
    return with_records(state, {onion_key(index): encode_onion(used)})


def send(state: State, sender: int, body: Body) -> tuple[State, Receipt]:
    nonce = account_view(state, address(sender)).nonce
    state, (receipt,) = advance(state, seal(make_transaction(body, sender=sender, nonce=nonce)))
    return state, receipt


def test_a_record_survives_and_a_damaged_one_does_not() -> None:
    for record in (RECORD, OnionRecord(ZERO_HASH, 0)):
        raw = encode_onion(record)
        assert decode_onion(raw) == record
        for damaged in (b"", raw[:-1], raw + b"\x00", b"\x97\x02" + raw[2:]):
            with pytest.raises(DecodeError):
                decode_onion(damaged)


def test_the_next_onion_takes_over_in_its_epoch() -> None:
    assert [RECORD.at(epoch).layers for epoch in (0, 6, 7, 8)] == [9, 9, 100, 100]
    assert RECORD.at(7) == OnionRecord(RECORD.next_head, 100, 3)
    assert RECORD.peeled(ZERO_HASH).at(7) == RECORD.at(7)


def test_every_block_reveals_and_mixes() -> None:
    state = make_state()
    mix = make_document().seed
    assert state.head.beacon_mix == mix
    for turn in (0, 1, 1, 0):
        before = onion_at(state.get, turn, 0)
        other = onion_at(state.get, 1 - turn, 0)
        state, _ = advance(state, proposer_index=turn)
        after = onion_at(state.get, turn, 0)
        assert peel(after.head) == before.head
        assert (after.head, after.layers) == (state.head.onion_reveal, before.layers - 1)
        assert onion_at(state.get, 1 - turn, 0) == other
        mix = mixed(mix, state.head.onion_reveal)
        assert state.head.beacon_mix == mix


def test_the_mix_of_an_epochs_last_block_is_the_seed_of_the_second_one_after() -> None:
    state, document = make_state(), make_document()
    for epoch in (0, 1):
        assert seed_of(state, epoch) == epoch_seed(document.seed, epoch)
    for epoch in (2, 3, 4):
        state = advance_to(state, 4 * (epoch - 1))
        assert seed_of(state, epoch) == state.head.beacon_mix
    other = advance_to(advance(make_state(), proposer_index=1)[0], 4)
    assert seed_of(other, 2) != seed_of(advance_to(make_state(), 4), 2)


def test_a_reveal_is_good_once() -> None:
    first, _ = advance(make_state())
    again = make_block(first, onion_reveal=first.head.onion_reveal)
    with pytest.raises(WrongReveal) as caught:
        apply_block(first, again)
    assert caught.value.expected == first.head.onion_reveal


def test_an_exhausted_onion_cannot_propose() -> None:
    state = with_layers(make_state(), 0, 1)
    state, _ = advance(state)
    assert onion_at(state.get, 0, 0).layers == 0
    for proposer in (0, 1):
        attributes = make_attributes(state, proposer_index=proposer)
        if proposer:
            assert build_block(state, (), attributes).block.header.proposer_index == 1
            continue
        with pytest.raises(OnionExhausted) as caught:
            build_block(state, (), attributes)
        assert caught.value.proposer_index == 0


def test_who_has_nothing_to_reveal_is_no_candidate_for_a_set() -> None:
    state = with_layers(make_state(), 1, 0)
    state = advance_to(state, 4)
    known = state.epoch(2)
    assert known is not None
    assert known.stakes[1] < FOUNDER_STAKE


def test_a_renewal_counts_two_epochs_later() -> None:
    state = with_layers(make_state(), 0, 7)
    before = balance(state, 0)
    state, receipt = send(state, 0, make_registration(0, renewals=1, stake=0))
    assert receipt.ok, receipt.error
    assert receipt.events[0].kind is EventKind.ONION_RENEWED
    assert receipt.events[0].values == (address(0), RENEWAL_EPOCHS, ONION_LAYERS)
    assert view_of(state, 0).stake == FOUNDER_STAKE
    assert view_of(state, 0).commission_bps == 500
    assert balance(state, 0) < before + AI
    state = advance_to(state, 7)
    assert (view_of(state, 0).onion_length, view_of(state, 0).onion_renewals) == (0, 0)
    with pytest.raises(OnionExhausted):
        build(state)
    assert known_stake(state, 2) == FOUNDER_STAKE  # it will have something to reveal
    state, _ = advance(state, proposer_index=1)
    assert (view_of(state, 0).onion_length, view_of(state, 0).onion_renewals) == (ONION_LAYERS, 1)
    state, _ = advance(state)
    assert state.head.onion_reveal == make_onion(0, 1).reveal(ONION_LAYERS)
    assert view_of(state, 0).onion_length == ONION_LAYERS - 1
    assert onion_at(state.get, 0, 0).next_epoch == 0


def test_who_runs_out_falls_out_of_the_set_renews_and_proposes_again() -> None:
    state = with_layers(make_state(), 1, 1)
    state, _ = advance(state, proposer_index=1)
    with pytest.raises(OnionExhausted):
        build(state, proposer_index=1)
    state = advance_to(state, 8)
    shrunk = [known.stakes[1] for known in (state.epoch(2), state.epoch(3)) if known]
    assert FOUNDER_STAKE > shrunk[0] > shrunk[1], "an eighth of the whole set an epoch"
    state, receipt = send(state, 2, make_transfer(1, 10 * AI))
    assert receipt.ok, receipt.error
    state, receipt = send(state, 1, make_registration(1, renewals=1, stake=0))
    assert receipt.ok, receipt.error
    state = advance_to(state, 16)
    assert onion_at(state.get, 1, 4) == OnionRecord(make_onion(1, 1).head, ONION_LAYERS, 1)
    known = state.epoch(5)
    assert known is not None
    assert known.stakes[1] > shrunk[1], "it is on its way back"
    state, _ = advance(state, proposer_index=1)
    assert state.head.onion_reveal == make_onion(1, 1).reveal(ONION_LAYERS)


def known_stake(state: State, epoch: int) -> int:
    known = state.epoch(epoch)
    assert known is not None
    return known.stakes[0]


def test_a_renewal_is_not_replaced_and_may_be_followed() -> None:
    state, _ = send(make_state(), 0, make_registration(0, renewals=1, stake=0))
    for height, renewals in ((1, 2), (2, 1), (6, 2)):
        state = advance_to(state, height)
        state, receipt = send(state, 0, make_registration(0, renewals=renewals, stake=0))
        assert receipt.error == "renewal_pending"
    state, receipt = send(advance_to(state, 8), 0, make_registration(0, renewals=2, stake=0))
    assert receipt.ok, receipt.error
    assert onion_at(state.get, 0, 4) == OnionRecord(make_onion(0, 2).head, ONION_LAYERS, 2)


def test_a_renewal_may_add_stake_and_move_to_another_node() -> None:
    state, receipt = send(make_state(), 2, make_registration(40, stake=2_500 * AI))
    moved = make_registration(40, renewals=1, stake=100 * AI, peer=60)
    state, receipt = send(state, 2, moved)
    assert receipt.ok, receipt.error
    view = view_of(state, 2)
    assert (view.stake, view.peer_id) == (2_600 * AI, peer_id(60))
    assert state.get(peer_id_key(peer_id(40))) is None
    assert state.get(peer_id_key(peer_id(60))) == address(2)
    state, receipt = send(state, 3, make_registration(41, peer=40))
    assert receipt.ok, receipt.error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (make_registration(40, renewals=1, stake=0), "validator_exists"),
        (make_registration(1, renewals=1, stake=0), "validator_exists"),
        (make_registration(0, stake=0), "onion_repeated"),
        (make_registration(0, renewals=1, stake=0, peer=1), "peer_id_taken"),
        (make_registration(0, renewals=1, stake=1_000 * AI), "insufficient_balance"),
    ],
)
def test_renewals_that_fail(body: Body, error: str) -> None:
    state, receipt = send(make_state(), 0, body)
    assert receipt.error == error
    assert onion_at(state.get, 0, 0).next_epoch == 0
