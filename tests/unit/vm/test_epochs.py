"""Epoch records: what a state knows of its neighbours in time, and how it is read back."""

import pytest

from genesis.beacon import epoch_seed
from genesis.epochs import last_height
from genesis.limits import CANDIDATES_MAX, GENESIS_VALIDATORS_MAX, STATE_RECORD_MAX_BYTES
from genesis.params import StakingParams
from genesis.units import U128_MAX
from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH
from tests.builders_vm import (
    FOUNDER_STAKE,
    address,
    advance,
    advance_to,
    all_records,
    make_document,
    make_state,
    seed_of,
)
from vm.commitment import StateTree
from vm.epochs import (
    decode_candidates,
    encode_candidates,
    encode_epoch,
    epoch_key,
    read_epoch,
)
from vm.genesis_block import genesis_state
from vm.state import Outcome, State


def known(state: State) -> list[int]:
    return [epoch for epoch in range(8) if state.epoch(epoch) is not None]


def test_genesis_decides_two_epochs() -> None:
    state, document = make_state(), make_document()
    assert known(state) == [0, 1]
    for epoch in (0, 1):
        assert state.validators_of(epoch) == document.validator_set
        assert seed_of(state, epoch) == epoch_seed(document.seed, epoch)
    first = state.epoch(0)
    assert first is not None
    assert [(seat.index, seat.stake, seat.owner) for seat in first.seats] == [
        (0, FOUNDER_STAKE, address(0)),
        (1, FOUNDER_STAKE, address(1)),
    ]
    assert [first.place_of(index) for index in (0, 1, 2)] == [0, 1, None]


@pytest.mark.parametrize(
    ("height", "epochs"),
    [(3, [0, 1]), (4, [0, 1, 2]), (7, [0, 1, 2]), (8, [1, 2, 3]), (9, [1, 2, 3])],
)
def test_a_state_knows_the_epoch_of_its_next_block_and_its_neighbours(
    height: int, epochs: list[int]
) -> None:
    state = advance_to(make_state(), height)
    assert known(state) == epochs
    assert state.validators_of(99) is None
    assert state.epoch(99) is None


def test_epochs_end_at_their_last_height() -> None:
    assert [last_height(epoch, 4) for epoch in (0, 1, 2)] == [4, 8, 12]
    assert [last_height(epoch, 1) for epoch in (0, 1, 2)] == [1, 2, 3]


def test_siblings_do_not_share_what_they_decide() -> None:
    parent = advance_to(make_state(), 3)
    one, other = (
        parent.after(parent.head, Outcome({epoch_key(2): encode_epoch(ZERO_HASH, stakes)}, ()))
        for stakes in ({0: 5}, {1: 6})
    )
    assert [set_.total_stake for state in (one, other) if (set_ := state.validators_of(2))] == [
        5,
        6,
    ]
    again = one.after(one.head, Outcome({epoch_key(2): None}, ()))
    assert again.epoch(2) is None
    assert parent.epoch(2) is None


def test_a_loaded_state_knows_what_its_forerunner_knew() -> None:
    states = [genesis_state(make_document())]
    while states[-1].head.height < 9:
        states.append(advance(states[-1])[0])
    records = all_records(states)
    tree = StateTree.build(records.items())
    loaded = State.load(make_document(), records, tree, states[-1].tip_record())
    for epoch in range(5):
        assert loaded.epoch(epoch) == states[-1].epoch(epoch)
    assert set(known(loaded)) == {1, 2, 3}


def test_a_candidate_list_survives_and_a_damaged_one_does_not() -> None:
    stakes = {3: 10**30, 0: 7}
    raw = encode_candidates(stakes)
    assert decode_candidates(raw) == stakes
    assert raw == encode_candidates({0: 7, 3: 10**30})
    for damaged in (b"", raw[:-1], raw + b"\x00", b"\x92\x02\x90"):
        with pytest.raises(DecodeError):
            decode_candidates(damaged)
    rows: codec.Encodable = [[3, bytes(16)], [3, bytes(16)]]
    with pytest.raises(DecodeError, match="order"):
        decode_candidates(codec.encode([1, rows]))
    full = dict.fromkeys(range(CANDIDATES_MAX), 1)
    assert decode_candidates(encode_candidates(full)) == full
    with pytest.raises(DecodeError):
        decode_candidates(encode_candidates(full | {CANDIDATES_MAX: 1}))


def test_the_largest_lists_fit_a_record() -> None:
    """A thousand members, twice as many candidates, the longest numbers."""

    def stakes(count: int) -> dict[int, int]:
        return dict.fromkeys(range(2**32 - count, 2**32), U128_MAX)

    raw = encode_candidates(stakes(CANDIDATES_MAX))
    assert len(encode_epoch(ZERO_HASH, stakes(GENESIS_VALIDATORS_MAX))) < len(raw)
    assert len(raw) <= STATE_RECORD_MAX_BYTES
    assert decode_candidates(raw) == stakes(CANDIDATES_MAX)
    assert StakingParams(max_validators=GENESIS_VALIDATORS_MAX).candidates_max == CANDIDATES_MAX


def test_nothing_is_read_from_an_empty_reader() -> None:
    empty: dict[bytes, bytes] = {}
    assert read_epoch(empty, 0) is None
