"""The HTTP reader: whole requests out of any split of the bytes, and limits before memory."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichain.rpc.admission import host_allowed, origin_allowed
from aichain.rpc.http import (
    HttpRefused,
    HttpRequest,
    RequestReader,
    preflight_headers,
    render_response,
)
from aichain.rpc.limits import RpcLimits

LIMITS = RpcLimits(head_bytes=1000, headers=10, body_bytes=2000)
POST = (
    b"POST /rpc?x=1 HTTP/1.1\r\nHost: localhost:3690\r\nContent-Type: application/json\r\n"
    b"Content-Length: 5\r\n\r\nhello"
)
GET = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"


def feed(*chunks: bytes, limits: RpcLimits = LIMITS) -> list[HttpRequest]:
    reader = RequestReader(limits)
    return [request for chunk in chunks for request in reader.feed(chunk)]


def refusal(*chunks: bytes) -> int:
    with pytest.raises(HttpRefused) as caught:
        feed(*chunks)
    return caught.value.status


def test_a_request_is_read_whole() -> None:
    (request,) = feed(POST)
    assert (request.method, request.path, request.version) == ("POST", "/rpc", "1.1")
    assert request.body == b"hello"
    assert request.host == "localhost:3690"
    assert request.headers["content-type"] == "application/json"
    assert request.keep_alive


def test_one_byte_at_a_time_gives_the_same() -> None:
    assert feed(*(bytes([byte]) for byte in POST + GET)) == feed(POST, GET)


@given(st.lists(st.integers(0, len(POST) * 3), max_size=8))
def test_any_split_gives_the_same(cuts: list[int]) -> None:
    stream = POST + GET + POST
    edges = [0, *sorted(cuts), len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(edges) if a < b]
    assert feed(*chunks) == feed(POST, GET, POST)


def test_pipelined_requests_come_out_in_order() -> None:
    assert [r.path for r in feed(GET + POST + GET)] == ["/health", "/rpc", "/health"]


def test_connection_close_is_heard() -> None:
    (request,) = feed(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert not request.keep_alive
    (old,) = feed(b"GET / HTTP/1.0\r\n\r\n")
    assert not old.keep_alive


def test_in_request_is_true_only_in_the_middle_of_one() -> None:
    reader = RequestReader(LIMITS)
    assert not reader.in_request
    reader.feed(POST[:10])
    assert reader.in_request
    reader.feed(POST[10:])
    assert not reader.in_request


def test_expect_continue_is_noticed_once_the_headers_are_there() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    reader = RequestReader(LIMITS)
    reader.feed(head[:-2])
    assert not reader.awaits_continue
    reader.feed(head[-2:])
    assert reader.awaits_continue
    (request,) = reader.feed(b"ok")
    assert request.body == b"ok"
    assert not reader.awaits_continue


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00", 400),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: a\r\nOrigin: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        (b"GET /" + b"a" * 1001 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1001 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(10)), 431),
    ],
)
def test_a_bad_request_is_refused(data: bytes, status: int) -> None:
    assert refusal(data + b"\r\n") == status


def test_both_lengths_is_refused_because_proxies_disagree_on_it() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert refusal(head + b"0\r\n\r\n") in (400, 411)


def test_a_refusal_is_not_forgotten_when_a_good_request_follows() -> None:
    assert refusal(b"GET / HTTP/1.1\r\n\r\n" + GET) == 400


def test_an_endless_header_is_cut_off_before_it_is_whole() -> None:
    chunk = b"a" * 500
    assert refusal(b"GET / HTTP/1.1\r\nHost: h\r\nX: ", *[chunk] * 4) == 431
    assert refusal(b"GET /", *[chunk] * 4) == 431


def test_repeated_harmless_headers_are_joined() -> None:
    (request,) = feed(b"GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nAccept: b\r\n\r\n")
    assert request.headers["accept"] == "a, b"


def test_a_websocket_handshake_keeps_what_came_after_it() -> None:
    head = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    (request,) = feed(head + b"\x81\x80\x00\x00\x00\x00")
    assert request.is_websocket
    assert request.rest == b"\x81\x80\x00\x00\x00\x00"


def test_an_offer_of_http2_is_ignored() -> None:
    """Java's HttpClient sends this with its first request."""
    head = (
        b"POST /rpc HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQ\r\nContent-Length: 5\r\n\r\n"
    )
    (request,) = feed(head + b"hello")
    assert (request.method, request.path, request.body) == ("POST", "/rpc", b"hello")
    first, second = feed(head + b"hel", b"lo" + GET)
    assert (first.body, second.path) == (b"hello", "/health")


def test_many_upgrades_in_one_read_are_a_loop() -> None:
    """Each was a call within the last one's: as many frames as a client cared to send."""
    offer = b"GET /health HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    requests = feed(offer * (2 * sys.getrecursionlimit()) + GET)
    assert len(requests) == 2 * sys.getrecursionlimit() + 1
    assert {request.path for request in requests} == {"/health"}


def test_a_refusal_behind_an_upgrade_is_heard() -> None:
    offer = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    assert refusal(offer + offer.replace(b"Host: h", b"X: h") + GET) == 400
    assert refusal(offer + b"hello") == 400


def test_reads_that_begin_and_end_within_a_head_are_no_endless_head() -> None:
    stream = POST * 100
    for size in (LIMITS.head_bytes - 1, LIMITS.head_bytes):
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert len(feed(*chunks)) == 100


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    for prefix in (b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: "):
        try:
            feed(prefix + data)
        except HttpRefused as refused:
            render_response(refused.status)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:3690", True),
        ("127.0.0.1:3690", True),
        ("192.168.1.7", True),
        ("[::1]:3690", True),
        ("::1", False),
        ("", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:3690", False),
        ("evil.example:127", False),
        ("127.0.0.1:80@evil.example", False),
        ("localhost:3690.evil.example", False),
        ("localhost:80:80", False),
        ("[::1]@evil.example", False),
        ("[127.0.0.1].evil.example", False),
        ("[::1].evil.example:3690", False),
    ],
)
def test_only_names_that_are_listed_are_served(host: str, allowed: bool) -> None:
    assert host_allowed(host, {"localhost"}) is allowed
    assert host_allowed(host, {"*"})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://wallet.example", True),
        ("https://WALLET.example", True),
        ("http://localhost:3690", True),
        ("http://localhost", False),
        ("null", False),
        ("http://evil.example", False),
        ("https://wallet.example.evil", False),
    ],
)
def test_pages_of_other_origins_may_not_call(origin: str | None, allowed: bool) -> None:
    assert origin_allowed(origin, "localhost:3690", {"https://wallet.example"}) is allowed


def test_a_preflight_names_what_is_allowed() -> None:
    headers = preflight_headers("https://wallet.example")
    assert headers["access-control-allow-origin"] == "https://wallet.example"
    assert "POST" in headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in preflight_headers(None)


def test_a_response_says_its_length_and_whether_it_is_the_last() -> None:
    response = render_response(200, b"{}", keep_alive=False)
    head, body = response.split(b"\r\n\r\n")
    assert body == b"{}"
    assert b"content-length: 2" in head
    assert b"connection: close" in head
    assert b"content-length" not in render_response(204)
