"""Snapshots on disk: the states of the last epochs' anchors, cut into parts that peers fetch.

A snapshot is written beside and renamed into place when it is whole, so a crash leaves none half.
"""

import os
import shutil
import struct
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aichain.errors import StoreFailed
from aichain.store.durable import fail, replace_file, sync_data, sync_directory, write_all
from aichain.store.failpoints import CrashPoint
from aichain.store.kv import KeyValueReader
from aichain.store.state import scan_records
from genesis.limits import (
    SNAPSHOT_MANIFEST_BYTES,
    SNAPSHOT_PARTS_MAX,
    SNAPSHOT_SLICE_RECORDS,
    SNAPSHOT_SORT_BYTES,
    SNAPSHOTS_KEPT,
)
from native.errors import DecodeError
from native.hashing import HASH_BYTES, Hash32, derive_hash, hash32
from vm.blocks import Header
from vm.commitment import StateTree, key_hash
from vm.mmr import HeaderMmr
from vm.snapshot import (
    Entry,
    Manifest,
    Part,
    cut,
    decode_manifest,
    encode_part,
    entry_bytes,
    is_one_part,
    manifest_hash,
)
from vm.state import State

_BUILDING: Final = "building"
_MANIFEST: Final = "manifest"
_PARTS: Final = "parts"
_CHECK_BYTES: Final = 16
_CHECK_DOMAIN: Final = "aichain/snapshot/check/v1"
_NAME_DIGITS: Final = 20
_BUCKET_BITS: Final = 6
_ENTRY = struct.Struct(">BI")  # lengths of key and value, which the key hash and both follow


@dataclass(frozen=True, slots=True)
class AnchorState:
    """The state after the last block of an epoch, readable however far the chain has gone on."""

    header: Header
    mmr: HeaderMmr
    """Over all blocks up to it."""
    tree: StateTree
    reader: KeyValueReader


class LastAnchor:
    """Where the chain leaves the state after an epoch's last block for whoever exports it."""

    def __init__(self, epoch_blocks: int) -> None:
        self._epoch_blocks = epoch_blocks
        self._states: tuple[AnchorState, ...] = ()
        self.is_wanted = True
        """Where nobody exports, no old state is held."""

    def reach(self, state: State, reader: KeyValueReader) -> None:
        """The chain's head is this state now; `reader` reads its records for ever.

        The one before stays: with two lanes the head may go from one epoch's end to the next.
        """
        if self.is_wanted and state.head.height % self._epoch_blocks == 0:
            anchor = AnchorState(state.head, state.mmr, state.tree, reader)
            self._states = (*self._states[-1:], anchor)

    def take(self, head_height: int) -> AnchorState | None:
        """The last one, once, when a header above it carries its root."""
        ready = [each for each in self._states if each.header.height < head_height]
        self._states = self._states[len(ready) :]
        return ready[-1] if ready else None


@dataclass(frozen=True, slots=True)
class _Shelved:
    """One snapshot on disk, and where in its file each part begins."""

    manifest: Manifest
    raw: bytes
    hash: Hash32
    file: Path
    offsets: tuple[int, ...]


class SnapshotShelf:
    """Written by one task at a time, step by step; read by any thread."""

    def __init__(self, root: Path, reached: CrashPoint) -> None:
        """Find what is there; what a crash left half is removed."""
        self._root = root
        self._reached = reached
        shutil.rmtree(root / _BUILDING, ignore_errors=True)
        names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
        found = (_read_shelved(root / name) for name in names)
        self._shelved: tuple[_Shelved, ...] = tuple(each for each in found if each is not None)

    @property
    def offers(self) -> tuple[tuple[int, Hash32], ...]:
        """Height and manifest hash of each, the newest last."""
        return tuple((each.manifest.height, each.hash) for each in self._shelved)

    @property
    def newest(self) -> tuple[int, int, int, int]:
        """Of the last one: height, records, parts, bytes. There is one."""
        manifest = self._shelved[-1].manifest
        return manifest.height, manifest.records, len(manifest.parts), manifest.size_bytes

    def clear(self) -> None:
        """Offer nothing, and free the disk."""
        self._shelved = ()
        shutil.rmtree(self._root, ignore_errors=True)

    def manifest(self, name: Hash32) -> bytes | None:
        """The manifest of this hash."""
        shelved = self._find(name)
        return None if shelved is None else shelved.raw

    def part(self, name: Hash32, index: int) -> bytes | None:
        """A part of the snapshot with this manifest; a snapshot that is damaged is given up."""
        shelved = self._find(name)
        if shelved is None or index >= len(shelved.offsets):
            return None
        size = shelved.manifest.parts[index].size_bytes
        try:
            with shelved.file.open("rb") as file:
                data = os.pread(file.fileno(), size + _CHECK_BYTES, shelved.offsets[index])
        except OSError:
            data = b""
        raw, check = data[:size], data[size:]
        if check != _check(raw):
            self._shelved = tuple(each for each in self._shelved if each.hash != name)
            return None
        return raw

    def export(self, anchor: AnchorState) -> Generator[None, None, None]:
        """Write the snapshot of an anchor, a little at each step. StoreFailed, StoreCorrupt."""
        building = self._root / _BUILDING
        try:
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            yield from self._write(building, anchor)
        except OSError as error:
            fail(building, error)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _write(self, building: Path, anchor: AnchorState) -> Iterator[None]:
        buckets = _Buckets(building)
        for number, (key, value) in enumerate(scan_records(anchor.reader), 1):
            buckets.add(key_hash(key), key, value)
            if number % SNAPSHOT_SLICE_RECORDS == 0:
                yield
        self._reached("snapshot sorted")
        file, parts = building / _PARTS, list[Part]()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            prefix, size = 0, 0
            for depth, entries in buckets.parts():
                raw = encode_part(entries)
                root = anchor.tree.subtree_root(prefix >> (_FULL - depth), depth)
                prefix += 1 << (_FULL - depth)
                parts.append(Part(depth, len(entries), len(raw), root))
                write_all(file, descriptor, raw + _check(raw), size)
                size += len(raw) + _CHECK_BYTES
                if len(parts) > SNAPSHOT_PARTS_MAX:
                    raise StoreFailed(path=str(file), reason="the state has too many parts")
                yield
            sync_data(file, descriptor)
        finally:
            os.close(descriptor)
        self._reached("snapshot parts written")
        header = anchor.header
        manifest = Manifest(header.height, header.id, tuple(parts), anchor.mmr)
        assert manifest.state_root == anchor.tree.root, "what was scanned is the anchor's state"
        self._shelve(building, manifest)

    def _shelve(self, building: Path, manifest: Manifest) -> None:
        whole = building / f"{manifest.height:0{_NAME_DIGITS}d}"
        whole.mkdir()
        (building / _PARTS).rename(whole / _PARTS)
        replace_file(whole / _MANIFEST, manifest.encode())
        place = self._root / whole.name
        shutil.rmtree(place, ignore_errors=True)
        whole.rename(place)
        sync_directory(self._root)
        self._reached("snapshot in place")
        shelved = _read_shelved(place)
        assert shelved is not None, "it was written a moment ago"
        rest = tuple(each for each in self._shelved if each.file.parent != place)
        *old, last = (*rest, shelved)
        dropped = old[: max(0, len(old) + 1 - SNAPSHOTS_KEPT)]
        self._shelved = (*old[len(dropped) :], last)
        for each in dropped:
            shutil.rmtree(each.file.parent, ignore_errors=True)

    def _find(self, name: Hash32) -> _Shelved | None:
        return next((each for each in self._shelved if each.hash == name), None)


class _Buckets:
    """Sorts records by their key hashes without holding them all: the first bits choose a file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._buffers = [bytearray() for _ in range(1 << _BUCKET_BITS)]
        self._counts = [0] * len(self._buffers)
        self._sizes = [0] * len(self._buffers)

    def add(self, hashed: Hash32, key: bytes, value: bytes) -> None:
        number = hashed[0] >> (8 - _BUCKET_BITS)
        self._counts[number] += 1
        self._sizes[number] += entry_bytes(key, value)
        buffer = self._buffers[number]
        buffer += _ENTRY.pack(len(key), len(value)) + hashed + key + value
        if len(buffer) >= SNAPSHOT_SORT_BYTES:
            with self._file(number).open("ab") as file:
                file.write(buffer)
            buffer.clear()

    def parts(self, level: int = 0, low: int = 0) -> Iterator[tuple[int, Sequence[Entry]]]:
        """Depth and entries of each part of the subtree whose first bucket is `low`."""
        high = low + (1 << (_BUCKET_BITS - level))
        together = is_one_part(sum(self._counts[low:high]), sum(self._sizes[low:high]))
        if together or level == _BUCKET_BITS:
            entries = [entry for number in range(low, high) for entry in self._load(number)]
            yield from cut(entries, level)
            return
        yield from self.parts(level + 1, low)
        yield from self.parts(level + 1, (low + high) // 2)

    def _load(self, number: int) -> list[Entry]:
        path, buffer = self._file(number), self._buffers[number]
        data = path.read_bytes() + buffer if path.exists() else bytes(buffer)
        buffer.clear()
        path.unlink(missing_ok=True)
        entries, at = list[Entry](), 0
        while at < len(data):
            key_size, value_size = _ENTRY.unpack_from(data, at)
            start = at + _ENTRY.size + HASH_BYTES
            middle = start + key_size
            at = middle + value_size
            entries.append(
                (hash32(data[start - HASH_BYTES : start]), data[start:middle], data[middle:at])
            )
        entries.sort()
        return entries

    def _file(self, number: int) -> Path:
        return self._directory / f"{number:02d}.bucket"


_FULL: Final = 8 * HASH_BYTES


def _read_shelved(place: Path) -> _Shelved | None:
    """What lies there, None if it is no whole snapshot."""
    try:
        with (place / _MANIFEST).open("rb") as file:
            raw = file.read(SNAPSHOT_MANIFEST_BYTES + 1)
        manifest = decode_manifest(raw)
        size = (place / _PARTS).stat().st_size
    except (OSError, DecodeError):
        return None
    offsets, start = [], 0
    for part in manifest.parts:
        offsets.append(start)
        start += part.size_bytes + _CHECK_BYTES
    if size != start:
        return None
    return _Shelved(manifest, raw, manifest_hash(raw), place / _PARTS, tuple(offsets))


def _check(raw: bytes) -> bytes:
    return derive_hash(_CHECK_DOMAIN, raw)[:_CHECK_BYTES]
