"""Budgets of calls: nobody gets more than their share, and nothing grows for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichain.rpc.call_budget import CallBudget
from aichain.rpc.limits import RpcLimits

LIMITS = RpcLimits(calls_per_second=10, burst_calls=20, tracked_addresses=3)


def test_a_burst_is_served_and_then_the_rate() -> None:
    budget = CallBudget(LIMITS)
    assert all(budget.take("a", 1, 0.0) == 0.0 for _ in range(20))
    assert budget.take("a", 1, 0.0) == 0.1
    assert budget.take("a", 1, 0.05) > 0.0
    assert budget.take("a", 1, 0.11) == 0.0


def test_addresses_do_not_share_a_budget() -> None:
    budget = CallBudget(LIMITS)
    assert budget.take("a", 20, 0.0) == 0.0
    assert budget.take("a", 1, 0.0) > 0.0
    assert budget.take("b", 1, 0.0) == 0.0


def test_a_batch_larger_than_the_burst_can_be_served_when_the_bucket_is_full() -> None:
    budget = CallBudget(LIMITS)
    assert budget.take("a", 100, 0.0) == 0.0
    assert budget.take("a", 100, 1.0) == 1.0
    assert budget.take("a", 100, 2.0) == 0.0


def test_refused_calls_cost_nothing() -> None:
    budget = CallBudget(LIMITS)
    budget.take("a", 20, 0.0)
    for _ in range(100):
        assert budget.take("a", 10, 0.5) > 0.0
    assert budget.take("a", 10, 1.0) == 0.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)), max_size=60))
def test_the_number_of_tracked_addresses_is_bounded(calls: list[tuple[int, int]]) -> None:
    budget = CallBudget(LIMITS)
    for at, (address, count) in enumerate(calls):
        assert budget.take(str(address), count, at / 10) >= 0.0
        assert len(budget) <= LIMITS.tracked_addresses


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), max_size=60))
def test_never_more_than_the_burst_plus_the_rate(calls: list[tuple[float, int]]) -> None:
    budget = CallBudget(LIMITS)
    now_s, served = 0.0, 0
    for pause_s, count in calls:
        now_s += pause_s
        served += 0 if budget.take("a", count, now_s) else count
    assert served <= 20 + 10 * now_s + 1e-6


def test_what_a_call_cost_besides_is_owed_and_paid_back_by_time() -> None:
    budget = CallBudget(RpcLimits(calls_per_second=10, burst_calls=20))
    assert budget.take("a", 1, 0.0) == 0.0
    budget.charge("a", 29, 0.0)
    assert budget.take("a", 1, 0.0) == pytest.approx(1.1)
    assert budget.take("b", 1, 0.0) == 0.0
    assert budget.take("a", 1, 1.2) == 0.0


def test_nobody_owes_more_than_a_burst() -> None:
    budget = CallBudget(RpcLimits(calls_per_second=10, burst_calls=20, tracked_addresses=3))
    for address in "abcd":
        budget.charge(address, 1_000_000, 0.0)
    assert len(budget) == 3
    assert budget.take("d", 1, 0.0) == pytest.approx(2.1)
