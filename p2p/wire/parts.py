"""Which part of a snapshot to ask whom, as a plan that holds no part and knows no clock."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

MAX_PARTS_AHEAD: Final = 8
MAX_PARTS_PER_PEER: Final = 2


@dataclass(frozen=True, slots=True)
class PartAsk:
    """A part wanted from one peer."""

    index: int
    peer: str


@dataclass(frozen=True, slots=True)
class PartPlan:
    """At most MAX_PARTS_AHEAD parts are asked for at a time, so memory is bounded by as many.

    `wanted` are all parts to fetch, ascending; the first `handed_out` were asked for already.
    """

    wanted: Sequence[int]
    handed_out: int = 0
    again: tuple[int, ...] = ()
    asked: tuple[PartAsk, ...] = ()
    failures: frozenset[PartAsk] = frozenset()

    @property
    def is_done(self) -> bool:
        """Every part has arrived."""
        return self.left == 0

    @property
    def left(self) -> int:
        """How many parts have not arrived."""
        return len(self.wanted) - self.handed_out + len(self.again) + len(self.asked)

    def assign(self, peers: Sequence[str]) -> tuple[Self, tuple[PartAsk, ...]]:
        """Hand out parts to peers that have room, the best first.

        A peer that failed at a part is not asked for it again while another may have it.
        """
        plan, asks = self, list[PartAsk]()
        for index in self._open():
            if len(plan.asked) >= MAX_PARTS_AHEAD:
                break
            peer = plan._choose(peers, index)
            if peer is None:
                break
            ask = PartAsk(index, peer)
            asks.append(ask)
            fresh = index not in plan.again
            plan = replace(
                plan,
                handed_out=plan.handed_out + fresh,
                again=tuple(each for each in plan.again if each != index),
                asked=(*plan.asked, ask),
            )
        return plan, tuple(asks)

    def arrived(self, ask: PartAsk) -> Self:
        """A part came and was the true one."""
        failures = frozenset(each for each in self.failures if each.index != ask.index)
        return replace(self._without(ask), failures=failures)

    def failed(self, ask: PartAsk) -> Self:
        """A peer did not give the part, or gave another; somebody else is asked first."""
        plan = self._without(ask)
        again = tuple(sorted((*plan.again, ask.index)))
        return replace(plan, again=again, failures=self.failures | {ask})

    def _open(self) -> Iterator[int]:
        yield from self.again
        yield from self.wanted[self.handed_out : self.handed_out + MAX_PARTS_AHEAD]

    def _choose(self, peers: Sequence[str], index: int) -> str | None:
        busy = Counter(ask.peer for ask in self.asked)
        able = [peer for peer in peers if busy[peer] < MAX_PARTS_PER_PEER]
        fresh = [peer for peer in able if PartAsk(index, peer) not in self.failures]
        if fresh:
            return min(fresh, key=lambda peer: busy[peer])
        untried = any(PartAsk(index, peer) not in self.failures for peer in peers)
        return None if untried or not able else able[0]

    def _without(self, ask: PartAsk) -> Self:
        return replace(self, asked=tuple(each for each in self.asked if each != ask))
