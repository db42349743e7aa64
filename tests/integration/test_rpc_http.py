"""The RPC server on a real socket: HTTP as clients speak it, and as attackers do."""

import http.client
import json
import os

import pytest
import trio

from aichain.rpc.limits import RpcLimits
from aichain.rpc.server import RpcServer
from aichain.rpc.settings import RpcSettings
from tests.unit.aichain.rpc.serving import (
    DEADLINE_S,
    NOW_MS,
    get,
    post,
    read_response,
    rpc,
    served,
)


async def test_a_call_and_a_batch_on_one_kept_connection() -> None:
    async with served() as node, await node.open() as stream:
        await stream.send_all(post(rpc("eth_blockNumber", request_id="a")))
        response = await read_response(stream)
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"
        assert json.loads(response.body) == {"jsonrpc": "2.0", "id": "a", "result": "0x2"}
        batch = b"[" + rpc("eth_chainId", request_id=1) + b"," + rpc("no", request_id=2) + b"]"
        await stream.send_all(post(batch))
        answers = json.loads((await read_response(stream)).body)
        assert [answer["id"] for answer in answers] == [1, 2]
        assert answers[1]["error"]["code"] == -32601


async def test_the_standard_library_can_talk_to_it() -> None:
    def talk(port: int) -> list[object]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        results = []
        for _ in range(3):
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/", rpc("aichain_status"), headers)
            results.append(json.loads(connection.getresponse().read())["result"]["height"])
        connection.close()
        return results

    async with served() as node:
        assert await trio.to_thread.run_sync(talk, node.port) == [2, 2, 2]


async def test_pipelined_calls_are_answered_in_order() -> None:
    async with served() as node, await node.open() as stream:
        requests = [post(rpc("aichain_getBlock", n % 3, request_id=n)) for n in range(20)]
        await stream.send_all(b"".join(requests) + get("/health"))
        rest = b""
        for n in range(20):
            response = await read_response(stream, rest)
            rest = response.rest
            answer = json.loads(response.body)
            assert (answer["id"], answer["result"]["height"]) == (n, n % 3)
        assert (await read_response(stream, rest)).status == 200


async def test_a_notification_has_no_body() -> None:
    async with served() as node:
        body = json.dumps({"jsonrpc": "2.0", "method": "eth_chainId"}).encode()
        response = await node.exchange(post(body))
        assert (response.status, response.body) == (204, b"")


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 50_000, -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b"[" + b",".join([rpc("eth_chainId")] * 101) + b"]", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (rpc("nope"), -32601),
        (rpc("aichain_getBlock", -1), -32602),
    ],
)
async def test_what_is_wrong_with_a_body_is_said_in_json_rpc(body: bytes, number: int) -> None:
    async with served() as node:
        response = await node.exchange(post(body))
        assert response.status == 200
        error = json.loads(response.body)["error"]
        assert error["code"] == number
        assert "Traceback" not in error["message"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(rpc("eth_chainId"), content_type="text/plain"), 415),
        (post(rpc("eth_chainId"), origin="https://evil.example"), 403),
        (post(rpc("eth_chainId"), host="evil.example"), 421),
        (post(rpc("eth_chainId"), path="/nope"), 404),
        (get("/nope"), 404),
        (b"PUT / HTTP/1.1\r\nhost: localhost\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2000000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 40_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
    ],
)
async def test_a_refused_request_is_answered_and_closed(request_bytes: bytes, status: int) -> None:
    async with served() as node, await node.open() as stream:
        await stream.send_all(request_bytes)
        response = await read_response(stream)
        assert response.status == status
        assert response.headers["connection"] == "close"
        assert json.loads(response.body)["error"]
        assert await stream.receive_some(1) == b""
        assert "result" in await node.call("eth_chainId")


async def test_the_answer_to_an_oversize_body_arrives_while_it_is_being_sent() -> None:
    async with served() as node, await node.open() as stream:
        await stream.send_all(post(b" " * 1_500_000)[:200_000])
        response = await read_response(stream)
        assert response.status == 413
        assert json.loads(response.body)["error"]["data"]["code"] == "request_too_large"


async def test_a_body_just_within_the_limit_is_read() -> None:
    async with served() as node:
        call = rpc("eth_chainId")
        response = await node.exchange(post(call + b" " * (RpcLimits().body_bytes - len(call))))
        assert json.loads(response.body)["result"] == "0x9087"


async def test_expect_continue_is_told_to_go_on() -> None:
    async with served() as node, await node.open() as stream:
        body = rpc("eth_chainId")
        request = post(body, expect="100-continue")
        await stream.send_all(request[: -len(body)])
        assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(body)
        assert (await read_response(stream)).status == 200


async def test_connection_close_is_obeyed() -> None:
    async with served() as node, await node.open() as stream:
        await stream.send_all(post(rpc("eth_chainId"), connection="close"))
        assert (await read_response(stream)).headers["connection"] == "close"
        assert await stream.receive_some(1) == b""


async def test_clients_that_vanish_leave_nothing_behind() -> None:
    async with served() as node:
        for cut in (1, 30, 150):
            stream = await node.open()
            await stream.send_all(post(rpc("aichain_status"))[:cut])
            await stream.aclose()
        for _ in range(50):
            shown = (await node.exchange(get("/metrics", connection="close"))).body
            if b"aichain_rpc_connections 1.0" in shown:
                return
            await trio.sleep(0.02)
        raise AssertionError("connections are still counted")


async def test_connections_beyond_the_limit_are_refused_until_one_ends() -> None:
    limits = RpcLimits(connections=3, connections_per_address=2)
    async with served(limits) as node:
        first, second = await node.open(), await node.open()
        for stream in (first, second):
            await stream.send_all(get("/health"))
            assert (await read_response(stream)).status == 200
        assert (await node.exchange(get("/health"))).status == 503
        await first.aclose()
        await trio.sleep(0.05)
        assert (await node.exchange(get("/health"))).status == 200
        await second.aclose()


async def test_a_flood_of_connections_takes_no_more_files_than_its_limits() -> None:
    """Refused ones lingered for a second each: a few thousand took every file the process may
    open, of those that the store needs, too."""
    limits = RpcLimits(connections=3, connections_per_address=2, refusals_at_once=4)
    async with served(limits) as node:
        before = len(os.listdir("/proc/self/fd"))
        held = [await node.open() for _ in range(100)]
        await trio.sleep(0.2)  # less than a refusal lingers
        assert len(os.listdir("/proc/self/fd")) <= before + len(held) + 2 + 4
        for stream in held:
            await stream.aclose()
        await trio.sleep(0.2)
        assert (await node.exchange(get("/health"))).status == 200


async def test_calls_beyond_the_budget_are_told_when_to_come_back() -> None:
    async with served(RpcLimits(calls_per_second=1, burst_calls=5)) as node:
        for _ in range(5):
            assert "result" in await node.call("eth_chainId")
        response = await node.exchange(post(rpc("eth_chainId")))
        assert response.status == 429
        assert int(response.headers["retry-after"]) >= 1
        error = json.loads(response.body)["error"]
        assert (error["code"], error["data"]["code"]) == (-32005, "calls_exceeded")


async def test_a_batch_costs_as_much_as_its_calls() -> None:
    async with served(RpcLimits(calls_per_second=1, burst_calls=50)) as node:
        batch = b"[" + b",".join([rpc("eth_chainId")] * 40) + b"]"
        assert (await node.exchange(post(batch))).status == 200
        assert (await node.exchange(post(batch))).status == 429


async def test_a_call_that_reads_many_blocks_is_charged_for_them() -> None:
    async with served(RpcLimits(calls_per_second=1, burst_calls=20)) as node:
        for _ in range(40):
            node.backend.extend()
        assert "result" in await node.call("eth_getLogs", {"fromBlock": "0x1"})
        assert (await node.exchange(post(rpc("eth_chainId")))).status == 429
    async with served(RpcLimits(calls_per_second=1, burst_calls=20)) as node:
        assert "result" in await node.call("eth_getLogs", {"fromBlock": "0x1"})
        assert "result" in await node.call("eth_chainId")


async def test_a_listed_origin_gets_cors_headers_and_its_preflight() -> None:
    origin = "https://wallet.example"
    async with served(origins=frozenset({origin})) as node:
        response = await node.exchange(post(rpc("eth_chainId"), origin=origin))
        assert response.headers["access-control-allow-origin"] == origin
        preflight = await node.exchange(
            f"OPTIONS / HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n"
            "access-control-request-method: POST\r\n\r\n".encode()
        )
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-headers"] == "content-type, authorization"
        own = await node.exchange(post(rpc("eth_chainId"), origin="http://localhost"))
        assert own.status == 200
    async with served() as node:
        response = await node.exchange(post(rpc("eth_chainId")))
        assert "access-control-allow-origin" not in response.headers


async def test_names_that_are_listed_are_served() -> None:
    async with served(hosts=frozenset({"node.example"})) as node:
        assert (await node.exchange(get("/health", host="node.example:3690"))).status == 200
        assert (await node.exchange(get("/health", host="localhost"))).status == 421


async def test_health_is_always_there_and_ready_only_when_level() -> None:
    async with served() as node:
        health = await node.exchange(get("/health"))
        assert health.status == 200
        shown = json.loads(health.body)
        assert (shown["height"], shown["syncing"], shown["status"]) == (2, False, "behind")
        assert shown["finalizedAgoMs"] == NOW_MS - (node.backend.views[-1].finalized_at_ms or 0)
        assert (await node.exchange(get("/ready"))).status == 503
        node.clock.advance((node.backend.views[-1].finalized_at_ms or 0) + 1000 - NOW_MS)
        assert (await node.exchange(get("/ready"))).status == 200
        node.backend.syncing = True
        assert (await node.exchange(get("/ready"))).status == 503
        assert b"JSON-RPC" in (await node.exchange(get("/"))).body


async def test_ready_waits_as_long_as_blocks_of_this_chain_may_take() -> None:
    async with served(ready_within_ms=30_000) as node:
        finalized_ms = node.backend.views[-1].finalized_at_ms or 0
        node.clock.advance(finalized_ms + 30_000 - NOW_MS)
        assert (await node.exchange(get("/ready"))).status == 200
        node.clock.advance(1)
        assert (await node.exchange(get("/ready"))).status == 503


async def test_metrics_count_calls_by_method_and_refusals_by_code() -> None:
    async with served() as node:
        await node.call("aichain_status")
        await node.call("made_up_by_a_caller")
        await node.exchange(get("/nope"))
        response = await node.exchange(get("/metrics"))
        assert response.headers["content-type"].startswith("text/plain; version=")
        text = response.body.decode()
        assert 'aichain_rpc_seconds_count{method="aichain_status"} 1.0' in text
        assert 'aichain_rpc_seconds_count{method="unknown"} 1.0' in text
        assert 'aichain_rpc_refusals_total{code="method_not_found"} 1.0' in text
        assert 'aichain_rpc_refusals_total{code="http_404"} 1.0' in text
        assert "aichain_height 2.0" in text
        assert "made_up" not in text


async def test_a_busy_port_is_an_error_at_the_start() -> None:
    async with served() as node:
        second = RpcServer(
            node.backend, RpcSettings(port=node.port), node.backend.metrics, node.clock
        )
        with pytest.raises(OSError, match="in use"):
            await second.run()


async def test_many_clients_at_once_are_all_answered() -> None:
    async with served() as node:
        answers: list[object] = []

        async def client(number: int) -> None:
            async with await node.open() as stream:
                for call in range(10):
                    await stream.send_all(post(rpc("eth_blockNumber", request_id=number + call)))
                    answer = json.loads((await read_response(stream)).body)
                    assert answer["id"] == number + call
                    answers.append(answer["result"])

        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(client, number * 100)
        assert answers == ["0x2"] * 400


async def test_while_others_do_not_read_their_answers_calls_are_refused() -> None:
    limits = RpcLimits(unsent_bytes=1, burst_calls=100_000)
    call = post(rpc("aichain_status"))
    async with served(limits) as node:
        async with await node.open() as hoarder, trio.open_nursery() as nursery:
            nursery.start_soon(hoarder.send_all, call * 50_000)
            with trio.fail_after(DEADLINE_S):
                while (refused := await node.exchange(call)).status == 200:
                    pass
            assert refused.status == 503
            assert (await node.exchange(get("/health"))).status == 200
            nursery.cancel_scope.cancel()
        with trio.fail_after(DEADLINE_S):
            while (served_again := await node.exchange(call)).status == 503:
                pass
        assert served_again.status == 200
