"""What `aichain node top` shows: each node's own words, taken again and again."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import explain, printable
from aichain.client.errors import RpcError
from aichain.fleet.registry import FleetNode
from genesis.limits import FLEET_POLLS_AT_ONCE_MAX

WINDOW: Final = 40
HEIGHTS_A_SAMPLE: Final = 8
TIMEOUT_S: Final = 2.0
TROUBLES: Final = ("clockTrouble", "engineTrouble", "indexTrouble", "archiveTrouble")


@dataclass(frozen=True, slots=True)
class BlockFigures:
    """What one final block says of speed."""

    height: int
    view: int
    timestamp_ms: int
    finalized_at_ms: int | None
    transaction_count: int


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """A peer as the node sees it."""

    peer_id: str
    direction: str
    height: int
    rtt_ms: int
    score: int


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node at one moment; with `silence` it did not answer, and all else says nothing."""

    name: str
    silence: str = ""
    took_ms: int = 0
    network: str = ""
    version: str = ""
    engine: str = ""
    height: int = 0
    target_height: int = 0
    epoch: int = 0
    view: int = 0
    finalized_ago_ms: int = 0
    peers: int = 0
    voting: str = ""
    is_syncing: bool = False
    indexed_height: int | None = None
    """None where accounts are not indexed."""
    snapshot_part: int = 0
    snapshot_parts: int = 0
    mempool: int = 0
    mempool_bytes: int = 0
    troubles: tuple[str, ...] = ()
    neighbours: tuple[PeerFigures, ...] = ()
    blocks: tuple[BlockFigures, ...] = ()


@dataclass
class NodeSampler:
    """Asks one node; on one thread at a time."""

    node: FleetNode
    client: RpcClient = field(init=False)
    blocks: deque[BlockFigures] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def __post_init__(self) -> None:
        self.client = RpcClient(self.node.rpc_url, TIMEOUT_S)

    def sample(self) -> NodeFigures:
        begun = time.monotonic()
        try:
            status = self.client.call("aichain_status")
            took_ms = int(1000 * (time.monotonic() - begun))
            pool = self.client.call("aichain_mempool", 0)
            peers = self.client.call("aichain_peers")
            self._read_blocks(_count(status, "height"))
        except RpcError as error:
            return NodeFigures(self.node.name, silence=explain(error).cause)
        return figures_of(self.node.name, took_ms, status, pool, peers, tuple(self.blocks))

    def _read_blocks(self, height: int) -> None:
        last = self.blocks[-1].height if self.blocks else 0
        if height < last or height > last + HEIGHTS_A_SAMPLE:
            self.blocks.clear()
        for number in range(max(1, last + 1, height - HEIGHTS_A_SAMPLE + 1), height + 1):
            self.blocks.append(_block(self.client.call("aichain_getBlock", number)))


class FleetSampler:
    """Asks all nodes at a time; the slowest one is waited for, a few seconds at the most."""

    def __init__(self, nodes: Sequence[FleetNode]) -> None:
        self._samplers = [NodeSampler(node) for node in nodes]
        self._pool = ThreadPoolExecutor(min(len(nodes), FLEET_POLLS_AT_ONCE_MAX))

    def sample(self) -> tuple[NodeFigures, ...]:
        return tuple(self._pool.map(NodeSampler.sample, self._samplers))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for each in self._samplers:
            each.client.close()


def figures_of(
    name: str,
    took_ms: int,
    status: Mapping[str, Any],
    pool: Mapping[str, Any],
    peers: Sequence[Mapping[str, Any]],
    blocks: tuple[BlockFigures, ...],
) -> NodeFigures:
    """A node's answers as figures; whatever has another type than it should counts as nothing."""
    return NodeFigures(
        name=name,
        took_ms=took_ms,
        network=_text(status, "network"),
        version=_text(status, "version"),
        engine=_text(status, "signatureEngine"),
        height=_count(status, "height"),
        target_height=_count(status, "targetHeight"),
        epoch=_count(status, "epoch"),
        view=_count(status, "view"),
        finalized_ago_ms=_count(status, "finalizedAgoMs"),
        peers=_count(status, "peers"),
        voting=_text(status, "voting"),
        is_syncing=status.get("syncing") is True,
        indexed_height=_count(status, "indexedHeight") if "indexedHeight" in status else None,
        snapshot_part=_count(status, "snapshotPart"),
        snapshot_parts=_count(status, "snapshotParts"),
        mempool=_count(pool, "count"),
        mempool_bytes=_count(pool, "sizeBytes"),
        troubles=tuple(_text(status, each) for each in TROUBLES if each in status),
        neighbours=tuple(
            PeerFigures(
                _text(each, "peerId"),
                _text(each, "direction"),
                _count(each, "finalHeight"),
                _count(each, "rttMs"),
                _count(each, "score"),
            )
            for each in peers
        ),
        blocks=blocks,
    )


def _block(block: Mapping[str, Any]) -> BlockFigures:
    finalized = block.get("finalizedAtMs")
    return BlockFigures(
        _count(block, "height"),
        _count(block, "view"),
        _count(block, "timestampMs"),
        finalized if isinstance(finalized, int) else None,
        _count(block, "transactionCount"),
    )


def _count(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else 0


def _text(answer: Mapping[str, Any], name: str) -> str:
    return printable(str(answer.get(name, "")))
