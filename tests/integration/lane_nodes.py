"""Whole nodes with two lanes in one process, on the in-memory network, in real time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
from trio_typing import TaskStatus

from aichain.config import Endpoint, NodeConfig
from aichain.machine import Machine
from aichain.node.lanes.assemble import LaneNode, assemble_lanes
from aichain.node.services import start_services
from aichain.rpc.registry import Context
from consensus.lanes.state import Lanes
from genesis.document import GenesisDocument
from genesis.networks import founder_key
from native.hashing import derive_hash
from native.signatures import SigningKey
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.settings import NodeIdentity
from tests.builders_lane_nodes import lane_document


@dataclass(slots=True)
class RunningLanes:
    """A node and the nursery scope that keeps it alive."""

    node: LaneNode
    scope: trio.CancelScope
    stopped: trio.Event

    @property
    def height(self) -> int:
        return self.node.chain.head.head.height

    @property
    def lanes(self) -> Lanes:
        return self.node.engine.state

    @property
    def rpc(self) -> Context:
        """What RPC methods are given."""
        return self.node.rpc.context

    async def stop(self) -> None:
        """Cancel it as a SIGTERM would, and wait until its files are closed."""
        self.scope.cancel()
        await self.stopped.wait()

    def sees(self, network: MemoryNetwork) -> bool:
        """Whether it is still connected to a peer."""
        peers = self.node.context.network.peers()
        return any(peer.peer_id == network.peer_id for peer in peers)


@dataclass(slots=True)
class LaneCluster:
    """Nodes that meet on one hub."""

    root: Path
    document: GenesisDocument
    nursery: trio.Nursery
    hub: MemoryHub = field(default_factory=lambda: MemoryHub(EqualLinks(0, Conditions(1, 3))))
    machine: Machine = field(default_factory=Machine)

    async def start(
        self, index: int, *, founder: bool = True, sync_again: bool = False
    ) -> RunningLanes:
        """Start node `index`; its home is its own and survives a stop."""
        config = NodeConfig(
            home=self.root / f"node{index}",
            document=self.document,
            node_seed=derive_hash("aichain/test/node", bytes([index])),
            validator_key=founder_key("testnet", index) if founder else None,
            rpc_listen=Endpoint("127.0.0.1", 0),
            p2p_listen=Endpoint("127.0.0.1", 3691),
            sync_again=sync_again,
        )
        node = await self.machine.run_blocking(
            assemble_lanes,
            config,
            lambda identity, _settings: self.hub.join(identity),
            self.machine,
        )
        running = RunningLanes(node, trio.CancelScope(), trio.Event())
        await self.nursery.start(_serve, running)
        return running

    async def liar(self, key: SigningKey | None) -> MemoryNetwork:
        """A peer that says what it likes; with `key` it proves to be a validator."""
        identity = NodeIdentity(
            network_id=self.document.network_id,
            genesis_hash=self.document.hash,
            node_seed=derive_hash("aichain/test/liar", b""),
            validator_key=key,
        )
        network = self.hub.join(identity)
        await self.nursery.start(network.run)
        return network


async def _serve(
    running: RunningLanes, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    try:
        with running.scope:
            async with trio.open_nursery() as nursery:
                await start_services(running.node, nursery)
                task_status.started()
    finally:
        running.node.feed.close()
        running.node.close()
        running.stopped.set()


@asynccontextmanager
async def lane_cluster(
    root: Path,
    founders: int,
    *,
    full_set_limit: int = 2,
    epoch_blocks: int = 256,
    machine: Machine | None = None,
) -> AsyncIterator[LaneCluster]:
    """An empty cluster; five founders and a full set of two make terms of four blocks."""
    document = lane_document(founders, epoch_blocks=epoch_blocks, full_set_limit=full_set_limit)
    async with trio.open_nursery() as nursery:
        yield LaneCluster(root, document, nursery, machine=machine or Machine())
        nursery.cancel_scope.cancel()
