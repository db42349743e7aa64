"""KeyValueStore on plyvel with every check LevelDB has: damage is an error, not a value."""

import re
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import plyvel  # type: ignore[import-untyped]  # plyvel ships no annotations

from aichain.errors import HomeLocked, HomeMissing, StoreCorrupt, StoreFailed
from aichain.store.kv import Batch, KeyValueReader, prefix_end

R = TypeVar("R")


class _Entries(Protocol):
    """What we use of plyvel's iterator."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]: ...


class _Source(Protocol):
    """What plyvel's database and its snapshots have in common."""

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None: ...

    def iterator(self, **settings: object) -> _Entries: ...


class _Snapshot(_Source, Protocol):
    def close(self) -> None: ...


class _WriteBatch(Protocol):
    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None: ...

    def write(self) -> None: ...


class _Database(_Source, Protocol):
    def write_batch(self, *, sync: bool) -> _WriteBatch: ...

    def snapshot(self) -> _Snapshot: ...

    def compact_range(self, *, start: bytes | None, stop: bytes | None) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LevelSettings:
    """Memory one database may take: twice the write buffer, the block cache, and its tables."""

    write_buffer_bytes: int = 2 << 20
    cache_bytes: int = 8 << 20
    max_open_files: int = 64
    bloom_filter_bits: int = 10
    compressed: bool = True
    paranoid: bool = True
    """False only for the copy that a rescue examines: plyvel's default skips damage silently."""


class _LevelReader:
    """Reads of a database or of one of its snapshots; checksums are verified on every one."""

    def __init__(self, path: Path, source: _Source) -> None:
        self.path = path
        self._source = source

    def get(self, key: bytes) -> bytes | None:
        try:
            return self._source.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise _named(self.path, error) from error

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[bytes, bytes]]:
        low, high, include_high = prefix or None, prefix_end(prefix), False
        if start is not None and reverse and (high is None or start < high):
            high, include_high = start, True
        elif start is not None and not reverse and start > prefix:
            low = start
        if low is not None and high is not None and low > high:
            return
        if reverse:
            low = None  # plyvel 1.5.1 loses a last entry that equals a lower bound
        count = 0
        try:
            with self._source.iterator(
                start=low,
                stop=high,
                include_stop=include_high,
                reverse=reverse,
                verify_checksums=True,
                fill_cache=limit is not None,
            ) as entries:
                for key, value in entries:
                    if (limit is not None and count >= limit) or key < prefix:
                        return
                    count += 1
                    yield key, value
        except plyvel.Error as error:
            raise _named(self.path, error) from error


class _LevelSnapshot(_LevelReader):
    """Of one moment; let go when nobody has this reader any more, or its database is closed.

    Not by plyvel: where the garbage collector has taken its database from a snapshot before, that
    follows a pointer out of nothing, and the process dies.
    """

    def __init__(self, path: Path, source: _Snapshot) -> None:
        super().__init__(path, source)
        self.let_go = weakref.finalize(self, source.close)


class LevelStore(_LevelReader):
    """One LevelDB directory. One process may hold it; its readers may be on other threads."""

    def __init__(
        self, path: Path, settings: LevelSettings | None = None, *, create: bool = False
    ) -> None:
        """Open; `create` makes a new database and refuses an existing one.

        A lost CURRENT file must not become an empty chain, so nothing else ever creates.
        """
        settings = settings or LevelSettings()
        if not create and not path.is_dir():
            raise HomeMissing(path=str(path))
        if create:
            path.mkdir(parents=True, exist_ok=True)
        database = _guarded(path, lambda: _open(path, settings, create=create))
        super().__init__(path, database)
        self._database = database
        self._failed: Exception | None = None
        self._snapshots: weakref.WeakSet[_LevelSnapshot] = weakref.WeakSet()

    def write(self, batch: Batch, *, sync: bool) -> None:
        if self._failed is not None:
            raise _named(self.path, self._failed)
        try:
            pending = self._database.write_batch(sync=sync)
            for key, value in batch.items():
                if value is None:
                    pending.delete(key)
                else:
                    pending.put(key, value)
            pending.write()
        except plyvel.Error as error:
            # LevelDB keeps the handle in error even after space is freed: only a reopen heals.
            # What it met while merging tables behind earlier writes is told here, too.
            self._failed = error
            raise _named(self.path, error) from error

    def snapshot(self) -> KeyValueReader:
        snapshot = _LevelSnapshot(self.path, self._database.snapshot())
        self._snapshots.add(snapshot)
        return snapshot

    def compact(self, prefix: bytes = b"") -> None:
        """Rewrite the tables of these keys without what was overwritten or deleted. Blocking."""
        stop = prefix_end(prefix)
        _guarded(self.path, lambda: self._database.compact_range(start=prefix or None, stop=stop))

    def close(self) -> None:
        for snapshot in tuple(self._snapshots):
            snapshot.let_go()
        self._database.close()


def _open(path: Path, settings: LevelSettings, *, create: bool) -> _Database:
    database: _Database = plyvel.DB(
        str(path),
        create_if_missing=create,
        error_if_exists=create,
        paranoid_checks=settings.paranoid,
        write_buffer_size=settings.write_buffer_bytes,
        lru_cache_size=settings.cache_bytes,
        max_open_files=settings.max_open_files,
        bloom_filter_bits=settings.bloom_filter_bits,
        compression="snappy" if settings.compressed else None,
    )
    return database


def _guarded(path: Path, action: Callable[[], R]) -> R:
    try:
        return action()
    except plyvel.Error as error:
        raise _named(path, error) from error


def _named(path: Path, error: Exception) -> StoreCorrupt | StoreFailed | HomeLocked:
    """plyvel tells little by type; its text is LevelDB's status, whose first word is the kind."""
    status = error.args[0] if error.args else b""
    reason = status.decode(errors="replace") if isinstance(status, bytes) else str(status)
    if isinstance(error, plyvel.IOError) and "already held" in reason:
        return HomeLocked(path=str(path), holder="this or another process")
    if isinstance(error, plyvel.IOError) and not _DAMAGE.search(reason):
        return StoreFailed(path=str(path), reason=reason)
    return StoreCorrupt(path=str(path), reason=reason)


# A file that is gone, and a table whose footer points beyond its end: the system call that LevelDB
# makes then fails, but the disk does not.
_DAMAGE = re.compile(r"No such file|\.(ldb|sst): Invalid argument")
