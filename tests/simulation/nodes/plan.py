"""What happens in a run, drawn from its seed: sizes, weather, faults and their times."""

import math
import random
from dataclasses import dataclass, field, replace
from typing import Final

from p2p.memory_links import Conditions
from tests.simulation.nodes.evil import TWICE

HEAL_S: Final = 30.0
FULL_SET: Final = 20
CALM: Final = Conditions(1, 20)
KEPT_BLOCKS: Final = 16


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
    in_join: bool = False
    """Only what it writes of a chain on its way here counts."""


@dataclass(frozen=True, slots=True)
class BitFlip:
    """One machine stops, and comes back with another bit in a file below one of its directories."""

    index: int
    down_s: float
    directory: str


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
class Cut:
    """Two nodes do not hear each other; all others hear both."""

    one: int
    other: int


@dataclass(frozen=True, slots=True)
class WrongClock:
    """One machine's clock is far off for a while."""

    index: int
    off_ms: int


@dataclass(frozen=True, slots=True)
class Weather:
    """Other delays and losses, everywhere."""

    conditions: Conditions


@dataclass(frozen=True, slots=True)
class DeadCommittee:
    """With two lanes: those stop who hold most seats of a term, so many that it is dead."""

    down_s: float


@dataclass(frozen=True, slots=True)
class Captured:
    """One node, cut off, is shown a final block by a committee that is bought (two lanes)."""

    victim: int
    alone_s: float


Fault = (
    Crash
    | PowerCut
    | BitFlip
    | DiskFull
    | Split
    | Mute
    | Cut
    | WrongClock
    | Weather
    | DeadCommittee
    | Captured
)


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
    twins: tuple[int, ...]
    """Founders of which a second copy runs."""
    transfers_per_s: int
    faults: tuple[tuple[float, Fault], ...]
    full_set_limit: int = FULL_SET
    """Below the number of founders: two lanes."""
    peers_max: int | None = None
    """How many peers a node has room for, drawn from the seed; None: everybody."""
    liars: tuple[int, ...] = ()
    """Founders whose networks say something else than their nodes mean."""
    crimes: tuple[str, ...] = ()
    crimes_s: tuple[float, float] = (0.0, math.inf)
    """From when to when."""
    witness: int | None = None
    """Who alone is shown the second of two votes; None: everybody."""
    shelters: bool = False
    """Liars keep accusations out of their blocks."""
    absentee: int | None = None
    """After healing this one stays away until it is in jail and out of the set."""
    keep: dict[int, int] = field(default_factory=dict)
    """Nodes that prune, and how many blocks they keep."""
    rotates: bool = False
    """A stranger becomes a validator, and leaves the set again."""
    heal_s: float = HEAL_S
    joins: bool = False
    """All prune, and whoever is far behind joins by a snapshot."""
    halves: bool = False
    """Until healing, two sides with a copy of every twin: beyond the bound both go on."""
    cunning: bool = False
    """The twins see to it that no view has a FINAL on both sides: only NOTAR and NULL convict."""
    term_blocks: int = 0
    """The length of terms; 0: as the number of validators and `full_set_limit` give it."""
    one_by_one: bool = False
    """So few missing blocks are fetched one by one that whoever is behind asks for ranges."""
    retires: tuple[int, ...] = ()
    """Founders that take their stake out, one after the other."""

    @property
    def evil(self) -> frozenset[int]:
        """Founders that run twice or lie."""
        return frozenset((*self.twins, *self.liars))

    @property
    def honest(self) -> tuple[int, ...]:
        """Founders that do what they should."""
        return tuple(index for index in range(self.founders) if index not in self.evil)

    @property
    def rots(self) -> bool:
        """Bits change on disks, so nodes may stop because of what they read."""
        return any(isinstance(fault, BitFlip) for _, fault in self.faults)

    @property
    def is_disturbed(self) -> bool:
        """Whether more is wrong than that somebody signs twice."""
        lies = set(self.crimes) - TWICE
        return bool(self.faults or self.slow or self.halves or lies)

    @property
    def stranger(self) -> int:
        """The number of the node that joins the set."""
        return self.founders + len(self.twins)


def draw_plan(seed: int) -> Plan:
    """Swarm testing: each seed has its own mix, so that kinds of faults also occur alone."""
    rng = random.Random(f"aichain/nodes/{seed}")
    founders = rng.choice((4, 4, 5, 7))
    offset_ms = rng.choice((0, 50, 200))
    kinds = [kind for kind in _DRAWN if rng.random() < 0.5] or ["crash"]
    epoch_blocks = rng.choice((4, 8, 256))
    faults = [
        (rng.uniform(2.0, HEAL_S), draw_fault(rng, rng.choice(kinds), founders))
        for _ in range(rng.randint(3, 12))
    ]
    return Plan(
        seed=seed,
        founders=founders,
        epoch_blocks=epoch_blocks,
        delta_ms=rng.choice((50, 100, 250)),
        clock_offset_ms=offset_ms,
        skews_ms=tuple(rng.randint(-offset_ms // 2, offset_ms // 2) for _ in range(founders)),
        slow={rng.randrange(founders): rng.choice((5.0, 40.0))} if rng.random() < 0.3 else {},
        twins=(rng.randrange(founders),) if rng.random() < 0.3 else (),
        transfers_per_s=rng.choice((0, 2, 10)),
        faults=tuple(sorted(faults, key=lambda timed: timed[0])),
        keep={rng.randrange(founders): KEPT_BLOCKS}
        if epoch_blocks < 256 and rng.random() < 0.5
        else {},
        rotates=epoch_blocks < 256 and rng.random() < 0.4,
    )


def quiet(plan: Plan, founders: int) -> Plan:
    """So many, and nothing wrong yet."""
    return replace(
        plan,
        founders=founders,
        skews_ms=(0,) * founders,
        slow={},
        twins=(),
        faults=(),
        keep={},
        rotates=False,
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
    "cut",
    "wrong clock",
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
        case "cut":
            return Cut(one, (one + rng.randrange(1, founders)) % founders)
        case "wrong clock":
            return WrongClock(one, rng.choice((-2_000, 2_000)))
        case _:
            least = rng.choice((1, 5, 100))
            return Weather(
                Conditions(least, least + rng.choice((5, 50, 400)), rng.choice((0, 100, 300)))
            )
