"""The simulators behind one door: the core alone, two lanes, whole nodes."""

from functools import partial

from tests.simulation import mutants
from tests.simulation.campaign import Profile
from tests.simulation.faults import every_fault
from tests.simulation.lanes import faults as lane_faults
from tests.simulation.lanes import mutants as lane_mutants
from tests.simulation.lanes import runs as lane_runs
from tests.simulation.lanes import scenario as lane_scenario
from tests.simulation.nodes import lane_mutants as lane_node_mutants
from tests.simulation.nodes import lane_runs as lane_node_runs
from tests.simulation.nodes import mutants as node_mutants
from tests.simulation.nodes import runs as node_runs
from tests.simulation.runs import KINDS, run

_core = partial(
    Profile,
    kinds=tuple(KINDS),
    run=run,
    every_fault=every_fault(),
    mutants={name: mutant.kind for name, mutant in mutants.MUTANTS.items()},
    mutated=mutants.mutated,
)
SMALL = _core("small", ("swarm",))
FULL = _core(
    "full",
    (
        "swarm",
        "disks",
        "honest",
        "long",
        "forgers",
        "stale",
        "stampers",
        "wiped",
        "damaged",
        "lost",
        "calm",
        "far",
        "overrun",
    ),
)
LANES = Profile(
    "lanes",
    tuple(lane_scenario.KINDS),
    tuple(lane_scenario.KINDS),
    lane_runs.run_seed,
    lane_faults.EVERY_FAULT,
    lane_mutants.SHOWN_BY,
    lane_mutants.mutated,
)
NODES = Profile(
    "nodes",
    node_runs.PLAYED,
    tuple(node_runs.KINDS),
    node_runs.run,
    node_runs.EVERY_FAULT,
    node_mutants.SHOWN_BY,
    node_mutants.mutated,
)
LANE_NODES = Profile(
    "lane-nodes",
    lane_node_runs.PLAYED,
    lane_node_runs.PLAYED,
    lane_node_runs.run,
    lane_node_runs.EVERY_FAULT,
    lane_node_mutants.SHOWN_BY,
    lane_node_mutants.mutated,
)
WHOLE_NODES = (NODES, LANE_NODES)
PROFILES = {each.name: each for each in (SMALL, FULL, LANES, *WHOLE_NODES)}
