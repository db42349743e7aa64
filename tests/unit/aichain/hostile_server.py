"""A server that says to whoever connects what a test wants it to, and for as long as it wants."""

import contextlib
import socket
import threading
from collections.abc import Iterator

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BELOW_ZERO = {
    "the rest": CHUNKED + b"-1\r\n",
    "below that": CHUNKED + b"-5\r\nhello\r\n",
    "behind a chunk": CHUNKED + b"3\r\n: a\r\n-1\r\n",
}
"""Chunks of sizes that there are not."""


@contextlib.contextmanager
def saying(begin: bytes, more: bytes = b"", *, pause_s: float = 0) -> Iterator[str]:
    """Its address. `more` follows again and again until the test is over, or the reader left."""
    over = threading.Event()

    def speak(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)  # what is left unread would reset the connection
            connection.sendall(begin)
            while more and not over.wait(pause_s):
                connection.sendall(more)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                connection, _ = server.accept()
                speakers.append(threading.Thread(target=speak, args=(connection,)))
                speakers[-1].start()

    speakers: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            serving.join()
            for each in speakers:
                each.join()
