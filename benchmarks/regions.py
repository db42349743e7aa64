"""Twenty whole validators in eight cloud regions: proposal to final on all, and with some dead.

In one process: real nodes with real signatures on the in-memory network, in virtual time. Links
take half a round trip of `p2p.regions`; work takes the processor time that it took here: one core
a node for all Python, signatures beside it, and a millisecond an fsync.
"""

import argparse
import logging
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import trio
import trio.testing
from harness import arguments, percentile, report
from trio_typing import TaskStatus
from virtual_machine import START_MS, SYNCED, Host, Meter, host_of_task

from aichain.config import Endpoint, NodeConfig
from aichain.machine import Machine
from aichain.node.assemble import Node, assemble, node_identity
from aichain.node.services import start_services
from consensus.proposals import ProposalMessage
from genesis.document import GenesisDocument
from genesis.networks import founder_key, local_document
from native.hashing import derive_hash
from p2p.memory_links import RegionLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience
from p2p.regions import region_of
from p2p.settings import NodeIdentity
from p2p.wire.messages import Pushed
from vm.blocks import decode_header

WARM_HEIGHTS = 5
SLACK_S = 0.0005  # looking whether it is free takes a host some time, too


class BusyLinks(RegionLinks):
    """What a node sends leaves it when its loop comes to it."""

    hosts: dict[str, Host]

    def delay_s(self, sender: str, receiver: str) -> float:
        behind = max(0.0, self.hosts[sender].busy_until - trio.current_time())
        return behind + super().delay_s(sender, receiver)


class Watch:
    """When blocks were proposed first, and when each node saw them final."""

    def __init__(self) -> None:
        self.proposed: dict[int, float] = {}
        self.final: dict[int, list[float]] = defaultdict(list)
        self._moved = trio.Event()

    def note_final(self, height: int, at_s: float) -> None:
        self.final[height].append(at_s)
        self._moved.set()
        self._moved = trio.Event()

    async def until(self, blocks: int, *, nodes: int) -> None:
        """Wait until so many blocks are final on so many nodes."""
        while sum(len(times) == nodes for times in self.final.values()) < blocks:
            await self._moved.wait()


class TimedNetwork(MemoryNetwork):
    """Notes the first proposal of each height; hears only when its host is free."""

    def __init__(self, hub: MemoryHub, identity: NodeIdentity, host: Host, watch: Watch) -> None:
        super().__init__(hub, identity)
        self._host, self._watch = host, watch

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        if isinstance(message, ProposalMessage):
            height = decode_header(message.header_raw).height
            self._watch.proposed.setdefault(height, self._host.now)
        return super().push(message, to)

    def reads_at(self, due: float) -> float:
        busy_until = self._host.busy_until
        return busy_until if busy_until > max(due, trio.current_time() + SLACK_S) else due


def main() -> None:
    """All alive, or with `--dead` of them never started."""
    options = arguments("Finality across eight regions", _add)
    logging.disable(logging.CRITICAL)
    watch, hosts = Watch(), [Host() for _ in range(options.validators)]

    async def program() -> float:
        with tempfile.TemporaryDirectory(prefix="aichain-regions-") as root:
            return await _run(Path(root), options, watch, hosts)

    virtual_s = trio.run(
        program, clock=trio.testing.MockClock(autojump_threshold=0), instruments=[Meter()]
    )
    alive = options.validators - options.dead
    unseen = SYNCED - set[str]().union(*(host.seen for host in hosts[:alive]))
    assert not unseen, f"renamed, and so free of cost: {unseen}"
    heights = sorted(
        height
        for height, times in watch.final.items()
        if len(times) == alive and WARM_HEIGHTS < height <= options.blocks
    )
    took = [1000 * (max(watch.final[h]) - watch.proposed[h]) for h in heights]
    first = [1000 * (min(watch.final[h]) - watch.proposed[h]) for h in heights]
    gaps = [
        1000 * (max(watch.final[h]) - max(watch.final[h - 1])) for h in heights if h - 1 in heights
    ]
    rows = [
        {"name": name, **{f"p{p}_ms": round(percentile(values, p)) for p in (50, 90, 99)}}
        for name, values in (
            ("proposed to final on all", took),
            ("proposed to final on the first", first),
            ("between blocks final on all", gaps),
        )
    ]
    report(
        "regions",
        rows,
        as_json=options.json,
        validators=options.validators,
        dead=options.dead,
        delta_ms=options.delta_ms,
        blocks=len(heights),
        virtual_s=round(virtual_s, 1),
        loop_percent_of_a_core=round(100 * sum(h.cpu_s for h in hosts) / alive / virtual_s, 1),
        threads_percent_of_a_core=round(
            100 * sum(h.threads_s for h in hosts) / alive / virtual_s, 1
        ),
    )


async def _run(root: Path, options: argparse.Namespace, watch: Watch, hosts: list[Host]) -> float:
    document = replace(
        local_document("testnet", options.validators, onion_length=4_096), genesis_time_ms=START_MS
    )
    document = replace(document, consensus=replace(document.consensus, delta_ms=options.delta_ms))
    configs = [_config(root, document, index) for index in range(options.validators)]
    peers = [node_identity(config).peer_id for config in configs]
    links = BusyLinks({peer: region_of(index) for index, peer in enumerate(peers)})
    links.hosts = dict(zip(peers, hosts, strict=True))
    hub = MemoryHub(links)
    async with trio.open_nursery() as nursery:
        for index in range(options.validators - options.dead):
            host = hosts[index]

            def network_of(identity: NodeIdentity, _: object, host: Host = host) -> MemoryNetwork:
                return TimedNetwork(hub, identity, host, watch)

            node = assemble(configs[index], network_of, Machine(host, host.run_blocking))
            host_of_task.set(host)
            await nursery.start(_serve, node, watch, host)
            host_of_task.set(None)
        await watch.until(options.blocks + 1, nodes=options.validators - options.dead)
        nursery.cancel_scope.cancel()
    return trio.current_time()


async def _serve(
    node: Node, watch: Watch, host: Host, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(_note_finals, node, watch, host)
            await start_services(node, nursery)
            task_status.started()
    finally:
        node.feed.close()
        node.close()


async def _note_finals(
    node: Node, watch: Watch, host: Host, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with node.feed.subscribe() as views:
        task_status.started()
        async for view in views:
            watch.note_final(view.block.header.height, host.now)


def _config(root: Path, document: GenesisDocument, index: int) -> NodeConfig:
    return NodeConfig(
        home=root / f"node{index}",
        document=document,
        node_seed=derive_hash("aichain/benchmark/node", bytes([index])),
        validator_key=founder_key("testnet", index),
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=20)
    parser.add_argument("--dead", type=int, default=0, help="never started (default 0)")
    parser.add_argument("--blocks", type=int, default=120)
    parser.add_argument("--delta-ms", type=int, default=250)


if __name__ == "__main__":
    main()
