"""A WebSocket client of a served fake node, for tests."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from tests.unit.aichain.rpc.serving import DEADLINE_S, Served


@asynccontextmanager
async def connected(node: Served) -> AsyncIterator[WebSocketConnection]:
    """The socket is closed here: where a server drops the connection without a close frame, the
    library forgets its socket."""
    async with await node.open() as stream, trio.open_nursery() as nursery:
        with trio.fail_after(DEADLINE_S):
            socket = await wrap_client_stream(nursery, stream, f"127.0.0.1:{node.port}", "/")
        try:
            yield socket
        finally:
            with trio.fail_after(DEADLINE_S):
                await socket.aclose()


async def ask(socket: WebSocketConnection, body: str | bytes) -> Any:
    await socket.send_message(body)
    with trio.fail_after(DEADLINE_S):
        return json.loads(await socket.get_message())
