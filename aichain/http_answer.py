"""Answers of HTTP servers that nobody vouches for, read within a time and a size."""

import http.client
import io
import math
import socket
import time
from typing import Any, ClassVar


class BoundedAnswer(http.client.HTTPResponse):
    """The `response_class` of a connection: its reads have one limit of time together, and give
    no more than they are asked for."""

    TIMEOUTS: ClassVar[int] = 6
    """How many of its timeouts a server has for a whole answer, if it says a little in each."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(sock, *given, **named)
        self._source = _InTime(sock, self.fp.detach(), self.TIMEOUTS)
        self.fp = io.BufferedReader(self._source)

    def never_ends(self) -> None:
        """From here on each read has the socket's timeout, and all together have none."""
        self._source.until_s = math.inf

    def _read_next_chunk_size(self) -> int:
        """After a size below zero `http.client` would read as much as the server sends."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]  # not in the stubs
        if size < 0:
            raise ValueError("a chunk has no size below zero")
        return size


class _InTime(io.RawIOBase):
    """What a socket says up to a moment: a server that drips bytes is not listened to for ever."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, timeouts: int) -> None:
        super().__init__()
        timeout_s = sock.gettimeout()
        assert timeout_s, "connections are opened with a timeout"
        self._socket = sock
        self._source = source
        self._timeout_s = timeout_s
        self.until_s = time.monotonic() + timeouts * timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 as io declares it
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left_s, self._timeout_s))
        try:
            return self._source.readinto(buffer)
        finally:
            self._socket.settimeout(self._timeout_s)

    def close(self) -> None:
        self._source.close()
        super().close()
