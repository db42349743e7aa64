"""What a node does about the past: drop old blocks, give others a state, take one from them."""

from dataclasses import dataclass

import trio

from aichain.config import NodeConfig, SyncMode
from aichain.errors import ConfigError
from aichain.node.context import NodeContext
from aichain.node.exporter import Exporter
from aichain.node.faults import crash_points_of
from aichain.node.joiner import Joiner
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pruner import Pruner
from aichain.node.snapshot_prover import SnapshotProver
from aichain.node.syncer import Syncer
from aichain.store.paths import DataPaths
from aichain.store.snapshots import SnapshotShelf


@dataclass(frozen=True, slots=True)
class History:
    """The services of `run`, and the shelf from which peers are served."""

    shelf: SnapshotShelf
    pruner: Pruner
    exporter: Exporter | None = None
    """None on a chain with two lanes: what proves a state there is not carried by snapshots."""
    joiner: Joiner | None = None
    """Only where snapshots are wanted instead of blocks."""

    async def run(self) -> None:
        """All of them; ChainReady ends it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.pruner.run)
            if self.exporter is not None:
                nursery.start_soon(self.exporter.run)
            if self.joiner is not None:
                nursery.start_soon(self.joiner.run)


def history_of(
    config: NodeConfig, ledger: LedgerWriter, syncer: Syncer, context: NodeContext
) -> History:
    """Connect them; nothing runs yet."""
    shelf = SnapshotShelf(DataPaths(config.data_dir).snapshots, crash_points_of(config.faults))
    return History(
        shelf=shelf,
        pruner=Pruner(ledger, config.keep),
        exporter=Exporter(ledger.chain, shelf, context.run_blocking),
        joiner=_joiner(config, ledger, syncer, context)
        if config.sync is SyncMode.SNAPSHOT
        else None,
    )


def lane_history(config: NodeConfig, ledger: LedgerWriter) -> History:
    """Of a chain with two lanes: old blocks are dropped. ConfigError where a snapshot is wanted."""
    if config.sync is SyncMode.SNAPSHOT:
        raise ConfigError(
            reason="a chain with two lanes has no snapshots yet",
            fix="start without --sync snapshot",
        )
    shelf = SnapshotShelf(DataPaths(config.data_dir).snapshots, crash_points_of(config.faults))
    return History(shelf, Pruner(ledger, config.keep))


def _joiner(
    config: NodeConfig, ledger: LedgerWriter, syncer: Syncer, context: NodeContext
) -> Joiner:
    paths = DataPaths(config.data_dir)
    if paths.chain.is_symlink():
        raise ConfigError(
            reason=f"{paths.chain} is a link, and a snapshot would take its place",
            fix="make the data directory the link instead, or start without --sync snapshot",
        )
    now_ms = context.clock.now_ms
    prover = SnapshotProver(
        config.document, config.trust, context.network, context.run_blocking, now_ms
    )
    reached = crash_points_of(config.faults)
    return Joiner(ledger.chain, paths, prover, syncer, context, reached)
