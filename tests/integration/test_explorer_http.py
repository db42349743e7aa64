"""The explorer behind the RPC server's socket: HEAD, compression, budgets, and a real node."""

import gzip
from pathlib import Path

import pytest
import trio

from aichain.explorer.routes import ROUTES
from aichain.explorer.site import Explorer
from aichain.rpc.limits import RpcLimits
from tests.integration.explored_nodes import SENDER, explored
from tests.unit.aichain.rpc.serving import Response, get, post, read_response, rpc, served

HTML = "text/html"


async def test_pages_and_rpc_are_served_side_by_side() -> None:
    async with served(site=Explorer) as node:
        page = await node.exchange(get("/", accept=HTML))
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.body.startswith(b"<!doctype html>")
        assert b"JSON-RPC 2.0" in (await node.exchange(get("/"))).body
        assert (await node.exchange(get("/health"))).headers["content-type"] == "application/json"
        assert (await node.call("eth_blockNumber"))["result"] == "0x2"
        missing = await node.exchange(get("/nothing"))
        assert (missing.status, missing.headers["connection"]) == (404, "keep-alive")


async def test_without_a_site_there_are_no_pages() -> None:
    async with served() as node:
        assert b"JSON-RPC 2.0" in (await node.exchange(get("/", accept=HTML))).body
        assert (await node.exchange(get("/blocks"))).status == 404


async def test_head_has_the_head_of_get_and_no_body() -> None:
    async with served(site=Explorer) as node, await node.open() as stream:
        for path in ("/block/1", "/assets/page.js", "/health", "/nothing"):
            await stream.send_all(get(path))
            whole = await read_response(stream)
            await stream.send_all(get(path).replace(b"GET", b"HEAD", 1) + get("/ready"))
            head = await read_head(stream)
            assert head.status == whole.status
            assert head.headers["content-length"] == whole.headers["content-length"]
            assert head.headers.get("etag") == whole.headers.get("etag")
            following = await read_response(stream, head.rest)
            assert following.headers["content-type"] == "application/json"


async def read_head(stream: trio.SocketStream) -> Response:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some(65536)
    head, rest = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Response(int(first.split(" ")[1]), headers, b"", rest)


async def test_pages_are_compressed_and_not_sent_twice() -> None:
    async with served(site=Explorer) as node:
        packed = await node.exchange(get("/block/1", accept_encoding="gzip"))
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body).startswith(b"<!doctype html>")
        again = await node.exchange(get("/block/1", if_none_match=packed.headers["etag"]))
        assert (again.status, again.body) == (304, b"")
        assert "content-length" not in again.headers


async def test_a_page_is_paid_for_as_its_calls_are() -> None:
    few = RpcLimits(calls_per_second=1, burst_calls=30)
    async with served(few, site=Explorer) as node:
        assert (await node.exchange(get("/blocks"))).status == 200
        refused = await node.exchange(get("/blocks"))
        assert refused.status == 429
        assert b"Too many visits" in refused.body
        assert int(refused.headers["retry-after"]) > 1
        assert (await node.exchange(post(rpc("eth_chainId")))).status == 200


async def test_a_strange_host_or_origin_sees_no_page() -> None:
    async with served(site=Explorer) as node:
        assert (await node.exchange(get("/", host="evil.example", accept=HTML))).status == 421
        assert (await node.exchange(get("/", origin="https://evil.example"))).status == 403
        own = await node.exchange(
            get("/", host="127.0.0.1", origin="http://127.0.0.1", accept=HTML)
        )
        assert own.status == 200


async def test_a_node_shows_its_own_chain(tmp_path: Path) -> None:
    """All pages of a validator among four; with its index of accounts there is a history."""
    async with explored(tmp_path) as node:
        assert any(route.pattern == "/consensus" for route in ROUTES)
        for path in node.paths().values():
            answer = await visit(node.address, path)
            assert answer.status == 200, path
            assert b"<script>alert" not in answer.body
        page = (await visit(node.address, f"/address/{SENDER}")).body.decode()
        assert page.count("/tx/0x") == len(node.transactions)
        page = (
            await visit(node.address, f"/certificate/{node.node.height}?verify=1")
        ).body.decode()
        assert page.count("✓ holds") >= 3
        uptime = (await visit(node.address, "/validators")).body.decode()
        assert uptime.count('class="cell"') >= 4


async def visit(address: str, path: str) -> Response:
    port = int(address.rpartition(":")[2])
    with trio.fail_after(30):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(get(path, accept=HTML))
            return await read_response(stream)


@pytest.mark.parametrize("path", ["/consensus", "/validators", "/charts"])
async def test_a_chain_without_blocks_has_pages_too(path: str) -> None:
    async with served(site=Explorer, blocks=0) as node:
        assert (await node.exchange(get(path))).status == 200
