"""A fake node served on a real loopback socket, and raw HTTP to talk to it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from aichain.rpc.limits import RpcLimits
from aichain.rpc.server import RpcServer
from aichain.rpc.settings import RpcSettings
from aichain.rpc.site import Site
from genesis.document import GenesisDocument
from tests.clocks import FixedClock
from tests.unit.aichain.rpc.fake_backend import FakeBackend

NOW_MS = 1_900_000_000_000
DEADLINE_S = 30.0


@dataclass
class Served:
    """A running server and the node behind it."""

    backend: FakeBackend
    clock: FixedClock
    port: int

    async def open(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def exchange(self, request: bytes) -> "Response":
        """One request on a connection of its own."""
        async with await self.open() as stream:
            await stream.send_all(request)
            return await read_response(stream)

    async def call(self, method: str, *params: object, **headers: str) -> Any:
        response = await self.exchange(post(rpc(method, *params), **headers))
        return json.loads(response.body)


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes = b""


@asynccontextmanager
async def served(
    limits: RpcLimits | None = None,
    *,
    faults: bool = False,
    site: Callable[[Any, GenesisDocument], Site] | None = None,
    blocks: int = 2,
    **settings: Any,
) -> AsyncIterator[Served]:
    """A server with two blocks of history; cancelled at the end."""
    backend, clock = FakeBackend(), FixedClock(NOW_MS)
    for height in range(blocks):
        backend.extend([] if height else [backend.transfer()])
    wanted = RpcSettings(port=0, faults=faults, limits=limits or RpcLimits(), **settings)
    pages = None if site is None else site(backend, backend.document)
    server = RpcServer(backend, wanted, backend.metrics, clock, pages)
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(server.run)
        assert host == "127.0.0.1"
        yield Served(backend, clock, port)
        nursery.cancel_scope.cancel()


def rpc(method: str, *params: object, request_id: object = 1) -> bytes:
    call = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return json.dumps(call).encode()


def post(body: bytes, *, path: str = "/", **headers: str) -> bytes:
    """A POST of JSON; header names are written with _ for -."""
    named = {
        "host": "localhost",
        "content_type": "application/json",
        "content_length": str(len(body)),
    } | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    return f"POST {path} HTTP/1.1\r\n".encode() + _head(lines) + body


def get(path: str, **headers: str) -> bytes:
    named = {"host": "localhost"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    return f"GET {path} HTTP/1.1\r\n".encode() + _head(lines)


def _head(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


async def read_response(stream: trio.SocketStream, rest: bytes = b"") -> Response:
    """The next response; `rest` is what was read too much before."""
    data = rest
    while b"\r\n\r\n" not in data:
        more = await stream.receive_some(65536)
        assert more, f"the server closed after {data!r}"
        data += more
    head, data = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    length = int(headers.get("content-length", "0"))
    while len(data) < length:
        more = await stream.receive_some(65536)
        assert more, "the server closed inside a body"
        data += more
    return Response(int(first.split(" ")[1]), headers, data[:length], data[length:])
