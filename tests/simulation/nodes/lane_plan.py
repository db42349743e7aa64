"""What happens in a run with two lanes, drawn from its seed."""

import random
from typing import Final

from tests.simulation.nodes.plan import (
    HEAL_S,
    Crash,
    DeadCommittee,
    Fault,
    Plan,
    draw_fault,
)

_SMALL: Final = (7, 9)
_DRAWN: Final = (
    "crash",
    "crash all",
    "lose chain",
    "power",
    "disk full",
    "split",
    "mute",
    "weather",
    "dead committee",
)


def draw_lane_plan(seed: int, *, founders: int | None = None, heal_s: float = HEAL_S) -> Plan:
    """Fewer nodes than in life, and a full set that is smaller still: terms of two to four blocks.

    With 24 it is as in life: twenty seats, and those of a dead committee are no third of all.
    """
    rng = random.Random(f"aichain/nodes/lanes/{seed}")
    count = founders or rng.choice(_SMALL)
    offset_ms = rng.choice((0, 50, 200))
    kinds = [kind for kind in _DRAWN if rng.random() < 0.5] or ["dead committee"]
    faults = [
        (rng.uniform(2.0, heal_s), _draw_fault(rng, rng.choice(kinds), count))
        for _ in range(rng.randint(2, 8))
    ]
    return Plan(
        seed=seed,
        founders=count,
        epoch_blocks=rng.choice((4, 8, 256)),
        delta_ms=rng.choice((50, 100, 250)),
        clock_offset_ms=offset_ms,
        skews_ms=tuple(rng.randint(-offset_ms // 2, offset_ms // 2) for _ in range(count)),
        slow={rng.randrange(count): rng.choice((5.0, 40.0))} if rng.random() < 0.3 else {},
        twins=(rng.randrange(count),) if rng.random() < 0.3 else (),
        transfers_per_s=rng.choice((0, 2, 10)),
        faults=tuple(sorted(faults, key=lambda timed: timed[0])),
        full_set_limit=20 if founders else rng.choice((2, 4)),
    )


def _draw_fault(rng: random.Random, kind: str, founders: int) -> Fault:
    match kind:
        case "dead committee":
            return DeadCommittee(rng.uniform(5.0, 20.0))
        case "crash":
            return Crash((rng.randrange(founders),), rng.uniform(0.1, 8.0))
        case _:
            return draw_fault(rng, kind, founders)
