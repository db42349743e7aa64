"""The record of what this key has signed: durable before anything is sent (consensus rule R8)."""

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aichain.errors import StoreFailed, WalDamaged, WalForeign, WalLocked
from aichain.store.durable import FileLock, LockHeld, make_directory, replace_file
from aichain.store.log_file import DiskFile, LogFile
from aichain.store.signer_lock import lock_key
from genesis import limits
from native.hashing import derive_hash

_MAGIC = b"AIWAL\x01\r\n"
_FINGERPRINT_BYTES = 16
_FILE_HEAD = struct.Struct(f">8s{_FINGERPRINT_BYTES}sI")
_EMPTY_BYTES = _FILE_HEAD.size
_FRAME_HEAD = struct.Struct(">III")  # payload length, CRC of the payload, CRC of these two
_RECORD_HEAD = struct.Struct(">I")
_TRAILER = b"\xa5"  # a whole frame never ends in zero, so a zero end was never written
_SECTOR_BYTES = 512


class VoteWal:
    """Append-only file of opaque records, one file and one live signer per key.

    Records given together are one frame: after a crash all of them are there or none is. A frame
    that the crash cut short was never sent from and is dropped; any other damage raises
    WalDamaged and the node must not sign (design, consensus 3.11). Whether a file may be trusted
    to be complete is for `consensus.records.is_trusted` to say, from what is in it.
    """

    def __init__(self, file: LogFile, public_key: bytes, locks: Sequence[FileLock] = ()) -> None:
        """Read a file that `open` has locked. Raises WalForeign, WalDamaged, StoreFailed."""
        self._file = file
        self._fingerprint = fingerprint_of(public_key)
        self._locks = locks
        self._failed = ""
        self._deferred: deque[bytes] = deque(maxlen=limits.WAL_DEFERRED_RECORDS)
        self._size, self.torn_bytes = self._recover()

    @classmethod
    def open(
        cls,
        directory: Path,
        public_key: bytes,
        *,
        claims: Path | None = None,
        file_of: Callable[[Path], LogFile] = DiskFile,
    ) -> "VoteWal":
        """Lock and read the file of this key, or start one.

        `claims` is the directory in which all homes of this machine claim their keys; without it
        only this home is locked.

        Raises WalLocked, WalForeign, WalDamaged, StoreFailed.
        """
        make_directory(directory)
        fingerprint = fingerprint_of(public_key)
        path = directory / f"{fingerprint.hex()}.wal"
        with ExitStack() as undo:
            try:
                locks = [FileLock(path.with_suffix(".lock"))]
            except LockHeld as error:
                raise WalLocked(path=str(path), holder=error.holder) from None
            undo.callback(locks[0].release)
            if claims is not None:
                locks.append(lock_key(claims, fingerprint))
                undo.callback(locks[1].release)
            if not path.exists():
                replace_file(path, empty_log(public_key))
            file = file_of(path)
            undo.callback(file.close)
            wal = cls(file, public_key, locks)
            undo.pop_all()
            return wal

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def size_bytes(self) -> int:
        return self._size

    def records(self) -> tuple[bytes, ...]:
        """Everything that is durable, oldest first."""
        return tuple(_records(self._read()[: self._size]))

    def append(self, *records: bytes) -> None:
        """Write the records, and the deferred ones before them, as one frame; durable on return."""
        group = (*self._take_deferred(), *records)
        if not group:
            return
        frame = bytes(_padding(self._size)) + _frame(group)
        with self._at_most_one_failure():
            self._write(frame)
        self._size += len(frame)

    def defer(self, record: bytes) -> None:
        """Write it with the next append: for what may be lost, such as certificates seen.

        Unlike the rest of this class it may be called while another thread appends.
        """
        self._deferred.append(record)

    def prune(
        self,
        keep: Callable[[bytes], bool],
        before: Callable[[Sequence[bytes]], None] = lambda dropped: None,
    ) -> None:
        """Rewrite the file with the records that `keep` wants; the old or the new one survives.

        Deferred records are written too: the floor that lets older records go may be one of them.
        `before` is given what goes, while the old file still holds it.
        """
        kept: list[bytes] = []
        dropped: list[bytes] = []
        for record in (*self.records(), *self._take_deferred()):
            (kept if keep(record) else dropped).append(record)
        before(dropped)
        data = _file_head(self._fingerprint) + b"".join(_frame((record,)) for record in kept)
        with self._at_most_one_failure():
            self._file.replace(data)
        self._size = len(data)

    def close(self) -> None:
        self._file.close()
        for lock in self._locks:
            lock.release()

    def _write(self, frame: bytes) -> None:
        self._file.write(frame, self._size)
        self._file.sync()

    @contextmanager
    def _at_most_one_failure(self) -> Iterator[None]:
        """After a failure nobody knows what the file holds, so nothing more is written to it."""
        if self._failed:
            raise StoreFailed(path=str(self.path), reason=self._failed)
        try:
            yield
        except StoreFailed as error:
            self._failed = error.reason
            raise

    def _take_deferred(self) -> list[bytes]:
        taken = []
        while self._deferred:
            taken.append(self._deferred.popleft())
        return taken

    def _read(self) -> bytes:
        size = self._file.size_bytes
        if size > limits.WAL_MAX_BYTES:
            raise WalDamaged(path=str(self.path), offset=size, reason="larger than ever written")
        return self._file.read()

    def _recover(self) -> tuple[int, int]:
        data = self._read()
        self._require_own_file(data)
        end = _FILE_HEAD.size
        while (following := _next_frame(data, end)) is not None:
            _, end = following
        torn = len(data) - end
        if torn:
            self._require_torn(data, end)
            self._file.truncate(end)
            self._file.sync()
        return end, torn

    def _require_own_file(self, data: bytes) -> None:
        if len(data) < _FILE_HEAD.size or _file_head(data[8:24]) != data[: _FILE_HEAD.size]:
            raise WalDamaged(path=str(self.path), offset=0, reason="its head is not readable")
        found = data[8:24]
        if found != self._fingerprint:
            raise WalForeign(
                path=str(self.path), expected=self._fingerprint.hex(), found=found.hex()
            )

    def _require_torn(self, data: bytes, start: int) -> None:
        """Refuse unless a write that never finished explains the bytes from `start`."""
        for offset in range(start + 1, len(data) - _FRAME_HEAD.size):
            if _frame_end(data, offset) is not None:
                raise WalDamaged(
                    path=str(self.path), offset=start, reason="a later record is whole"
                )
        if not any(_looks_torn(data, each) for each in _starts(data, start)):
            raise WalDamaged(
                path=str(self.path), offset=start, reason="the last record was whole and changed"
            )


def fingerprint_of(public_key: bytes) -> bytes:
    """Names a key in file names and heads without showing it."""
    return derive_hash("aichain/wal-key/v1", public_key)[:_FINGERPRINT_BYTES]


def empty_log(public_key: bytes) -> bytes:
    """What the file of a key holds before its first record."""
    return _file_head(fingerprint_of(public_key))


def peek(path: Path) -> tuple[bytes, ...]:
    """The records of somebody's file, as far as they are whole; nothing is locked or written."""
    data = path.read_bytes()
    end = _FILE_HEAD.size
    while (following := _next_frame(data, end)) is not None:
        _, end = following
    return tuple(_records(data[:end]))


def log_bytes(*records: bytes) -> int:
    """How long a file is that holds these records, given together; 0 records: an empty log."""
    return _EMPTY_BYTES + (len(_frame(records)) if records else 0)


def _file_head(fingerprint: bytes) -> bytes:
    return _FILE_HEAD.pack(_MAGIC, fingerprint, zlib.crc32(_MAGIC + fingerprint))


def _frame(records: tuple[bytes, ...]) -> bytes:
    payload = b"".join(_RECORD_HEAD.pack(len(record)) + record for record in records)
    assert 0 < len(payload) <= limits.WAL_FRAME_BYTES
    return b"".join((_frame_head(payload), payload, _TRAILER))


def _frame_head(payload: bytes) -> bytes:
    length, check = len(payload), zlib.crc32(payload)
    return _FRAME_HEAD.pack(length, check, zlib.crc32(struct.pack(">II", length, check)))


def _frame_end(data: bytes, start: int) -> int | None:
    """Where the frame at `start` ends; None when no whole frame is there."""
    if start + _FRAME_HEAD.size > len(data):
        return None
    length, check, head_check = _FRAME_HEAD.unpack_from(data, start)
    if zlib.crc32(data[start : start + 8]) != head_check:
        return None
    begin = start + _FRAME_HEAD.size
    end = begin + length
    if end >= len(data) or data[end : end + 1] != _TRAILER or zlib.crc32(data[begin:end]) != check:
        return None
    return int(end) + 1


def _records(data: bytes) -> Iterator[bytes]:
    position = _FILE_HEAD.size
    while position < len(data):
        frame = _next_frame(data, position)
        assert frame is not None
        start, position = frame
        cursor = start + _FRAME_HEAD.size
        while cursor < position - 1:
            (size,) = _RECORD_HEAD.unpack_from(data, cursor)
            cursor += _RECORD_HEAD.size
            yield data[cursor : cursor + size]
            cursor += size


def _padding(position: int) -> int:
    """Zeros that keep a head out of the last bytes of a sector: with half a head unwritten, a torn
    frame could not be told from a changed one."""
    left = -position % _SECTOR_BYTES
    return left if left < _FRAME_HEAD.size else 0


def _next_frame(data: bytes, position: int) -> tuple[int, int] | None:
    """Where the frame after `position` starts and ends; None when no whole frame is there."""
    for start in _starts(data, position):
        end = _frame_end(data, start)
        if end is not None:
            return start, end
    return None


def _starts(data: bytes, position: int) -> Iterator[int]:
    """Where the frame after `position` may start."""
    yield position
    padding = _padding(position)
    if padding and not any(data[position : position + padding]):
        yield position + padding


def _looks_torn(data: bytes, start: int) -> bool:
    """A crash leaves a frame short, or with sectors that were never written and read as zeros.

    A whole frame has neither: its head and its trailer are not zero. So a changed bit in the last
    frame is told from a torn one, and the vote in it is not forgotten silently.
    """
    if len(data) - start < _FRAME_HEAD.size:
        return True
    length, _, head_check = _FRAME_HEAD.unpack_from(data, start)
    end = len(data)
    if zlib.crc32(data[start : start + 8]) == head_check:
        whole = start + _FRAME_HEAD.size + length + 1
        if whole > len(data):
            return True
        end = whole
    return any(not any(sector) for sector in _sectors(data, start, end))


def _sectors(data: bytes, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        boundary = min(end, (start // _SECTOR_BYTES + 1) * _SECTOR_BYTES)
        sector = data[start:boundary]
        if len(sector) >= _FRAME_HEAD.size or boundary == end:
            yield sector
        start = boundary
