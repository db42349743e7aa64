"""Catching up, as a plan: which range of heights to ask whom, and what to do when that fails.

The plan holds no block and knows no clock. Its owner sends the asks it hands out, reports what
became of them, and takes finished ranges back in order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from genesis.limits import RANGE_BLOCKS_MAX

MAX_RANGES_AHEAD: Final = 4


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


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """Everything below `next_height` has been taken. At most MAX_RANGES_AHEAD ranges are asked
    for or wait to be taken, so memory is bounded by as many answers."""

    next_height: int
    asked: tuple[RangeAsk, ...] = ()
    arrived: tuple[RangeAsk, ...] = ()
    failures: frozenset[tuple[str, int]] = frozenset()

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

    def received(self, ask: RangeAsk, count: int) -> Self:
        """The first `count` blocks of an ask came; the rest is free to be asked for again."""
        if count <= 0:
            return self.failed(ask)
        assert count <= ask.count, "the codec refuses more than was asked for"
        arrived = tuple(sorted((*self.arrived, replace(ask, count=count))))
        return replace(self._without(ask), arrived=arrived)

    def failed(self, ask: RangeAsk) -> Self:
        """An ask brought nothing usable; somebody else is asked first."""
        failures = self.failures | {(ask.peer, ask.from_height)}
        return replace(self._without(ask), failures=failures)

    def refused(self, taken: RangeAsk) -> Self:
        """A range that was taken turned out to be false: it is wanted again, from others, and so
        is everything after it. Answers that are still on their way are to be ignored."""
        kept = tuple(ask for ask in self.arrived if ask.end <= taken.from_height)
        failures = self.failures | {(taken.peer, taken.from_height)}
        return replace(
            self, next_height=taken.from_height, arrived=kept, asked=(), failures=failures
        )

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
        busy = {ask.peer for ask in self.asked}
        able = [peer for peer, claim in claims.items() if claim >= height and peer not in busy]
        fresh = [peer for peer in able if (peer, height) not in self.failures]
        return next(iter(fresh or able), None)

    def _without(self, ask: RangeAsk) -> Self:
        return replace(self, asked=tuple(each for each in self.asked if each != ask))
