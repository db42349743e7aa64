"""One seed, one run of whole nodes: the kinds, and all that must occur in many runs."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.simulation.nodes.bad_blocks import BAD_BLOCKS
from tests.simulation.nodes.evil import CRIMES
from tests.simulation.nodes.jail import STAGES
from tests.simulation.nodes.joins import JOINED, LOST_IN_A_JOIN, SNAPSHOT_LIES
from tests.simulation.nodes.kinds import KINDS
from tests.simulation.nodes.offenders import SHELTERING, SLASHED
from tests.simulation.nodes.plan import Plan
from tests.simulation.nodes.play import ACCUSED_AT_A_FORK, Result, run_plan
from tests.simulation.nodes.power import BATCHES, NAMES
from tests.simulation.nodes.rot import ROT

FAULTS: Final = (
    "crash",
    "crash of everybody",
    "chain lost",
    "index lost",
    "power lost",
    BATCHES,
    NAMES,
    "disk full",
    "partition",
    "link deaf in one direction",
    "link cut",
    "delay and loss",
    "clock skew",
    "clock far off",
    "slow node",
    "twin",
    "node that prunes",
    "stranger joins the set",
    "stranger leaves the set",
)
PASSED: Final = (
    *STAGES,
    SHELTERING,
    SLASHED,
    "(fork)",
    "(node halted at a fork)",
    ACCUSED_AT_A_FORK,
)
JOINS: Final = (*SNAPSHOT_LIES, JOINED, LOST_IN_A_JOIN)
EVERY_FAULT: Final = (*FAULTS, *CRIMES, *BAD_BLOCKS, *JOINS, *ROT, *PASSED)


def run(seed: int, kind: str) -> Result:
    """One seed of one kind."""
    return in_its_own_directory(KINDS[kind](seed))


def in_its_own_directory(plan: Plan) -> Result:
    """One run, in memory where the machine offers that."""
    shared_memory = "/dev/shm"
    place = shared_memory if Path(shared_memory).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="aichain-nodes-", dir=place) as root:
        return run_plan(plan, Path(root))


def fix_hash_seed(module: str) -> None:
    """Whole nodes keep sets of names: their order must be that of the replay."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})
