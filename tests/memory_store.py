"""KeyValueStore on a dict, with write faults on demand: the slow twin LevelDB must agree with."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path

from aichain.errors import StoreFailed
from aichain.store.kv import Batch, KeyValueReader, prefix_end


class _MemoryReader:
    path = Path("memory")

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._values = values

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[bytes, bytes]]:
        keys = sorted(self._values)
        end = prefix_end(prefix)
        low = bisect_left(keys, prefix)
        high = len(keys) if end is None else bisect_left(keys, end)
        if start is not None and reverse:
            high = min(high, bisect_right(keys, start))
        elif start is not None:
            low = max(low, bisect_left(keys, start))
        chosen = keys[low:high]
        if reverse:
            chosen.reverse()
        return iter([(key, self._values[key]) for key in chosen[:limit]])


class MemoryStore(_MemoryReader):
    """A snapshot is a copy: keep it small."""

    def __init__(self) -> None:
        self._data: dict[bytes, bytes] = {}
        super().__init__(self._data)
        self._writes_until_fault: int | None = None
        self._failed = False
        self.writes = 0

    def fail_after(self, writes: int) -> None:
        """Let `writes` more batches through, then fail as a full disk does."""
        self._writes_until_fault = writes

    def reopened(self) -> "MemoryStore":
        """What a restart finds after a fault: the same contents, and a working disk."""
        store = MemoryStore()
        store._data.update(self._data)
        return store

    def write(self, batch: Batch, *, sync: bool) -> None:
        if self._writes_until_fault == 0:
            self._failed = True
        if self._failed:
            raise StoreFailed(path=str(self.path), reason=f"write fault on demand (sync={sync})")
        if self._writes_until_fault is not None:
            self._writes_until_fault -= 1
        self.writes += 1
        for key, value in batch.items():
            if value is None:
                self._data.pop(key, None)
            else:
                self._data[key] = value

    def snapshot(self) -> KeyValueReader:
        return _MemoryReader(dict(self._data))

    def close(self) -> None:
        """Nothing to release."""
