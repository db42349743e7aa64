"""What a node does about the past: drop old blocks, give others a state, take one from them."""

import logging
import os
from dataclasses import dataclass
from functools import partial

import trio

from aichain.chain import Chain
from aichain.config import NodeConfig, SyncMode, TrustPoint
from aichain.config_values import IndexMode
from aichain.errors import ConfigError
from aichain.feed import Feed
from aichain.node.beside_chain import BesideChain
from aichain.node.context import NodeContext
from aichain.node.exporter import Exporter
from aichain.node.faults import crash_points_of
from aichain.node.indexer import Indexer
from aichain.node.joiner import Joiner
from aichain.node.lanes.syncer import LaneSyncer
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pruner import Pruner
from aichain.node.snapshot_prover import SnapshotProver
from aichain.node.syncer import Syncer
from aichain.rpc.backend import BlockView
from aichain.store.account_index import AccountIndex
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.history_index import HistoryIndex
from aichain.store.paths import DataPaths
from aichain.store.remote_index import open_remote_index
from aichain.store.snapshots import SnapshotShelf
from vm.blocks import Header

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class History:
    """The services of `run`, the shelf from which peers are served, and what left the vote log."""

    archive: CertificateArchive
    shelf: SnapshotShelf
    pruner: Pruner
    exporter: Exporter | None
    """None where the operator wants none."""
    joiner: Joiner | None
    """Only where snapshots are wanted instead of blocks."""
    indexer: Indexer | None = None
    """Only where accounts are indexed."""

    async def run(self) -> None:
        """All of them; ChainReady ends it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.pruner.run)
            if self.exporter is not None:
                nursery.start_soon(self.exporter.run)
            if self.joiner is not None:
                nursery.start_soon(self.joiner.run)
            if self.indexer is not None:
                nursery.start_soon(self.indexer.run)

    @property
    def account_index(self) -> HistoryIndex | None:
        """Where there is one."""
        return None if self.indexer is None else self.indexer.index

    @property
    def beside(self) -> BesideChain:
        """What RPC is to know of."""
        return BesideChain(self.archive, self.account_index)

    def close(self) -> None:
        """Release the files of the index."""
        if self.indexer is not None:
            self.indexer.index.close()


def history_of(
    config: NodeConfig,
    ledger: LedgerWriter,
    syncer: Syncer | LaneSyncer,
    feed: Feed[BlockView],
    archive: CertificateArchive,
    context: NodeContext,
) -> History:
    """Connect them; nothing runs yet."""
    shelf = SnapshotShelf(DataPaths(config.data_dir).snapshots, crash_points_of(config.faults))
    exporter = None
    if config.snapshots:
        exporter = Exporter(ledger.chain, shelf, context.run_blocking)
    else:
        ledger.chain.anchor.is_wanted = False
        shelf.clear()
    joins = config.sync is SyncMode.SNAPSHOT
    joiner = _joiner(config, ledger, syncer, context) if joins else None
    indexer = None
    if config.index is IndexMode.FULL:
        accounts = _account_index(config, ledger.chain)
        indexer = Indexer(ledger.chain, accounts, feed, context.run_blocking)
    return History(archive, shelf, Pruner(ledger, config.keep), exporter, joiner, indexer)


def _account_index(config: NodeConfig, chain: Chain) -> HistoryIndex:
    """In the home, or on the server that was named."""
    chain_id = config.document.hash
    if config.index_url is not None:
        log.info("accounts are indexed at %s", config.index_url)
        return open_remote_index(config.index_url, chain_id, partial(_own_header, chain))
    return AccountIndex(DataPaths(config.data_dir).accounts, chain_id)


def _own_header(chain: Chain, height: int) -> Header:
    """Of our final block there, else of our head."""
    head = chain.head.head
    return (chain.blocks.header_at(height) if height < head.height else None) or head


def _joiner(
    config: NodeConfig, ledger: LedgerWriter, syncer: Syncer | LaneSyncer, context: NodeContext
) -> Joiner:
    _require_trusted(ledger.chain, config.trust)
    paths = DataPaths(config.data_dir)
    if paths.place.is_mount() or not os.access(paths.place.parent, os.W_OK):
        raise ConfigError(
            reason=f"a snapshot is to take the place of {paths.place}, which cannot be renamed",
            fix=f"link {paths.chain} to a folder inside of the volume, in one that this user may "
            "write to, or start without --sync snapshot",
        )
    now_ms = context.clock.now_ms
    prover = SnapshotProver(
        config.document, config.trust, context.network, context.run_blocking, now_ms
    )
    reached = crash_points_of(config.faults)
    return Joiner(ledger.chain, paths, prover, syncer, context, reached)


def _require_trusted(chain: Chain, trust: TrustPoint | None) -> None:
    """Our own chain is the one of the block that was vouched for, if it has that height."""
    own = None if trust is None else chain.blocks.header_at(trust.height)
    if own is not None and trust is not None and own.id != trust.block_id:
        raise ConfigError(
            reason=f"block {own.height} of this home is 0x{own.id.hex()}, not that of --trust",
            fix="ask again whoever vouched for the block; if it is right, this home is of another "
            "chain: remove its data/chain and start with --sync-again",
        )
