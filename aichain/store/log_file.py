"""The file under the vote log: five calls, so that tests can put a disk that fails beneath it."""

import os
import time
from pathlib import Path
from typing import Protocol

from aichain.store.durable import fail, replace_file, sync_data, write_all


class LogFile(Protocol):
    """One file of bytes. Every call that changes it raises StoreFailed if the disk refuses."""

    @property
    def path(self) -> Path: ...

    @property
    def size_bytes(self) -> int: ...

    def read(self) -> bytes: ...

    def write(self, data: bytes, offset: int) -> None:
        """All of it, not yet durable; or none, unless the disk refuses even to cut it back."""

    def truncate(self, size_bytes: int) -> None: ...

    def sync(self) -> None:
        """What was written is durable on return. After a failure nothing is known."""

    def replace(self, data: bytes) -> None:
        """The old contents or these, whatever happens; durable on return."""

    def close(self) -> None: ...


class DiskFile:
    """A LogFile on a disk; the file must exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _open(path)

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self) -> bytes:
        return os.pread(self._descriptor, self.size_bytes, 0)

    def write(self, data: bytes, offset: int) -> None:
        write_all(self.path, self._descriptor, data, offset)

    def truncate(self, size_bytes: int) -> None:
        try:
            os.ftruncate(self._descriptor, size_bytes)
        except OSError as error:
            fail(self.path, error)

    def sync(self) -> None:
        sync_data(self.path, self._descriptor)

    def replace(self, data: bytes) -> None:
        replace_file(self.path, data)
        before, self._descriptor = self._descriptor, _open(self.path)
        os.close(before)

    def close(self) -> None:
        os.close(self._descriptor)


class SlowFile(DiskFile):
    """A disk that takes its time: a fault that test networks have on purpose."""

    def __init__(self, path: Path, sync_delay_s: float) -> None:
        super().__init__(path)
        self._sync_delay_s = sync_delay_s

    def sync(self) -> None:
        super().sync()
        time.sleep(self._sync_delay_s)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        fail(path, error)
