"""What a local network looks like from outside: sampled over RPC, shown as a table or as lines."""

import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from aichain.cli.client import RpcClient
from aichain.cli.localnet_health import Health, health_lines, health_of
from aichain.cli.localnet_nodes import document_of
from aichain.cli.localnet_state import LocalnetState, LocalNode
from aichain.client.errors import RpcError
from aichain.rpc.block_pace import pace_of
from genesis.document import GenesisDocument
from p2p.regions import region_of

WINDOW: Final = 60
MAX_HEIGHTS_A_SAMPLE: Final = 8
RPC_TIMEOUT_S: Final = 2.0
SILENT: Final = {"probation": "probation", "behindLog": "behind log"}
"""What is worth knowing of a node that runs and does not vote."""
TEXT_COLUMNS: Final = ("RPC", "state", "region")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class BlockSample:
    """What one final block says about speed and participation."""

    height: int
    timestamp_ms: int
    finalized_at_ms: int | None
    transaction_count: int
    signers: frozenset[int]


@dataclass(frozen=True, slots=True)
class NodeSample:
    """A node at one moment; `height` is None when it does not answer."""

    node: LocalNode
    height: int | None = None
    block_hash: str = ""
    finalized_ago_ms: int = 0
    peers: int = 0
    voting: str = ""
    syncing: bool = False
    clock_offset_ms: int | None = None
    clock_trouble: str = ""
    memory_mb: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """The network over the last window of blocks."""

    height: int
    interval_ms: float | None
    finality_ms: float | None
    finality_worst_ms: float | None
    transactions_s: float
    mempool: int
    participation: Mapping[int, int]
    """Percent of the window's certificates that a validator signed."""


@dataclass(slots=True)
class Watcher:
    """Asks the nodes now and then, and remembers the last blocks."""

    state: LocalnetState
    document: GenesisDocument = field(init=False)
    blocks: deque[BlockSample] = field(default_factory=lambda: deque(maxlen=WINDOW))
    nodes: tuple[NodeSample, ...] = ()
    mempool: int = 0
    _clients: dict[int, RpcClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.document = document_of(self.state)

    def sample(self) -> None:
        """Ask every node once, and the most advanced one for its new blocks."""
        self.nodes = tuple(self._node(node) for node in self.state.nodes)
        heights = [sample.height for sample in self.nodes if sample.height is not None]
        if not heights:
            return
        best = next(each for each in self.nodes if each.height == max(heights))
        client = self._clients[best.node.index]
        last = self.blocks[-1].height if self.blocks else 0
        if max(heights) < last:
            self.blocks.clear()
            return
        first = max(last + 1, max(heights) - MAX_HEIGHTS_A_SAMPLE + 1)
        try:
            for height in range(first, max(heights) + 1):
                self.blocks.append(_block(client, height))
            self.mempool = int(client.call("aichain_mempool", 0)["count"])
        except RpcError:
            return

    def summary(self) -> Summary:
        pace = pace_of(self.blocks)
        return Summary(
            height=self.blocks[-1].height if self.blocks else 0,
            interval_ms=pace.interval_ms,
            finality_ms=pace.finality_ms,
            finality_worst_ms=pace.finality_worst_ms,
            transactions_s=pace.transactions_per_second or 0.0,
            mempool=self.mempool,
            participation={
                node.index: _percent(node.index, self.blocks) for node in self.state.nodes
            },
        )

    def health(self) -> Health:
        """How old the last final block is, as of the last sample."""
        ages = [sample.finalized_ago_ms for sample in self.nodes if sample.height]
        voting = {each.node.index: each.voting for each in self.nodes if each.height is not None}
        health = health_of(self.state, self.document, voting, min(ages, default=None))
        wrong = {each.node.index: each.clock_trouble for each in self.nodes if each.clock_trouble}
        return replace(health, wrong_clocks=wrong)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _node(self, node: LocalNode) -> NodeSample:
        if not node.is_alive:
            return NodeSample(node)
        client = self._clients.setdefault(node.index, RpcClient(node.rpc_url, RPC_TIMEOUT_S))
        try:
            status = client.call("aichain_status")
        except RpcError:
            return NodeSample(node, memory_mb=_memory_mb(node))
        return NodeSample(
            node,
            height=int(status["height"]),
            block_hash=str(status["blockHash"]),
            finalized_ago_ms=int(status["finalizedAgoMs"]),
            peers=int(status["peers"]),
            voting=str(status["voting"]),
            syncing=bool(status["syncing"]),
            clock_offset_ms=status.get("clockOffsetMs"),
            clock_trouble=str(status.get("clockTrouble", "")),
            memory_mb=_memory_mb(node),
        )


def render_table(watcher: Watcher) -> Group:
    """The live view: some lines for the network, one row a validator."""
    summary, health = watcher.summary(), watcher.health()
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = rows(watcher)
    for name in shown[0] if shown else ():
        table.add_column(name, justify="left" if name in TEXT_COLUMNS else "right")
    for sample, row in zip(watcher.nodes, shown, strict=True):
        table.add_row(*row.values(), style=None if sample.height is not None else "dim")
    lines = [Text(line_of(summary), style="bold")]
    style = "bold red" if health.stands else ""
    lines += [Text(line, style=style) for line in health_lines(health)]
    return Group(*lines, Text(""), table)


def line_of(summary: Summary) -> str:
    """The network in one line, for logs and pipes."""
    return (
        f"height {summary.height}"
        f"  every {_ms(summary.interval_ms)}"
        f"  final in {_ms(summary.finality_ms)} (worst {_ms(summary.finality_worst_ms)})"
        f"  {summary.transactions_s:.1f} tx/s  mempool {summary.mempool}"
    )


def rows(watcher: Watcher) -> list[dict[str, str]]:
    """One row a validator as plain text."""
    summary, regions = watcher.summary(), watcher.state.regions
    return [
        _row(sample, summary) | ({"region": region_name(sample.node.index)} if regions else {})
        for sample in watcher.nodes
    ]


def region_name(index: int) -> str:
    """Where a node stands while the network spans the world, for people."""
    return region_of(index).name.replace("_", " ").title()


def network_json(watcher: Watcher) -> dict[str, Any]:
    """Everything `localnet status --json` tells."""
    summary, health = watcher.summary(), watcher.health()
    return {
        "network": watcher.state.network,
        "genesisHash": watcher.state.genesis_hash,
        "directory": str(watcher.state.directory),
        "partition": list(watcher.state.partition),
        "regions": watcher.state.regions,
        "height": summary.height,
        "finalizedAgoMs": health.age_ms,
        "stands": health.stands,
        "cause": health.trouble.cause if health.trouble else None,
        "fix": health.trouble.fix if health.trouble else None,
        "intervalMs": summary.interval_ms,
        "finalityMs": summary.finality_ms,
        "finalityWorstMs": summary.finality_worst_ms,
        "transactionsPerSecond": round(summary.transactions_s, 2),
        "mempool": summary.mempool,
        "nodes": [
            {
                "index": sample.node.index,
                "rpc": sample.node.rpc_url,
                "p2p": sample.node.multiaddr,
                "address": sample.node.address,
                "pid": sample.node.process.pid if sample.node.process else None,
                "alive": sample.node.is_alive,
                "region": region_name(sample.node.index) if watcher.state.regions else None,
                "height": sample.height,
                "blockHash": sample.block_hash or None,
                "finalizedAgoMs": sample.finalized_ago_ms if sample.height is not None else None,
                "peers": sample.peers,
                "voting": sample.voting or None,
                "syncing": sample.syncing,
                "clockOffsetMs": sample.clock_offset_ms,
                "signedPercent": summary.participation[sample.node.index],
                "memoryMb": sample.memory_mb,
                "home": str(sample.node.home),
                "log": str(sample.node.log),
            }
            for sample in watcher.nodes
        ],
    }


def _row(sample: NodeSample, summary: Summary) -> dict[str, str]:
    if not sample.node.is_alive:
        state = "ended" if sample.node.wanted else "killed"
    elif sample.height is None:
        state = "starting"
    else:
        state = "syncing" if sample.syncing else SILENT.get(sample.voting, "running")
    return {
        "node": str(sample.node.index),
        "RPC": sample.node.rpc_url,
        "state": state,
        "height": "-" if sample.height is None else str(sample.height),
        "peers": str(sample.peers),
        "signed": f"{summary.participation[sample.node.index]} %",
        "memory": f"{sample.memory_mb} MB",
    }


def _block(client: RpcClient, height: int) -> BlockSample:
    block = client.call("aichain_getBlock", height)
    commit = client.call("aichain_commit", height)
    signers: Sequence[Mapping[str, Any]] = commit["certificate"]["signers"] if commit else ()
    return BlockSample(
        height=height,
        timestamp_ms=int(block["timestampMs"]),
        finalized_at_ms=block["finalizedAtMs"],
        transaction_count=int(block["transactionCount"]),
        signers=frozenset(int(signer["index"]) for signer in signers),
    )


def _percent(index: int, blocks: Sequence[BlockSample]) -> int:
    certified = [block for block in blocks if block.signers]
    signed = sum(index in block.signers for block in certified)
    return round(100 * signed / len(certified)) if certified else 0


def _memory_mb(node: LocalNode) -> int:
    if node.process is None:
        return 0
    try:
        pages = Path(f"/proc/{node.process.pid}/statm").read_text(encoding="utf-8").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * PAGE_BYTES // 1_000_000


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
