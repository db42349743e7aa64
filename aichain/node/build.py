"""Which protocol a node runs follows from its genesis document, once and for all."""

from aichain.config import NodeConfig
from aichain.machine import Machine
from aichain.node.assemble import NetworkFactory, Node, assemble
from aichain.node.joiner import Handover
from aichain.node.lanes.assemble import LaneNode, assemble_lanes


def build_node(
    config: NodeConfig,
    network_of: NetworkFactory,
    machine: Machine | None = None,
    before: Handover | None = None,
) -> Node | LaneNode:
    """Everybody votes on every block, or a committee does under a hard lane. Blocking."""
    if config.document.has_lanes:
        return assemble_lanes(config, network_of, machine, before)
    return assemble(config, network_of, machine, before)
