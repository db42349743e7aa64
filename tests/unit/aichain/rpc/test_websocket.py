"""A WebSocket session over streams in memory: what a client that reads nothing can make us hold."""

import trio
import trio.testing
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from aichain.rpc.limits import RpcLimits
from aichain.rpc.registry import Subscriber
from aichain.rpc.websocket import WebSocketSession

CALLS = 100


async def test_answers_that_nobody_reads_are_no_more_than_one_may_be() -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    answered = 0

    async def answer(body: bytes, _: Subscriber) -> bytes:
        nonlocal answered
        answered += 1
        return body * 25

    client = Connection(ConnectionType.CLIENT)
    calls = b"".join(client.send(TextMessage("call")) for _ in range(CALLS))
    session = WebSocketSession(ours, RpcLimits(response_bytes=1_000), answer, lambda: True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run, calls)
        await trio.testing.wait_all_tasks_blocked()
        assert answered == 11
        read = 0
        while read < CALLS:
            client.receive_data(await theirs.receive_some(10_000))
            events = list(client.events())
            read += sum(isinstance(each, TextMessage) for each in events)
        assert answered == CALLS
        nursery.cancel_scope.cancel()
