"""A local network of real node processes for the benchmarks: start, watch, stop."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness import Row, percentile
from subscriber import Subscriber

from aichain.cli.client import RpcClient
from aichain.cli.localnet_nodes import (
    document_of,
    make_network,
    require_free_ports,
    start_node,
    stop_nodes,
    wait_for_rpc,
)
from aichain.cli.localnet_state import LocalnetState
from aichain.client.errors import RpcError
from genesis.document import render_document

BASE_PORT = 28690
START_TIMEOUT_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Cluster:
    """Running validators, one client each."""

    state: LocalnetState
    clients: list[RpcClient]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(node.rpc_url for node in self.state.nodes)

    def height(self, index: int = 0) -> int:
        """The final height of one node."""
        return int(self.clients[index].call("aichain_status")["height"])

    def block(self, index: int, height: int) -> dict[str, Any]:
        """A final block as one node serves it."""
        block: dict[str, Any] = self.clients[index].call("aichain_getBlock", height)
        return block

    def wait_for(self, height: int, timeout_s: float = START_TIMEOUT_S) -> None:
        """Until every node has reached a height."""
        deadline = time.monotonic() + timeout_s
        for index in range(len(self.clients)):
            while self.height(index) < height:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"node {index} did not reach height {height}")
                time.sleep(0.05)

    def level_after_s(self, height: int, timeout_s: float) -> float | None:
        """Seconds until every node has committed a height; None when one has not in time."""
        began = time.monotonic()
        try:
            self.wait_for(height, timeout_s)
        except TimeoutError:
            return None
        return time.monotonic() - began

    def pids(self) -> list[int]:
        """The nodes' processes."""
        return [node.process.pid for node in self.state.nodes if node.process is not None]


@contextmanager
def cluster(
    validators: int,
    *,
    block_time_ms: int = 0,
    regions: bool = False,
    options: Sequence[str] = (),
) -> Iterator[Cluster]:
    """Validators in processes of their own, in a folder that is removed at the end.

    With `block_time_ms` the chain has another block time than that of its network; with `regions`
    the nodes are as far away from each other as cloud regions; `options` are more arguments of
    each `aichain run`.
    """
    with tempfile.TemporaryDirectory(prefix="aichain-bench-") as folder:
        state = make_network(Path(folder), "testnet", validators, BASE_PORT)
        state = replace(state, regions=regions)
        if block_time_ms:
            _hurry(state, block_time_ms)
        require_free_ports(state, is_new=True)
        net = Cluster(state, [RpcClient(node.rpc_url) for node in state.nodes])
        try:
            for index in range(validators):
                net.state = start_node(net.state, index, options=options)
            wait_for_rpc(net.state, START_TIMEOUT_S, lambda: None)
            yield net
        finally:
            for client in net.clients:
                client.close()
            stop_nodes(net.state)


def _hurry(state: LocalnetState, block_time_ms: int) -> None:
    """Another chain in the same folders; the logs made for the first one go."""
    document = document_of(state)
    consensus = replace(document.consensus, block_time_ms=block_time_ms)
    text = render_document(replace(document, consensus=consensus))
    state.genesis.write_text(text, encoding="utf-8")
    for node in state.nodes:
        shutil.rmtree(node.home)


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds and resident megabytes of some processes at one moment."""

    at_s: float
    cpu_s: tuple[float, ...]
    memory_mb: tuple[float, ...]

    @classmethod
    def of(cls, pids: Sequence[int]) -> "Usage":
        """Read /proc now."""
        return cls(
            time.monotonic(),
            tuple(_cpu_s(pid) for pid in pids),
            tuple(_memory_mb(pid) for pid in pids),
        )

    def cores_since(self, earlier: "Usage") -> list[float]:
        """Percent of one core that each process used since `earlier`."""
        span = self.at_s - earlier.at_s
        return [
            100 * (now - then) / span for now, then in zip(self.cpu_s, earlier.cpu_s, strict=True)
        ]


def finality_rows(net: Cluster, seen: Subscriber, first: int, last: int) -> list[Row]:
    """Block interval, and from a block's scheduled time until clients of all nodes see it final.

    A block is proposed at its timestamp, which is its parent's plus the block time as long as no
    view fails; so building, signing, committing to disk and telling the subscribers count.
    Heights that a client did not hear of are `missed`: without them the percentiles flatter.
    """
    heights = [h for h in range(first, last + 1) if all(h in each for each in seen.arrivals)]
    missed = last + 1 - first - len(heights)
    stamps = {height: int(net.block(0, height)["timestampMs"]) for height in heights}
    times = [seen.arrivals[0][height] for height in heights]
    intervals = [later - earlier for earlier, later in pairwise(times)]
    everywhere = [
        max(each[height] for each in seen.arrivals) - stamps[height] for height in heights
    ]
    return [
        latency_row("block interval, as a client of node 0 sees it", intervals, missed),
        latency_row("proposed to seen final by clients of all nodes", everywhere, missed),
    ]


def latency_row(name: str, values: Sequence[float], missed: int) -> Row:
    """Percentiles of milliseconds, and how many values are not among them."""
    return {
        "name": name,
        "p50_ms": round(statistics.median(values), 1),
        "p90_ms": round(percentile(values, 90), 1),
        "p99_ms": round(percentile(values, 99), 1),
        "max_ms": round(max(values), 1),
        "samples": len(values),
        "missed": missed,
    }


def try_height(url: str) -> int | None:
    """The height of a node that may not answer."""
    try:
        with RpcClient(url, timeout_s=0.5) as client:
            return int(client.call("aichain_status")["height"])
    except RpcError:
        return None


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
