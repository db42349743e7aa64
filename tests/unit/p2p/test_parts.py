"""The plan of a snapshot's parts: everyone is asked a little, nothing twice at a time."""

from p2p.wire.parts import MAX_PARTS_AHEAD, MAX_PARTS_PER_PEER, PartAsk, PartPlan


def test_parts_are_handed_out_in_order_to_peers_with_room() -> None:
    plan, asks = PartPlan(range(100)).assign(["a", "b"])
    assert [ask.index for ask in asks] == list(range(2 * MAX_PARTS_PER_PEER))
    assert {ask.peer for ask in asks[:2]} == {"a", "b"}
    assert plan.assign(["a", "b"])[1] == ()
    _, more = plan.assign([f"peer{number}" for number in range(20)])
    assert len(asks) + len(more) == MAX_PARTS_AHEAD


def test_a_part_that_failed_is_asked_of_another_first() -> None:
    plan, [first, *_] = PartPlan((7,)).assign(["a"])
    plan = plan.failed(first)
    assert plan.left == 1
    plan, asks = plan.assign(["a", "b"])
    assert asks == (PartAsk(7, "b"),)
    plan, asks = plan.failed(PartAsk(7, "b")).assign(["a", "b"])
    assert len(asks) == 1, "when all have failed, they are asked again"


def test_while_another_may_have_a_part_whoever_failed_waits() -> None:
    plan, asks = PartPlan(range(3)).assign(["a"])
    assert len(asks) == 2
    plan = plan.failed(PartAsk(0, "a"))
    _, asks = plan.assign(["a", "b"])
    assert PartAsk(0, "b") in asks
    assert PartAsk(0, "a") not in asks


def test_the_plan_is_done_when_every_part_has_arrived() -> None:
    assert PartPlan(()).is_done
    plan, asks = PartPlan((3, 5)).assign(["a"])
    for ask in asks:
        assert not plan.is_done
        plan = plan.arrived(ask)
    assert plan.is_done
    assert plan.failures == frozenset()
