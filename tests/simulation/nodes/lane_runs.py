"""One seed, one run of whole nodes with two lanes, and all that must occur in many runs."""

from typing import Final

from tests.simulation.nodes.bad_blocks import BAD_BLOCKS
from tests.simulation.nodes.evil import FAST_TWICE, HARD_TWICE
from tests.simulation.nodes.evil_lanes import LANE_CRIMES
from tests.simulation.nodes.lane_plan import LANE_KINDS, draw_lane_plan
from tests.simulation.nodes.offenders import SLASHED
from tests.simulation.nodes.play import Result
from tests.simulation.nodes.power import BATCHES, NAMES
from tests.simulation.nodes.runs import in_its_own_directory

DRAWN: Final = "swarm"
LANE_FAULTS: Final = (
    "crash",
    "crash of everybody",
    "chain lost",
    "power lost",
    BATCHES,
    NAMES,
    "disk full",
    "partition",
    "link deaf in one direction",
    "delay and loss",
    "clock skew",
    "slow node",
    "twin",
    "dead committee",
    "stranger joins the set",
    "stranger leaves the set",
    "founder leaves the set",
)
CAPTURED: Final = ("committee captured", "(fast block taken back)")
GUILTY: Final = (FAST_TWICE, HARD_TWICE, SLASHED)
FORKED: Final = ("(fork)", "(node halted at a fork)")
EVERY_FAULT: Final = (*LANE_FAULTS, *LANE_CRIMES, *BAD_BLOCKS, *CAPTURED, *GUILTY, *FORKED)


def run(seed: int, kind: str, *, founders: int | None = None) -> Result:
    """One seed of one kind; the drawn ones can have more validators than are drawn."""
    if founders is None:
        return in_its_own_directory(LANE_KINDS[kind](seed))
    assert kind == DRAWN, "the others are small"
    return in_its_own_directory(draw_lane_plan(seed, founders=founders))
