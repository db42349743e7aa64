"""How long a connection of the RPC server may take over what, on a real socket."""

import json
import time

import trio

from aichain.rpc.limits import RpcLimits
from tests.unit.aichain.rpc.serving import (
    DEADLINE_S,
    Response,
    get,
    post,
    read_response,
    rpc,
    served,
)

QUICK = RpcLimits(idle_timeout_s=0.4, read_timeout_s=0.4, write_timeout_s=0.4, linger_timeout_s=0.2)


async def test_a_slow_writer_is_cut_off_however_it_trickles() -> None:
    async with served(QUICK) as node, await node.open() as stream:
        with trio.fail_after(DEADLINE_S):
            response = await _trickle(stream, post(rpc("eth_chainId")))
        assert response.status == 408


async def _trickle(stream: trio.SocketStream, request: bytes) -> Response:
    """One byte every tenth of the timeout, for ever."""
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            for byte in request:
                await stream.send_all(bytes([byte]))
                await trio.sleep(0.04)

        nursery.start_soon(write)
        response = await read_response(stream)
        nursery.cancel_scope.cancel()
    return response


async def test_an_idle_connection_is_closed_in_silence() -> None:
    async with served(QUICK) as node, await node.open() as stream:
        await stream.send_all(get("/health"))
        assert (await read_response(stream)).status == 200
        with trio.fail_after(DEADLINE_S):
            assert await stream.receive_some(1) == b""


async def test_a_connection_in_use_outlives_its_idle_time() -> None:
    async with served(QUICK) as node, await node.open() as stream:
        for _ in range(8):
            await stream.send_all(get("/health"))
            assert (await read_response(stream)).status == 200
            await trio.sleep(0.1)


async def test_an_answer_may_take_longer_than_a_connection_may_idle() -> None:
    async with served(QUICK) as node, await node.open() as stream:
        answer = node.backend.block_at

        async def slow(height: int) -> object:
            await trio.sleep(0.8)
            return await answer(height)

        node.backend.block_at = slow  # type: ignore[method-assign, assignment]
        await stream.send_all(post(rpc("aichain_getBlock", 1)))
        assert json.loads((await read_response(stream)).body)["result"]["height"] == 1
        await stream.send_all(get("/health"))
        assert (await read_response(stream)).status == 200


async def test_a_request_that_comes_when_its_time_is_over_is_not_half_answered() -> None:
    """The deadline and the last byte may come in one turn of the loop: one of them counts."""
    async with served(QUICK) as node, await node.open() as stream:
        await stream.send_all(post(rpc("eth_chainId"))[:-1])
        await trio.sleep(0.2)
        time.sleep(0.3)  # noqa: ASYNC251 the loop itself is late, and finds both
        await stream.send_all(b"}")
        assert (await read_response(stream)).status == 408


async def test_a_client_that_does_not_read_is_dropped_and_delays_nobody() -> None:
    async with served(QUICK) as node, await node.open() as deaf:
        requests = post(rpc("aichain_validators", 1)) * 400
        with trio.move_on_after(0.3):
            await deaf.send_all(requests)
        assert "result" in await node.call("eth_chainId")
        await trio.sleep(0.6)
        with trio.fail_after(DEADLINE_S):
            assert await _count_answers(deaf) < 400
        assert "result" in await node.call("eth_chainId")


async def _count_answers(stream: trio.SocketStream) -> int:
    """How many responses come before the server hangs up."""
    received = b""
    try:
        while data := await stream.receive_some(65536):
            received += data
    except trio.BrokenResourceError:
        pass
    return received.count(b"HTTP/1.1 200 ")
