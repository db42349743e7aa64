"""What happens in a run, drawn from its seed: sizes, weather, faults and their times."""

import random
from dataclasses import dataclass
from typing import Final

from p2p.memory_links import Conditions

HEAL_S: Final = 30.0
FULL_SET: Final = 20
CALM: Final = Conditions(1, 20)


@dataclass(frozen=True, slots=True)
class Crash:
    """Nodes stop at once and come back later; `loses` names what of their disk is gone."""

    indices: tuple[int, ...]
    down_s: float
    loses: str = ""


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The power of one machine fails at one of its next writes or syncs."""

    index: int
    operations: int
    down_s: float


@dataclass(frozen=True, slots=True)
class DiskFull:
    """One machine's disk takes no more; its node has to stop."""

    index: int
    down_s: float


@dataclass(frozen=True, slots=True)
class Split:
    """Two sides hear nothing of each other."""

    side: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mute:
    """One node hears another, which does not hear it."""

    speaker: int
    deaf: int


@dataclass(frozen=True, slots=True)
class Weather:
    """Other delays and losses, everywhere."""

    conditions: Conditions


@dataclass(frozen=True, slots=True)
class DeadCommittee:
    """With two lanes: those stop who hold most seats of a term, so many that it is dead."""

    down_s: float


Fault = Crash | PowerCut | DiskFull | Split | Mute | Weather | DeadCommittee


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. Faults end at HEAL_S; from then on ten more blocks must become final."""

    seed: int
    founders: int
    epoch_blocks: int
    delta_ms: int
    clock_offset_ms: int
    skews_ms: tuple[int, ...]
    slow: dict[int, float]
    twin: int | None
    transfers_per_s: int
    faults: tuple[tuple[float, Fault], ...]
    full_set_limit: int = FULL_SET
    """Below the number of founders: two lanes."""


def draw_plan(seed: int) -> Plan:
    """Swarm testing: each seed has its own mix, so that kinds of faults also occur alone."""
    rng = random.Random(f"aichain/nodes/{seed}")
    founders = rng.choice((4, 4, 5, 7))
    offset_ms = rng.choice((0, 50, 200))
    kinds = [kind for kind in _DRAWN if rng.random() < 0.5] or ["crash"]
    faults = [
        (rng.uniform(2.0, HEAL_S), draw_fault(rng, rng.choice(kinds), founders))
        for _ in range(rng.randint(3, 12))
    ]
    return Plan(
        seed=seed,
        founders=founders,
        epoch_blocks=rng.choice((4, 8, 256)),
        delta_ms=rng.choice((50, 100, 250)),
        clock_offset_ms=offset_ms,
        skews_ms=tuple(rng.randint(-offset_ms // 2, offset_ms // 2) for _ in range(founders)),
        slow={rng.randrange(founders): rng.choice((5.0, 40.0))} if rng.random() < 0.3 else {},
        twin=rng.randrange(founders) if rng.random() < 0.3 else None,
        transfers_per_s=rng.choice((0, 2, 10)),
        faults=tuple(sorted(faults, key=lambda timed: timed[0])),
    )


_DRAWN: Final = (
    "crash",
    "crash all",
    "lose chain",
    "lose index",
    "power",
    "disk full",
    "split",
    "mute",
    "weather",
)


def draw_fault(rng: random.Random, kind: str, founders: int) -> Fault:
    one = rng.randrange(founders)
    match kind:
        case "crash":
            return Crash((one,), rng.uniform(0.1, 8.0))
        case "crash all":
            return Crash(tuple(range(founders)), rng.uniform(0.1, 2.0))
        case "lose chain":
            return Crash((one,), rng.uniform(0.1, 8.0), loses="chain")
        case "lose index":
            return Crash((one,), rng.uniform(0.1, 8.0), loses="index")
        case "power":
            return PowerCut(one, rng.randrange(40), rng.uniform(0.1, 4.0))
        case "disk full":
            return DiskFull(one, rng.uniform(0.1, 4.0))
        case "split":
            return Split(tuple(rng.sample(range(founders), rng.randint(1, founders // 2))))
        case "mute":
            return Mute(one, (one + rng.randrange(1, founders)) % founders)
        case _:
            least = rng.choice((1, 5, 100))
            return Weather(
                Conditions(least, least + rng.choice((5, 50, 400)), rng.choice((0, 100, 300)))
            )
