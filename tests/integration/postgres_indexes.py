"""Indexes on a test's server, filled from a made history; and batches that something ends."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from aichain.store.postgres.index import PostgresIndex
from tests.integration.postgres_server import PostgresServer
from tests.unit.aichain.rpc.fake_backend import FakeBackend
from vm.blocks import Block, Header
from vm.receipts import Receipt

Blocks: TypeAlias = Sequence[tuple[Block, Sequence[Receipt]]]


def blocks_of(history: FakeBackend, first: int, last: int) -> Blocks:
    return [(view.block, view.receipts) for view in history.views[first : last + 1]]


def opened(server: PostgresServer, history: FakeBackend, **changes: str) -> PostgresIndex:
    url = server.server_url(**changes)
    return PostgresIndex(url, history.document.hash, partial(own_header, history))


def own_header(history: FakeBackend, height: int) -> Header:
    return history.views[min(height, len(history.views) - 1)].block.header


def filled(server: PostgresServer, history: FakeBackend, last: int = 30) -> PostgresIndex:
    index = opened(server, history)
    assert index.may_add(), index.cause
    index.add(blocks_of(history, index.height + 1, last))
    assert index.height == last, index.cause
    return index


class Interrupted(list[tuple[Block, Sequence[Receipt]]]):
    """Blocks; while the second half of them is written, something happens."""

    def __init__(self, blocks: Blocks, happens: Callable[[], None]) -> None:
        super().__init__(blocks)
        self.happens = happens

    def __iter__(self) -> Iterator[tuple[Block, Sequence[Receipt]]]:
        for number, each in enumerate(super().__iter__()):
            if number == len(self) // 2:
                self.happens()
                self.happens = lambda: None
            yield each
