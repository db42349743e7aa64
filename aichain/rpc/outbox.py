"""What one reader has not been sent yet: so many messages, their bytes counted with all others'."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import trio

from aichain.rpc.limits import RpcLimits
from aichain.rpc.unsent import UnsentAnswers

T = TypeVar("T")


class Outbox(Generic[T]):
    """A queue with one writer, who takes messages and says when each was sent.

    Messages are bytes, which are counted, or a T, which is too small to be.
    """

    def __init__(self, limits: RpcLimits, unsent: UnsentAnswers) -> None:
        self._unsent = unsent
        self._in, self._out = trio.open_memory_channel[T | bytes](limits.outbox_messages)
        self._sent = trio.Event()
        self.waiting_bytes = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """What is not sent at the end does not wait any more."""
        try:
            yield
        finally:
            self._count(-self.waiting_bytes)

    @property
    def is_empty(self) -> bool:
        return not self._out.statistics().current_buffer_used

    def offer(self, message: bytes) -> bool:
        """Queue it without waiting; False where it has no place, or nobody writes any more."""
        try:
            self._in.send_nowait(message)
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            return False
        self._count(len(message))
        return True

    async def put(self, message: T | bytes) -> None:
        """Queue it once there is a place; without a writer it is lost."""
        size_bytes = _size_of(message)
        self._count(size_bytes)
        try:
            await self._in.send(message)
        except trio.BrokenResourceError:
            self._count(-size_bytes)

    def end(self) -> None:
        """Nothing more is queued; what is, is still sent."""
        self._in.close()

    async def take(self) -> T | bytes:
        """The next message. Raises trio.EndOfChannel after the last one."""
        return await self._out.receive()

    def sent(self, message: T | bytes) -> None:
        """It does not wait any more."""
        self._count(-_size_of(message))
        self._sent.set()
        self._sent = trio.Event()

    def abandon(self) -> None:
        """The writer is gone: whoever waits for a place is let go."""
        self._out.close()

    async def wait_below(self, size_bytes: int) -> None:
        """Until no more than so many bytes wait."""
        while self.waiting_bytes > size_bytes:
            await self._sent.wait()

    def _count(self, size_bytes: int) -> None:
        self.waiting_bytes += size_bytes
        self._unsent.add(size_bytes)


def _size_of(message: object) -> int:
    return len(message) if isinstance(message, bytes) else 0
