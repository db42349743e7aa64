"""Catching up, as a plan: which range of heights to ask whom, and what to do when that fails.

The plan holds no block and knows no clock. Its owner sends the asks it hands out, reports what
became of them, and takes finished ranges back in order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from genesis.limits import RANGE_BLOCKS_MAX

MAX_RANGES_AHEAD: Final = 4
MAX_RANGES_LATE: Final = 2


@dataclass(frozen=True, slots=True, order=True)
class RangeAsk:
    """Heights `from_height` to `from_height + count - 1`, wanted from one peer."""

    from_height: int
    count: int
    peer: str

    @property
    def end(self) -> int:
        """The first height after the range."""
        return self.from_height + self.count

    def overlaps(self, other: "RangeAsk") -> bool:
        """Whether some height is in both."""
        return self.from_height < other.end and other.from_height < self.end


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """Everything below `next_height` has been taken. At most MAX_RANGES_AHEAD ranges are asked
    for or wait to be taken, so memory is bounded by as many answers, and by those that are late."""

    next_height: int
    asked: tuple[RangeAsk, ...] = ()
    late: tuple[RangeAsk, ...] = ()
    """Still on their way, but others are asked for the same heights; whoever is first counts."""
    arrived: tuple[RangeAsk, ...] = ()
    failures: frozenset[tuple[str, int]] = frozenset()

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is on its way that may still count."""
        return bool(self.asked) or any(ask.from_height >= self.next_height for ask in self.late)

    def holds(self, ask: RangeAsk) -> bool:
        """Whether what came for an ask waits to be taken."""
        here = {(each.from_height, each.peer) for each in self.arrived}
        return (ask.from_height, ask.peer) in here

    def assign(self, claims: Mapping[str, int]) -> tuple[Self, tuple[RangeAsk, ...]]:
        """Hand out ranges to peers that claim to have them and have nothing else to do.

        A peer that failed at a height is not asked for it again while another may have it.
        """
        plan, asks = self, []
        for from_height, limit in plan._gaps():
            if len(plan.asked) + len(plan.arrived) >= MAX_RANGES_AHEAD:
                break
            peer = plan._choose(claims, from_height)
            if peer is None:
                continue
            count = min(limit - from_height, claims[peer] + 1 - from_height, RANGE_BLOCKS_MAX)
            ask = RangeAsk(from_height, count, peer)
            plan = replace(plan, asked=tuple(sorted((*plan.asked, ask))))
            asks.append(ask)
        return plan, tuple(asks)

    def overdue(self) -> Self:
        """All wait for the next range: somebody else may be asked for it, too.

        One silent peer would hold up everything until the question to it times out.
        """
        held_up = [ask for ask in self.asked if ask.from_height == self.next_height]
        if not held_up or len(self.late) >= MAX_RANGES_LATE:
            return self
        return replace(self._without(held_up[0]), late=(*self.late, held_up[0]))

    def received(self, ask: RangeAsk, count: int) -> Self:
        """The first `count` blocks of an ask came; the rest is free to be asked for again.

        What others have brought meanwhile is not wanted twice; of whom the same heights were
        asked, and may still bring them, is late now.
        """
        if count <= 0:
            return self.failed(ask)
        assert count <= ask.count, "the codec refuses more than was asked for"
        plan, came = self._without(ask), replace(ask, count=count)
        is_here = came.from_height < self.next_height or any(map(came.overlaps, self.arrived))
        if is_here:
            return plan
        again = tuple(each for each in plan.asked if came.overlaps(each))
        return replace(
            plan,
            asked=tuple(each for each in plan.asked if each not in again),
            late=(*plan.late, *again),
            arrived=tuple(sorted((*plan.arrived, came))),
        )

    def failed(self, ask: RangeAsk) -> Self:
        """An ask brought nothing usable; somebody else is asked first."""
        failures = self.failures | {(ask.peer, ask.from_height)}
        return replace(self._without(ask), failures=failures)

    def take(self) -> tuple[Self, RangeAsk | None]:
        """The next range in order, if it is there."""
        if not self.arrived or self.arrived[0].from_height != self.next_height:
            return self, None
        first, *rest = self.arrived
        failures = frozenset(each for each in self.failures if each[1] >= first.end)
        plan = replace(self, next_height=first.end, arrived=tuple(rest), failures=failures)
        return plan, first

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """Runs of heights that nobody was asked for, as first height and first height after."""
        height = self.next_height
        for ask in sorted((*self.asked, *self.arrived)):
            while height < ask.from_height:
                end = min(height + RANGE_BLOCKS_MAX, ask.from_height)
                yield height, end
                height = end
            height = max(height, ask.end)
        for _ in range(MAX_RANGES_AHEAD):
            yield height, height + RANGE_BLOCKS_MAX
            height += RANGE_BLOCKS_MAX

    def _choose(self, claims: Mapping[str, int], height: int) -> str | None:
        busy = {ask.peer for ask in (*self.asked, *self.late)}
        able = [peer for peer, claim in claims.items() if claim >= height and peer not in busy]
        fresh = [peer for peer in able if (peer, height) not in self.failures]
        return next(iter(fresh or able), None)

    def _without(self, ask: RangeAsk) -> Self:
        return replace(
            self,
            asked=tuple(each for each in self.asked if each != ask),
            late=tuple(each for each in self.late if each != ask),
        )
