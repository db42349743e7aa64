"""What is checked in runs of whole nodes is checked: each planted fault is named."""

from collections import Counter
from dataclasses import replace

import pytest

from consensus.memory import changed
from genesis.networks import founder_key
from genesis.units import Address, address_of_key
from tests.builders_evidence import make_evidence, report
from tests.builders_lanes import LaneDriver
from tests.builders_vm import make_block, make_state
from tests.simulation.nodes.checkers import Checker, Violation
from tests.simulation.nodes.lane_plan import lane_guilty
from tests.simulation.nodes.offenders import SLASHED, Offenders
from tests.simulation.nodes.plan import Crash, Fault, Split
from tests.simulation.nodes.reversals import Reversals, Shown
from vm.blocks import Block

EVIL, HONEST = 1, 2
PLAN = replace(lane_guilty(0), liars=(EVIL,))


def block_against(offender: Address) -> Block:
    """A block that slashes somebody."""
    state = make_state()
    return make_block(state, [report(replace(make_evidence(state), offender=offender))])


def founder(index: int) -> Address:
    return address_of_key(founder_key("testnet", index).public_key)


def test_whoever_is_slashed_was_evil() -> None:
    faults: Counter[str] = Counter()
    offenders = Offenders(PLAN, Checker(()), lambda kind: faults.update([kind]))
    offenders.on_final(block_against(founder(EVIL)))
    assert faults[SLASHED] == 1
    for innocent in (founder(HONEST), Address(bytes(20))):
        with pytest.raises(Violation, match="false evidence"):
            offenders.on_final(block_against(innocent))


TERM = LaneDriver.started().term
LOST = Shown(1, TERM.number, TERM.instance)
NEXT = changed(TERM, number=TERM.number + 1)
COMMITTEE = TERM.instance.electorate
STRANGERS = tuple(Address(bytes([255, index]) * 10) for index in range(len(COMMITTEE)))
FOLLOWING = Shown(
    5, NEXT.number, replace(TERM.instance, electorate=replace(COMMITTEE, members=STRANGERS))
)


def owners(seats: int) -> set[Address]:
    """Who hold so many seats of the committee together."""
    held = set[Address]()
    for member, weight in zip(COMMITTEE.members, COMMITTEE.weights, strict=True):
        if weight <= seats:
            held.add(member)
            seats -= weight
    assert seats == 0
    return held


async def reversals(seats: int) -> Reversals:
    """With so many bad seats, in a term that has begun; the next has, too."""
    known = Reversals(owners(seats))
    assert [*known.saw(TERM), *known.saw(NEXT)] == []
    return known


async def test_fast_blocks_are_undone_by_eight_bad_seats_and_what_follows_with_them() -> None:
    known = await reversals(8)
    known.require_reason(0, LOST)
    known.require_reason(0, FOLLOWING)
    with pytest.raises(Violation, match="0 seats were bad"):
        (await reversals(8)).require_reason(0, FOLLOWING)
    with pytest.raises(Violation, match="7 seats were bad"):
        (await reversals(7)).require_reason(0, LOST)


async def test_a_committee_that_was_bought_is_bad() -> None:
    known = await reversals(0)
    known.bought.add(TERM.instance.id)
    known.require_reason(0, LOST)


@pytest.mark.parametrize(("fault", "is_reason"), [(Split((0,)), True), (Crash((0,), 1.0), False)])
async def test_bad_links_are_a_reason_and_bad_machines_are_none(
    fault: Fault, *, is_reason: bool
) -> None:
    known = await reversals(0)
    with known.during(fault):
        pass
    if is_reason:
        known.require_reason(0, LOST)
        return
    with pytest.raises(Violation, match="0 seats were bad"):
        known.require_reason(0, LOST)
