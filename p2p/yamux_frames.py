"""Yamux frames without a socket: feed bytes in any pieces, get headers and payload parts."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from p2p.errors import PeerMisbehaved, Penalty

HEADER: Final = struct.Struct("!BBHII")


class FrameType(IntEnum):
    """The four frame types (hashicorp/yamux, spec.md)."""

    DATA = 0
    WINDOW_UPDATE = 1
    PING = 2
    GO_AWAY = 3


class Flag(IntEnum):
    """SYN opens, ACK accepts, FIN half-closes, RST kills a stream; PING uses SYN and ACK.

    Not an IntFlag: every frame is asked for several, and that would make a member each time.
    """

    NONE = 0
    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


_KINDS: Final = tuple(FrameType)


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A frame begins. `value` is a length, a window increment, a ping number or an error code."""

    kind: FrameType
    flags: int
    stream_id: int
    value: int


@dataclass(frozen=True, slots=True)
class FramePayload:
    """Part of the payload of the DATA frame whose header came last."""

    stream_id: int
    data: bytes
    is_last: bool


def pack_frame(kind: FrameType, flags: int, stream_id: int, value: int) -> bytes:
    """A header as bytes; DATA is followed by `value` bytes."""
    return HEADER.pack(0, kind, flags, stream_id, value)


class FrameSplitter:
    """Cuts the byte stream of a connection. It buffers headers only, payloads pass through."""

    __slots__ = ("_head", "_left", "_stream_id")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._stream_id = 0

    def feed(self, data: bytes) -> Iterator[FrameHeader | FramePayload]:
        """What these bytes contain, in order; PeerMisbehaved where they are not Yamux."""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                part = data[at : at + self._left] if at or end > self._left else data
                at += len(part)
                self._left -= len(part)
                yield FramePayload(self._stream_id, part, self._left == 0)
                continue
            wanted = HEADER.size - len(self._head)
            self._head += data[at : at + wanted]
            at += wanted
            if len(self._head) == HEADER.size:
                yield self._read_header()

    def _read_header(self) -> FrameHeader:
        version, kind, flags, stream_id, value = HEADER.unpack(self._head)
        self._head = b""
        if version != 0 or kind > FrameType.GO_AWAY:
            raise PeerMisbehaved(Penalty.MALFORMED, "not a Yamux frame")
        if kind == FrameType.DATA:
            self._left, self._stream_id = value, stream_id
        return FrameHeader(_KINDS[kind], flags, stream_id, value)
