"""What happens in a run, drawn from its seed: sizes, weather, faults and their times."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from p2p.memory_links import Conditions
from tests.simulation.nodes.evil import CRIMES, GIVEN_TWICE
from tests.simulation.nodes.joins import SNAPSHOT_LIES

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
    def honest(self) -> tuple[int, ...]:
        """Founders that do what they should."""
        evil = {*self.twins, *self.liars}
        return tuple(index for index in range(self.founders) if index not in evil)

    @property
    def is_disturbed(self) -> bool:
        """Whether more is wrong than that somebody signs twice."""
        lies = set(self.crimes) - {GIVEN_TWICE}
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


def guilty(seed: int) -> Plan:
    """One of five runs twice, or votes twice, and nothing else is wrong: how soon is it slashed?"""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/guilty/{seed}")
    plan = replace(_quiet(drawn, 5), transfers_per_s=2, heal_s=15.0)
    culprit = (rng.randrange(5),)
    if seed % 2:
        return replace(plan, liars=culprit, crimes=(GIVEN_TWICE,))
    return replace(plan, twins=culprit)


def accomplice(seed: int) -> Plan:
    """One of seven runs twice; another keeps every accusation out of its blocks, withholds and
    lies. Who is accused is slashed all the same."""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/accomplice/{seed}")
    culprit, other = rng.sample(range(7), 2)
    return replace(
        _quiet(drawn, 7),
        twins=(culprit,),
        liars=(other,),
        crimes=tuple(rng.sample(CRIMES, 3)),
        shelters=True,
        transfers_per_s=2,
        heal_s=15.0,
    )


def absent(seed: int) -> Plan:
    """One of five is away for so long that it is jailed; it comes back, and has turns again."""
    rng = random.Random(f"aichain/nodes/absent/{seed}")
    return replace(
        _quiet(draw_plan(seed), 5),
        epoch_blocks=4,
        absentee=rng.randrange(5),
        transfers_per_s=2,
        heal_s=rng.uniform(1.0, 4.0),
    )


def liars(seed: int) -> Plan:
    """One of five lies and withholds, three of its crimes each seed; all others start from
    nothing again, one after the other."""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/liars/{seed}")
    liar = seed % 5  # whoever restarts meets node 0 first, and asks it first
    others = [index for index in range(5) if index != liar]
    lost = tuple(
        (5.0 + 4.0 * at, Crash((other,), rng.uniform(0.5, 2.5), loses="chain"))
        for at, other in enumerate(others)
    )
    return replace(
        _quiet(drawn, 5),
        liars=(liar,),
        crimes=tuple(CRIMES[at % len(CRIMES)] for at in range(3 * seed, 3 * seed + 3)),
        faults=lost,
        transfers_per_s=4,
        heal_s=22.0,
    )


def joiners(seed: int) -> Plan:
    """One of five lies about snapshots. The others lose their chains, one after the other, when
    nobody keeps the first blocks any more, and meet crashes and power cuts while they join. Every
    other seed has two lanes."""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/joiners/{seed}")
    liar = seed // 2 % 5
    faults: list[tuple[float, Fault]] = []
    at_s = 3.0 + KEPT_BLOCKS
    for index in rng.sample([index for index in range(5) if index != liar], 3):
        down_s = rng.uniform(0.2, 2.0)
        faults.append((at_s, Crash((index,), down_s, loses="chain")))
        stop_s = at_s + down_s + rng.uniform(0.1, 3.0)
        operations, off_s = rng.randrange(12), rng.uniform(0.1, 2.0)
        if rng.random() < 0.7:
            faults.append((stop_s, PowerCut(index, operations, off_s)))
        else:
            faults.append((stop_s, Crash((index,), off_s)))
        at_s += 12.0
    return replace(
        _quiet(drawn, 5),
        epoch_blocks=rng.choice((4, 8)),
        liars=(liar,),
        crimes=tuple(rng.sample(SNAPSHOT_LIES, 2)),
        faults=tuple(faults),
        keep=dict.fromkeys(range(5), KEPT_BLOCKS),
        joins=True,
        transfers_per_s=4,
        full_set_limit=2 if seed % 2 else FULL_SET,
        heal_s=at_s + 3.0,
    )


def beyond(seed: int) -> Plan:
    """Two of four run twice, one copy on each side of a partition: chains fork."""
    rng = random.Random(f"aichain/nodes/beyond/{seed}")
    return replace(
        _quiet(draw_plan(seed), 4),
        epoch_blocks=256,
        twins=tuple(rng.sample(range(4), 2)),
        halves=True,
        heal_s=rng.uniform(2.0, 8.0),
        cunning=seed % 2 == 1,
    )


def edges(seed: int) -> Plan:
    """The same, but the sides meet again only when epochs have ended on both: in those of now there
    is nothing that they can verify of each other."""
    rng = random.Random(f"aichain/nodes/edges/{seed}")
    return replace(beyond(seed), epoch_blocks=4, heal_s=rng.uniform(8.0, 20.0))


def _quiet(plan: Plan, founders: int) -> Plan:
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


KINDS: Final[dict[str, Callable[[int], Plan]]] = {
    "swarm": draw_plan,
    "guilty": guilty,
    "accomplice": accomplice,
    "absent": absent,
    "liars": liars,
    "joiners": joiners,
    "beyond": beyond,
    "edges": edges,
}


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
