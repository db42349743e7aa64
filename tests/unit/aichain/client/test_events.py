"""What happens on a chain, heard by the SDK: values in order, and how listening ends."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TypeVar

import pytest
import trio

from aichain.client import AI, Client, Events, RpcGarbled, RpcRefused, RpcUnreachable
from aichain.client.answers import EVENTS
from aichain.rpc.methods.subscribing import Topic
from aichain.rpc.results.blocks import BlockHead
from aichain.rpc.results.notices import AccountNotice
from aichain.rpc.results.transactions import TransactionStatus
from genesis.units import format_address
from tests.unit.aichain.rpc.fake_backend import STRANGER
from tests.unit.aichain.rpc.serving import Served, served

T = TypeVar("T")


async def ask(node: Served, question: Callable[[Client], T]) -> T:
    def run() -> T:
        with Client(f"http://127.0.0.1:{node.port}") as client:
            return question(client)

    return await trio.to_thread.run_sync(run)


def test_every_topic_of_the_server_has_a_type() -> None:
    assert set(EVENTS) == set(Topic)


async def test_blocks_transactions_and_accounts_are_heard_of() -> None:
    async with served() as node:

        def hear(client: Client) -> tuple[list[object], AccountNotice]:
            with (
                client.events("newBlocks", "transactions") as events,
                client.events(accounts=[STRANGER]) as own,
            ):
                signed = trio.from_thread.run_sync(node.backend.transfer, 3 * AI)
                trio.from_thread.run_sync(node.backend.extend, [signed])
                trio.from_thread.run_sync(node.backend.extend)
                heard = [each for _, each in zip(range(3), events, strict=False)]
                notice = next(iter(own))
            assert isinstance(notice, AccountNotice)
            return sorted(heard, key=lambda each: type(each).__name__), notice

        heard, notice = await ask(node, hear)
        first, second, transaction = heard
        assert isinstance(first, BlockHead)
        assert isinstance(second, BlockHead)
        assert (first.height, second.height) == (3, 4)
        assert isinstance(transaction, TransactionStatus)
        assert (transaction.status, transaction.height) == ("final", 3)
        assert notice.transactions == [transaction.hash]
        assert (notice.address, notice.balance) == (format_address(STRANGER), str(4 * AI))


async def test_a_topic_that_is_none_is_refused() -> None:
    async with served() as node:

        def hear(client: Client) -> None:
            with pytest.raises(RpcGarbled, match="topics are"):
                client.events("weather")
            with pytest.raises(RpcGarbled, match="ask for something"):
                client.events()

        await ask(node, hear)


def saying(body: bytes) -> tuple[HTTPServer, threading.Thread]:
    """A server that says this to whoever listens, and ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    return server, thread


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", RpcUnreachable),
        (b": alive\n\n: alive\n\n", RpcUnreachable),
        (b"event: newBlocks\ndata: {}\n\n", RpcGarbled),
        (b"event: weather\ndata: {}\n\n", RpcGarbled),
        (b"event: newBlocks\ndata: " + b"[" * 50_000 + b"\n\n", RpcGarbled),
        (b"event: newBlocks\ndata: " + b" " * (5 << 20), RpcGarbled),
        (b'event: error\ndata: {"data": {"code": "subscriber_lagged"}}\n\n', RpcRefused),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_event_ends_it_with_its_reason(said: bytes, kind: type[Exception]) -> None:
    server, thread = saying(said)
    try:
        with Client(f"http://127.0.0.1:{server.server_address[1]}") as client:
            events: Events = client.events("newBlocks")
            with events, pytest.raises(kind) as caught:
                next(iter(events))
            assert getattr(caught.value, "name", "subscriber_lagged") == "subscriber_lagged"
    finally:
        thread.join()
        server.server_close()


def test_nobody_there_is_unreachable() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(RpcUnreachable):
        client.events("newBlocks")
