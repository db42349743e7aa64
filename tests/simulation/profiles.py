"""The simulators behind one door: the core alone, two lanes, whole nodes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

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
from tests.simulation.nodes.kinds import KINDS as NODE_KINDS
from tests.simulation.nodes.lane_plan import LANE_KINDS as LANE_NODE_KINDS
from tests.simulation.runs import KINDS, run


def _descriptions(kinds: Mapping[str, Callable[[Any], object]]) -> dict[str, str]:
    """What each kind is, as the function that makes it says."""
    return {
        kind: " ".join((make.__doc__ or "").split("\n\n")[0].split())
        for kind, make in kinds.items()
    }


_core = partial(
    Profile,
    kinds=_descriptions(KINDS),
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
    {name: kind.shows for name, kind in lane_scenario.KINDS.items()},
    lane_runs.run,
    lane_faults.EVERY_FAULT,
    lane_mutants.SHOWN_BY,
    lane_mutants.mutated,
    dict.fromkeys(("nodes", "term_blocks"), tuple(lane_scenario.KINDS)),
)
NODES = Profile(
    "nodes",
    tuple(NODE_KINDS),
    _descriptions(NODE_KINDS),
    node_runs.run,
    node_runs.EVERY_FAULT,
    node_mutants.SHOWN_BY,
    node_mutants.mutated,
)
LANE_NODES = Profile(
    "lane-nodes",
    tuple(LANE_NODE_KINDS),
    _descriptions(LANE_NODE_KINDS),
    lane_node_runs.run,
    lane_node_runs.EVERY_FAULT,
    lane_node_mutants.SHOWN_BY,
    lane_node_mutants.mutated,
    {"founders": (lane_node_runs.DRAWN,)},
)
WHOLE_NODES = (NODES, LANE_NODES)
PROFILES = {each.name: each for each in (SMALL, FULL, LANES, *WHOLE_NODES)}
