"""Answers to peers' questions in a file, in the bytes of the wire: believed as little as a peer's.

The format is in README.md here.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from aichain.errors import FileRefused, FileTorn
from aichain.regular_file import open_regular
from aichain.store.durable import fail, sync_directory
from genesis.limits import REQUEST_MAX_BYTES, RESPONSE_MAX_BYTES
from native import codec
from native.errors import DecodeError
from native.hashing import Hash32, derive_hash
from p2p.wire.encoding import Refused, decode_request, decode_response, encode_message
from p2p.wire.messages import AnyRequest, Pruned, Request, Response

MAGIC: Final = b"AICHAIN\x01"
_LENGTH: Final = struct.Struct(">I")
_CHECK_BYTES: Final = 16
_CHECK_DOMAIN: Final = "aichain/answer-file/v1"
_OVERHEAD_BYTES: Final = 32
_RECORD_BYTES: Final = REQUEST_MAX_BYTES + RESPONSE_MAX_BYTES + _OVERHEAD_BYTES
_KIND_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and its answer; nothing of it is believed. `end` is where the record ends."""

    request: AnyRequest
    response: Response
    end: int


class AnswerWriter:
    """Appends records; all of them survive power loss once it is closed. StoreFailed."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Use `create` or `go_on`."""
        self._path = path
        self._file = file

    @classmethod
    def create(cls, path: Path, kind: str, genesis_hash: Hash32) -> Self:
        """A new file, whose first record says what it is. FileExistsError where one is."""
        writer = cls(path, path.open("xb"))
        writer._append(MAGIC)
        writer._write(codec.encode([kind.encode(), genesis_hash]))
        return writer

    @classmethod
    def go_on(cls, path: Path, end: int) -> Self:
        """Behind a record of a file that is there; what follows it is cut off."""
        file = path.open("r+b")
        file.truncate(end)
        file.seek(end)
        return cls(path, file)

    def write(self, request: AnyRequest, response: Response) -> None:
        self._write(codec.encode([encode_message(request), encode_message(response)]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as failed:
            fail(self._path, failed)
        sync_directory(self._path.absolute().parent)

    def _write(self, payload: bytes) -> None:
        self._append(_LENGTH.pack(len(payload)) + payload + _check(payload))

    def _append(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            fail(self._path, error)


def read_answers(path: Path, kind: str, genesis_hash: Hash32) -> Iterator[Answered]:
    """The records of a file of this kind and chain, one after the other.

    FileRefused where it is none, or is damaged; FileTorn where it ends within a record.
    """
    with open_regular(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FileRefused(str(path), "it is no file of blocks or of a snapshot")
        records = _records(path, file)
        _require_head(path, next(records, (0, b""))[1], kind, genesis_hash)
        for end, payload in records:
            try:
                yield Answered(*_decode(payload), end)
            except DecodeError as error:
                raise FileRefused(str(path), f"{error} (before offset {end})") from None


def _records(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    while head := file.read(_LENGTH.size):
        start = file.tell() - len(head)
        if len(head) < _LENGTH.size:
            raise FileTorn(str(path), start)
        (size,) = _LENGTH.unpack(head)
        if size > _RECORD_BYTES:
            raise FileRefused(str(path), f"a record of {size} bytes (offset {start})")
        payload, check = file.read(size), file.read(_CHECK_BYTES)
        if len(payload) + len(check) < size + _CHECK_BYTES:
            raise FileTorn(str(path), start)
        if check != _check(payload):
            raise FileRefused(str(path), f"a record is damaged (offset {start})")
        yield file.tell(), payload


def _require_head(path: Path, payload: bytes, kind: str, genesis_hash: Hash32) -> None:
    try:
        fields = codec.decode(payload, max_bytes=_OVERHEAD_BYTES + _KIND_BYTES + 32, max_items=2)
        named, chain = codec.array(fields, 2)
        found, of = codec.bounded(named, _KIND_BYTES), codec.blob(chain, 32)
    except DecodeError as error:
        raise FileRefused(str(path), str(error)) from None
    if found != kind.encode():
        raise FileRefused(str(path), f"a file of {found.decode('ascii', 'replace')}, not of {kind}")
    if of != genesis_hash:
        raise FileRefused(
            str(path), f"of another chain: genesis 0x{of.hex()}, here 0x{genesis_hash.hex()}"
        )


def _decode(payload: bytes) -> tuple[AnyRequest, Response]:
    fields = codec.decode(payload, max_bytes=_RECORD_BYTES, max_items=2, max_depth=1)
    question, answer = codec.array(fields, 2)
    request = decode_request(codec.bounded(question, REQUEST_MAX_BYTES))
    asked: Request[Response] = request
    response = decode_response(asked, codec.bounded(answer, RESPONSE_MAX_BYTES))
    if isinstance(response, Refused | Pruned):
        raise DecodeError("a refusal where an answer was expected")
    return request, response


def _check(payload: bytes) -> bytes:
    return derive_hash(_CHECK_DOMAIN, payload)[:_CHECK_BYTES]
