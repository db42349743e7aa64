"""One seed, one run: the kinds of scenario, and what each makes of the one that is drawn."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from consensus.quorum import quorum_weight
from tests.simulation.adversary import Criminal
from tests.simulation.log_disk import LogFault
from tests.simulation.scenario import (
    DELTA_MS,
    NO_ACCIDENTS,
    Accident,
    Loss,
    Scenario,
    draw,
    fits,
)
from tests.simulation.world import Result, World

FAR_DELTAS = 12
NO_EDGE = 1_000
"""Blocks of an epoch that outlasts every run."""
CALM_BLOCK_TIME_MS = 5 * DELTA_MS
"""As on real networks: all have crossed an edge when the first proposal behind it is due."""


def run(seed: int, kind: str = "swarm") -> Result:
    """Play the scenario of a seed over the real core."""
    return World(KINDS[kind](draw(seed)), Criminal).run()


def swarm(scenario: Scenario) -> Scenario:
    """As drawn: each seed leaves most faults out."""
    return scenario


def long(scenario: Scenario) -> Scenario:
    """A long bad time, no partitions, FINALs known to one member only: hunts what is rare."""
    links = replace(
        scenario.links,
        drop=0,
        calm=1,
        one_way=0,
        edge_commit=0.95,
        edge_prefer=0.3,
        edge_everywhere=True,
    )
    return replace(scenario, heal_ms=8_000, links=links)


def forgers(scenario: Scenario) -> Scenario:
    """The same, and every evil proposer builds beside the tip."""
    return replace(long(scenario), favourites=("wrong parent",))


def stale(scenario: Scenario) -> Scenario:
    """The same, and every evil proposer builds on the parent of the tip, which was NOTAR once."""
    return replace(long(scenario), favourites=("stale parent",))


def stampers(scenario: Scenario) -> Scenario:
    """The same, and every evil proposer lies about the time."""
    return replace(long(scenario), favourites=("early timestamp", "timestamp of the future"))


def paced(scenario: Scenario) -> Scenario:
    """As drawn, at the pace of real networks: what runs a second of simulators compare by."""
    return replace(
        scenario,
        block_time_ms=500,
        delta_ms=250,
        least_ms=25_000,
        links=replace(scenario.links, healed_ms=250),
    )


def calm(scenario: Scenario) -> Scenario:
    """Nobody evil, all machines and links as they should be: every view has its block."""
    return replace(
        scenario,
        byzantine=frozenset(),
        reformed=frozenset(),
        heal_ms=0,
        block_time_ms=CALM_BLOCK_TIME_MS,
        calm=True,
        accidents=NO_ACCIDENTS,
    )


def far(scenario: Scenario) -> Scenario:
    """Also a network that is slower than it was believed to be gets blocks final, with time."""
    return replace(
        calm(scenario),
        calm=False,
        links=replace(scenario.links, healed_ms=FAR_DELTAS * DELTA_MS, hold=1),
    )


def honest(scenario: Scenario) -> Scenario:
    """Nobody evil, edges everywhere, and all crash together again and again."""
    together = tuple(range(300 + scenario.seed % 200, 3_000, 400))
    return replace(
        scenario,
        byzantine=frozenset(),
        reformed=frozenset(),
        epoch_blocks=2,
        heal_ms=3_000,
        accidents=replace(scenario.accidents, losses=(), crash_all=together),
    )


def disks(scenario: Scenario) -> Scenario:
    """Every log meets every fault of its disk, and power fails; nothing else is lost."""
    rng = random.Random(f"disks {scenario.seed}")
    heal_ms = 3_000

    def accidents() -> Iterator[tuple[int, Accident]]:
        for member in range(scenario.nodes):
            if member not in scenario.byzantine:
                for number in range(6):
                    yield number, Accident(member, rng.randint(0, heal_ms), rng.randint(10, 300))

    faults = tuple(LogFault)
    swapped = rng.choice([node for node in range(scenario.nodes) if node not in scenario.byzantine])
    return replace(
        scenario,
        heal_ms=heal_ms,
        accidents=replace(
            scenario.accidents,
            log_faults=tuple((faults[n % len(faults)], each) for n, each in accidents()),
            crashes=tuple(each for n, each in accidents() if n < 3),
            crash_all=(),
            losses=(),
            swap=Accident(swapped, rng.randint(0, heal_ms), 100),
            slow_disk=frozenset(range(scenario.nodes)),
            prune_bytes=1_000,
        ),
    )


def wiped(scenario: Scenario) -> Scenario:
    """One of four honest members loses its disk near an edge that others learn of late."""
    return _lonely_loss(scenario, Loss.DISK, 500 + scenario.seed * 37 % 3_000)


def damaged(scenario: Scenario) -> Scenario:
    """The log of one of four honest members has a changed bit; the chain beside it is whole."""
    return _lonely_loss(scenario, Loss.LOG, 500 + scenario.seed * 37 % 3_000)


def lost(scenario: Scenario) -> Scenario:
    """One of four honest members loses its chain, and its log is epochs ahead meanwhile."""
    lonely = _lonely_loss(scenario, Loss.DATABASE, 1_000 + scenario.seed * 37 % 2_500)
    return replace(
        lonely,
        epoch_blocks=2 if scenario.seed % 3 else 8,
        accidents=replace(lonely.accidents, prune_bytes=1_000),
    )


def _lonely_loss(scenario: Scenario, loss: Loss, at_ms: int) -> Scenario:
    accident = Accident(scenario.seed % 4, at_ms, rest_ms=30)
    links = replace(scenario.links, calm=0.5, drop=0.05, edge_commit=0.95, edge_prefer=0.3)
    return replace(
        scenario,
        base_weights=(1, 1, 1, 1),
        byzantine=frozenset(),
        reformed=frozenset(),
        changing=False,
        skew_ms=scenario.skew_ms[:4],
        heal_ms=4_000,
        epoch_blocks=2,
        block_time_ms=50,
        links=links,
        accidents=replace(
            scenario.accidents,
            crashes=(),
            crash_all=(),
            log_faults=(),
            losses=((loss, accident),),
            swap=None,
            wrong_clock=None,
        ),
    )


def _beyond(weights: tuple[int, ...], byzantine: frozenset[int]) -> frozenset[int]:
    """More and more of them, until they are too many for safety, but never a quorum alone."""
    evil = set(byzantine)
    for member in range(len(weights)):
        if not fits(weights, evil, live=False):
            break
        if sum(weights[each] for each in evil | {member}) < quorum_weight(sum(weights)):
            evil.add(member)
    return frozenset(evil)


def overrun(scenario: Scenario) -> Scenario:
    """More evil than safety allows, but no quorum, and two halves with a twin of each: chains fork.

    Within an epoch: a core does not see a fork behind an edge, its node does (kind `edges` of the
    whole nodes).
    """
    weights = scenario.base_weights
    byzantine = _beyond(weights, scenario.byzantine)
    if fits(weights, byzantine, live=False):  # one is a quorum alone: then all weigh the same
        weights = tuple(min(weight, 1) for weight in weights)
        byzantine = _beyond(weights, scenario.byzantine)
    return replace(
        scenario,
        base_weights=weights,
        byzantine=byzantine,
        reformed=frozenset(),
        epoch_blocks=NO_EDGE,
        heal_ms=4_000,
        beyond=True,
        links=replace(scenario.links, split=True, drop=0, hold=1, one_way=0, laggard=None),
        accidents=replace(
            scenario.accidents,
            crashes=(),
            crash_all=(),
            log_faults=(),
            losses=(),
            swap=None,
            wrong_clock=None,
        ),
    )


KINDS: dict[str, Callable[[Scenario], Scenario]] = {
    each.__name__: each
    for each in (
        swarm,
        paced,
        long,
        forgers,
        stale,
        stampers,
        honest,
        disks,
        wiped,
        damaged,
        lost,
        calm,
        far,
        overrun,
    )
}
