"""Block bodies in append-only files: signatures do not compress, and LevelDB would rewrite them."""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.store.durable import fail, sync_data, sync_directory, write_all
from genesis import limits
from native.hashing import derive_hash

_MAGIC = b"AISG"
_HEAD = struct.Struct(">4sIQI")  # magic, payload length, height, header length
_CHECK_BYTES = 16
_NAME_DIGITS = 6
_SUFFIX = ".seg"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record lies."""

    segment: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class BodyRecord:
    """What is kept of a block: its bytes as they came, never re-encoded."""

    height: int
    header_raw: bytes
    body_raw: bytes


class SegmentFiles:
    """One appender; reads open the file themselves and may run on any thread."""

    def __init__(self, directory: Path, *, segment_bytes: int = limits.SEGMENT_BYTES) -> None:
        """Use `create` or `open`."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segment = 0
        self._descriptor = -1
        self._size = 0
        self._failed = ""

    @classmethod
    def create(cls, directory: Path, **settings: int) -> "SegmentFiles":
        """Start with one empty segment in a directory that has none."""
        directory.mkdir(parents=True)
        files = cls(directory, **settings)
        files._start_segment(1)
        return files

    @classmethod
    def open(
        cls, directory: Path, after: Position, **settings: int
    ) -> tuple["SegmentFiles", list[tuple[Position, BodyRecord]]]:
        """Check what was appended from `after` on, a record that the database points to.

        Answers the records that follow it. A torn record at the very end is cut off; damage
        before a whole record, or to the record at `after`, raises StoreCorrupt.
        """
        files = cls(directory, **settings)
        first, last = files._require_contiguous()
        if not first <= after.segment <= last:
            raise StoreCorrupt(path=str(directory), reason="segment files are missing")
        files.read(after)
        tail: list[tuple[Position, BodyRecord]] = []
        for segment in range(after.segment, last + 1):
            start = after.end if segment == after.segment else 0
            tail.extend(files._scan(segment, start, last=segment == last))
        files._open_segment(last)
        return files, tail

    def append(self, records: Sequence[BodyRecord]) -> list[Position]:
        """Write the records and sync once; all of them survive power loss when this returns."""
        if self._failed:
            raise StoreFailed(path=str(self._directory), reason=self._failed)
        try:
            positions = [self._write(record) for record in records]
            sync_data(self._path(self._segment), self._descriptor)
        except StoreFailed as error:
            self._failed = error.reason
            raise
        return positions

    def read(self, position: Position) -> BodyRecord:
        """The record, its checksum verified."""
        data = self._pread(position.segment, position.offset, position.length)
        record = _parse(data, whole=True)
        if record is None:
            raise self.corrupt(position.segment, position.offset, "the record is damaged")
        return record

    def read_header(self, position: Position) -> bytes:
        """Only the header's bytes. The caller must compare their hash with the id it expects."""
        head = self._pread(position.segment, position.offset, _HEAD.size)
        if len(head) < _HEAD.size or head[:4] != _MAGIC:
            raise self.corrupt(position.segment, position.offset, "no record begins here")
        size = min(_HEAD.unpack(head)[3], position.length)
        return self._pread(position.segment, position.offset + _HEAD.size, size)

    def remove_before(self, segment: int) -> None:
        """Remove whole files, oldest first: what a crash leaves of them is gone the next time."""
        assert segment <= self._segment, "the file that is appended to stays"
        first, _ = self._require_contiguous()
        if first >= segment:
            return
        for old in range(first, segment):
            path = self._path(old)
            try:
                path.unlink()
            except OSError as error:
                fail(path, error)
        sync_directory(self._directory)

    def corrupt(self, segment: int, offset: int, reason: str) -> StoreCorrupt:
        """The error that names the file and the place in it."""
        return StoreCorrupt(path=str(self._path(segment)), reason=f"{reason} (offset {offset})")

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, record: BodyRecord) -> Position:
        data = _render(record)
        if self._size and self._size + len(data) > self._segment_bytes:
            sync_data(self._path(self._segment), self._descriptor)
            os.close(self._descriptor)
            self._start_segment(self._segment + 1)
        position = Position(self._segment, self._size, len(data))
        write_all(self._path(self._segment), self._descriptor, data, self._size)
        self._size += len(data)
        return position

    def _start_segment(self, segment: int) -> None:
        self._segment, self._size = segment, 0
        path = self._path(segment)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StoreFailed(path=str(path), reason=error.strerror or str(error)) from error
        sync_directory(self._directory)

    def _open_segment(self, segment: int) -> None:
        self._segment = segment
        self._descriptor = os.open(self._path(segment), os.O_RDWR | os.O_CLOEXEC)
        self._size = os.fstat(self._descriptor).st_size

    def _require_contiguous(self) -> tuple[int, int]:
        """The first and the last number: only old files are ever removed."""
        names = sorted(name for name in self._names() if name.endswith(_SUFFIX))
        first = int(names[0].removesuffix(_SUFFIX)) if names else 0
        if not names or names != [self._path(first + i).name for i in range(len(names))]:
            raise StoreCorrupt(path=str(self._directory), reason="segment files are missing")
        return first, first + len(names) - 1

    def _names(self) -> list[str]:
        """A folder that may not be read is not one without files."""
        try:
            return os.listdir(self._directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            fail(self._directory, error)

    def _scan(
        self, segment: int, start: int, *, last: bool
    ) -> Iterator[tuple[Position, BodyRecord]]:
        size = self._path(segment).stat().st_size
        while start < size:
            head = self._pread(segment, start, _HEAD.size)
            length = _record_length(head)
            data = self._pread(segment, start, length) if length else b""
            record = _parse(data, whole=True)
            if record is None:
                self._cut_torn_tail(segment, start, last=last)
                return
            yield Position(segment, start, length), record
            start += length

    def _cut_torn_tail(self, segment: int, start: int, *, last: bool) -> None:
        path = self._path(segment)
        rest = path.read_bytes()[start:]
        found = rest.find(_MAGIC, 1)
        while found >= 0:
            if _parse(rest[found:], whole=False) is not None:
                raise self.corrupt(segment, start, "a damaged record lies before a whole one")
            found = rest.find(_MAGIC, found + 1)
        if not last:
            raise self.corrupt(segment, start, "a damaged record ends a finished segment")
        os.truncate(path, start)

    def _pread(self, segment: int, offset: int, size: int) -> bytes:
        path = self._path(segment)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(descriptor, size, offset)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise StoreCorrupt(path=str(path), reason="the segment file is missing") from None
        except OSError as error:
            raise StoreFailed(path=str(path), reason=error.strerror or str(error)) from error

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:0{_NAME_DIGITS}d}{_SUFFIX}"


def _render(record: BodyRecord) -> bytes:
    size = len(record.header_raw) + len(record.body_raw)
    assert size <= limits.SEGMENT_RECORD_BYTES
    head = _HEAD.pack(_MAGIC, size, record.height, len(record.header_raw))
    return b"".join(
        (head, record.header_raw, record.body_raw, _check(head, record.header_raw, record.body_raw))
    )


def _record_length(head: bytes) -> int:
    """Size of the whole record that begins with `head`; 0 when none does."""
    if len(head) < _HEAD.size:
        return 0
    magic, size, _, _ = _HEAD.unpack(head)
    if magic != _MAGIC or size > limits.SEGMENT_RECORD_BYTES:
        return 0
    return _HEAD.size + int(size) + _CHECK_BYTES


def _parse(data: bytes, *, whole: bool) -> BodyRecord | None:
    """The record at the start of `data`, which it must fill if `whole`; None when it is damaged."""
    length = _record_length(data[: _HEAD.size])
    if not length or len(data) < length or (whole and len(data) != length):
        return None
    _, size, height, header_size = _HEAD.unpack_from(data)
    if header_size > size:
        return None
    head = data[: _HEAD.size]
    header = data[_HEAD.size : _HEAD.size + header_size]
    body = data[_HEAD.size + header_size : _HEAD.size + size]
    if _check(head, header, body) != data[_HEAD.size + size : length]:
        return None
    return BodyRecord(height, header, body)


def _check(head: bytes, header: bytes, body: bytes) -> bytes:
    return derive_hash("aichain/segment/v1", head + header + body)[:_CHECK_BYTES]
