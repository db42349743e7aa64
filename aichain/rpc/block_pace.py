"""How fast a chain is by what its last blocks say. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol


class PacedBlock(Protocol):
    """What is asked of a final block; a result of the RPC has it, and so has what is made of it."""

    @property
    def height(self) -> int: ...

    @property
    def timestamp_ms(self) -> int: ...

    @property
    def finalized_at_ms(self) -> int | None:
        """None where nobody saw it become final: it was taken by sync."""

    @property
    def transaction_count(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """None where there are too few blocks to say it."""

    interval_ms: float | None
    """The median, as below: a pause of the chain is no interval of it."""
    finality_ms: float | None
    finality_worst_ms: int | None
    transactions_per_second: float | None


def pace_of(blocks: Sequence[PacedBlock]) -> Pace:
    """Of blocks in the order of their heights. Where some are left out, nothing is said of those;
    nor of block 0, whose time is written in a document."""
    neighbours = [
        (earlier, later)
        for earlier, later in pairwise(blocks)
        if earlier.height and later.height == earlier.height + 1
    ]
    gaps = [later.timestamp_ms - earlier.timestamp_ms for earlier, later in neighbours]
    delays = finality_delays(blocks)
    span_ms, moved = sum(gaps), sum(later.transaction_count for _, later in neighbours)
    return Pace(
        interval_ms=statistics.median(gaps) if gaps else None,
        finality_ms=statistics.median(delays) if delays else None,
        finality_worst_ms=max(delays, default=None),
        transactions_per_second=1000 * moved / span_ms if span_ms > 0 else None,
    )


def finality_ms(block: PacedBlock) -> int | None:
    """From a block's timestamp until its node knew it final; its clock may be behind by less."""
    if block.finalized_at_ms is None or not block.height:
        return None
    return max(0, block.finalized_at_ms - block.timestamp_ms)


def finality_delays(blocks: Sequence[PacedBlock]) -> list[int]:
    """Of those that became final before somebody's eyes."""
    return [delay for delay in map(finality_ms, blocks) if delay is not None]
