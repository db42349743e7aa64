"""Sets move by at most an eighth of the stake, and never to nobody."""

import pytest

from genesis.units import U128_MAX
from vm.rotation import CHURN_PART, rank, rotate

MOST = 4


def changed(old: dict[int, int], new: dict[int, int]) -> int:
    return sum(abs(new.get(index, 0) - old.get(index, 0)) for index in old | new)


def test_the_highest_stakes_rank_first_and_of_equals_the_older_registration() -> None:
    candidates = {4: 10, 1: 30, 2: 30, 3: 20, 0: 5}
    assert list(rank(candidates, 4)) == [1, 2, 3, 4]
    assert rank(candidates, 2) == {1: 30, 2: 30}
    assert rank({}, 3) == {}


def test_what_fits_the_budget_happens_at_once() -> None:
    old = {0: 800, 1: 800}
    assert rotate(old, {0: 800, 1: 800}, (), MOST) == old
    assert rotate(old, {0: 900, 1: 800}, (), MOST) == {0: 900, 1: 800}
    assert rotate(old, {0: 800, 1: 800, 2: 200}, (), MOST) == {0: 800, 1: 800, 2: 200}
    assert rotate(old, {0: 700, 1: 800, 2: 100}, (), MOST) == {0: 700, 1: 800, 2: 100}


def test_larger_changes_take_their_epochs() -> None:
    seats, epochs = {0: 800, 1: 800}, 0
    wanted = {0: 800}
    while seats != wanted:
        after = rotate(seats, wanted, (), MOST)
        assert changed(seats, after) <= sum(seats.values()) // CHURN_PART
        seats, epochs = after, epochs + 1
    assert epochs == 6  # 200, 175, 153, 134, 117, and the rest


def test_falls_and_rises_share_the_budget() -> None:
    """160 units: the half that the joining one does not need goes to the leaving one."""
    assert rotate({0: 1280}, {1: 10}, (), MOST) == {0: 1130, 1: 10}
    assert rotate({0: 1280}, {1: 500}, (), MOST) == {0: 1200, 1: 80}
    assert rotate({0: 640, 1: 640}, {0: 630, 1: 2000}, (), MOST) == {0: 630, 1: 790}


def test_a_whale_that_leaves_does_not_keep_others_out() -> None:
    seats, epochs = {0: 10**24}, 0
    while seats != {1: 2000}:
        seats, epochs = rotate(seats, {1: 2000}, (), MOST), epochs + 1
        assert seats[1] == 2000
    assert epochs < 400


def test_falls_are_served_in_the_order_of_registration() -> None:
    assert rotate({0: 400, 1: 400, 2: 800}, {2: 800}, (), MOST) == {0: 200, 1: 400, 2: 800}


def test_rises_are_served_in_the_order_of_rank() -> None:
    wanted = rank({0: 800, 1: 500, 2: 900}, MOST)
    assert rotate({0: 800}, wanted, (), MOST) == {0: 800, 2: 100}


def test_who_joins_waits_for_a_free_seat() -> None:
    old = {0: 1000, 1: 100}
    first = rotate(old, {0: 1000, 2: 200}, (), 2)
    assert first == {0: 1000, 1: 31}
    second = rotate(first, {0: 1000, 2: 200}, (), 2)
    assert second == {0: 1000, 2: 97}
    assert rotate(second, {0: 1000, 2: 200}, (), 2) == {0: 1000, 2: 200}


def test_the_tombstoned_leave_at_once_and_cost_nothing() -> None:
    old = {0: 1000, 1: 7000}
    assert rotate(old, {0: 2000}, {1}, MOST) == {0: 2000}
    assert rotate(old, {}, {1}, MOST) == {0: 1000}


def test_a_set_is_never_empty() -> None:
    old = {0: 1000, 1: 7000}
    assert rotate(old, {}, (), MOST) == old
    assert rotate(old, {}, {0, 1}, MOST) == old
    assert rotate({0: 7}, {1: 7}, {0}, MOST) == {0: 7}  # an eighth of seven is nothing


@pytest.mark.parametrize("stake", [1, 7, 8, 9, U128_MAX // 2])
def test_any_size_of_stake_keeps_the_bound(stake: int) -> None:
    old = {0: stake, 1: stake}
    for wanted in ({0: 1}, {0: stake, 1: stake, 2: U128_MAX}, {2: 1}, {2: U128_MAX}):
        after = rotate(old, wanted, (), MOST)
        assert changed(old, after) <= 2 * stake // CHURN_PART
        assert after
        assert min(after.values()) > 0
