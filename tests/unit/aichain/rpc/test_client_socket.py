"""A client's socket: what is sent at once, what waits, and what is told when it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from aichain.rpc.client_socket import ClientSocket

DEADLINE_S = 10.0


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[ClientSocket, trio.SocketStream]]:
    """Both ends of a connection on loopback."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        async with await trio.open_tcp_stream("127.0.0.1", port) as theirs:
            ours = ClientSocket(await listener.accept())
            with trio.fail_after(DEADLINE_S):
                yield ours, theirs
            ours.close()


async def test_what_the_kernel_takes_is_sent_without_waiting() -> None:
    async with pair() as (ours, theirs):
        assert ours.peer_name() == "127.0.0.1"
        assert ours.send_now(b"hello") == 5
        assert await theirs.receive_some(10) == b"hello"
        await theirs.send_all(b"and back")
        assert await ours.receive_some(100) == b"and back"


async def test_more_than_the_kernel_takes_waits_for_the_reader() -> None:
    async with pair() as (ours, theirs):
        data = bytes(range(256)) * 100_000
        sent = ours.send_now(data)
        assert 0 < sent < len(data)
        while more := ours.send_now(data[sent:]):
            sent += more
        received = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.send_all, data[sent:])
            while len(received) < len(data):
                received += await theirs.receive_some(1 << 20)
        assert received == data


async def test_the_end_of_the_other_side_is_seen() -> None:
    async with pair() as (ours, theirs):
        await theirs.send_eof()
        assert await ours.receive_some(10) == b""
        await ours.send_eof()
        assert await theirs.receive_some(10) == b""


async def test_a_connection_that_was_reset_is_broken() -> None:
    async with pair() as (ours, theirs):
        ours.send_now(b"unread")
        await trio.sleep(0.01)
        await theirs.aclose()  # with unread bytes: a reset
        with pytest.raises(trio.BrokenResourceError):
            await _send_until_told(ours)


async def _send_until_told(socket: ClientSocket) -> None:
    while True:
        socket.send_now(b"x")
        await trio.sleep(0.01)


async def test_a_closed_socket_says_so() -> None:
    async with pair() as (ours, _):
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await ours.receive_some(10)

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            ours.close()
        ours.close()
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some(10)
        with pytest.raises(trio.BrokenResourceError):
            ours.send_now(b"x")


async def test_a_long_send_ends_with_the_connection() -> None:
    async with pair() as (ours, theirs), trio.open_nursery() as nursery:

        async def write() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await ours.send_all(bytes(50_000_000))

        nursery.start_soon(write)
        await trio.sleep(0.05)
        await theirs.aclose()
