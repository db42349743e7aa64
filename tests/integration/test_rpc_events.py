"""Server-sent events and gzip on a real socket."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from aichain.rpc.limits import RpcLimits
from tests.integration.nodes import until
from tests.unit.aichain.rpc.calling import SENDER
from tests.unit.aichain.rpc.serving import DEADLINE_S, Served, get, post, rpc, served


class Events:
    """A reader of events, which skips comments as browsers do."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._text = b""

    async def head(self) -> str:
        return (await self._until(b"\r\n\r\n")).decode()

    async def next(self) -> tuple[str, Any]:
        while True:
            event = (await self._until(b"\n\n")).decode()
            if not event.startswith(":"):
                name, data = event.split("\n", 1)
                return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def comment(self) -> str:
        return (await self._until(b"\n\n")).decode()

    async def _until(self, end: bytes) -> bytes:
        with trio.fail_after(DEADLINE_S):
            while end not in self._text:
                more = await self.stream.receive_some(65536)
                if not more:
                    raise EOFError(self._text)
                self._text += more
        found, self._text = self._text.split(end, 1)
        return found


@asynccontextmanager
async def listening(node: Served, query: str) -> AsyncIterator[Events]:
    async with await node.open() as stream:
        await stream.send_all(get(f"/events?{query}"))
        events = Events(stream)
        head = await events.head()
        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert "content-type: text/event-stream" in head
        yield events


async def test_events_are_what_a_websocket_is_pushed() -> None:
    async with served() as node, listening(node, f"topics=newBlocks,votes&account={SENDER}") as it:
        view = node.backend.extend([node.backend.transfer()])
        name, head = await it.next()
        shown = (await node.call("aichain_getBlock", 3))["result"]
        assert name == "newBlocks"
        assert shown.items() >= head.items()
        name, notice = await it.next()
        assert (name, notice["height"]) == ("account", 3)
        assert notice["transactions"] == ["0x" + view.block.transactions[0].id.hex()]
        node.backend.votes.publish(node.backend.vote(2))
        name, vote = await it.next()
        assert (name, vote["voter"]) == ("votes", 2)


async def test_a_quiet_stream_is_kept_alive() -> None:
    limits = RpcLimits(idle_timeout_s=0.5)
    async with served(limits) as node, listening(node, "topics=newBlocks") as events:
        assert await events.comment() == ": alive"
        node.backend.extend()
        assert (await events.next())[0] == "newBlocks"


async def test_a_reader_that_lags_is_told_and_closed() -> None:
    limits = RpcLimits(outbox_messages=4)
    async with served(limits) as node, listening(node, "topics=newBlocks") as events:
        for _ in range(30):
            node.backend.extend()
        seen = [await events.next()]
        while seen[-1][0] == "newBlocks":
            seen.append(await events.next())
        assert 1 < len(seen) < 30
        assert seen[-1][0] == "error"
        assert seen[-1][1]["data"]["code"] == "subscriber_lagged"
        with pytest.raises(EOFError):
            await events.next()


async def test_a_reader_that_leaves_is_forgotten() -> None:
    async with served(RpcLimits(connections=1)) as node:
        for _ in range(3):
            async with listening(node, "topics=newBlocks"):
                pass
            await until(lambda: b"aichain_rpc_connections 0.0" in node.backend.metrics_text())


@pytest.mark.parametrize("query", ["", "topics=nothing", "account=0x1"])
async def test_a_stream_of_nothing_is_refused(query: str) -> None:
    async with served() as node:
        response = await node.exchange(get(f"/events?{query}"))
        assert response.status == 400
        assert b"topics" in response.body or b"ask for something" in response.body


async def test_who_asks_for_gzip_is_answered_in_it() -> None:
    async with served(origins=frozenset({"https://wallet.example"})) as node:
        body = rpc("aichain_getBlock", 1)
        plain = await node.exchange(post(body))
        packed = await node.exchange(
            post(body, accept_encoding="gzip, br", origin="https://wallet.example")
        )
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "origin, accept-encoding"
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body)
        small = await node.exchange(post(rpc("eth_chainId"), accept_encoding="gzip"))
        assert "content-encoding" not in small.headers
        page = await node.exchange(get("/openrpc.json", accept_encoding="gzip"))
        assert json.loads(gzip.decompress(page.body))["openrpc"] == "1.3.2"
