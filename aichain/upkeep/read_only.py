"""A chain on disk as it lies there: opened, under its lock, without a byte of it being changed."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aichain.errors import HomeMissing, StoreCorrupt
from aichain.recovery import ledger_exists, require_chain
from aichain.store.blocks import BlockStore
from aichain.store.decisions import Decisions
from aichain.store.leveldb import LevelStore
from aichain.store.leveldb_copy import copy_for_reading
from aichain.store.paths import DataPaths
from aichain.store.segments import SegmentFiles
from genesis.document import GenesisDocument

_COPY = "state.read"


@dataclass(frozen=True, slots=True)
class StoredChain:
    """Nothing has been checked but that it is of this genesis document."""

    paths: DataPaths
    document: GenesisDocument
    database: LevelStore
    """A copy: LevelDB writes into a directory that it opens."""
    bodies: SegmentFiles
    blocks: BlockStore
    decisions: Decisions


@contextmanager
def stored_chain(root: Path, document: GenesisDocument) -> Iterator[StoredChain]:
    """HomeMissing, HomeLocked, WrongChain, StoreCorrupt, StoreFailed."""
    paths = DataPaths(root)
    if not ledger_exists(root):
        raise HomeMissing(path=str(paths.chain))
    with ExitStack() as undo:
        lock = paths.lock()
        undo.callback(lock.release)
        if not paths.state.is_dir():
            raise StoreCorrupt(path=str(paths.state), reason="the state database is missing")
        copy = paths.place.parent / f"{paths.place.name}.{_COPY}"  # on the same disk, for the links
        undo.callback(shutil.rmtree, copy, ignore_errors=True)
        shutil.rmtree(copy, ignore_errors=True)
        copy_for_reading(paths.state, copy)
        database = LevelStore(copy)
        undo.callback(database.close)
        require_chain(paths, database, document)
        bodies = SegmentFiles(paths.bodies)
        blocks = BlockStore(database, bodies, document.consensus.epoch_blocks)
        yield StoredChain(paths, document, database, bodies, blocks, Decisions(database))
