"""multistream-select 1.0 with bounded lines and one round trip: which protocol a stream speaks.

py-libp2p's own negotiation believes any length a peer announces and costs two round trips.
"""

from collections.abc import Collection
from typing import Final, Protocol

from p2p.errors import PeerMisbehaved, Penalty

MULTISTREAM: Final = "/multistream/1.0.0"
_NOT_AVAILABLE: Final = "na"
_MAX_LINE_BYTES: Final = 512
_MAX_PROPOSALS: Final = 8


class ByteStream(Protocol):
    """What negotiation needs of a stream."""

    async def read(self, n: int | None = -1) -> bytes:
        """At most `n` bytes, at least one."""

    async def write(self, data: bytes) -> None:
        """All of `data`."""


async def propose(stream: ByteStream, protocol: str) -> bool:
    """Open a stream of ours; False if the peer does not speak `protocol`."""
    await stream.write(_line(MULTISTREAM) + _line(protocol))
    if await _read_line(stream) != MULTISTREAM:
        raise PeerMisbehaved(Penalty.MALFORMED, "not multistream-select")
    return await _read_line(stream) == protocol


async def answer(stream: ByteStream, protocols: Collection[str]) -> str:
    """The protocol that a peer wants to speak on a stream it opened."""
    await stream.write(_line(MULTISTREAM))
    if await _read_line(stream) != MULTISTREAM:
        raise PeerMisbehaved(Penalty.MALFORMED, "not multistream-select")
    for _ in range(_MAX_PROPOSALS):
        wanted = await _read_line(stream)
        if wanted in protocols:
            await stream.write(_line(wanted))
            return wanted
        await stream.write(_line(_NOT_AVAILABLE))
    raise PeerMisbehaved(Penalty.NUISANCE, "asks for protocols that we do not speak")


def _line(text: str) -> bytes:
    raw = text.encode() + b"\n"
    length = len(raw)
    prefix = bytes((length,)) if length < 0x80 else bytes((length & 0x7F | 0x80, length >> 7))
    return prefix + raw


async def _read_line(stream: ByteStream) -> str:
    length = (await _read_exactly(stream, 1))[0]
    if length >= 0x80:
        length = length & 0x7F | (await _read_exactly(stream, 1))[0] << 7
    if not 0 < length <= _MAX_LINE_BYTES:
        raise PeerMisbehaved(Penalty.MALFORMED, f"a protocol line of {length} bytes")
    raw = await _read_exactly(stream, length)
    if raw[-1:] != b"\n" or not raw.isascii():
        raise PeerMisbehaved(Penalty.MALFORMED, "a protocol line without its end")
    return raw[:-1].decode("ascii")


async def _read_exactly(stream: ByteStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read(size - len(data))
    return data
