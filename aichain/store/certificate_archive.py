"""Certificates that have left the vote log: what convicts after a fork, if both sides kept them."""

import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from aichain.errors import StoreFailed
from aichain.store.durable import make_directory, replace_file
from genesis import limits

log = logging.getLogger(__name__)

_MAGIC = b"AICERT1\n"
_RECORD_HEAD = struct.Struct(">I")
_CHECK = struct.Struct(">I")


class CertificateArchive:
    """Files of a few MiB, each written whole and once, the oldest deleted first.

    Of past views the database keeps what is final. Who signed twice shows in what it does not keep:
    the NOTAR that a FINAL follows, and the NULL of a view that somebody else made final. Nothing
    here is needed to run; whoever deletes it only cannot name the guilty of an old fork.
    """

    def __init__(self, directory: Path, max_bytes: int = limits.CERTIFICATE_ARCHIVE_BYTES) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self.trouble = ""
        """Why the last ones could not be kept; empty while they can."""

    def add(self, records: Sequence[bytes]) -> None:
        """Keep these; durable on return. What the disk refuses is lost: nobody has to stop for it,
        but whoever runs the node is told."""
        if not records:
            return
        try:
            self._write(records)
        except (StoreFailed, OSError) as error:
            self.trouble = f"certificates that would convict after a fork are not kept: {error}"
            log.error("%s; fix: make %s writable, with room", self.trouble, self._directory)
        else:
            self.trouble = ""

    def _write(self, records: Sequence[bytes]) -> None:
        make_directory(self._directory)
        payload = b"".join(_RECORD_HEAD.pack(len(record)) + record for record in records)
        files = self._files()
        number = int(files[-1].stem) + 1 if files else 0
        path = self._directory / f"{number:010d}.certs"
        replace_file(path, _MAGIC + _CHECK.pack(zlib.crc32(payload)) + payload)
        self._make_room([*files, path])

    def records(self) -> Iterator[bytes]:
        """Oldest first. A file that is damaged is left out, and named in the log."""
        for path in self._files():
            try:
                data = path.read_bytes()
            except OSError as error:
                log.warning("%s cannot be read, its certificates are left out: %s", path, error)
                continue
            head = len(_MAGIC) + _CHECK.size
            payload = data[head:]
            if data[:head] != _MAGIC + _CHECK.pack(zlib.crc32(payload)):
                log.warning("%s is damaged: its certificates are left out", path)
                continue
            yield from _records(payload)

    def _files(self) -> list[Path]:
        """Of our names; what else lies there is not ours."""
        return sorted(path for path in self._directory.glob("*.certs") if path.stem.isdecimal())

    def _make_room(self, files: Sequence[Path]) -> None:
        """The file that was just written always stays."""
        sizes = [path.stat().st_size for path in files]
        excess = sum(sizes) - self._max_bytes
        for path, size in zip(files[:-1], sizes, strict=False):
            if excess <= 0:
                return
            path.unlink()
            excess -= size


def _records(payload: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(payload):
        (size,) = _RECORD_HEAD.unpack_from(payload, position)
        position += _RECORD_HEAD.size
        yield payload[position : position + size]
        position += size
