"""Requests that are no requests, or two, or too much: what each is, and what a server may answer.

A case is bytes on one connection, and every answer it may have, as statuses: what is wrong is
answered once and the connection closed, so that nothing behind it is ever taken for a request.
Sources: RFC 9112 (§2.2, §3.2, §5.1, §6.3, §11), James Kettle's HTTP desync attacks, the h11 and
llhttp issue trackers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CALL = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
HIDDEN = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""What a smuggler hides in a body: it must never be answered."""
BAD = frozenset({400})
LENGTHS = frozenset({400, 411, 413})


@dataclass(frozen=True, slots=True)
class Abuse:
    """One connection's bytes; `statuses` are what its one answer may be."""

    name: str
    data: bytes
    statuses: frozenset[int] = BAD


def head(*lines: str, first: str = "POST / HTTP/1.1") -> bytes:
    """A head with a Host and a type, and these lines."""
    usual = ("Host: localhost", "Content-Type: application/json")
    return "\r\n".join((first, *usual, *lines)).encode("latin-1") + b"\r\n\r\n"


def only(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def lengths() -> Iterator[Abuse]:
    """Where does the body end? Two answers to that are two streams of requests."""
    chunked = b"0\r\n\r\n" + HIDDEN
    size = len(chunked)
    for name, *lines in (
        ("CL.TE", f"Content-Length: {size}", "Transfer-Encoding: chunked"),
        ("TE.CL", "Transfer-Encoding: chunked", "Content-Length: 4"),
        ("chunked", "Transfer-Encoding: chunked"),
        ("chunked in capitals", "TRANSFER-ENCODING: CHUNKED"),
        ("chunked after a tab", "Transfer-Encoding:\tchunked"),
        ("chunked with a parameter", "Transfer-Encoding: chunked;q=1"),
        ("chunked and another", "Transfer-Encoding: chunked, identity"),
        ("another and chunked", "Transfer-Encoding: gzip, chunked"),
        ("chunked twice", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("an unknown coding", "Transfer-Encoding: xchunked"),
        ("identity", "Transfer-Encoding: identity"),
        ("an empty coding", "Transfer-Encoding:"),
        ("a vertical tab", "Transfer-Encoding: \x0bchunked"),
        ("a space before the colon of a coding", "Transfer-Encoding : chunked"),
        ("a folded coding", "Transfer-Encoding:\r\n chunked"),
        ("two lengths", f"Content-Length: {size}", "Content-Length: 0"),
        ("the same length twice", f"Content-Length: {size}", f"Content-Length: {size}"),
        ("a list of lengths", f"Content-Length: {size}, {size}"),
        ("a list of two lengths", f"Content-Length: 0, {size}"),
        ("a signed length", f"Content-Length: +{size}"),
        ("a negative length", "Content-Length: -1"),
        ("a hexadecimal length", "Content-Length: 0x10"),
        ("a length with a point", "Content-Length: 4.0"),
        ("a length with an exponent", "Content-Length: 1e3"),
        ("a length with an underscore", "Content-Length: 1_0"),
        ("a length in two words", "Content-Length: 1 0"),
        ("an empty length", "Content-Length:"),
        ("a length with superscripts", "Content-Length: 4\xb2"),
        ("a length of 30 digits", "Content-Length: " + "9" * 30),
        ("a length of 2^64", f"Content-Length: {2**64}"),
        ("a length that is too long", "Content-Length: 99999999"),
        ("a space before the colon of a length", "Content-Length : 5"),
        ("a folded length", "Content-Length:\r\n 5"),
    ):
        yield Abuse(name, head(*lines) + chunked, LENGTHS)
    extension = head("Transfer-Encoding: chunked") + b"5;a=b\r\nhello\r\n0\r\n\r\n" + HIDDEN
    yield Abuse("a chunk extension", extension, LENGTHS)
    trailer = head("Transfer-Encoding: chunked") + b"0\r\nContent-Length: 5\r\n\r\n" + HIDDEN
    yield Abuse("a length among the trailers", trailer, LENGTHS)


def heads() -> Iterator[Abuse]:
    """Lines that readers cut differently."""
    for name, data in (
        ("a bare LF after the request line", b"GET / HTTP/1.1\nHost: localhost\r\n\r\n"),
        ("a bare LF after a header", b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n"),
        ("bare LFs at the end", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: y\n\n" + HIDDEN),
        ("a bare CR", b"GET / HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n"),
        ("a bare CR in a value", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n"),
        ("a NUL in a value", head("X: a\0b")),
        ("a NUL in a name", head("X\0: a")),
        ("a NUL in the target", head(first="GET /\0 HTTP/1.1")),
        ("a control character in a value", head("X: a\x01b")),
        ("a header without a colon", head("Xy")),
        ("a header without a name", head(": y")),
        ("a space in a name", head("X y: z")),
        ("a space before the colon", head("X : y")),
        ("a folded header", head("X: a\r\n b")),
        ("a folded first header", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"),
        ("a name that is not ASCII", head("X\xe9: y")),
        ("a bracket in a name", head("X(: y")),
        ("no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a space in the target", head(first="GET /a b HTTP/1.1")),
        ("HTTP/0.9", b"GET /\r\n\r\n"),
        ("no version", b"GET / \r\nHost: localhost\r\n\r\n"),
        ("a version in small letters", head(first="GET / http/1.1")),
        ("a version with two digits", head(first="GET / HTTP/1.10")),
        ("a method in small letters", head(first="get / HTTP/1.1")),
        ("an unknown method", head(first="SMUGGLE / HTTP/1.1")),
        ("a tab instead of a space", head(first="GET\t/ HTTP/1.1")),
        ("a TLS handshake", bytes.fromhex("16030100c8010000c40303") + bytes(60)),
        ("an SSH greeting", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("an SMTP session", b"EHLO localhost\r\nMAIL FROM:<a@b>\r\n"),
        ("a Redis command", b"*1\r\n$4\r\nINFO\r\n"),
        ("zeros", bytes(2_000)),
        ("all bytes", bytes(range(256)) * 8),
    ):
        yield Abuse(name, data, only(400, 405, 505))
    yield Abuse("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", only(400, 505))
    yield Abuse("another version", head(first="GET / HTTP/3.7"), only(400, 505))
    yield Abuse("a tunnel", head(first="CONNECT a:1 HTTP/1.1") + HIDDEN, only(400, 405))
    yield Abuse("a trace", head(first="TRACE / HTTP/1.1"), only(405))


def sizes() -> Iterator[Abuse]:
    """More than anybody needs."""
    long = "a" * 20_000
    for name, data in (
        ("a long target", head(first=f"GET /{long} HTTP/1.1")),
        ("a long query", head(first=f"GET /?{long} HTTP/1.1")),
        ("an endless target", b"GET /" + b"a" * 60_000),
        ("a long value", head(f"X: {long}")),
        ("a long name", head(f"{long}: x")),
        ("an endless value", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 60_000),
        ("many headers", head(*(f"X{number}: y" for number in range(100)))),
        ("many equal headers", head(*["X: " + "y" * 100] * 200)),
        ("endless headers", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 9_000),
    ):
        yield Abuse(name, data, only(400, 431))
    yield Abuse("a long method", b"A" * 60_000, only(400, 431))
    body = head("Content-Length: 8000000") + bytes(200_000)
    yield Abuse("a body over the limit", body, only(413))


def hosts() -> Iterator[Abuse]:
    """Names that a page's own DNS may point at this machine, and origins that are not ours."""
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost:80@evil.example",
        "localhost:3690:80",
        "localhost:999999",
        "localhost:",
        "localhost, evil.example",
        "localhost evil.example",
        "2130706433",
        "0x7f000001",
        "127.1",
        "[::1].evil.example",
        "[::1",
        "[evil.example]",
        "localhost/",
        "localhost#",
        "loc%61lhost",
        "xn--lcalhost-54a",
    ):
        data = f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        yield Abuse(f"Host: {host}", data, only(400, 421))
    nobody = b"GET /health HTTP/1.1\r\nX: y\r\n\r\n"
    yield Abuse("no Host", nobody, only(400))
    two = b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    yield Abuse("two Hosts", two, only(400))
    for origin in (
        "null",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://localhost:81",
        "http://localhost@evil.example",
        "https://localhost.",
        "http://localhost, http://evil.example",
        "file://",
        "chrome-extension://abcdef",
    ):
        data = head(f"Origin: {origin}", f"Content-Length: {len(CALL)}") + CALL
        yield Abuse(f"Origin: {origin}", data, only(400, 403))
    for name, line in (
        ("text", "text/plain"),
        ("a form", "application/x-www-form-urlencoded"),
        ("many parts", "multipart/form-data; boundary=application/json"),
        ("no type", ""),
        ("nearly JSON", "application/jsonp"),
    ):
        lines = ("POST / HTTP/1.1", "Host: localhost", f"Content-Type: {line}")
        request = "\r\n".join((*lines, f"Content-Length: {len(CALL)}", "", "")).encode() + CALL
        yield Abuse(f"a page that posts {name}", request, only(415))


def encodings(bomb: bytes) -> Iterator[Abuse]:
    """Bodies that would have to be unpacked; nobody who speaks JSON-RPC sends them."""
    for coding in ("gzip", "deflate", "br", "gzip, gzip", "x-gzip"):
        lines = (f"Content-Encoding: {coding}", f"Content-Length: {len(bomb)}")
        yield Abuse(f"a body in {coding}", head(*lines) + bomb, only(415))


def corpus(bomb: bytes) -> tuple[Abuse, ...]:
    """All of them; `bomb` is a short body that unpacks to a long one."""
    return (*lengths(), *heads(), *sizes(), *hosts(), *encodings(bomb))
