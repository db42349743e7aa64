"""Questions and answers over a few lasting streams per peer: one question at a time on each."""

from typing import Final

import trio
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.net_stream import NetStream

from genesis.limits import (
    REQUEST_STREAMS_PER_PEER_MAX,
    RESPONSE_MAX_BYTES,
    WAITING_REQUESTS_PER_PEER_MAX,
)
from native.errors import DecodeError
from p2p.errors import RequestFailed
from p2p.libp2p_guard_swarm import muxed, open_stream, reset_stream
from p2p.libp2p_guard_yamux import GuardedStream
from p2p.wire.framing import FrameReader, frame

# A response is its two head bytes and a canonical array of at most RESPONSE_MAX_BYTES.
MAX_RESPONSE_FRAME_BYTES: Final = RESPONSE_MAX_BYTES + 2


class RequestPool:
    """Our questions to one peer over one connection. A stream whose answer did not come is reset:
    the answer might still arrive and would be taken for the next one's."""

    def __init__(self, peer: str, connection: SwarmConn, protocol: str) -> None:
        self._peer = peer
        self._connection = connection
        self._protocol = protocol
        self._idle: list[NetStream] = []
        self._slots = trio.CapacityLimiter(REQUEST_STREAMS_PER_PEER_MAX)

    async def ask(self, payload: bytes) -> bytes:
        """The peer's answer. RequestFailed if too many questions wait already; whatever the
        stream raises otherwise."""
        if self._slots.statistics().tasks_waiting >= WAITING_REQUESTS_PER_PEER_MAX:
            raise RequestFailed(self._peer, "too many requests wait for this peer")
        async with self._slots:
            stream = self._idle.pop() if self._idle else await self._open()
            try:
                answer = await _exchange(muxed(stream), payload)
            except BaseException:
                await reset_stream(stream)
                raise
            self._idle.append(stream)
            return answer

    async def _open(self) -> NetStream:
        stream = await open_stream(self._connection, self._protocol)
        await muxed(stream).widen()
        return stream


async def _exchange(stream: GuardedStream, payload: bytes) -> bytes:
    await stream.write(frame(payload))
    reader = FrameReader(MAX_RESPONSE_FRAME_BYTES)
    while True:
        for answer in reader.feed(await stream.read(-1)):
            if not reader.is_empty:
                raise DecodeError("more than one answer to one question")
            return answer
