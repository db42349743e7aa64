"""Power that fails in the middle of a write, and full disks, below the code of the store.

What was not synced may be lost: the end of a file, LevelDB's last batches, new names.
"""

import errno
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

from aichain.store import durable, leveldb, log_file, segments, snapshots
from aichain.store.kv import Batch
from tests.simulation.nodes.directory_entries import DirectoryEntries

_WRITES = (durable, log_file, segments, snapshots)
_write_all, _sync_data = durable.write_all, durable.sync_data
_write_batch, _open_store = leveldb.LevelStore.write, leveldb.LevelStore.__init__
_fsync = os.fsync

BATCHES: Final = "unsynced batch lost"
NAMES: Final = "unsynced name lost"


class PowerLost(BaseException):
    """The machine is off. No `except` of the node may go on after it."""


class Power:
    """The supply and the disks of all machines; a machine's files lie below its home."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"aichain/power/{seed}")
        self._left: dict[Path, int] = {}
        self._full: set[Path] = set()
        self._synced: dict[Path, int] = {}
        self._batches: dict[Path, list[Batch]] = {}
        """What undoes the unsynced batches of each database, oldest first."""
        self.lost: Counter[str] = Counter()
        self.names = DirectoryEntries(self._random, self._on_moved)

    def fail_after(self, below: Path, operations: int) -> None:
        """A machine's power fails at one of its next writes or syncs below this directory."""
        self._left[below] = operations

    def fill_disk(self, home: Path) -> None:
        """From now on every write fails."""
        self._full.add(home)

    def spare(self, home: Path) -> None:
        """Power and space are back."""
        for below in [each for each in self._left if each.is_relative_to(home)]:
            del self._left[below]
        self._full.discard(home)

    def tear(self, home: Path) -> None:
        """Of what was not synced, any part from the front is there."""
        for path in [each for each in self._batches if each.is_relative_to(home)]:
            self._lose_batches(path)
        for path, synced in self._synced.items():
            if path.is_relative_to(home) and path.exists():
                size = path.stat().st_size
                self._synced[path] = self._random.randint(min(synced, size), size)
                os.truncate(path, self._synced[path])
        self.lost[NAMES] += self.names.lose(home)

    def _lose_batches(self, path: Path) -> None:
        undo = self._batches.pop(path)
        undo = undo[self._random.randint(0, len(undo)) :]
        if not undo or not path.is_dir():
            return
        self.lost[BATCHES] += len(undo)
        store = leveldb.LevelStore(path)
        for batch in reversed(undo):
            _write_batch(store, batch, sync=True)
        store.close()

    def _on_moved(self, source: Path, path: Path) -> None:
        for known in [each for each in self._synced if each.is_relative_to(source)]:
            self._synced[path / known.relative_to(source)] = self._synced.pop(known)
        for known in [each for each in self._batches if each.is_relative_to(source)]:
            self._batches[path / known.relative_to(source)] = self._batches.pop(known)

    def write_all(self, path: Path, descriptor: int, data: bytes, offset: int) -> None:
        """In place of the store's: part of the data may reach the disk."""
        self._synced.setdefault(path, 0)
        if self._strikes(path):
            os.pwrite(descriptor, data[: self._random.randint(0, len(data))], offset)
            raise PowerLost
        if self._is_full(path):
            durable.fail(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        _write_all(path, descriptor, data, offset)

    def sync_data(self, path: Path, descriptor: int) -> None:
        """In place of the store's: what is there now is there for good."""
        if self._strikes(path):
            raise PowerLost
        self._synced[path] = os.fstat(descriptor).st_size

    def sync_directory(self, descriptor: int) -> None:
        """In place of the system's fsync, which the store calls for directories only."""
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if self._strikes(path):
            raise PowerLost
        _fsync(descriptor)
        self.names.synced(path)

    def open_store(self, path: Path) -> None:
        """A database that opens makes a synced table of its log."""
        self._batches.pop(path, None)

    def write_batch(self, store: leveldb.LevelStore, batch: Batch, *, sync: bool) -> None:
        """LevelDB's batches are whole or not at all; power may fail before or after one."""
        strikes = self._strikes(store.path)
        if strikes and self._random.random() < 0.5:
            raise PowerLost
        if self._is_full(store.path):
            durable.fail(store.path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        before = {} if sync else {key: store.get(key) for key in batch}
        _write_batch(store, batch, sync=sync)
        if sync:
            self._batches.pop(store.path, None)
        else:
            self._batches.setdefault(store.path, []).append(before)
        if strikes:
            raise PowerLost

    def _strikes(self, path: Path) -> bool:
        for below in [each for each in self._left if path.is_relative_to(each)]:
            self._left[below] -= 1
            if self._left[below] < 0:
                return True
        return False

    def _is_full(self, path: Path) -> bool:
        return any(path.is_relative_to(home) for home in self._full)


@contextmanager
def supplied_by(power: Power) -> Iterator[None]:
    """The store's writes go through `power` as long as this lasts."""

    def write_batch(store: leveldb.LevelStore, batch: Batch, *, sync: bool) -> None:
        power.write_batch(store, batch, sync=sync)

    def open_store(
        store: leveldb.LevelStore,
        path: Path,
        settings: leveldb.LevelSettings | None = None,
        *,
        create: bool = False,
    ) -> None:
        _open_store(store, path, settings, create=create)
        power.open_store(path)

    with ExitStack() as patches:
        for module in _WRITES:
            patches.enter_context(patch.object(module, "write_all", power.write_all))
            patches.enter_context(patch.object(module, "sync_data", power.sync_data))
        patches.enter_context(patch.object(leveldb.LevelStore, "write", write_batch))
        patches.enter_context(patch.object(leveldb.LevelStore, "__init__", open_store))
        patches.enter_context(patch.object(os, "fsync", power.sync_directory))
        patches.enter_context(power.names.noted())
        yield
