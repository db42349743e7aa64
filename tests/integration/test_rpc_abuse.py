"""A node that keeps finalizing while its RPC server is abused in every way of the corpus."""

import json
import re
import resource
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio import SocketStream
from wsproto.utilities import generate_accept_token

from aichain.rpc.limits import RpcLimits
from aichain.rpc.server import RpcServer
from aichain.rpc.settings import RpcSettings
from tests.integration.http_abuse import CALL, HIDDEN, Abuse, corpus, head
from tests.integration.loop_meter import measured
from tests.integration.nodes import RunningNode, cluster, until
from tests.integration.websocket_abuse import HANDSHAKE, KEY, WebSocketAbuse, frames
from tests.unit.aichain.rpc.serving import served

QUICK = RpcLimits(
    idle_timeout_s=2.0,
    read_timeout_s=0.5,
    write_timeout_s=0.5,
    linger_timeout_s=0.2,
    calls_per_second=100_000,
    burst_calls=100_000,
)
ANSWER_S = 20.0
FILES = 11_000
STEP_MAX_S = 0.1
"""Of processor time, on any machine: what is seen is a twentieth of it."""
BOMB = zlib.compress(bytes(50_000_000), 9)


@dataclass(frozen=True, slots=True)
class Victim:
    """A node that makes blocks alone, and a server of it with short limits."""

    node: RunningNode
    port: int

    async def open(self, address: str = "127.0.0.1") -> SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port, local_address=address)

    @asynccontextmanager
    async def held(self, count: int, *, addresses: int = 1) -> AsyncIterator[list[SocketStream]]:
        """So many connections from so many addresses, closed at the end."""
        held: list[SocketStream] = []
        try:
            while len(held) < count:
                held.append(await self.open(f"127.0.{len(held) % addresses}.1"))
            yield held
        finally:
            for stream in held:
                await trio.aclose_forcefully(stream)

    async def answer(self, data: bytes) -> bytes:
        """All that the server says on a connection of its own, until it closes it."""
        said = b""
        async with await self.open() as stream, trio.open_nursery() as nursery:
            nursery.start_soon(_send, stream, data)
            with trio.fail_after(ANSWER_S):
                try:
                    while more := await stream.receive_some(65536):
                        said += more
                        if b"connection: close" in said and said.endswith(b"}"):
                            break  # it lingers for what else is sent
                except trio.BrokenResourceError:
                    pass
            nursery.cancel_scope.cancel()
        return said

    async def lives(self) -> None:
        """It answers an honest caller, and makes the next block."""
        height = self.node.height
        said = await self.answer(_call(CALL, "Connection: close"))
        assert b'"result":"0x' in said, said[:300]
        await until(lambda: self.node.height > height)


@asynccontextmanager
async def victim(folder: Path, limits: RpcLimits = QUICK) -> AsyncIterator[Victim]:
    async with cluster(folder, 1) as net:
        node = await net.start(0)
        await until(lambda: node.height >= 1)
        context = node.rpc
        metrics = node.node.context.metrics
        server = RpcServer(
            context.backend, RpcSettings(port=0, limits=limits), metrics, context.clock
        )
        _, port = await net.nursery.start(server.run)
        yield Victim(node, port)


def _call(body: bytes, *lines: str) -> bytes:
    return head(*lines, f"Content-Length: {len(body)}") + body


async def _send(stream: SocketStream, data: bytes) -> None:
    try:
        await stream.send_all(data)
    except (trio.BrokenResourceError, trio.BusyResourceError):
        return


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", said)]


async def test_each_request_of_the_corpus_is_answered_once_and_closed(tmp_path: Path) -> None:
    cases = corpus(BOMB)
    assert len({case.name for case in cases}) == len(cases) > 120
    async with victim(tmp_path) as node:
        with measured() as meter:
            for case in cases:
                await _require_one_refusal(node, case)
            await node.lives()
        assert meter.steps > len(cases)
        assert meter.longest_s < STEP_MAX_S


async def _require_one_refusal(node: Victim, case: Abuse) -> None:
    said = await node.answer(case.data)
    (status,) = statuses(said) or (0,)
    assert status in case.statuses, (case.name, said[:300])
    assert b"connection: close" in said, case.name
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"], case.name


async def test_what_stands_behind_a_good_request_is_no_part_of_it(tmp_path: Path) -> None:
    """The good one may be answered or not; nothing that is hidden behind a bad one ever is."""
    async with victim(tmp_path) as node:
        for case in corpus(BOMB):
            if case.data.endswith(HIDDEN):
                said = await node.answer(_call(CALL) + case.data)
                assert b"finalizedAgoMs" not in said, case.name
                assert statuses(said)[-1] in case.statuses, case.name


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe[\x00]\x00",
        b"\xef\xbb\xbf" + CALL,
        CALL.decode().encode("utf-16"),
        b"\xc0\xaf" + CALL,
        b'{"jsonrpc":"2.0","id":1,"method":"\xed\xa0\x80"}',
        b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
        b"[" * 900_000,
        b'{"a":' * 150_000,
        b"[" + b"[" * 400_000 + b"]" * 400_000 + b"]",
        b'{"jsonrpc":"2.0","id":' + b"[" * 100_000 + b"]" * 100_000 + b',"method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":1,"method":"aichain_getBlock","params":[' + b"9" * 900_000 + b"]}",
        b'{"jsonrpc":"2.0","id":' + b"9" * 900_000 + b',"method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":1e999999999,"method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":1,"method":"aichain_getBlock","params":[1e999999999]}',
        b'{"jsonrpc":"2.0","id":1,"method":"aichain_getBlock","params":[-1e-99999]}',
        b'{"jsonrpc":"2.0","id":1,"method":"aichain_getBlock","params":[NaN]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x'
        + b"f" * 900_000
        + b'",false]}',
        b'{"jsonrpc":"2.0","id":1,"method":"' + b"m" * 900_000 + b'"}',
        b"[" + b",".join([CALL] * 101) + b"]",
        b"[" + b",".join([b"1"] * 400_000) + b"]",
        b"[" + b",".join([b"[]"] * 100) + b"]",
        b"[" + b",".join([b"[" + CALL + b"]"] * 100) + b"]",
        b'"' + b"\\u0041" * 150_000 + b'"',
        b"\0" * 900_000,
        b" " * 900_000,
        b"null",
        b"",
    ],
    ids=range(27),
)
async def test_a_body_that_is_no_call_is_an_error_and_nothing_more(
    tmp_path: Path, body: bytes
) -> None:
    async with served(limits=QUICK) as node:
        with measured() as meter:
            response = await node.exchange(_call(body))
        assert response.status == 200
        answers = json.loads(response.body)
        for answer in answers if isinstance(answers, list) else [answers]:
            assert answer["error"]["code"] in (-32700, -32600, -32602)
        assert len(response.body) < 100_000
        assert meter.longest_s < STEP_MAX_S


async def test_slow_clients_are_cut_off_and_the_chain_goes_on(tmp_path: Path) -> None:
    """Slowloris in each of its forms, on as many connections as one address may have."""
    slow_head, slow_body = head("X: y"), _call(CALL)[: -len(CALL)]
    async with victim(tmp_path) as node, trio.open_nursery() as nursery:
        ended: list[bytes] = []
        for _ in range(15):
            for start, drip in (
                (b"", slow_head),
                (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 100),
                (slow_body, CALL * 10),
                (_call(CALL) + b"POST ", b"/" * 100),
            ):
                nursery.start_soon(_drip, node, start, drip, ended)
        await until(lambda: len(ended) == 60)
        assert all(statuses(said)[-1:] == [408] for said in ended), ended[0][:200]
        await node.lives()


async def _drip(node: Victim, start: bytes, drip: bytes, ended: list[bytes]) -> None:
    """A byte every tenth of what a request may take, until the server has had enough."""
    said = b""
    async with await node.open() as stream, trio.open_nursery() as nursery:

        async def read() -> None:
            nonlocal said
            try:
                while more := await stream.receive_some(65536):
                    said += more
            except trio.BrokenResourceError:
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(read)
        await _send(stream, start)
        for byte in drip:
            await _send(stream, bytes([byte]))
            await trio.sleep(0.05)
        await trio.sleep_forever()
    ended.append(said)


async def test_clients_that_do_not_read_are_dropped(tmp_path: Path) -> None:
    """A flood of pipelined requests whose answers nobody takes."""
    listing = _call(b'{"jsonrpc":"2.0","id":1,"method":"aichain_validators","params":[1]}')
    async with victim(tmp_path) as node, node.held(20) as streams, trio.open_nursery() as nursery:
        with measured() as meter:
            for stream in streams:
                nursery.start_soon(_send, stream, listing * 2_000)
            await node.lives()
            await trio.sleep(QUICK.write_timeout_s)
            await node.lives()
        assert meter.longest_s < STEP_MAX_S
        for stream in streams:
            with trio.fail_after(ANSWER_S):
                await _read_out(stream)
        nursery.cancel_scope.cancel()


async def _read_out(stream: SocketStream) -> None:
    try:
        while await stream.receive_some(1 << 20):
            pass
    except trio.BrokenResourceError:
        return


async def test_a_flood_of_pipelined_requests_lets_others_in(tmp_path: Path) -> None:
    async with victim(tmp_path) as node, node.held(8) as streams, trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(_send, stream, _call(CALL) * 20_000)
            nursery.start_soon(_read_out, stream)
        with measured() as meter:
            for _ in range(3):
                await node.lives()
        assert meter.longest_s < STEP_MAX_S
        nursery.cancel_scope.cancel()


@contextmanager
def _many_files() -> Iterator[int]:
    """How many sockets this process may open besides what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield max(soft, wanted) - 500
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("sockets", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_idle_sockets_take_nobodys_place(tmp_path: Path, sockets: int) -> None:
    """From many addresses. The server holds as many as it may, and hangs up on the others."""
    async with victim(tmp_path) as node:
        with _many_files() as most:
            count = min(sockets, most)
            async with node.held(count, addresses=200):
                height = node.node.height
                await until(lambda: node.node.height >= height + 2)
                # Those that it held say nothing, so they go, and there is room again.
                await trio.sleep(QUICK.idle_timeout_s)
                await node.lives()


@pytest.mark.parametrize("case", frames(BOMB), ids=lambda case: case.name)
async def test_a_frame_that_breaks_the_rules_ends_its_connection(case: WebSocketAbuse) -> None:
    async with served(limits=case.limits) as node:
        async with await node.open() as stream:
            with measured() as meter:
                said = await _talk(stream, case)
        assert generate_accept_token(KEY) in said
        assert case.is_closed_with(said.partition(b"\r\n\r\n")[2]), said[-200:]
        assert meter.longest_s < STEP_MAX_S
        with trio.fail_after(ANSWER_S):
            while "result" not in await node.call("eth_chainId"):
                pass  # its address has spent what it may


async def _talk(stream: SocketStream, case: WebSocketAbuse) -> bytes:
    """All that the server says until it hangs up."""
    said = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, stream, HANDSHAKE + case.data)
        with trio.fail_after(ANSWER_S):
            try:
                while more := await stream.receive_some(65536):
                    said += more
            except trio.BrokenResourceError:
                pass
        nursery.cancel_scope.cancel()
    return said
