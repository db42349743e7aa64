"""What happens in a run with two lanes, drawn from its seed."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.simulation.nodes.evil import FAST_TWICE, HARD_TWICE
from tests.simulation.nodes.evil_lanes import LANE_CRIMES
from tests.simulation.nodes.kinds import bad_blocks
from tests.simulation.nodes.plan import (
    HEAL_S,
    Captured,
    Crash,
    DeadCommittee,
    Fault,
    Mute,
    Plan,
    PowerCut,
    draw_fault,
)

_SMALL: Final = (7, 9)
_LARGER: Final = (9, 13)
_SHORT: Final = ((4, 2), (8, 2), (256, 2))
_LONG: Final = ((16, 16), (32, 16), (256, 16), (64, 64), (128, 64), (256, 64))
"""Blocks of an epoch, and about those of a term."""
_LONG_PERCENT: Final = 40
_LONG_HEAL_S: Final = {16: 45.0, 64: 75.0}
_SETS_MOVE_HEAL_S: Final = {2: 45.0, 16: 60.0, 64: 130.0}
"""What a set decides in one epoch votes from the second one after."""
SMALL_FOUNDERS: Final = 7
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


def draw_lane_plan(seed: int, *, founders: int | None = None) -> Plan:
    """Fewer nodes than in life, and a full set that is smaller still, so that terms are as long.

    With 24 it is as in life: twenty seats, and those of a dead committee are no third of all.
    """
    rng = random.Random(f"aichain/nodes/lanes/{seed}")
    is_long = not founders and rng.randrange(100) < _LONG_PERCENT
    epoch_blocks, term = rng.choice(_LONG if is_long else _SHORT)
    count = founders or rng.choice(_LARGER if is_long else _SMALL)
    offset_ms = rng.choice((0, 50, 200))
    plan = Plan(
        seed=seed,
        founders=count,
        epoch_blocks=epoch_blocks,
        delta_ms=rng.choice((50, 100, 250)),
        clock_offset_ms=offset_ms,
        skews_ms=tuple(rng.randint(-offset_ms // 2, offset_ms // 2) for _ in range(count)),
        slow={rng.randrange(count): rng.choice((5.0, 40.0))} if rng.random() < 0.3 else {},
        twins=(rng.randrange(count),) if rng.random() < 0.3 else (),
        transfers_per_s=rng.choice((0, 2, 10)),
        faults=(),
        full_set_limit=20 if founders else 1 if is_long else rng.choice((2, 4)),
        heal_s=_LONG_HEAL_S.get(term, HEAL_S),
        term_blocks=term if term > count else 0,
    )
    if not founders and epoch_blocks <= max(8, term) and rng.random() < 0.5:
        plan = _with_sets_that_change(plan, rng, _SETS_MOVE_HEAL_S[term])
    return _with_faults(plan, rng)


def _small(seed: int, kind: str) -> tuple[Plan, random.Random]:
    """Seven nodes, terms of four blocks, and nothing wrong yet."""
    drawn = draw_lane_plan(seed)
    plan = replace(
        drawn,
        founders=SMALL_FOUNDERS,
        epoch_blocks=8,
        skews_ms=(0,) * SMALL_FOUNDERS,
        slow={},
        twins=(),
        faults=(),
        full_set_limit=2,
        transfers_per_s=2,
        rotates=False,
        retires=(),
        term_blocks=0,
        heal_s=0.0,
    )
    return plan, random.Random(f"aichain/nodes/lanes/{kind}/{seed}")


def captured(seed: int) -> Plan:
    """One node is shown a fast block that nobody else has, and must take it back."""
    plan, rng = _small(seed, "captured")
    victim, alone_s = rng.randrange(SMALL_FOUNDERS), rng.uniform(12.0, 16.0)
    return replace(plan, faults=((rng.uniform(2.0, 4.0), Captured(victim, alone_s)),))


def power_lost(seed: int) -> Plan:
    """One machine after the other loses its power, most often in the middle of a write."""
    plan, rng = _small(seed, "power")
    victims = rng.sample(range(SMALL_FOUNDERS), 5)
    cuts = [
        (2.0 + 1.5 * at, PowerCut(victim, rng.randrange(40), rng.uniform(0.1, 0.5)))
        for at, victim in enumerate(victims)
    ]
    return replace(plan, faults=tuple(cuts))


def dead_committee(seed: int) -> Plan:
    """A committee is away for longer than the escape time; whoever lives closes its term, and
    one of those crashes then."""
    plan, rng = _small(seed, "dead")
    crashes = tuple(
        (at_s, Crash((index,), 0.2))
        for at_s, index in zip(
            (16.0, 18.0, 20.0), rng.sample(range(SMALL_FOUNDERS), 3), strict=True
        )
    )
    return replace(plan, faults=((rng.uniform(2.0, 4.0), DeadCommittee(14.0)), *crashes))


def crashes(seed: int) -> Plan:
    """One machine is killed again and again, whatever it does."""
    plan, rng = _small(seed, "crashes")
    victim = rng.randrange(SMALL_FOUNDERS)
    times = [2.0 + 2.0 * at + rng.random() for at in range(8)]
    return replace(plan, faults=tuple((at_s, Crash((victim,), 0.3)) for at_s in times))


def behind(seed: int) -> Plan:
    """One node loses its chain and is away for some terms."""
    plan, rng = _small(seed, "behind")
    lost = Crash((rng.randrange(SMALL_FOUNDERS),), rng.uniform(8.0, 10.0), loses="chain")
    at_s = rng.uniform(4.0, 6.0)
    return replace(plan, epoch_blocks=256, faults=((at_s, lost),), one_by_one=True)


def lane_liars(seed: int) -> Plan:
    """One of seven lies and withholds, three of its crimes each seed; others begin anew."""
    plan, rng = _small(seed, "liars")
    liar = seed % SMALL_FOUNDERS
    others = [index for index in range(SMALL_FOUNDERS) if index != liar]
    lost = [
        (4.0 + 4.0 * at, Crash((other,), rng.uniform(3.0, 5.0), loses="chain"))
        for at, other in enumerate(rng.sample(others, 3))
    ]
    unheard = [(1.0 + 8.0 * at, Mute(liar, deaf)) for at, deaf in enumerate(rng.sample(others, 2))]
    return replace(
        plan,
        liars=(liar,),
        crimes=tuple(LANE_CRIMES[at % len(LANE_CRIMES)] for at in range(3 * seed, 3 * seed + 3)),
        faults=(*lost, *unheard),
        heal_s=16.0,
    )


def lane_guilty(seed: int) -> Plan:
    """One of seven votes twice, in a term or in a ballot, from some moment on, and nothing else is
    wrong: how soon is it slashed?"""
    plan, rng = _small(seed, "guilty")
    return replace(
        plan,
        liars=(rng.randrange(SMALL_FOUNDERS),),
        crimes=(HARD_TWICE if seed % 2 else FAST_TWICE,),
        crimes_s=(rng.uniform(0.0, 12.0), math.inf),
        heal_s=15.0,
    )


def lane_producers(seed: int) -> Plan:
    """One of seven signs blocks of terms that break rules, in three ways each seed."""
    plan, _ = _small(seed, "producers")
    liar = seed % SMALL_FOUNDERS
    return replace(
        plan,
        liars=(liar,),
        crimes=bad_blocks(seed),
        faults=((14.0, Crash(((liar + 1) % SMALL_FOUNDERS,), 2.0)),),
        heal_s=18.0,
    )


def lane_beyond(seed: int) -> Plan:
    """Three of seven run twice, one copy on each side of a partition: hard checkpoints fork."""
    plan, rng = _small(seed, "beyond")
    return replace(
        plan,
        epoch_blocks=256,
        twins=tuple(rng.sample(range(SMALL_FOUNDERS), 3)),
        halves=True,
        heal_s=rng.uniform(10.0, 30.0),
        cunning=seed % 2 == 1,
    )


def lane_edges(seed: int) -> Plan:
    """The same, but the sides meet again only when epochs have ended on both."""
    rng = random.Random(f"aichain/nodes/lanes/edges/{seed}")
    return replace(lane_beyond(seed), epoch_blocks=8, heal_s=rng.uniform(40.0, 60.0))


LANE_KINDS: Final[dict[str, Callable[[int], Plan]]] = {
    "swarm": draw_lane_plan,
    "captured": captured,
    "power": power_lost,
    "dead": dead_committee,
    "crashes": crashes,
    "behind": behind,
    "liars": lane_liars,
    "guilty": lane_guilty,
    "producers": lane_producers,
    "beyond": lane_beyond,
    "edges": lane_edges,
}


def _with_sets_that_change(plan: Plan, rng: random.Random, heal_s: float) -> Plan:
    """A stranger comes and goes, founders go; a committee dies while they do."""
    staying = [index for index in range(plan.founders) if index not in plan.twins]
    return replace(
        plan,
        rotates=True,
        retires=tuple(rng.sample(staying, rng.randint(1, 2))),
        faults=((rng.uniform(0.3, 0.9) * heal_s, _dead_committee(rng)),),
        heal_s=heal_s,
    )


def _with_faults(plan: Plan, rng: random.Random) -> Plan:
    kinds = [kind for kind in _DRAWN if rng.random() < 0.5] or ["dead committee"]
    faults = [
        (rng.uniform(2.0, plan.heal_s), _draw_fault(rng, rng.choice(kinds), plan.founders))
        for _ in range(rng.randint(2, 8))
    ]
    faults += plan.faults
    return replace(plan, faults=tuple(sorted(faults, key=lambda timed: timed[0])))


def _draw_fault(rng: random.Random, kind: str, founders: int) -> Fault:
    match kind:
        case "dead committee":
            return _dead_committee(rng)
        case "crash":
            return Crash((rng.randrange(founders),), rng.uniform(0.1, 8.0))
        case _:
            return draw_fault(rng, kind, founders)


def _dead_committee(rng: random.Random) -> DeadCommittee:
    """Often for longer than the escape time, so that its term has to be restarted."""
    return DeadCommittee(rng.uniform(5.0, 25.0))
