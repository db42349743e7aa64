"""Whole validators in eight cloud regions, in one process and in virtual time.

Real nodes with real signatures on the in-memory network. Links take half a round trip of
`p2p.regions`; what work costs is `virtual_machine`'s to say.
"""

import gc
import logging
import random
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest.mock import patch

import trio
import trio.testing
from trio_typing import TaskStatus
from virtual_machine import START_MS, Host, Meter, host_of_task, install_engine

from aichain.config import Endpoint, NodeConfig
from aichain.machine import Machine
from aichain.node.assemble import node_identity
from aichain.node.build import build_node
from aichain.node.lanes.finalizer import LaneFinalizer
from aichain.node.services import AnyNode, start_services
from consensus.instance import BlockRef
from consensus.lanes.messages import TermProposal
from consensus.proposals import ProposalMessage
from genesis.document import GenesisDocument
from genesis.networks import founder_key, local_document
from genesis.params import ConsensusParams
from native.hashing import derive_hash
from p2p.memory_links import Letter, RegionLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience
from p2p.regions import region_of
from p2p.settings import NodeIdentity
from p2p.wire.messages import Pushed, Received
from vm.blocks import decode_header

MESH: Final = 6
"""So many peers does gossip go to, as over libp2p."""
_SLACK_S: Final = 0.0005  # looking whether it is free takes a host some time, too
_COLLECT_EVERY_S: Final = 5.0  # as `aichain run` does


class Watch:
    """When blocks were proposed first, and when each node saw them fast and final."""

    def __init__(self) -> None:
        self.proposed: dict[int, float] = {}
        self.fast: dict[int, dict[int, float]] = defaultdict(dict)
        self.final: dict[int, dict[int, float]] = defaultdict(dict)
        self._moved = trio.Event()

    def note_final(self, height: int, node: int, at_s: float) -> None:
        """A block is final, or hard, and durable on a node."""
        self.final[height][node] = at_s
        self._moved.set()
        self._moved = trio.Event()

    async def until(self, height: int, nodes: Collection[int]) -> None:
        """Wait until this block is final on all these nodes."""
        while not self.final[height].keys() >= set(nodes):
            await self._moved.wait()


class BusyLinks(RegionLinks):
    """What a node sends leaves it when its loop comes to it."""

    hosts: dict[str, Host]

    def delay_s(self, sender: str, receiver: str) -> float:
        return self.hosts[sender].lag + super().delay_s(sender, receiver)


class HostedNetwork(MemoryNetwork):
    """Notes the first proposal of each height; pays for what it carries, and reads when its host
    is free; gossips to a mesh."""

    def __init__(self, hub: MemoryHub, identity: NodeIdentity, host: Host, watch: Watch) -> None:
        super().__init__(hub, identity)
        self._host, self._watch = host, watch

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        proposal = message.message if isinstance(message, TermProposal) else message
        if isinstance(proposal, ProposalMessage):
            height = decode_header(proposal.header_raw).height
            self._watch.proposed.setdefault(height, self._host.now)
        return super().push(message, to)

    def reads_at(self, due: float) -> float:
        busy_until = self._host.busy_until
        return busy_until if busy_until > max(due, trio.current_time() + _SLACK_S) else due

    def _post(self, peer: str, payload: bytes, decode: Callable[[bytes], Received] | None) -> None:
        self._host.carry(len(payload))
        super()._post(peer, payload, decode)

    def _open(self, letter: Letter, nursery: trio.Nursery) -> None:
        self._host.carry(len(letter.payload))
        super()._open(letter, nursery)

    def _relay(self, payload: bytes) -> None:
        peers = sorted(self._roster.audience(Audience.PEERS))
        for peer in random.Random(self.peer_id).sample(peers, min(MESH, len(peers))):
            self._post(peer, payload, None)


class World:
    """The validators of a document, of which some may be stopped."""

    def __init__(self, document: GenesisDocument, root: Path, meter: Meter, watch: Watch) -> None:
        count = len(document.validators)
        commit = "decide" if document.has_lanes else "finalize"
        self.watch = watch
        self.hosts = [Host(index, meter, commit) for index in range(count)]
        self.nodes: dict[int, AnyNode] = {}
        self._scopes: dict[int, trio.CancelScope] = {}
        self._configs = [_config(root, document, index) for index in range(count)]
        peers = [node_identity(config).peer_id for config in self._configs]
        links = BusyLinks({peer: region_of(index) for index, peer in enumerate(peers)})
        links.hosts = dict(zip(peers, self.hosts, strict=True))
        self._hub = MemoryHub(links)

    async def start(self, index: int, nursery: trio.Nursery) -> None:
        """One more validator, with all its services."""
        host = self.hosts[index]

        def network_of(identity: NodeIdentity, _: object) -> MemoryNetwork:
            return HostedNetwork(self._hub, identity, host, self.watch)

        self.nodes[index] = build_node(
            self._configs[index], network_of, Machine(host, host.run_blocking)
        )
        host_of_task.set(host)
        await nursery.start(self._serve, index)
        host_of_task.set(None)

    def kill(self, index: int) -> None:
        """It is gone from now on."""
        self._scopes[index].cancel()
        del self.nodes[index]

    def require_nothing_free(self) -> None:
        """What waits for the disk is known by its name: a new one would cost nothing."""
        unseen = set[str]().union(*(self.hosts[index].unseen for index in self.nodes))
        assert not unseen, f"renamed, and so free of cost: {unseen}"

    async def _serve(
        self, index: int, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        node = self.nodes[index]
        try:
            with trio.CancelScope() as scope:
                self._scopes[index] = scope
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._note_finals, index)
                    await start_services(node, nursery)
                    task_status.started()
        finally:
            node.feed.close()
            node.close()

    async def _note_finals(
        self, index: int, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with self.nodes[index].feed.subscribe() as views:
            task_status.started()
            async for view in views:
                now = self.hosts[index].now
                self.watch.note_final(view.block.header.height, index, now)


def play(
    document: GenesisDocument, program: Callable[[World, trio.Nursery], Awaitable[None]]
) -> tuple[World, float]:
    """Run `program` in a world of these validators; the world, and how long it took in there."""
    logging.disable(logging.CRITICAL)
    meter, watch = Meter(), Watch()
    install_engine(meter)
    worlds: list[World] = []

    async def run() -> float:
        with tempfile.TemporaryDirectory(prefix="aichain-virtual-") as root:
            worlds.append(World(document, Path(root), meter, watch))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_collect_garbage)
                await program(worlds[0], nursery)
                nursery.cancel_scope.cancel()
        return trio.current_time()

    gc.disable()  # or one node would pay for the garbage of all
    clock = trio.testing.MockClock(autojump_threshold=0)
    with _fast_is_noted(watch):
        virtual_s = trio.run(run, clock=clock, instruments=[meter])
    worlds[0].require_nothing_free()
    return worlds[0], virtual_s


def document_of(validators: int, *, delta_ms: int, full_set_limit: int = 20) -> GenesisDocument:
    """A young chain with the parameters of a network across the world."""
    document = local_document("testnet", validators, onion_length=4_096)
    params = ConsensusParams(delta_ms=delta_ms, full_set_limit=full_set_limit)
    return replace(document, genesis_time_ms=START_MS, consensus=params)


async def _collect_garbage() -> None:
    gc.freeze()
    while True:
        await trio.sleep(_COLLECT_EVERY_S)
        gc.collect()


@contextmanager
def _fast_is_noted(watch: Watch) -> Iterator[None]:
    """Nothing tells of fast blocks but the metrics and those who ask."""
    show = LaneFinalizer.show_fast

    def noted(finalizer: LaneFinalizer, blocks: tuple[BlockRef, ...]) -> None:
        show(finalizer, blocks)
        host = host_of_task.get()
        assert host is not None
        for block in blocks:
            watch.fast[block.height][host.index] = host.now

    with patch.object(LaneFinalizer, "show_fast", noted):
        yield


def _config(root: Path, document: GenesisDocument, index: int) -> NodeConfig:
    return NodeConfig(
        home=root / f"node{index}",
        document=document,
        node_seed=derive_hash("aichain/benchmark/node", bytes([index])),
        validator_key=founder_key("testnet", index),
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )
