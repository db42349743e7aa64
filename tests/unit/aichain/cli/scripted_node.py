"""An HTTP server that answers JSON-RPC from a table: what the command line sees of a node."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Refusal:
    """Answered as a JSON-RPC error."""

    number: int
    message: str
    name: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedNode:
    """`answers` maps a method to its result, or to a function of the parameters."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, list[Any]]] = field(default_factory=list)
    raw: bytes | None = None
    """Sent instead of an answer when set."""
    pages: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """What a GET answers: a status and its JSON; other paths answer with their name."""
    posted: list[Any] | None = None
    """Of a webhook: what it was sent, instead of answers; it says `posted_status`."""
    posted_status: int = 200
    connections: int = 0
    drop_after: int | None = None
    """Close the connection after so many requests, without saying so in a header."""
    url: str = ""

    def answer(self, request: Any) -> Any:
        if isinstance(request, list):
            return [self.answer(item) for item in reversed(request)]
        method, params = request["method"], request["params"]
        self.calls.append((method, params))
        result = self.answers[method]
        if callable(result):
            result = result(*params)
        if isinstance(result, Refusal):
            error = {"code": result.number, "message": result.message}
            return {"jsonrpc": "2.0", "id": request["id"], "error": error | name_of(result)}
        return {"jsonrpc": "2.0", "id": request["id"], "result": result}


def name_of(refusal: Refusal) -> dict[str, Any]:
    return {"data": {"code": refusal.name} | refusal.values} if refusal.name else {}


@contextmanager
def serving(node: ScriptedNode) -> Iterator[ScriptedNode]:
    """Serve on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one segment an answer, or the delayed ACK of loopback costs 40 ms

        def setup(self) -> None:
            super().setup()
            node.connections += 1
            self.answered = 0

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if node.posted is not None:
                node.posted.append(json.loads(body))
                self.reply(b"", node.posted_status)
                return
            self.reply(node.raw or json.dumps(node.answer(json.loads(body))).encode())

        def do_GET(self) -> None:
            status, page = node.pages.get(self.path, (200, None))
            self.reply(self.path.encode() if page is None else json.dumps(page).encode(), status)

        def reply(self, content: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.answered += 1
            if self.answered == node.drop_after:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
