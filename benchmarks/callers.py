"""Many kept-alive connections that ask a server over HTTP, in one thread: at a rate, or at once.

Each connection has an address of its own on loopback, because a node's budget of calls is one
address's. The answers are counted and their lengths read, and nothing of them is parsed.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

READ_BYTES = 1 << 18
LONGEST_PAUSE_S = 0.05
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass
class Answers:
    """What came back."""

    waits_s: list[float] = field(default_factory=list)
    """From the time that a request was due until its answer was whole."""
    refused: list[bytes] = field(default_factory=list)
    """Answers that were no result."""

    @property
    def count(self) -> int:
        return len(self.waits_s)


@dataclass
class _Connection:
    socket: socket.socket
    due_s: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def whole(self) -> bytes | None:
        """The body, and nothing is left; None while some of it is under way."""
        head, found, body = self.received.partition(_END_OF_HEAD)
        if not found:
            return None
        start = head.lower().index(_LENGTH) + len(_LENGTH)
        if len(body) < int(head[start:].partition(b"\r")[0]):
            return None
        self.received = bytearray()
        return bytes(body) if head.startswith(b"HTTP/1.1 200 ") else bytes(head + body)


def post(body: bytes) -> bytes:
    """A request as a program sends it."""
    head = (
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Callers:
    """Open connections; `run` asks the bodies in turn."""

    def __init__(self, url: str, connections: int) -> None:
        netloc = urlsplit(url)
        assert netloc.hostname is not None
        target = (netloc.hostname, netloc.port or 80)
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Connection] = deque()
        for number in range(connections):
            each = socket.create_connection(target, source_address=(f"127.0.0.{2 + number}", 0))
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(False)
            connection = _Connection(each)
            self._selector.register(each, selectors.EVENT_READ, connection)
            self._idle.append(connection)
        self._open = connections

    def run(self, bodies: list[bytes], seconds: float, rate: float = 0.0) -> Answers:
        """For so long; with a rate, requests a second in all, else as fast as answers come."""
        answers = Answers()
        requests = cycle(map(post, bodies)) if len(bodies) == 1 else cycle([*map(post, bodies)])
        every_s = 1 / rate if rate else 0.0
        now_s = due_s = time.monotonic()
        until_s = now_s + seconds
        while now_s < until_s:
            while self._idle and due_s <= now_s:
                connection = self._idle.popleft()
                connection.due_s = due_s if rate else now_s
                connection.socket.sendall(next(requests))
                due_s += every_s
            pause_s = min(until_s, due_s if self._idle else until_s) - now_s
            self._collect(answers, min(max(pause_s, 0.0), LONGEST_PAUSE_S))
            now_s = time.monotonic()
        while len(self._idle) < self._open:
            self._collect(answers, LONGEST_PAUSE_S)
        return answers

    def close(self) -> None:
        for connection in self._idle:
            connection.socket.close()
        self._selector.close()

    def _collect(self, answers: Answers, pause_s: float) -> None:
        for key, _ in self._selector.select(pause_s):
            connection: _Connection = key.data
            data = connection.socket.recv(READ_BYTES)
            assert data, f"the server closed a connection; refused before: {answers.refused[-3:]}"
            connection.received += data
            body = connection.whole()
            if body is None:
                continue
            answers.waits_s.append(time.monotonic() - connection.due_s)
            if body.startswith(b"HTTP/") or b'"id":1,"error":' in body[:60]:
                answers.refused.append(body)
            self._idle.append(connection)


@contextmanager
def callers(url: str, connections: int) -> Iterator[Callers]:
    """Connections that are closed at the end."""
    opened = Callers(url, connections)
    try:
        yield opened
    finally:
        opened.close()
