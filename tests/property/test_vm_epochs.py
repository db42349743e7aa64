"""Sets of random histories: bounded churn, no empty set, and every vote stands on locked stake."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from genesis.epochs import last_height
from genesis.units import U128_MAX
from tests.builders_vm import STAKING, all_records, make_document
from tests.histories_vm import HISTORIES, History, run
from vm.epochs import CANDIDATES_KEY, Epoch, decode_candidates
from vm.genesis_block import genesis_state
from vm.queries import account_view, validators_view
from vm.rotation import CHURN_PART, rank, rotate
from vm.state import State
from vm.supply import scan_supply

DOCUMENTS = {
    blocks: make_document(
        epoch_blocks=blocks, staking=replace(STAKING, unbonding_blocks=2, max_validators=3)
    )
    for blocks in (1, 2)
}
STAKES = st.one_of(st.integers(1, 100), st.integers(1, U128_MAX // 64))
SETS = st.dictionaries(st.integers(0, 9), STAKES, min_size=1, max_size=6)


def churn(old: dict[int, int], new: dict[int, int]) -> int:
    return sum(abs(new.get(index, 0) - old.get(index, 0)) for index in old | new)


@given(SETS, st.dictionaries(st.integers(0, 9), STAKES, max_size=9), st.integers(1, 8), st.data())
def test_any_set_moves_by_an_eighth_towards_what_is_wanted(
    old: dict[int, int], candidates: dict[int, int], most: int, data: st.DataObject
) -> None:
    wanted = rank(candidates, most)
    gone = data.draw(st.sets(st.sampled_from(sorted(old)))) - wanted.keys()
    new = rotate(old, wanted, gone, most)
    assert new
    assert min(new.values()) > 0
    assert len(new) <= max(most, len(old))
    if new == old:
        return
    staying = {index: stake for index, stake in old.items() if index not in gone}
    assert not gone & new.keys()
    assert churn(staying, new) <= sum(old.values()) // CHURN_PART
    for index, stake in new.items():
        before, after = staying.get(index, 0), wanted.get(index, 0)
        assert min(before, after) <= stake <= max(before, after) or not wanted


@given(SETS, st.dictionaries(st.integers(0, 9), st.integers(100, 10**6), min_size=1, max_size=9))
def test_a_set_arrives_where_it_is_wanted(old: dict[int, int], candidates: dict[int, int]) -> None:
    wanted = rank(candidates, 4)
    for _ in range(2_000):
        if old == wanted or sum(old.values()) < CHURN_PART:
            return
        old = rotate(old, wanted, (), 4)
    assert old == wanted


def sets_of(states: list[State]) -> dict[int, Epoch]:
    """Every epoch that any of the states knew, which never changes once it is known."""
    found: dict[int, Epoch] = {}
    for state in states:
        epochs = (state.epoch(number) for number in range(len(states) + 3))
        for epoch in filter(None, epochs):
            assert found.setdefault(epoch.number, epoch) == epoch
    return found


def tombstoned(state: State) -> set[int]:
    return {view.index for view in validators_view(state) if view.is_tombstoned}


@given(HISTORIES, st.sampled_from([1, 2]))
def test_the_churn_of_every_epoch_is_bounded(history: History, blocks: int) -> None:
    states = run(history, DOCUMENTS[blocks])
    sets, guilty = sets_of(states), tombstoned(states[-1])
    assert sorted(sets) == list(range(len(sets)))
    for old, new in pairwise(sets[number].stakes for number in sorted(sets)):
        assert new
        left = guilty & old.keys() - new.keys()
        staying = {index: stake for index, stake in old.items() if index not in left}
        assert churn(staying, new) <= sum(old.values()) // CHURN_PART
        assert len(new) <= 3


@given(HISTORIES, st.sampled_from([1, 2]))
def test_what_votes_is_locked_until_evidence_of_it_expires(history: History, blocks: int) -> None:
    document = DOCUMENTS[blocks]
    for state in run(history, document):
        height, guilty = state.head.height, tombstoned(state)
        for number in range(height // blocks, height // blocks + 3):
            epoch = state.epoch(number)
            for seat in epoch.seats if epoch else ():
                free = last_height(number, blocks) + document.staking.unbonding_blocks
                account = account_view(state, seat.owner)
                held = sum(each.amount for each in account.unbonding if each.matures_at >= free)
                assert seat.stake <= account.staked + held or seat.index in guilty


@given(HISTORIES)
def test_the_list_of_candidates_is_who_has_enough_stake(history: History) -> None:
    for state in run(history, DOCUMENTS[2]):
        raw = state.get(CANDIDATES_KEY)
        assert raw is not None
        expected = {
            view.index: view.stake
            for view in validators_view(state)
            if view.stake >= STAKING.min_validator_stake and not view.is_tombstoned
        }
        assert decode_candidates(raw) == expected


@given(HISTORIES, st.sampled_from([1, 2]))
def test_two_nodes_decide_the_same_sets(history: History, blocks: int) -> None:
    document = DOCUMENTS[blocks]
    one, two = run(history, document), run(history, document)
    assert sets_of(one) == sets_of(two)
    assert [state.head.vset_hash for state in one] == [state.head.vset_hash for state in two]
    scan_supply(document, all_records(one).items())
    assert one[0].root == genesis_state(document).root
