"""What a node's metrics say of where it stands, read when somebody asks for them."""

from dataclasses import asdict
from pathlib import Path

from aichain.fleet.telemetry import Host
from aichain.mempool import MempoolStats
from aichain.metrics import Standing
from aichain.node.context import NodeContext
from aichain.readings import read_host
from aichain.rpc.backend import NodeStatus
from aichain.rpc.statuses import Voting
from native.backends import key_caches


def show_standing(context: NodeContext, status: NodeStatus, pool: MempoolStats, disk: Path) -> None:
    """Bring the gauges up to date; `disk` is on the volume that the chain lies on."""
    metrics = context.metrics
    metrics.mempool_is(pool.transactions, pool.size_bytes)
    metrics.network_is(asdict(context.network.counters))
    for engine, counters in key_caches().items():
        metrics.key_cache_is(engine, counters)
    metrics.stand(standing_of(status, read_host(disk)))


def standing_of(status: NodeStatus, host: Host) -> Standing:
    """A node's status and its machine as gauges."""
    joining = status.joining
    return Standing(
        height=status.height,
        target_height=status.target_height,
        first_height=status.first_height,
        finalized_at_ms=status.finalized_at_ms,
        epoch=status.epoch,
        view=status.view,
        syncing=status.syncing,
        voting=status.voting is Voting.YES,
        peers=status.peers,
        snapshot_part=0 if joining is None else joining.part,
        snapshot_parts=0 if joining is None else joining.parts,
        clock_offset_ms=status.clock_offset_ms,
        disk_total_bytes=host.disk_total_bytes,
        disk_free_bytes=host.disk_free_bytes,
        troubles={
            "clock": bool(status.clock_trouble),
            "index": bool(status.index_trouble),
            "archive": bool(status.archive_trouble),
            "engine": bool(status.engines.faults),
        },
    )
