"""How large a home is, and what of: bytes on the disk, entries in the database."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aichain.recovery import read_tip
from aichain.store.keys import (
    ANCHOR,
    BLOCK,
    CERTIFICATE,
    DECISION,
    NODE,
    RECEIPTS,
    STATE,
    VALIDATORS,
)
from aichain.store.paths import DataPaths
from aichain.upkeep.progress import Progress
from aichain.upkeep.read_only import StoredChain

_ENTRIES = {
    "stateRecords": STATE,
    "blocks": BLOCK,
    "receipts": RECEIPTS,
    "certificates": CERTIFICATE,
    "decisions": DECISION,
    "anchors": ANCHOR,
    "headerRange": NODE,
    "validatorSets": VALIDATORS,
}


@dataclass(frozen=True, slots=True)
class Entries:
    """So many keys of a kind, and the bytes of keys and values before compression."""

    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class HomeFigures:
    """What lies in a data directory; sizes are those of files, in bytes."""

    height: int
    first: int
    entries: dict[str, Entries]
    disk: dict[str, int]


def figures_of(stored: StoredChain, progress: Progress) -> HomeFigures:
    """Counts every entry. Blocking. StoreCorrupt, StoreFailed."""
    tip = read_tip(stored.paths.state, stored.database)
    entries = {}
    for done, (name, prefix) in enumerate(_ENTRIES.items(), 1):
        count = size = 0
        for key, value in stored.database.iterate(prefix):
            count += 1
            size += len(key) + len(value)
        entries[name] = Entries(count, size)
        progress(done, len(_ENTRIES))
    return HomeFigures(tip.height, stored.blocks.first, entries, disk_of(stored.paths))


def disk_of(paths: DataPaths) -> dict[str, int]:
    """Bytes of each part of a data directory that is there."""
    parts = {
        "state": paths.state,
        "blocks": paths.bodies,
        "index": paths.index,
        "accounts": paths.accounts,
        "snapshots": paths.snapshots,
        "voteLogs": paths.signer,
        "certificateArchive": paths.certificates,
        "joining": paths.joining,
    }
    return {name: sum(_sizes(path)) for name, path in parts.items() if path.is_dir()}


def _sizes(directory: Path) -> Iterator[int]:
    """Files may go meanwhile: a database merges its own."""
    for path in directory.rglob("*"):
        try:
            if path.is_file():
                yield path.stat().st_size
        except FileNotFoundError:
            continue
