"""Length-prefixed frames without a socket: feed bytes in any pieces, get whole payloads."""

from collections.abc import Iterator
from typing import Final

from native.errors import DecodeError

LENGTH_BYTES: Final = 4
_VARINT_BYTES: Final = 5


def frame(payload: bytes) -> bytes:
    """A payload with its length before it."""
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


class FrameReader:
    """Takes a stream of bytes apart. It holds one unfinished frame and what came with it."""

    __slots__ = ("_broken", "_buffer", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._broken = False

    @property
    def is_empty(self) -> bool:
        """Whether the stream may end here without having lost anything."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now; DecodeError at the length of an oversize frame.

        The length is refused before a single byte of that payload is waited for. There is no
        way back into a broken stream: the reader stays unusable.
        """
        self._buffer += data
        return self._complete()

    def _complete(self) -> Iterator[bytes]:
        while not self._broken and len(self._buffer) >= LENGTH_BYTES:
            length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
            if length > self._max_bytes:
                self._broken = True
                self._buffer.clear()
                raise DecodeError(f"a frame of {length} bytes, at most {self._max_bytes} allowed")
            end = LENGTH_BYTES + length
            if len(self._buffer) < end:
                return
            with memoryview(self._buffer) as view:
                payload = bytes(view[LENGTH_BYTES:end])
            del self._buffer[:end]
            yield payload
        if self._broken:
            raise DecodeError("the stream was given up after an oversize frame")


class VarintFrameReader:
    """The same for protobuf streams, whose lengths are varints of at most five bytes."""

    __slots__ = ("_broken", "_buffer", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._broken = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now; DecodeError at a length that is none or too large."""
        self._buffer += data
        return self._complete()

    def _complete(self) -> Iterator[bytes]:
        while not self._broken:
            head = self._read_length()
            if head is None:
                return
            start, length = head
            if len(self._buffer) < start + length:
                return
            with memoryview(self._buffer) as view:
                payload = bytes(view[start : start + length])
            del self._buffer[: start + length]
            yield payload
        raise DecodeError("the stream was given up after a bad length")

    def _read_length(self) -> tuple[int, int] | None:
        length = 0
        for at, byte in enumerate(self._buffer[:_VARINT_BYTES]):
            length |= (byte & 0x7F) << 7 * at
            if byte < 0x80:
                if length > self._max_bytes:
                    break
                return at + 1, length
        else:
            if len(self._buffer) < _VARINT_BYTES:
                return None
        self._broken = True
        self._buffer.clear()
        raise DecodeError(f"a frame of {length} bytes, at most {self._max_bytes} allowed")
