"""Every part arrives once, however peers fail, and never too many are on their way."""

from hypothesis import given
from hypothesis import strategies as st

from p2p.wire.parts import MAX_PARTS_AHEAD, PartAsk, PartPlan

PEERS = ["a", "b", "c", "d", "e"]


@given(
    st.lists(st.integers(0, 10**6), max_size=60, unique=True).map(sorted),
    st.lists(st.tuples(st.booleans(), st.integers(1, 5))),
    st.randoms(use_true_random=False),
)
def test_every_part_arrives_once(
    wanted: list[int], fates: list[tuple[bool, int]], luck: object
) -> None:
    plan, flying, here = PartPlan(tuple(wanted)), list[PartAsk](), list[int]()
    fate = iter(fates)
    for _ in range(2_000):
        fails, there = next(fate, (False, 5))
        plan, asks = plan.assign(PEERS[:there])
        flying.extend(asks)
        assert len(flying) == len(plan.asked) <= MAX_PARTS_AHEAD
        assert len({ask.index for ask in flying}) == len(flying)
        if plan.is_done:
            break
        if not flying:
            continue
        ask = flying.pop(luck.randrange(len(flying)))  # type: ignore[attr-defined]
        if fails:
            plan = plan.failed(ask)
        else:
            plan = plan.arrived(ask)
            here.append(ask.index)
        assert plan.left == len(wanted) - len(here)
    assert sorted(here) == wanted
