"""A WebSocket client of a served fake node, for tests."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio_websocket import WebSocketConnection, open_websocket

from tests.unit.aichain.rpc.serving import DEADLINE_S, Served


@asynccontextmanager
async def connected(node: Served) -> AsyncIterator[WebSocketConnection]:
    async with open_websocket("127.0.0.1", node.port, "/", use_ssl=False) as socket:
        yield socket


async def ask(socket: WebSocketConnection, body: str | bytes) -> Any:
    await socket.send_message(body)
    with trio.fail_after(DEADLINE_S):
        return json.loads(await socket.get_message())
