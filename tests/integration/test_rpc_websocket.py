"""WebSocket on a real socket: calls in both kinds of frame, pushes, slow and broken clients."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.lowlevel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio_typing import TaskStatus
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from aichain.rpc.limits import RpcLimits
from tests.integration.web_sockets import ask, connected
from tests.unit.aichain.rpc.serving import DEADLINE_S, Served, get, read_response, rpc, served

HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec_websocket_version": "13",
    "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}
QUICK = RpcLimits(idle_timeout_s=0.3, read_timeout_s=0.3, write_timeout_s=0.5, body_bytes=10_000)


class RawSocket:
    """A client that may break the rules of the protocol."""

    def __init__(self, stream: trio.SocketStream, rest: bytes) -> None:
        self.stream = stream
        self.frames = Connection(ConnectionType.CLIENT)
        self.frames.receive_data(rest)

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.frames.send(event))

    async def next(self) -> Event | None:
        """The next frame; None when the server has hung up."""
        with trio.fail_after(DEADLINE_S):
            while True:
                for event in self.frames.events():
                    return event
                data = await self.stream.receive_some(65536)
                if not data:
                    return None
                self.frames.receive_data(data)


@asynccontextmanager
async def raw(node: Served) -> AsyncIterator[RawSocket]:
    async with await node.open() as stream:
        await stream.send_all(get("/", **HANDSHAKE))
        response = await read_response(stream)
        assert response.status == 101
        assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        yield RawSocket(stream, response.rest)


async def test_text_and_binary_frames_are_answered_alike() -> None:
    """web3.py sends binary frames."""
    async with served() as node, connected(node) as socket:
        text = await ask(socket, rpc("eth_blockNumber", request_id=1).decode())
        binary = await ask(socket, rpc("eth_blockNumber", request_id=1))
        assert text == binary == {"jsonrpc": "2.0", "id": 1, "result": "0x2"}
        batch = await ask(socket, b"[" + rpc("eth_chainId") + b"," + rpc("nope") + b"]")
        assert [("result" in answer) for answer in batch] == [True, False]
        assert (await ask(socket, "{"))["error"]["code"] == -32700


async def test_final_blocks_are_pushed_after_the_answer_that_names_the_subscription() -> None:
    async with served() as node, connected(node) as socket:
        await socket.send_message(rpc("aichain_subscribe", "newBlocks").decode())
        answer = json.loads(await socket.get_message())
        node.backend.extend([node.backend.transfer()])
        node.backend.extend()
        pushed = [json.loads(await socket.get_message()) for _ in range(2)]
        for message, height in zip(pushed, (3, 4), strict=True):
            assert message["method"] == "aichain_subscription"
            assert message["params"]["subscription"] == answer["result"]
            assert message["params"]["result"]["height"] == height
            assert "id" not in message
        assert pushed[0]["params"]["result"]["transactionCount"] == 1
        shown = await ask(socket, rpc("aichain_getBlock", 3))
        assert shown["result"].items() >= pushed[0]["params"]["result"].items()


async def test_blocks_that_come_before_the_answer_is_sent_are_not_pushed_first() -> None:
    async with served() as node, connected(node) as socket:
        await socket.send_message(rpc("aichain_subscribe", "newBlocks").decode())
        for _ in range(5):
            node.backend.extend()
            await trio.lowlevel.checkpoint()
        assert "result" in json.loads(await socket.get_message())


async def test_new_heads_are_pushed_as_ethereum_libraries_read_them() -> None:
    async with served() as node, connected(node) as socket:
        subscription = (await ask(socket, rpc("eth_subscribe", "newHeads")))["result"]
        node.backend.extend()
        pushed = json.loads(await socket.get_message())
        assert pushed["method"] == "eth_subscription"
        assert pushed["params"]["subscription"] == subscription
        assert pushed["params"]["result"]["number"] == "0x3"


async def test_more_logs_of_a_block_than_the_outbox_holds_are_all_heard() -> None:
    """The server pushes in turn with its writers, so only who does not read falls behind."""
    async with served() as node, connected(node) as socket:
        count = 300
        assert count > RpcLimits().outbox_messages
        await ask(socket, rpc("eth_subscribe", "logs", {}))
        node.backend.extend([node.backend.transfer(ahead=ahead) for ahead in range(count)])
        pushed = [json.loads(await socket.get_message()) for _ in range(count + 1)]
        indices = [int(each["params"]["result"]["logIndex"], 16) for each in pushed]
        assert indices == list(range(count + 1))  # the last is the reward


async def test_unsubscribing_ends_the_pushes() -> None:
    async with served() as node, connected(node) as socket:
        subscription = (await ask(socket, rpc("aichain_subscribe", "newBlocks")))["result"]
        assert (await ask(socket, rpc("aichain_unsubscribe", subscription)))["result"] is True
        assert (await ask(socket, rpc("aichain_unsubscribe", subscription)))["result"] is False
        node.backend.extend()
        assert (await ask(socket, rpc("eth_blockNumber")))["result"] == "0x3"


async def test_every_subscriber_gets_every_block() -> None:
    async with served() as node:
        seen: dict[int, list[int]] = {}

        async def reader(
            number: int, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
        ) -> None:
            async with connected(node) as socket:
                await ask(socket, rpc("aichain_subscribe", "newBlocks"))
                task_status.started()
                seen[number] = [
                    json.loads(await socket.get_message())["params"]["result"]["height"]
                    for _ in range(10)
                ]

        async with trio.open_nursery() as nursery:
            for number in range(10):
                await nursery.start(reader, number)
            for _ in range(10):
                node.backend.extend()
                await trio.lowlevel.checkpoint()
        assert list(seen.values()) == [list(range(3, 13))] * 10


async def test_the_number_of_subscriptions_is_limited() -> None:
    async with served(RpcLimits(subscriptions=2)) as node, connected(node) as socket:
        answers = [await ask(socket, rpc("aichain_subscribe", "newBlocks")) for _ in range(3)]
        assert answers[2]["error"]["data"]["code"] == "too_many_subscriptions"


async def test_a_slow_reader_is_told_and_dropped_and_others_are_not_delayed() -> None:
    limits = RpcLimits(outbox_messages=4)
    async with served(limits) as node, raw(node) as slow, connected(node) as quick:
        await slow.send(TextMessage(rpc("aichain_subscribe", "newBlocks").decode()))
        assert isinstance(await slow.next(), TextMessage)
        await ask(quick, rpc("aichain_subscribe", "newBlocks"))
        for height in range(3, 23):  # one after the other, without a pause for the slow reader
            node.backend.extend()
            if height % 2:
                await trio.sleep(0.001)
            assert json.loads(await quick.get_message())["params"]["result"]["height"] == height
        for _ in range(30):  # now without a pause for anyone
            node.backend.extend()
        texts, close = await _until_closed(slow)
        *blocks, notice = [json.loads(text)["params"] for text in texts]
        heights = [block["result"]["height"] for block in blocks]
        assert heights == list(range(3, 3 + len(heights)))
        assert len(heights) < 50
        assert notice["error"]["data"]["code"] == "subscriber_lagged"
        assert close.code == 1013


async def _until_closed(socket: RawSocket) -> tuple[list[str], CloseConnection]:
    texts: list[str] = []
    part = ""
    while True:
        match await socket.next():
            case TextMessage(data=data, message_finished=finished):
                part += data
                if finished:
                    texts.append(part)
                    part = ""
            case CloseConnection() as close:
                return texts, close
            case other:
                raise AssertionError(f"{other} before the close")


async def test_a_client_that_never_reads_is_cut_off() -> None:
    limits = RpcLimits(outbox_messages=4, write_timeout_s=0.5)
    async with served(limits) as node, raw(node) as deaf:
        call = rpc("aichain_validators", 1).decode()
        with trio.fail_after(DEADLINE_S), pytest.raises(trio.BrokenResourceError):
            await _send_for_ever(deaf, call)
        assert "result" in await node.call("eth_chainId")


async def _send_for_ever(socket: RawSocket, call: str) -> None:
    while True:
        await socket.send(TextMessage(call))


async def test_an_oversize_message_is_refused_before_it_is_whole() -> None:
    async with served(QUICK) as node, raw(node) as socket:
        await socket.send(TextMessage("x" * 12_000, message_finished=False))
        close = await socket.next()
        assert isinstance(close, CloseConnection)
        assert close.code == 1009


async def test_a_message_in_many_fragments_is_one_call() -> None:
    async with served(QUICK) as node, raw(node) as socket:
        body = rpc("eth_blockNumber").decode()
        for at, letter in enumerate(body):
            await socket.send(TextMessage(letter, message_finished=at == len(body) - 1))
        answer = await socket.next()
        assert isinstance(answer, TextMessage)
        assert json.loads(answer.data)["result"] == "0x2"


async def test_a_message_that_never_ends_is_cut_off() -> None:
    async with served(QUICK) as node, raw(node) as socket:
        await socket.send(BytesMessage(b"x", message_finished=False))
        close = await socket.next()
        assert isinstance(close, CloseConnection)
        assert close.code == 1008


async def test_a_silent_client_is_pinged_and_then_closed() -> None:
    async with served(QUICK) as node, raw(node) as socket:
        ping = await socket.next()
        assert isinstance(ping, Ping)
        await socket.send(ping.response())
        assert isinstance(await socket.next(), Ping)
        close = await socket.next()
        assert isinstance(close, CloseConnection)
        assert close.code == 1001


async def test_pings_are_answered_and_closing_is_agreed_on() -> None:
    async with served() as node, raw(node) as socket:
        await socket.send(Ping(b"are you there"))
        pong = await socket.next()
        assert isinstance(pong, Pong)
        assert bytes(pong.payload) == b"are you there"
        await socket.send(CloseConnection(1000, "bye"))
        close = await socket.next()
        assert isinstance(close, CloseConnection)
        assert close.code == 1000
        assert await socket.next() is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),  # text that is not UTF-8
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # an unknown kind of frame
        (b"\xf1\x80\x00\x00\x00\x00", 1002),  # reserved bits
        (b"\x89\xfe\x00\x80", 1002),  # a ping of 128 bytes
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # a continuation of nothing
        (b"\x88\x81\x00\x00\x00\x00\x03", 1002),  # a close code of one byte
    ],
)
async def test_a_frame_that_breaks_the_protocol_closes_only_its_connection(
    frame: bytes, code: int
) -> None:
    async with served() as node, raw(node) as socket:
        await socket.stream.send_all(frame)
        close = await socket.next()
        assert isinstance(close, CloseConnection)
        assert close.code == code
        assert "result" in await node.call("eth_chainId")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(noise=st.lists(st.binary(max_size=60), min_size=1, max_size=3))
async def test_no_frames_bring_the_server_down(noise: list[bytes]) -> None:
    async with served(QUICK) as node:
        async with raw(node) as socket:
            try:
                for data in noise:
                    await socket.stream.send_all(data)
                await socket.stream.send_eof()
                while await socket.stream.receive_some(1000):
                    pass
            except trio.BrokenResourceError:
                pass
        assert "result" in await node.call("eth_chainId")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_key": "short"}, 400),
        ({"sec_websocket_key": ""}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 421),
    ],
)
async def test_a_bad_handshake_is_refused(changes: dict[str, str], status: int) -> None:
    async with served() as node:
        response = await node.exchange(get("/", **(HANDSHAKE | changes)))
        assert response.status == status


async def test_calls_over_websocket_spend_the_same_budget() -> None:
    limits = RpcLimits(calls_per_second=1, burst_calls=4)
    async with served(limits) as node, connected(node) as socket:
        answers = [await ask(socket, rpc("eth_chainId", request_id=n)) for n in range(5)]
        assert [("result" in answer) for answer in answers] == [True, True, True, False, False]
        assert answers[4]["error"]["code"] == -32005


@pytest.mark.parametrize(
    "frames",
    [
        [Pong(b"")],
        [Ping(b"")],
        [TextMessage("", message_finished=True)],
        [TextMessage("x", message_finished=False)],
        [BytesMessage(b"x", message_finished=False), Pong(b"")],
    ],
)
async def test_frames_that_ask_for_nothing_spend_the_budget_too(frames: list[Event]) -> None:
    """Some were free: one client could keep the thread that consensus runs on busy with them."""
    async with served(RpcLimits(calls_per_second=1, burst_calls=10)) as node, raw(node) as socket:
        for _ in range(12):
            for frame in frames:
                await socket.send(frame)
        while not isinstance(last := await socket.next(), CloseConnection):
            assert last is not None
        assert (last.code, (last.reason or "")[:8]) == (1008, "too many")


async def test_a_frame_that_arrives_in_many_pieces_costs_one_call() -> None:
    async with served(RpcLimits(calls_per_second=1, burst_calls=3)) as node, raw(node) as socket:
        frame = socket.frames.send(TextMessage(rpc("eth_blockNumber").decode()))
        for at in range(len(frame)):
            await socket.stream.send_all(frame[at : at + 1])
            await trio.sleep(0.001)
        answer = await socket.next()
        assert isinstance(answer, TextMessage)
        assert json.loads(answer.data)["result"] == "0x2"


async def test_subscribers_are_told_when_the_node_itself_lost_blocks() -> None:
    async with served() as node, raw(node) as socket:
        await socket.send(TextMessage(rpc("aichain_subscribe", "newBlocks").decode()))
        assert isinstance(await socket.next(), TextMessage)
        for _ in range(200):  # more than the feed holds
            node.backend.extend()
        texts, close = await _until_closed(socket)
        assert json.loads(texts[-1])["params"]["error"]["data"]["code"] == "subscriber_lagged"
        assert close.code == 1013
        async with connected(node) as again:
            await ask(again, rpc("aichain_subscribe", "newBlocks"))
            node.backend.extend()
            assert json.loads(await again.get_message())["params"]["result"]["height"] == 203


async def test_a_stopping_server_ends_its_connections() -> None:
    async with trio.open_nursery() as nursery:
        async with served() as node:
            stream = await node.open()
            await stream.send_all(get("/", **HANDSHAKE))
            assert (await read_response(stream)).status == 101
        with trio.fail_after(DEADLINE_S):
            while await stream.receive_some(100):
                pass
        await stream.aclose()
        nursery.cancel_scope.cancel()
