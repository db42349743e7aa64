"""A chain on its way here as a snapshot: what has been fetched survives a crash, none of it counts
before all of it is there, and then it takes the old chain's place in one step."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from aichain.errors import HomeMissing, StoreCorrupt
from aichain.store.blocks import BlockRecord
from aichain.store.durable import fail, make_directory, replace_file, sync_directory
from aichain.store.failpoints import CrashPoint
from aichain.store.keys import (
    CHAIN,
    DECIDED,
    FIRST,
    HEIGHT_BYTES,
    PART,
    SCHEMA,
    SCHEMA_VERSION,
    TIP,
    anchor_key,
    block_key,
    certificate_key,
    decision_key,
    height_key,
    node_key,
    part_key,
    state_key,
)
from aichain.store.leveldb import LevelSettings, LevelStore
from aichain.store.paths import DataPaths
from aichain.store.segments import BodyRecord, SegmentFiles
from aichain.store.state import StateRecords, Tip, scan_tree
from aichain.store.validator_sets import stage_known_validators
from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.lanes.messages import Decision
from genesis import limits
from genesis.checkpoints import Checkpoint, decode_checkpoint
from genesis.document import GenesisDocument
from native import codec
from native.errors import InvalidData
from native.hashing import Hash32
from vm.blocks import Header, decode_header, encode_body
from vm.commitment import StateTree
from vm.snapshot import Manifest, decode_manifest, manifest_hash
from vm.state import State

_BASE: Final = "base"
_BASE_FIELDS: Final = 5
_BASE_BYTES: Final = limits.SNAPSHOT_MANIFEST_BYTES + limits.LANE_MESSAGE_MAX_BYTES
_SETTINGS: Final = LevelSettings(write_buffer_bytes=16 << 20)


@dataclass(frozen=True, slots=True)
class SnapshotBase:
    """What has been proved before the first part is fetched."""

    manifest_raw: bytes
    header: Header
    """Of the last block of an epoch, whose state it is."""
    child: Header
    """The next one, final too, which carries the roots after `header`."""
    certificate: QuorumCertificate
    """The FINAL of `header`; with two lanes, of the checkpoint that ends at it."""
    checkpoint: Checkpoint | None = None
    manifest: Manifest = field(init=False, compare=False)
    name: Hash32 = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "manifest", decode_manifest(self.manifest_raw))
        object.__setattr__(self, "name", manifest_hash(self.manifest_raw))

    def encode(self) -> bytes:
        checkpoint = [] if self.checkpoint is None else [self.checkpoint.encode()]
        headers = self.header.raw, self.child.raw
        return codec.encode([self.manifest_raw, *headers, self.certificate.encode(), checkpoint])

    @staticmethod
    def decode(raw: bytes) -> "SnapshotBase":
        items = limits.LANE_MESSAGE_MAX_ITEMS
        fields = codec.decode(raw, max_bytes=_BASE_BYTES, max_items=items)
        manifest, header, child, certificate, checkpoint = codec.array(fields, _BASE_FIELDS)
        return SnapshotBase(
            codec.bounded(manifest, limits.SNAPSHOT_MANIFEST_BYTES),
            decode_header(codec.bounded(header, limits.HEADER_MAX_BYTES)),
            decode_header(codec.bounded(child, limits.HEADER_MAX_BYTES)),
            decode_certificate(certificate, members_max=limits.LANE_MEMBERS_MAX),
            *map(decode_checkpoint, codec.sequence(checkpoint, 1)),
        )


class JoiningChain:
    """Blocking throughout; one thread at a time. StoreFailed, StoreCorrupt."""

    def __init__(
        self, paths: DataPaths, base: SnapshotBase, database: LevelStore, reached: CrashPoint
    ) -> None:
        """Use `begin` or `resume`."""
        self.base = base
        self._paths = paths
        self._chain = DataPaths(paths.joining)
        self._database = database
        self._reached = reached

    @classmethod
    def begin(cls, paths: DataPaths, base: SnapshotBase, reached: CrashPoint) -> Self:
        """Start with nothing but what was proved."""
        shutil.rmtree(paths.joining, ignore_errors=True)
        chain = DataPaths(paths.joining)
        make_directory(chain.chain)
        database = LevelStore(chain.state, _SETTINGS, create=True)
        sync_directory(chain.chain)
        replace_file(paths.joining / _BASE, base.encode())
        reached("joining begun")
        return cls(paths, base, database, reached)

    @classmethod
    def resume(cls, paths: DataPaths, reached: CrashPoint) -> Self | None:
        """What an interrupted run left; None if that is nothing that can be used."""
        try:
            with (paths.joining / _BASE).open("rb") as file:
                base = SnapshotBase.decode(file.read(_BASE_BYTES + 1))
            database = LevelStore(DataPaths(paths.joining).state, _SETTINGS)
        except (OSError, InvalidData, StoreCorrupt, HomeMissing):
            shutil.rmtree(paths.joining, ignore_errors=True)
            return None
        return cls(paths, base, database, reached)

    def missing(self) -> tuple[int, ...]:
        """The parts that are not here yet; their marks are gone once the tip is written."""
        if self._database.get(TIP) is not None:
            return ()
        here = {int.from_bytes(key[len(PART) :], "big") for key, _ in self._database.iterate(PART)}
        return tuple(index for index in range(len(self.base.manifest.parts)) if index not in here)

    def write_part(self, index: int, records: Mapping[bytes, bytes]) -> None:
        """Keep a verified part: its records and the mark that they are here, in one batch."""
        batch: dict[bytes, bytes | None] = {state_key(key): records[key] for key in sorted(records)}
        batch[part_key(index)] = b""
        self._database.write(batch, sync=False)
        self._reached("part written")

    def finish(self, document: GenesisDocument, tree: StateTree | None) -> StateTree:
        """Check the whole, complete the chain, and set it ready for `install_joined`; its tree.

        `tree` is that of the verified parts, where one process saw them all; else what lies on
        the disk is read again.
        """
        # Reopening turns LevelDB's log into synced tables: a later sync covers the last log only.
        self._database.close()
        self._database = LevelStore(self._chain.state, _SETTINGS)
        base, state = self.base, self._state(document, tree)
        self._reached("joined state checked")
        shutil.rmtree(self._chain.bodies, ignore_errors=True)  # a crash came after this before
        bodies = SegmentFiles.create(self._chain.bodies)
        body = BodyRecord(base.header.height, base.header.raw, encode_body(()))
        [position] = bodies.append([body])
        bodies.close()
        record = BlockRecord(base.header.id, state.root, position, finalized_at_ms=None)
        self._database.write(self._batch(document, state, record), sync=True)
        self._reached("joined tip written")
        self._database.close()
        (self._paths.joining / _BASE).unlink()
        sync_directory(self._chain.chain)
        self._paths.joining.rename(self._paths.joined)
        sync_directory(self._paths.joined.parent)
        self._reached("joined chain ready")
        return state.tree

    def close(self) -> None:
        self._database.close()

    def _state(self, document: GenesisDocument, tree: StateTree | None) -> State:
        """All that was proved and nothing else; what is not is given up."""
        base, records = self.base, StateRecords(self._database)
        try:
            tree = tree or scan_tree(self._database)
            mmr = base.manifest.mmr
            return State.joined(
                document, records, tree, head=base.header, child=base.child, mmr=mmr
            )
        except (InvalidData, StoreCorrupt) as error:
            (self._paths.joining / _BASE).unlink()
            fix = "start again: the snapshot is fetched anew"
            raise StoreCorrupt(str(self._chain.state), str(error), fix) from error

    def _batch(
        self, document: GenesisDocument, state: State, record: BlockRecord
    ) -> dict[bytes, bytes | None]:
        base = self.base
        height, epoch_blocks = base.header.height, document.consensus.epoch_blocks
        batch: dict[bytes, bytes | None] = {
            SCHEMA: SCHEMA_VERSION.to_bytes(2, "big"),
            CHAIN: document.hash,
            TIP: Tip.of(state).encode(),
            FIRST: (height + 1).to_bytes(HEIGHT_BYTES, "big"),
            anchor_key(height): base.header.raw,
        }
        if base.checkpoint is None:
            batch[certificate_key(height)] = codec.encode(base.certificate.encode())
        else:
            number, decision = base.checkpoint.number, Decision(base.checkpoint, base.certificate)
            batch[decision_key(number)] = codec.encode(decision.encode())
            batch[DECIDED] = number.to_bytes(HEIGHT_BYTES, "big")
        batch[block_key(height)] = record.encode()
        batch[height_key(base.header.id)] = height.to_bytes(HEIGHT_BYTES, "big")
        for level, number, root in state.mmr.trees():
            batch[node_key(level, number)] = root
        stage_known_validators(batch, state, epoch_blocks)
        for key, _ in self._database.iterate(PART):
            batch[key] = None
        return batch


def install_joined(paths: DataPaths, reached: CrashPoint) -> bool:
    """Put a chain that is ready in the place of the old one; whether there was any.

    What a crash interrupts is finished at the next start. HomeLocked, StoreFailed.
    """
    if not paths.joined.is_dir() and not paths.replaced.is_dir():
        return False
    lock = paths.lock()
    try:
        return _install(paths, reached)
    finally:
        lock.release()


def _install(paths: DataPaths, reached: CrashPoint) -> bool:
    ready = DataPaths(paths.joined)
    if not paths.joined.is_dir():
        shutil.rmtree(paths.replaced, ignore_errors=True)
        return False
    try:
        if ready.chain.is_dir():
            shutil.rmtree(paths.replaced, ignore_errors=True)
            if paths.place.is_dir():
                paths.place.rename(paths.replaced)
                reached("old chain aside")
            ready.chain.rename(paths.place)
            sync_directory(paths.place.parent)
            reached("joined chain in place")
        shutil.rmtree(paths.joined)
        shutil.rmtree(paths.replaced, ignore_errors=True)
    except OSError as error:
        fail(paths.joined, error)
    return True
