"""Power that fails in the middle of a write, and full disks, below the code of the store."""

import errno
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from aichain.store import durable, leveldb, log_file, segments
from aichain.store.kv import Batch

_WRITES = (durable, log_file, segments)
_write_all, _sync_data = durable.write_all, durable.sync_data
_write_batch = leveldb.LevelStore.write


class PowerLost(BaseException):
    """The machine is off. No `except` of the node may go on after it."""


class Power:
    """The supply and the disks of all machines; a machine's files lie below its home."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"aichain/power/{seed}")
        self._left: dict[Path, int] = {}
        self._full: set[Path] = set()
        self._synced: dict[Path, int] = {}

    def fail_after(self, home: Path, operations: int) -> None:
        """The power of this machine fails at one of its next writes or syncs."""
        self._left[home] = operations

    def fill_disk(self, home: Path) -> None:
        """From now on every write fails."""
        self._full.add(home)

    def spare(self, home: Path) -> None:
        """Power and space are back."""
        self._left.pop(home, None)
        self._full.discard(home)

    def tear(self, home: Path) -> None:
        """Of what was not synced, any part from the front is there."""
        for path, synced in self._synced.items():
            if path.is_relative_to(home) and path.exists():
                size = path.stat().st_size
                os.truncate(path, self._random.randint(min(synced, size), size))

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

    def write_batch(self, store: leveldb.LevelStore, batch: Batch, *, sync: bool) -> None:
        """LevelDB's batches are whole or not at all; power may fail before or after one."""
        strikes = self._strikes(store.path)
        if strikes and self._random.random() < 0.5:
            raise PowerLost
        if self._is_full(store.path):
            durable.fail(store.path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        _write_batch(store, batch, sync=sync)
        if strikes:
            raise PowerLost

    def _strikes(self, path: Path) -> bool:
        for home in self._left:
            if path.is_relative_to(home):
                self._left[home] -= 1
                return self._left[home] < 0
        return False

    def _is_full(self, path: Path) -> bool:
        return any(path.is_relative_to(home) for home in self._full)


@contextmanager
def supplied_by(power: Power) -> Iterator[None]:
    """The store's writes go through `power` as long as this lasts."""

    def write_batch(store: leveldb.LevelStore, batch: Batch, *, sync: bool) -> None:
        power.write_batch(store, batch, sync=sync)

    with ExitStack() as patches:
        for module in _WRITES:
            patches.enter_context(patch.object(module, "write_all", power.write_all))
            patches.enter_context(patch.object(module, "sync_data", power.sync_data))
        patches.enter_context(patch.object(leveldb.LevelStore, "write", write_batch))
        yield
