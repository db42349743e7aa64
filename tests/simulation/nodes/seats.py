"""Who has to go so that a committee is dead."""

from collections.abc import Iterable, Sequence

from consensus.core.state import State
from consensus.lanes.state import Lanes, closing_seats
from genesis.units import Address


def seat_holders(states: Iterable[State | Lanes], owners: Sequence[Address]) -> tuple[int, ...]:
    """Of the newest term, those with most seats, until so many are gone that it is dead.

    Their places among `owners`; nobody with a single lane.
    """
    terms = next((each.terms for each in states if isinstance(each, Lanes)), ())
    if not terms:
        return ()
    committee, lost = terms[-1].instance.electorate, 0
    holders: list[Address] = []
    for seat in sorted(range(len(committee)), key=lambda seat: -committee.weights[seat]):
        if lost < closing_seats(terms[-1]):
            lost += committee.weights[seat]
            holders.append(committee.members[seat])
    return tuple(index for index, owner in enumerate(owners) if owner in holders)
