"""One scenario, one seed, one run."""

from tests.simulation.lanes.adversary import Rushing
from tests.simulation.lanes.scenario import TERM_BLOCKS, Scenario
from tests.simulation.lanes.world import Result, World


def run(
    seed: int,
    name: str,
    *,
    nodes: int | None = None,
    counted: bool | None = None,
    term_blocks: int = TERM_BLOCKS,
) -> Result:
    """Play one seed of one scenario over the real lanes."""
    scenario = Scenario(name, seed, nodes=nodes, counted=counted, term_blocks=term_blocks)
    return World(scenario, Rushing).run()
