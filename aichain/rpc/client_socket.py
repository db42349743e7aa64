"""A client's socket, read and written with as few turns of the scheduler as that takes.

trio's own stream passes through the scheduler twice for each read and once for each write, which
is more than a small call costs otherwise. Here a read waits once, and what the kernel takes at
once is sent without waiting. Who answers many requests of one read has to let others in between.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import trio


class ClientSocket(trio.abc.HalfCloseableStream):
    """Takes over the socket of an accepted stream; one task reads, one task writes."""

    def __init__(self, accepted: trio.SocketStream) -> None:
        self._socket = socket.socket(fileno=accepted.socket.detach())
        self._socket.setblocking(False)

    def peer_name(self) -> str:
        """The address at the other end; OSError when it is gone already."""
        return str(self._socket.getpeername()[0])

    def send_now(self, data: bytes) -> int:
        """Send what the kernel takes at once, and say how many bytes that was; never waits."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise _broken(error) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        left = memoryview(data)
        with _translated():
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._fileno())

    async def wait_send_all_might_not_block(self) -> None:
        with _translated():
            await trio.lowlevel.wait_writable(self._fileno())

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        with _translated():
            self._socket.shutdown(socket.SHUT_WR)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        assert max_bytes is not None, "a read has a limit"
        while True:
            await trio.lowlevel.wait_readable(self._fileno())
            try:
                return self._socket.recv(max_bytes)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _broken(error) from error

    def close(self) -> None:
        """Whoever waits for it is told; once is enough."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket.fileno())
            self._socket.close()

    def _fileno(self) -> int:
        fileno = self._socket.fileno()
        if fileno < 0:
            raise trio.ClosedResourceError("this side has closed it")
        return fileno

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()


@contextmanager
def _translated() -> Iterator[None]:
    """What a socket raises, as streams of trio say it."""
    try:
        yield
    except OSError as error:
        raise _broken(error) from error


def _broken(error: OSError) -> trio.BrokenResourceError:
    return trio.BrokenResourceError(f"the connection is broken: {error}")
