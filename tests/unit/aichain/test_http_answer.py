"""What a server may make us read: no more than was asked for, and not for ever."""

import http.client
import time
from urllib.parse import urlsplit

import pytest

from aichain.client import Client, RpcGarbled, RpcUnreachable
from aichain.client import events as client_events
from aichain.client.connection import Connection
from aichain.http_answer import BoundedAnswer
from aichain.http_post import post
from aichain.node.heartbeats import Headquarters, post_heartbeat
from tests.unit.aichain.hostile_server import BELOW_ZERO, saying

MEGABYTE = b"x" * (1 << 20)
SIZES = pytest.mark.parametrize("said", BELOW_ZERO.values(), ids=BELOW_ZERO.keys())


@SIZES
def test_a_chunk_of_a_size_below_zero_is_no_answer(said: bytes) -> None:
    with saying(said, MEGABYTE) as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        connection.response_class = BoundedAnswer
        try:
            connection.request("GET", "/")
            with pytest.raises(http.client.IncompleteRead) as caught:
                connection.getresponse().read(100)
            assert len(caught.value.partial) < 100
        finally:
            connection.close()


@SIZES
def test_the_sdk_calls_such_an_answer_garbled(said: bytes) -> None:
    with saying(said, MEGABYTE) as url, Connection(url) as client, pytest.raises(RpcGarbled):
        client.call("aichain_status")


@SIZES
def test_listening_ends_with_such_an_answer(said: bytes) -> None:
    with (
        saying(said, MEGABYTE) as url,
        Client(url) as client,
        client.events("newBlocks") as events,
        pytest.raises(RpcUnreachable),
    ):
        next(iter(events))


@SIZES
def test_headquarters_that_answer_so_do_not_take_a_heartbeat(said: bytes) -> None:
    with saying(said, MEGABYTE) as url:
        assert post_heartbeat(Headquarters(url), b"heartbeat")


def test_who_listens_does_not_wait_for_a_head_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aichain.client.connection.EVENTS_TIMEOUT_S", 0.2)
    head = saying(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", pause_s=0.05)
    with head as url, Client(url) as client, pytest.raises(RpcUnreachable):
        client.events("newBlocks")


@pytest.mark.parametrize("body", [b"Content-Length: 99\r\n\r\nwhy", b"\r\nwhy"])
def test_a_refusal_to_listen_that_does_not_end_is_no_answer(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichain.client.connection.EVENTS_TIMEOUT_S", 0.2)
    refusal = saying(b"HTTP/1.1 500 Oh\r\n" + body, b" ", pause_s=0.05)
    with refusal as url, Client(url) as client, pytest.raises(RpcUnreachable):
        client.events("newBlocks")


def test_events_are_listened_to_for_longer_than_their_head_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_events._EventsAnswer, "TIMEOUTS", 0.001)
    monkeypatch.setattr("aichain.client.connection.EVENTS_TIMEOUT_S", 1_000.0)
    wrong = b"event: weather\ndata: {}\n\n"
    with (
        saying(b"HTTP/1.1 200 OK\r\n\r\n", wrong, pause_s=1.5) as url,
        Client(url) as client,
        client.events("newBlocks") as events,
        pytest.raises(RpcGarbled, match="weather"),
    ):
        next(iter(events))


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n", b""], ids=["head", "continue"])
def test_a_post_does_not_wait_for_a_head_without_end(begin: bytes) -> None:
    more = b"A: b\r\n" if begin else b"HTTP/1.1 100 Continue\r\n\r\n"
    begun = time.monotonic()
    with saying(begin, more, pause_s=0.05) as url:
        assert isinstance(post(url, b"{}", {}, 0.2), str)
    assert time.monotonic() - begun < 30
