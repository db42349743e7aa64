"""Why fast blocks may be taken back: eight bad seats of twenty, or delays beyond the escape time.

Machines that crash, lose power or are slow are no reason: what they said is in their logs.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import trio

from consensus.instance import Instance
from consensus.lanes.state import Term
from consensus.quorum import quorum_weight
from genesis.units import Address
from native.hashing import Hash32
from tests.simulation.nodes.plan import Cut, Fault, Mute, Split, Weather
from tests.simulation.nodes.violation import Violation

DELAYING: Final = (Split, Mute, Cut, Weather)


@dataclass(frozen=True, slots=True)
class Shown:
    """A block that a node showed as fast, and whose word that was."""

    height: int
    number: int
    instance: Instance


class Reversals:
    """Knows whose seats are bad, when each term began, and until when links were bad."""

    def __init__(self, evil: Collection[Address]) -> None:
        self._evil = evil
        self.bought: set[Hash32] = set()
        """Terms whose seats have sold their word, whoever holds them."""
        self._began_s: dict[int, float] = {}
        self._bad_links = 0
        self._late_until_s = -1.0
        self._excused: set[int] = set()

    @contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        """As long as it lasts."""
        is_delaying = isinstance(fault, DELAYING)
        self._bad_links += is_delaying
        try:
            yield
        finally:
            self._bad_links -= is_delaying
            if is_delaying:
                self._late_until_s = trio.current_time()

    def saw(self, term: Term) -> Iterator[tuple[Hash32, Shown]]:
        """A term as somebody honest has it: its fast blocks."""
        self._began_s.setdefault(term.number, trio.current_time())
        for block in term.fast:
            yield block.id, Shown(block.height, term.number, term.instance)

    def require_reason(self, index: int, lost: Shown) -> None:
        """A block was undone; what follows from the first loss is lost with it."""
        is_late = self._bad_links > 0 or self._late_until_s >= self._began_s[lost.number]
        bad = self._bad_seats(lost.instance)
        total = lost.instance.electorate.total
        if bad >= 2 * quorum_weight(total) - total or is_late or lost.number - 1 in self._excused:
            self._excused.add(lost.number)
            return
        place = f"block {lost.height} of term {lost.number}"
        raise Violation(f"node {index}: {place} was fast, is undone, and {bad} seats were bad")

    def _bad_seats(self, instance: Instance) -> int:
        committee = instance.electorate
        if instance.id in self.bought:
            return committee.total
        seats = zip(committee.members, committee.weights, strict=True)
        return sum(weight for member, weight in seats if member in self._evil)
