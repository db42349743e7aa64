"""The plan for catching up asks idle peers, in bounded numbers, and asks others after a failure."""

from genesis.limits import RANGE_BLOCKS_MAX
from p2p.wire.sync import MAX_RANGES_AHEAD, MAX_RANGES_LATE, RangeAsk, SyncPlan

CLAIMS = {"a": 10_000, "b": 10_000, "c": 10_000}


def test_each_idle_peer_gets_the_next_free_range() -> None:
    plan, asks = SyncPlan(1).assign(CLAIMS)
    assert asks == (
        RangeAsk(1, RANGE_BLOCKS_MAX, "a"),
        RangeAsk(1 + RANGE_BLOCKS_MAX, RANGE_BLOCKS_MAX, "b"),
        RangeAsk(1 + 2 * RANGE_BLOCKS_MAX, RANGE_BLOCKS_MAX, "c"),
    )
    assert plan.assign(CLAIMS)[1] == ()


def test_no_more_than_so_many_ranges_are_held() -> None:
    many = {str(number): 10**6 for number in range(20)}
    plan, asks = SyncPlan(1).assign(many)
    assert len(asks) == MAX_RANGES_AHEAD
    for ask in asks[1:]:
        plan = plan.received(ask, ask.count)
    assert plan.assign(many)[1] == ()  # the first range still blocks the rest


def test_ranges_are_taken_in_order_whatever_order_they_come_in() -> None:
    plan, (first, second, _) = SyncPlan(1).assign(CLAIMS)
    plan = plan.received(second, second.count)
    assert plan.take()[1] is None
    plan = plan.received(first, first.count)
    plan, taken = plan.take()
    assert taken == first
    assert plan.take()[1] == second


def test_nobody_is_asked_for_more_than_it_claims() -> None:
    plan, asks = SyncPlan(5).assign({"a": 7, "b": 4})
    assert asks == (RangeAsk(5, 3, "a"),)
    assert plan.asked == asks
    assert SyncPlan(8).assign({"a": 7, "b": 4})[1] == ()


def test_the_rest_of_a_short_answer_is_asked_for_again() -> None:
    plan, (ask,) = SyncPlan(1).assign({"a": 100})
    plan, taken = plan.received(ask, 30).take()
    assert taken == RangeAsk(1, 30, "a")
    assert plan.assign({"a": 100})[1] == (RangeAsk(31, 70, "a"),)


def test_after_a_failure_another_peer_is_asked_if_there_is_one() -> None:
    plan, (ask,) = SyncPlan(1).assign({"a": 100})
    plan = plan.failed(ask)
    assert plan.assign({"a": 100, "b": 100})[1][0].peer == "b"
    assert plan.assign({"a": 100})[1][0].peer == "a"
    empty = plan.assign({"a": 100})[0].received(RangeAsk(1, 100, "a"), 0)
    assert ("a", 1) in empty.failures


def test_what_a_silent_peer_holds_up_is_asked_of_another_and_whoever_is_first_counts() -> None:
    plan, (silent, second, _) = SyncPlan(1).assign(CLAIMS)
    plan, (fourth,) = plan.overdue().assign({**CLAIMS, "d": 10_000})
    assert (fourth.from_height, fourth.peer) == (1, "d")
    quick = plan.received(fourth, fourth.count)
    assert quick.take()[1] == fourth
    assert not quick.received(silent, silent.count).holds(silent), "nobody wants it any more"
    slow = plan.received(silent, silent.count)
    assert slow.take()[1] == silent
    assert fourth in slow.late
    assert second in slow.asked
    assert not slow.received(fourth, fourth.count).holds(fourth)


def test_only_what_all_wait_for_is_overdue_and_only_from_a_few() -> None:
    many = {str(number): 300 for number in range(9)}
    plan, (first, second) = SyncPlan(1).assign(many)
    assert plan.received(first, first.count).overdue().late == ()
    assert plan.overdue().late == (first,)
    for late in range(1, 5):
        plan = plan.overdue()
        assert len(plan.late) == min(late, MAX_RANGES_LATE)
        plan, _ = plan.assign(many)
    assert second in plan.asked
    assert len({ask.peer for ask in (*plan.asked, *plan.late)}) == 2 + MAX_RANGES_LATE


def test_a_late_answer_is_waited_for_while_nobody_else_has_the_blocks() -> None:
    plan, (ask,) = SyncPlan(1).assign({"a": 100})
    plan, asks = plan.overdue().assign({"a": 100})
    assert asks == ()
    assert plan.is_waiting
    plan, taken = plan.received(ask, 100).take()
    assert taken == ask
    assert not plan.is_waiting


def test_nobody_waits_for_a_late_answer_to_what_is_here() -> None:
    plan, (silent,) = SyncPlan(1).assign({"a": 100})
    plan, (quick,) = plan.overdue().assign({"a": 100, "b": 100})
    plan, taken = plan.received(quick, 100).take()
    assert taken == quick
    assert silent in plan.late
    assert not plan.is_waiting
