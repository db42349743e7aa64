"""A WebSocket session over streams in memory: what a client that reads nothing can make us hold."""

import trio
import trio.testing
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from aichain.rpc.limits import RpcLimits
from aichain.rpc.registry import Subscriber
from aichain.rpc.unsent import UnsentAnswers
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
    limits = RpcLimits(response_bytes=1_000)
    unsent = UnsentAnswers(limits)
    session = WebSocketSession(ours, limits, unsent, answer, lambda: True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run, calls)
        await trio.testing.wait_all_tasks_blocked()
        assert answered == 11
        assert unsent.size_bytes == 11 * 100
        read = 0
        while read < CALLS:
            client.receive_data(await theirs.receive_some(10_000))
            events = list(client.events())
            read += sum(isinstance(each, TextMessage) for each in events)
        assert answered == CALLS
        assert unsent.size_bytes <= 100, "all but what is being sent"
        nursery.cancel_scope.cancel()
    assert unsent.size_bytes == 0
