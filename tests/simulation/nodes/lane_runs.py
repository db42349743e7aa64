"""One seed, one run of whole nodes with two lanes, and all that must occur in many runs."""

import tempfile
from pathlib import Path
from typing import Final

from tests.simulation.nodes.evil_lanes import LANE_CRIMES
from tests.simulation.nodes.lane_plan import LANE_KINDS
from tests.simulation.nodes.play import Result, run_plan

PLAYED: Final = tuple(LANE_KINDS)
LANE_FAULTS: Final = (
    "crash",
    "crash of everybody",
    "chain lost",
    "power lost",
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
EVERY_FAULT: Final = (
    *LANE_FAULTS,
    *LANE_CRIMES,
    "committee captured",
    "(fast block taken back)",
)


def run(seed: int, kind: str) -> Result:
    """One run in a directory of its own, in memory where the machine offers that."""
    shared_memory = "/dev/shm"
    place = shared_memory if Path(shared_memory).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="aichain-nodes-", dir=place) as root:
        return run_plan(LANE_KINDS[kind](seed), Path(root))
