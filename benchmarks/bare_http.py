"""The yardstick for `rpc`: the least server that this language and these libraries can be.

trio's streams and llhttp, a constant answer to whatever was posted, no limit, no deadline, no
JSON: what stands between a request and its answer at the least. Usage: bare_http.py PORT
"""

import sys
from functools import partial

import httptools
import trio

ANSWER = b'{"jsonrpc":"2.0","id":1,"result":"0x7"}'
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)
READ_BYTES = 1 << 16


class Requests:
    """Counts what is whole."""

    def __init__(self) -> None:
        self.whole = 0

    def on_message_complete(self) -> None:
        self.whole += 1


async def serve(stream: trio.SocketStream) -> None:
    """Until the client closes."""
    requests = Requests()
    parser = httptools.HttpRequestParser(requests)
    while data := await stream.receive_some(READ_BYTES):
        parser.feed_data(data)
        while requests.whole:
            requests.whole -= 1
            await stream.send_all(RESPONSE)


if __name__ == "__main__":
    trio.run(partial(trio.serve_tcp, serve, int(sys.argv[1]), host="127.0.0.1"))
