"""Which protocol a node runs follows from its genesis document, once and for all."""

from aichain.config import NodeConfig
from aichain.errors import ConfigError
from aichain.machine import Machine
from aichain.node.assemble import NetworkFactory, Node, assemble


def build_node(
    config: NodeConfig, network_of: NetworkFactory, machine: Machine | None = None
) -> Node:
    """Everybody votes on every block; two lanes are refused until a node runs them. Blocking."""
    if config.document.has_lanes:
        raise ConfigError(
            reason="this program does not run chains with two lanes yet",
            fix="give the document a max_validators that is not above its full_set_limit",
        )
    return assemble(config, network_of, machine)
