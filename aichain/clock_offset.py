"""How far our clock is off, at the least, as the proposals of the others show it (pure)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consensus.quorum import outweighs_faulty
from genesis.params import ConsensusParams
from genesis.units import Address


class Sighting(NamedTuple):
    """A proposal: by how much its timestamp lay behind our clock when it came."""

    proposer: Address
    lag_ms: int


def least_offset_ms(
    sightings: Iterable[Sighting], weights: Mapping[Address, int], params: ConsensusParams
) -> int | None:
    """How far we are ahead of validators that cannot all be faulty; behind, where negative.

    0 where nothing needs a wrong clock to explain it; None while too little stake was heard. An
    honest proposer stamps its block at most with its own time (R1): who gets one from the future
    is behind. The other way a stamp may be 500 ms old and Δ under way, so that much is no sign.
    What came soonest counts for each proposer, for a busy machine takes proposals late.
    """
    soonest: dict[Address, int] = {}
    for proposer, lag_ms in sightings:
        soonest[proposer] = min(lag_ms, soonest.get(proposer, lag_ms))
    behind_ms = _vouched(sorted(soonest.items(), key=_lag), weights)
    ahead_ms = _vouched(sorted(soonest.items(), key=_lag, reverse=True), weights)
    if behind_ms is None or ahead_ms is None:
        return None
    if behind_ms < 0:
        return behind_ms
    return max(0, ahead_ms - params.block_time_ms - params.delta_ms)


def allowed_offset_ms(params: ConsensusParams) -> int:
    """What view timers grant two honest clocks, and in any case half the time of a block."""
    return max(2 * params.clock_offset_ms, params.block_time_ms // 2)


def _vouched(lags: Iterable[tuple[Address, int]], weights: Mapping[Address, int]) -> int | None:
    """The first lag that, with those before it, has more stake behind it than can be faulty."""
    weight, total = 0, sum(weights.values())
    for proposer, lag_ms in lags:
        weight += weights.get(proposer, 0)
        if outweighs_faulty(weight, total):
            return lag_ms
    return None


def _lag(item: tuple[Address, int]) -> int:
    return item[1]
