"""HTTP/1.1 without a socket: bytes to requests, answers to bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import httptools
import msgspec

from aichain.rpc.limits import RpcLimits
from native.errors import InvalidData

REASONS: Mapping[int, str] = {
    200: "OK",
    204: "No Content",
    303: "See Other",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_WITHOUT_BODY = frozenset({204, 304})
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
# One meaning only: a second Host or Origin is how a check of the first one is passed by.
_SINGLE_HEADERS = frozenset(
    {
        "host",
        "origin",
        "authorization",
        "content-type",
        "content-length",
        "expect",
        "upgrade",
        "sec-websocket-key",
    }
)
_USUAL_NAMES: Mapping[bytes, str] = {
    written.encode(): name
    for name in (*_SINGLE_HEADERS, "accept", "accept-encoding", "connection", "user-agent")
    for written in (name, name.title())
}
_CORS_METHODS = "GET, HEAD, POST, OPTIONS"
_CORS_MAX_AGE_S = "600"


@dataclass(eq=False)
class HttpRefused(InvalidData):
    """The request is answered with this status, and the connection is closed."""

    status: int
    reason: str


class HttpRequest(msgspec.Struct, frozen=True):
    """One whole request; header names are in lower case."""

    method: str
    path: str
    query: str
    version: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool
    rest: bytes = b""
    """What followed a WebSocket upgrade in the same read."""

    @property
    def host(self) -> str:
        return self.headers.get("host", "")

    @property
    def is_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket" and self.method == "GET"


class RequestReader:
    """Feed it what the socket gave, get whole requests; llhttp reads, and this class bounds.

    A body needs a Content-Length: with chunked bodies refused there is nothing two readers of
    one stream could see differently, which is what request smuggling lives on (RFC 9112 §11.2).
    """

    def __init__(self, limits: RpcLimits) -> None:
        self._limits = limits
        self._ready: list[HttpRequest] = []
        self._refusal: HttpRefused | None = None
        self._start()

    def _start(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def _reset(self) -> None:
        self._begun = False
        self._is_later_part = False
        self._head_done = False
        self._head_bytes = 0
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    @property
    def in_request(self) -> bool:
        """Some of a request has come, and not all of it."""
        return self._begun

    @property
    def awaits_continue(self) -> bool:
        """The client holds back the body until it is told to go on (RFC 9110 §10.1.1)."""
        expects = self._headers.get("expect", "").lower() == "100-continue"
        return self._begun and self._head_done and expects and not self._body

    def feed(self, data: bytes) -> list[HttpRequest]:
        """Whole requests in `data` and what came before it; HttpRefused ends the connection.

        Requests that were whole before the refusal are lost with it: the peer is broken anyway.
        """
        self._is_later_part = self._begun and not self._head_done
        rest: bytes | memoryview = data
        while rest:
            rest = self._parse(rest)
        if self._refusal is not None:
            raise self._refusal
        if self._begun and not self._head_done:
            # llhttp hands over whole headers only: an endless one is seen here and nowhere else.
            self._head_bytes += len(data) if self._is_later_part else 0
            self._bound_head()
        ready, self._ready = self._ready, []
        if self._refusal is not None:
            raise self._refusal
        return ready

    def _parse(self, data: bytes | memoryview) -> bytes | memoryview:
        """Read up to an upgrade; what stands behind it is still to be read."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(memoryview(data)[int(upgrade.args[0]) :])
        except httptools.HttpParserError as error:
            raise self._refusal or HttpRefused(400, f"not HTTP/1.1: {error}") from error
        return b""

    def _upgrade(self, rest: memoryview) -> bytes | memoryview:
        """After an upgrade llhttp stops; other protocols than WebSocket are ignored, as one may."""
        if self._refusal is not None:
            return b""
        last = self._ready.pop()
        if last.is_websocket:
            self._ready.append(
                msgspec.structs.replace(last, body=b"", keep_alive=False, rest=bytes(rest))
            )
            return b""
        if last.method == "CONNECT":
            raise HttpRefused(405, "this is not a proxy")
        kept = {k: v for k, v in last.headers.items() if k not in ("upgrade", "connection")}
        head = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
        url = f"{last.path}?{last.query}" if last.query else last.path
        line = f"{last.method} {url} HTTP/{last.version}\r\n"
        self._start()
        assert not self._parse(f"{line}{head}\r\n".encode("latin-1")), "it asks for no upgrade now"
        return rest

    def _bound_head(self) -> None:
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(431, f"at most {self._limits.head_bytes} bytes of headers are read")

    def _refuse(self, status: int, reason: str) -> None:
        if self._refusal is None:
            self._refusal = HttpRefused(status, reason)

    # What follows is called by httptools while it is being fed. An exception here would come
    # out wrapped, so refusals are kept and raised by feed.

    def on_message_begin(self) -> None:
        self._reset()
        self._begun = True

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_bytes += len(url)
        self._bound_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        self._bound_head()
        key = _USUAL_NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        if key in self._headers:
            if key in _SINGLE_HEADERS:
                self._refuse(400, f"the header {key} occurs twice")
            text = f"{self._headers[key]}, {text}"
        elif len(self._headers) >= self._limits.headers:
            self._refuse(431, f"at most {self._limits.headers} headers are read")
            return
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        self._head_done = True
        if "transfer-encoding" in self._headers:
            self._refuse(411, "send a Content-Length; chunked bodies are not read")
        length = self._headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.body_bytes:
            self._refuse(413, f"at most {self._limits.body_bytes} bytes are read")

    def on_body(self, body: bytes) -> None:
        if self._refusal is None:
            self._body += body

    def on_message_complete(self) -> None:
        self._begun = False
        if self._refusal is not None:
            return
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(505, "HTTP/1.1 is spoken here")
            return
        if version == "1.1" and "host" not in self._headers:
            self._refuse(400, "HTTP/1.1 needs a Host header")
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        self._ready.append(
            HttpRequest(
                method=self._parser.get_method().decode("latin-1"),
                path=path,
                query=query,
                version=version,
                headers=self._headers,
                body=bytes(self._body),
                keep_alive=self._parser.should_keep_alive(),
            )
        )


def render_response(
    status: int,
    body: bytes = b"",
    *,
    content_type: str = JSON,
    keep_alive: bool = True,
    headers: Mapping[str, str] | None = None,
    head_only: bool = False,
) -> bytes:
    """A whole answer; to HEAD its head, which names the length of the body that GET has."""
    head = _render_head(status, content_type, keep_alive, tuple((headers or {}).items()))
    if status in _WITHOUT_BODY:
        return b"%b\r\n" % head
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), b"" if head_only else body)


@lru_cache(maxsize=64)
def _render_head(
    status: int, content_type: str, keep_alive: bool, headers: tuple[tuple[str, str], ...]
) -> bytes:
    """All but the length: a server says few different things."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}"]
    if status not in _WITHOUT_BODY:
        lines.append(f"content-type: {content_type}")
    named = {"cache-control": "no-store", "x-content-type-options": "nosniff"} | dict(headers)
    lines += [f"{name}: {value}" for name, value in named.items()]
    lines.append("connection: keep-alive" if keep_alive else "connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


def render_stream_head(content_type: str, headers: Mapping[str, str]) -> bytes:
    """The head of an answer that ends when the connection does."""
    lines = ["HTTP/1.1 200 OK", f"content-type: {content_type}", "cache-control: no-store"]
    lines += ["x-content-type-options: nosniff"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "connection: close")).encode("latin-1") + b"\r\n\r\n"


def cors_headers(origin: str | None) -> dict[str, str]:
    """What a browser wants to see before it gives an allowed page the answer."""
    if origin is None:
        return {}
    return {"access-control-allow-origin": origin, "vary": "origin"}


def merge_headers(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Both; of a header that both have, both values."""
    shared = {name: f"{one[name]}, {other[name]}" for name in one.keys() & other.keys()}
    return {**one, **other, **shared}


def preflight_headers(origin: str | None) -> dict[str, str]:
    """The answer to OPTIONS (Fetch standard, CORS protocol)."""
    if origin is None:
        return {"allow": _CORS_METHODS}
    return cors_headers(origin) | {
        "access-control-allow-methods": _CORS_METHODS,
        "access-control-allow-headers": "content-type, authorization",
        "access-control-max-age": _CORS_MAX_AGE_S,
    }
