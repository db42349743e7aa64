"""TCP for libp2p with one buffered read instead of two system calls per Noise message.

py-libp2p reads 2 bytes, then the message, each by a system call, and gives up on a message that
arrives in more than a hundred pieces. Here a read waits for exactly what was asked for.
"""

from typing import Final

import trio
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.io.trio import TrioTCPStream

_RECEIVE_BYTES: Final = 256 * 1024
# A Noise message is at most 65,535 bytes; before Noise, multistream-select needs far less.
_MAX_READ_BYTES: Final = 65_535


class BufferedTCPStream(TrioTCPStream):
    """Reads exactly `n` bytes, or fewer at the end of the stream. One reader, one writer."""

    def __init__(self, stream: trio.SocketStream) -> None:
        super().__init__(stream)
        self._buffer = bytearray()

    async def read(self, n: int | None = None) -> bytes:
        if n is not None and n > _MAX_READ_BYTES:
            raise ConnectionClosedError(f"a message of {n} bytes", transport="tcp")
        while not self._buffer or (n is not None and len(self._buffer) < n):
            if n == 0:
                return b""
            received = await self._receive()
            if not received:
                break
            self._buffer += received
        if n is None or n >= len(self._buffer):
            taken = bytes(self._buffer)
            self._buffer.clear()
            return taken
        with memoryview(self._buffer) as view:
            taken = bytes(view[:n])
        del self._buffer[:n]
        return taken

    async def write(self, data: bytes) -> None:
        # The multiplexer has one writer at a time; a lock here would be a second one.
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError(f"TCP is gone: {error}", transport="tcp") from error

    async def _receive(self) -> bytes:
        try:
            return bytes(await self.stream.receive_some(_RECEIVE_BYTES))
        except trio.BrokenResourceError as error:
            raise ConnectionClosedError(f"TCP reset: {error}", transport="tcp") from error
        except trio.ClosedResourceError:
            return b""
