"""Pushes final blocks to WebSocket subscribers: renders once, and never waits for a reader."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from aichain.errors import ReaderLagged
from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.topics import Topic

Renderer = Callable[[Backend, BlockView], Awaitable[object]]


class Reader(Protocol):
    """A connection that may have subscriptions."""

    def wants(self, topic: Topic) -> bool: ...

    def notify(self, topic: Topic, result: bytes) -> None:
        """Queue a notification, or mark this reader as lagged; never waits."""
        ...

    def lag(self) -> None:
        """Notifications were lost before they reached this reader."""
        ...


class Hub:
    """One reader of the node's feed, many connections."""

    def __init__(self, backend: Backend, renderers: Mapping[Topic, Renderer]) -> None:
        self._backend = backend
        self._renderers = renderers
        self._readers: set[Reader] = set()

    def add(self, reader: Reader) -> None:
        self._readers.add(reader)

    def discard(self, reader: Reader) -> None:
        self._readers.discard(reader)

    async def run(self) -> None:
        """Until the node closes its feed."""
        while True:
            with self._backend.final_blocks() as blocks:
                try:
                    async for block in blocks:
                        await self._publish(block)
                except ReaderLagged:
                    for reader in self._readers:
                        reader.lag()
                else:
                    return

    async def _publish(self, block: BlockView) -> None:
        for topic, render in self._renderers.items():
            wanting = [reader for reader in self._readers if reader.wants(topic)]
            if not wanting:
                continue
            result = msgspec.json.encode(await render(self._backend, block))
            for reader in wanting:
                if reader in self._readers:
                    reader.notify(topic, result)
