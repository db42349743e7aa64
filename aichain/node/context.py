"""What nearly every service of the node needs: the network, the clock, the books."""

from dataclasses import dataclass

from aichain.clock import Clock
from aichain.machine import RunBlocking
from aichain.metrics import Metrics
from aichain.node.electorates import Electorates
from aichain.node.verifier import Verifier
from genesis.document import GenesisDocument
from p2p.network import Network


@dataclass(frozen=True, slots=True)
class NodeContext:
    """Made once in `assemble` and handed to the services; it holds no state of its own."""

    document: GenesisDocument
    electorates: Electorates
    network: Network
    verifier: Verifier
    metrics: Metrics
    clock: Clock
    run_blocking: RunBlocking

    def serve_validators(self) -> None:
        """The network and the verifier prefer whoever votes in this epoch or the next."""
        self.network.set_validators(self.electorates.keys)
        self.verifier.pin(self.electorates.keys)
