"""One seed, one run."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.adversary import Criminal
from tests.simulation.scenario import Scenario, draw
from tests.simulation.world import Result, World


def run(seed: int) -> Result:
    """Play the scenario of a seed over the real core."""
    return World(draw(seed), Criminal).run()


def run_long(seed: int) -> Result:
    """A long bad time, no partitions, FINALs known to one member only: hunts what is rare."""
    return World(_make_rare(draw(seed)), Criminal).run()


def run_forgers(seed: int) -> Result:
    """The same, and every evil proposer builds beside the tip."""
    return World(replace(_make_rare(draw(seed)), favourites=("wrong parent",)), Criminal).run()


def _make_rare(scenario: Scenario) -> Scenario:
    return replace(
        scenario,
        heal_ms=8_000,
        drop=0,
        calm=1,
        edge_commit=0.95,
        edge_prefer=0.3,
        edge_everywhere=True,
    )


def run_honest(seed: int) -> Result:
    """Nobody evil, edges everywhere, and all crash together again and again."""
    scenario = draw(seed)
    together = tuple(range(300 + seed % 200, 3_000, 400))
    return World(
        replace(
            scenario,
            byzantine=frozenset(),
            reformed=frozenset(),
            wipe=None,
            lost=None,
            epoch_blocks=2,
            heal_ms=3_000,
            crash_all=together,
        ),
        Criminal,
    ).run()


def run_wiped(seed: int) -> Result:
    """One of four honest members loses its disk near an edge that others learn of late."""
    scenario, victim = draw(seed), seed % 4
    return World(
        replace(
            scenario,
            nodes=4,
            base_weights=(1, 1, 1, 1),
            byzantine=frozenset(),
            reformed=frozenset(),
            frail=frozenset((victim,)),
            changing=False,
            skew_ms=scenario.skew_ms[:4],
            crashes=(),
            crash_all=(),
            lost=None,
            wipe=(victim, 500 + seed * 37 % 3_000, 30),
            heal_ms=4_000,
            epoch_blocks=2,
            block_time_ms=50,
            calm=0.5,
            drop=0.05,
            edge_commit=0.95,
            edge_prefer=0.3,
        ),
        Criminal,
    ).run()


def run_lost(seed: int) -> Result:
    """One of four honest members loses its chain, and its log is epochs ahead meanwhile."""
    scenario, victim = draw(seed), seed % 4
    return World(
        replace(
            scenario,
            nodes=4,
            base_weights=(1, 1, 1, 1),
            byzantine=frozenset(),
            reformed=frozenset(),
            frail=frozenset((victim,)),
            changing=False,
            skew_ms=scenario.skew_ms[:4],
            crashes=(),
            crash_all=(),
            wipe=None,
            lost=(victim, 1_000 + seed * 37 % 2_500, 30),
            heal_ms=4_000,
            epoch_blocks=2,
            block_time_ms=50,
            calm=0.5,
            drop=0.05,
            edge_commit=0.95,
            edge_prefer=0.3,
        ),
        Criminal,
    ).run()


RUNS: dict[str, Callable[[int], Result]] = {
    "swarm": run,
    "long": run_long,
    "forgers": run_forgers,
    "honest": run_honest,
    "wiped": run_wiped,
    "lost": run_lost,
}
