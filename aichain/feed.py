"""Finalized-block feed: one writer that never waits, many bounded readers that may be dropped."""

from typing import Generic, Self, TypeVar

import trio

from aichain.errors import ReaderLagged, TooManyReaders

T = TypeVar("T")


class Subscription(Generic[T]):
    """The reading end: `with feed.subscribe() as items: async for item in items`.

    A reader that falls behind still gets what was queued for it and then `ReaderLagged`;
    a feed that closes ends the iteration.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._send: trio.MemorySendChannel[T]
        self._receive: trio.MemoryReceiveChannel[T]
        self._send, self._receive = trio.open_memory_channel[T](capacity)
        self._lagged = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            if self._lagged:
                raise ReaderLagged(capacity=self._capacity) from None
            raise StopAsyncIteration from None

    def offer(self, item: T) -> bool:
        """For the feed: queue `item`; False when this reader has closed or is too far behind."""
        try:
            self._send.send_nowait(item)
        except trio.WouldBlock:
            self._lagged = True
            self._send.close()
            return False
        except trio.BrokenResourceError:
            return False
        return True

    @property
    def lagged(self) -> bool:
        return self._lagged

    @property
    def listening(self) -> bool:
        return self._send.statistics().open_receive_channels > 0

    def end(self) -> None:
        """For the feed: nothing more follows what is queued."""
        self._send.close()

    def close(self) -> None:
        """For the reader: stop listening. The feed forgets this reader at its next item."""
        self._receive.close()


class Feed(Generic[T]):
    """Owned by the writer; every method runs on the trio thread."""

    def __init__(self, *, capacity: int, max_readers: int) -> None:
        assert capacity > 0
        assert max_readers > 0
        self._capacity = capacity
        self._max_readers = max_readers
        self._readers: list[Subscription[T]] = []
        self._closed = False
        self.lagged_readers = 0
        """Readers dropped so far, for the metrics."""

    @property
    def readers(self) -> int:
        return len(self._readers)

    def publish(self, item: T) -> None:
        """Hand `item` to every reader at once; a full reader is dropped, the others do not wait."""
        kept = [reader for reader in self._readers if reader.offer(item)]
        self.lagged_readers += sum(reader.lagged for reader in self._readers)
        self._readers = kept

    def subscribe(self) -> Subscription[T]:
        """Items published from now on. Raises TooManyReaders at the limit."""
        subscription: Subscription[T] = Subscription(self._capacity)
        if self._closed:
            subscription.end()
            return subscription
        self._readers = [reader for reader in self._readers if reader.listening]
        if len(self._readers) >= self._max_readers:
            raise TooManyReaders(limit=self._max_readers)
        self._readers.append(subscription)
        return subscription

    def close(self) -> None:
        """End every reader after what is queued for it."""
        self._closed = True
        for reader in self._readers:
            reader.end()
        self._readers.clear()
