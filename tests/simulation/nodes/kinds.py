"""One thing wrong at a time: who signs twice, stays away, lies, loses its chain, or forks it."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.simulation.nodes.bad_blocks import BAD_BLOCKS
from tests.simulation.nodes.evil import CRIMES, FAST_TWICE, GIVEN_TWICE
from tests.simulation.nodes.joins import SNAPSHOT_LIES
from tests.simulation.nodes.plan import (
    FULL_SET,
    KEPT_BLOCKS,
    BitFlip,
    Crash,
    Fault,
    Mute,
    Plan,
    PowerCut,
    draw_plan,
    quiet,
)

_JOIN_OPERATIONS: Final = 40
"""A join of some twenty parts writes and syncs about so often."""


def guilty(seed: int) -> Plan:
    """One of five runs twice, or votes twice, and nothing else is wrong: how soon is it slashed?"""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/guilty/{seed}")
    plan = replace(quiet(drawn, 5), transfers_per_s=2, heal_s=15.0)
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
        quiet(drawn, 7),
        twins=(culprit,),
        liars=(other,),
        crimes=tuple(rng.sample(CRIMES, 3)),
        shelters=True,
        transfers_per_s=2,
        heal_s=15.0,
    )


def witness(seed: int) -> Plan:
    """One of five votes twice, and shows the second vote to one that nobody hears, and which
    crashes before somebody does. Every other seed has two lanes."""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/witness/{seed}")
    culprit, sees = rng.sample(range(5), 2)
    has_lanes = bool(seed % 2)
    unheard = tuple((4.0, Mute(sees, deaf)) for deaf in range(5) if deaf != sees)
    return replace(
        quiet(drawn, 5),
        liars=(culprit,),
        crimes=(FAST_TWICE if has_lanes else GIVEN_TWICE,),
        crimes_s=(4.5, 8.0),
        witness=sees,
        faults=(*unheard, (8.5, Crash((sees,), rng.uniform(0.5, 2.0)))),
        transfers_per_s=2,
        full_set_limit=2 if has_lanes else FULL_SET,
        heal_s=16.0,
    )


def absent(seed: int) -> Plan:
    """One of five is away for so long that it is jailed; it comes back, and has turns again."""
    rng = random.Random(f"aichain/nodes/absent/{seed}")
    return replace(
        quiet(draw_plan(seed), 5),
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
        quiet(drawn, 5),
        liars=(liar,),
        crimes=tuple(CRIMES[at % len(CRIMES)] for at in range(3 * seed, 3 * seed + 3)),
        faults=lost,
        transfers_per_s=4,
        heal_s=22.0,
    )


def producers(seed: int) -> Plan:
    """One of five signs blocks that break rules, in three ways each seed; nothing else is wrong,
    so that all the others must make it pay. Later one of them crashes and comes back."""
    drawn = draw_plan(seed)
    return replace(
        quiet(drawn, 5),
        epoch_blocks=8,
        liars=(seed % 5,),
        crimes=bad_blocks(seed),
        faults=((14.0, Crash(((seed + 1) % 5,), 2.0)),),
        transfers_per_s=2,
        heal_s=18.0,
    )


def bad_blocks(seed: int) -> tuple[str, ...]:
    """Three of the ways, all of them in turn."""
    kinds = tuple(BAD_BLOCKS)
    return tuple(kinds[at % len(kinds)] for at in range(3 * seed, 3 * seed + 3))


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
        off_s, back_s = rng.uniform(0.1, 2.0), at_s + down_s
        match rng.choice(("power in the join", "power in the join", "power", "crash")):
            case "power in the join":
                operations = rng.randrange(_JOIN_OPERATIONS)
                faults.append((back_s + 0.01, PowerCut(index, operations, off_s, in_join=True)))
            case "power":
                cut = PowerCut(index, rng.randrange(12), off_s)
                faults.append((back_s + rng.uniform(0.1, 3.0), cut))
            case _:
                faults.append((back_s + rng.uniform(0.1, 3.0), Crash((index,), off_s)))
        at_s += 12.0
    return replace(
        quiet(drawn, 5),
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


def rot(seed: int) -> Plan:
    """Bits change on the disks of five, one machine after the other; one vote log among them: who
    lost its log is silent for a while, and two of five are more than the others can spare. Every
    other seed has two lanes."""
    drawn, rng = draw_plan(seed), random.Random(f"aichain/nodes/rot/{seed}")
    directories = ["signer", *rng.choices(("chain", "chain", "index"), k=7)]
    rng.shuffle(directories)
    flips = tuple(
        (4.0 + 6.0 * at, BitFlip(at % 5, rng.uniform(0.2, 2.0), directory))
        for at, directory in enumerate(directories)
    )
    return replace(
        quiet(drawn, 5),
        epoch_blocks=rng.choice((4, 8, 256)),
        faults=flips,
        transfers_per_s=4,
        full_set_limit=2 if seed % 2 else FULL_SET,
        heal_s=56.0,
    )


def beyond(seed: int) -> Plan:
    """Two of four run twice, one copy on each side of a partition: chains fork."""
    rng = random.Random(f"aichain/nodes/beyond/{seed}")
    return replace(
        quiet(draw_plan(seed), 4),
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


KINDS: Final[dict[str, Callable[[int], Plan]]] = {
    "swarm": draw_plan,
    "guilty": guilty,
    "accomplice": accomplice,
    "witness": witness,
    "absent": absent,
    "liars": liars,
    "producers": producers,
    "joiners": joiners,
    "rot": rot,
    "beyond": beyond,
    "edges": edges,
}
