"""Catching up ends, in order and without holes, however peers fail and shorten their answers."""

from hypothesis import given
from hypothesis import strategies as st

from p2p.wire.sync import MAX_RANGES_AHEAD, RangeAsk, SyncPlan

PEERS = ("a", "b", "c")


@given(
    st.integers(1, 1_500),
    st.lists(st.tuples(st.sampled_from(["whole", "short", "fail", "late"]), st.integers(1, 300))),
    st.randoms(use_true_random=False),
)
def test_every_height_is_taken_once_and_in_order(
    target: int, fates: list[tuple[str, int]], luck: object
) -> None:
    claims = dict.fromkeys(PEERS, target)
    plan, flying, height = SyncPlan(1), list[RangeAsk](), 1
    fate = iter(fates)
    for _ in range(20_000):
        plan, asks = plan.assign(claims)
        flying.extend(asks)
        on_their_way = (*plan.asked, *plan.late)
        assert sorted(on_their_way) == sorted(flying)
        assert len({ask.peer for ask in on_their_way}) == len(on_their_way)
        assert len(plan.asked) + len(plan.arrived) <= MAX_RANGES_AHEAD
        if plan.next_height > target:
            break
        what, size = next(fate, ("whole", 0))
        if what == "late":
            plan = plan.overdue()
            continue
        assert plan.is_waiting
        ask = flying.pop(luck.randrange(len(flying)))  # type: ignore[attr-defined]
        if what == "fail":
            plan = plan.failed(ask)
            continue
        plan = plan.received(ask, min(size, ask.count) if what == "short" else ask.count)
        plan, taken = plan.take()
        while taken is not None:
            assert taken.from_height == height
            height = taken.end
            plan, taken = plan.take()
    assert height == target + 1
