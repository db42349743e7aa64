"""From a data directory to a ledger that can be trusted, or to a refusal that says what to do."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from aichain.errors import HomeMissing, StoreCorrupt, UpgradeMissed, WrongChain
from aichain.store.blocks import BlockRecord, BlockStore
from aichain.store.durable import FileLock, make_directory, sync_directory, sync_files
from aichain.store.header_range import stage_nodes
from aichain.store.index import TransactionIndex
from aichain.store.keys import (
    BLOCK,
    CHAIN,
    FIRST,
    SCHEMA,
    SCHEMA_VERSION,
    TIP,
    block_key,
    height_in,
)
from aichain.store.kv import KeyValueReader
from aichain.store.leveldb import LevelSettings, LevelStore
from aichain.store.paths import DataPaths
from aichain.store.segments import BodyRecord, Position, SegmentFiles
from aichain.store.state import StateRecords, Tip, scan_records, scan_tree, stage_state
from aichain.store.validator_sets import stage_genesis_validators
from genesis import limits
from genesis.document import GenesisDocument
from native.errors import InvalidData
from vm.blocks import Header, encode_body
from vm.commitment import StateTree
from vm.genesis_block import genesis_state
from vm.mmr import HeaderMmr
from vm.state import State
from vm.supply import scan_supply

_EXAMINED = ".examined"
_DAMAGED = ".damaged"


@dataclass(slots=True)
class Ledger:
    """Everything the chain owns on disk, open, checked, and agreeing with itself."""

    lock: FileLock
    database: LevelStore
    bodies: SegmentFiles
    blocks: BlockStore
    index: TransactionIndex
    state: State
    tail: list[tuple[Position, BodyRecord]]
    """Blocks that were durable but not final when the process ended."""
    note: str
    """What had to be repaired, for the log; empty when nothing."""

    def remove_segments(self) -> None:
        """Remove the files that hold nothing but pruned blocks."""
        first = self.blocks.first
        oldest = self.blocks.record_at(first) or self.blocks.record_at(first - 1)
        assert oldest is not None, "at least the head has a record"
        self.bodies.remove_before(oldest.position.segment)

    def close(self) -> None:
        self.index.close()
        self.bodies.close()
        self.database.close()
        self.lock.release()


def ledger_exists(root: Path) -> bool:
    """Whether this data directory holds a chain, whole or damaged; or a link to a lost one."""
    chain = DataPaths(root).chain
    return chain.exists() or chain.is_symlink()


def create_ledger(root: Path, document: GenesisDocument) -> None:
    """Write block 0 and its state. Whole or not at all: the directory is renamed into place."""
    paths = DataPaths(root)
    assert not paths.chain.exists(), "an existing chain is never written over"
    make_directory(root)
    lock = paths.lock()
    try:
        building = DataPaths(root / "building")
        shutil.rmtree(building.root, ignore_errors=True)
        _write_genesis(building, document)
        building.chain.rename(paths.chain)
        building.root.rmdir()
        sync_directory(root)
    finally:
        lock.release()


def open_ledger(
    root: Path, document: GenesisDocument, *, index: bool = True, tree: StateTree | None = None
) -> Ledger:
    """Lock, open and check (design: storage 1.2, 2.3).

    With `tree`, which this process has just made of verified parts, the records are not read.
    Raises HomeMissing, HomeLocked, WrongChain, UpgradeMissed, StoreCorrupt, StoreFailed.
    """
    paths = DataPaths(root)
    if not paths.chain.is_dir():
        raise HomeMissing(path=str(paths.chain))
    with ExitStack() as undo:
        lock = paths.lock()
        undo.callback(lock.release)
        database, note = _open_database(paths)
        undo.callback(database.close)
        require_chain(paths, database, document)
        tip, state = load_state(paths, database, document, tree)
        record = required_record(paths, database, tip)
        bodies, tail = SegmentFiles.open(paths.bodies, after=record.position)
        undo.callback(bodies.close)
        blocks = BlockStore(database, bodies, document.consensus.epoch_blocks)
        require_upgrades(document, blocks, state.head)
        places = _open_index(paths, blocks, tip.height, wanted=index)
        ledger = Ledger(lock, database, bodies, blocks, places, state, tail, note)
        ledger.remove_segments()
        undo.pop_all()
        return ledger


def _write_genesis(paths: DataPaths, document: GenesisDocument) -> None:
    state = genesis_state(document)
    bodies = SegmentFiles.create(paths.bodies)
    body = BodyRecord(0, state.head.raw, encode_body(()))
    [position] = bodies.append([body])
    database = LevelStore(paths.state, create=True)
    blocks = BlockStore(database, bodies, document.consensus.epoch_blocks)
    batch: dict[bytes, bytes | None] = {
        SCHEMA: SCHEMA_VERSION.to_bytes(2, "big"),
        CHAIN: document.hash,
        TIP: Tip.of(state).encode(),
    }
    stage_state(batch, state)
    stage_genesis_validators(batch, state)
    stage_nodes(batch, HeaderMmr(), state.head.id)
    record = BlockRecord(state.head.id, state.root, position, finalized_at_ms=None)
    blocks.stage_block(batch, state.head, record, ())
    database.write(batch, sync=True)
    database.close()
    bodies.close()
    sync_directory(paths.chain)


def _open_database(paths: DataPaths) -> tuple[LevelStore, str]:
    examined = paths.state.with_name(paths.state.name + _EXAMINED)
    if not paths.state.exists() and examined.exists():
        examined.rename(paths.state)  # a repair was interrupted between its two renames
    shutil.rmtree(examined, ignore_errors=True)
    if not paths.state.is_dir():
        raise StoreCorrupt(path=str(paths.state), reason="the state database is missing")
    try:
        return LevelStore(paths.state), ""
    except StoreCorrupt as error:
        return _examine_copy(paths, examined, error), f"repaired a torn database log: {error}"


def _examine_copy(paths: DataPaths, examined: Path, damage: StoreCorrupt) -> LevelStore:
    """Power loss can leave zeros at the end of LevelDB's log, which strict opening refuses.

    A lenient open skips what it cannot read, also in the middle, so what it yields is accepted
    only if it is exactly the state of its own tip and no height is missing. plyvel's repair_db is
    never used: it mixes heights.
    """
    shutil.copytree(paths.state, examined)
    try:
        database = LevelStore(examined, LevelSettings(paranoid=False))
        try:
            _require_whole(examined, database)
        finally:
            database.close()
        LevelStore(examined).close()
    except StoreCorrupt:
        shutil.rmtree(examined)
        raise damage from None
    sync_files(examined)
    aside = _unused(paths.state.with_name(paths.state.name + _DAMAGED))
    paths.state.rename(aside)
    examined.rename(paths.state)
    sync_directory(paths.chain)
    return LevelStore(paths.state)


def _require_whole(path: Path, database: LevelStore) -> None:
    tip = read_tip(path, database)
    if scan_tree(database).root != tip.state_root:
        raise StoreCorrupt(path=str(path), reason="the state is not the one of its tip")
    first = int.from_bytes(database.get(FIRST) or b"", "big")
    found = (height_in(key, BLOCK) for key, _ in database.iterate(BLOCK))
    heights = [height for height in found if height >= first]  # a joined chain has one below it
    if heights != list(range(first, tip.height + 1)):
        raise StoreCorrupt(path=str(path), reason="a height is missing")


def _unused(path: Path) -> Path:
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def require_chain(paths: DataPaths, database: KeyValueReader, document: GenesisDocument) -> None:
    """Refuse a database of another schema (StoreCorrupt) or chain (WrongChain)."""
    schema, chain = database.get(SCHEMA), database.get(CHAIN)
    if schema != SCHEMA_VERSION.to_bytes(2, "big"):
        found = int.from_bytes(schema, "big") if schema else "none"
        raise StoreCorrupt(
            path=str(paths.state),
            reason=f"database schema {found}, this program reads {SCHEMA_VERSION}",
        )
    if chain != document.hash:
        raise WrongChain(
            path=str(paths.root), expected=document.hash.hex(), found=(chain or b"").hex()
        )


def require_upgrades(document: GenesisDocument, blocks: BlockStore, head: Header) -> None:
    """The blocks that are kept changed rules where the schedule says, and nowhere else.

    Between two changes all have one version, so the head and both sides of each change tell.
    """
    changes = [each.from_height for each in document.upgrades if each.from_height <= head.height]
    heights = [height for change in changes for height in (change - 1, change)]
    for header in (*map(blocks.header_at, heights), head):
        if header is not None:
            require_version(document, header)


def require_version(document: GenesisDocument, header: Header) -> None:
    """UpgradeMissed unless a final block is of the rules that the schedule has at its height."""
    expected = document.block_version(header.height)
    if header.version != expected:
        raise UpgradeMissed(header.height, int(expected), header.version)


def load_state(
    paths: DataPaths, database: LevelStore, document: GenesisDocument, tree: StateTree | None
) -> tuple[Tip, State]:
    """The tip and its state, every record compared with the tip's root. StoreCorrupt."""
    tip = read_tip(paths.state, database)
    snapshot = database.snapshot()
    try:
        # Compares the root of everything stored with the one that was written with the tip.
        whole = tree or scan_tree(snapshot)
        state = State.load(document, StateRecords(snapshot), whole, tip.record)
        if tree is None:
            scan_supply(document, scan_records(snapshot))
    except InvalidData as error:
        raise StoreCorrupt(path=str(paths.state), reason=str(error)) from error
    if (state.head.height, state.head.id) != (tip.height, tip.block_id):
        raise StoreCorrupt(path=str(paths.state), reason="the tip names two blocks")
    return tip, state


def read_tip(path: Path, database: KeyValueReader) -> Tip:
    """The last final block of a database; StoreCorrupt where none is recorded."""
    raw = database.get(TIP)
    if raw is None:
        raise StoreCorrupt(path=str(path), reason="no tip is recorded")
    try:
        return Tip.decode(raw)
    except InvalidData as error:
        raise StoreCorrupt(path=str(path), reason=f"the tip does not decode: {error}") from error


def required_record(paths: DataPaths, database: KeyValueReader, tip: Tip) -> BlockRecord:
    """The record of the tip's own block; StoreCorrupt where it is of another one."""
    raw = database.get(block_key(tip.height))
    record = BlockRecord.decode(raw) if raw is not None else None
    if record is None or record.id != tip.block_id:
        raise StoreCorrupt(path=str(paths.state), reason=f"no record of the tip {tip.height}")
    return record


def _open_index(
    paths: DataPaths, blocks: BlockStore, tip_height: int, *, wanted: bool
) -> TransactionIndex:
    """The index of exactly these blocks: one that is ahead is dropped, one behind catches up."""
    index = TransactionIndex(paths.index)
    if index.height > tip_height:
        index.reset()
    index.start_after(blocks.first - 1)
    if not wanted:
        index.failed = "the index is switched off"
    while not index.failed and index.height < tip_height:
        last = min(tip_height, index.height + limits.INDEX_BATCH_BLOCKS)
        index.add([(h, blocks.transaction_ids_at(h)) for h in range(index.height + 1, last + 1)])
    return index
