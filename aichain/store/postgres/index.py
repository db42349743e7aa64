"""The index of accounts in a PostgreSQL database that several nodes may share: one writes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import psycopg

from aichain.errors import ConfigError, NodeError, StoreCorrupt, StoreFailed, WrongChain
from aichain.server_url import ServerUrl
from aichain.store.history_index import Entry
from aichain.store.location import Location
from aichain.store.postgres import rows
from aichain.store.postgres.connections import Readers, TimedConnection, cause_of, reason_of
from aichain.store.postgres.schema import (
    SCHEMA,
    lock_writer,
    other_blocks,
    read_state,
    require_same_blocks,
    require_schema,
)
from aichain.store.postgres.writing import copy_blocks, delete_below
from genesis import limits
from genesis.units import Address
from native.hashing import Hash32
from vm.blocks import Block, Header
from vm.receipts import Receipt

PLACE: Final = "PostgreSQL"
_NOT_OURS: Final = "the PostgreSQL database is not of this chain, or of another version"
_HIGHEST: Final = Location((1 << 63) - 1, 0)
"""Above all: a bigint has no more."""
# The inner query reads the primary key from its end and stops at the limit.
_PAGE: Final = f"""
SELECT height, index, t.id, t.kind, t.sender, t."to", t.amount, t.fee_burned, t.tip, t.error,
    t.timestamp_ms
FROM (
    SELECT height, index FROM {SCHEMA}.account_transactions
    WHERE address = %s AND (height, index) < (%s, %s)
    ORDER BY height DESC, index DESC LIMIT %s
) a JOIN {SCHEMA}.transactions t USING (height, index)
ORDER BY height DESC, index DESC
""".encode()
_MOVE: Final = f"""
UPDATE {SCHEMA}.index_state SET first = %s, height = %s WHERE first = %s AND height = %s
""".encode()


class PostgresIndex:
    """Implements `HistoryIndex`. Progress stands in the transaction that makes it, so that
    whatever is killed goes on exactly where the server stands.
    """

    def __init__(
        self, url: ServerUrl, chain_id: Hash32, own_header: Callable[[int], Header]
    ) -> None:
        """`own_header` is of our final block at a height, or of our head where we have none there.

        A server that is away is tried again later. Raises WrongChain, ConfigError for what that
        would not mend.
        """
        self.failed = ""
        self.first = self.height = 0
        self._url = url
        self._chain_id = chain_id
        self._own_header = own_header
        self._told = ("", "")
        """What failed last, for everybody and for the operator."""
        self._tip: Hash32 | None = None
        self._is_writer = self._is_same = False
        self._writer: TimedConnection | None = None
        self._readers = Readers(url)
        try:
            self._open()
        except psycopg.Error as error:
            self._fail(error)
        except NodeError:
            self.close()
            raise

    @property
    def cause(self) -> str:
        """With what the server said."""
        failed, cause = self._told
        return cause if failed == self.failed else self.failed

    @property
    def is_mendable(self) -> bool:
        """The database is sound, whatever happens to us."""
        return True

    def page(self, address: Address, before: Location | None, limit: int) -> tuple[Entry, ...]:
        """The newest entries of an account below `before`. Raises StoreCorrupt, StoreFailed."""
        if self.failed:
            raise StoreFailed(path=PLACE, reason=self.failed)
        below = _HIGHEST if before is None else min(before, _HIGHEST)
        try:
            found = self._readers.all(_PAGE, (address, below.height, below.index, limit))
        except psycopg.Error as error:
            self._told = reason_of(error), cause_of(error)
            raise StoreFailed(path=PLACE, reason=reason_of(error)) from None
        return tuple(map(rows.entry_of_row, found))

    def may_add(self) -> bool:
        """Whether this node is the one that writes; else what the other one wrote is seen."""
        if self.failed or self._writer is None:
            return False
        try:
            if not self._is_writer:
                self._is_writer = lock_writer(self._writer)
                self._read(self._writer)
            if not self._is_same:
                self._compare(self._writer)
        except (psycopg.Error, WrongChain, ConfigError) as error:
            self._fail(error)
        return self._is_writer

    def add(self, blocks: Sequence[tuple[Block, Sequence[Receipt]]]) -> None:
        """The blocks that follow `height`, in order, in one transaction."""
        if self.failed or not blocks:
            return
        header, last = blocks[0][0].header, blocks[-1][0].header
        if self._tip is not None and header.parent_id != self._tip:
            self._fail(other_blocks(self._url, header.parent_id, self._tip))
            return
        if self._write(partial(copy_blocks, blocks), self.first, last.height):
            self._tip = last.id
            self._is_same = True

    def start_at(self, first: int) -> None:
        """Blocks below `first` are not kept, or never were; what is here of them goes, too."""
        while not self.failed and self.first < first:
            lowest = self._lowest()
            if self.failed:
                return
            last = min(first, max(self.first, lowest) + limits.PRUNED_BLOCKS_AT_ONCE)
            height = max(self.height, last - 1)
            if height != self.height:
                self._tip = None  # a block that nobody here has seen
            self._write(partial(delete_below, last), last, height)

    def give_up(self, error: StoreCorrupt | StoreFailed) -> None:
        """Until it is opened again."""
        self.failed = error.reason

    def reopen(self) -> bool:
        """Connect anew, and see how far it is."""
        self.close()
        self.failed = ""
        try:
            self._open()
        except (psycopg.Error, WrongChain, ConfigError) as error:
            self._fail(error)
        return not self.failed

    def close(self) -> None:
        """Whoever waits to write may."""
        self._is_writer = self._is_same = False
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._readers.close()

    def _open(self) -> None:
        self._writer = TimedConnection.to(self._url, limit_ms=limits.INDEX_WRITE_MS)
        require_schema(self._writer, self._url, self._chain_id)
        self._is_writer = lock_writer(self._writer)
        self._read(self._writer)
        self._compare(self._writer)

    def _read(self, connection: TimedConnection) -> None:
        state = read_state(connection, self._url, self._chain_id)
        self.first, self.height, self._tip = state.first, state.height, state.tip

    def _compare(self, connection: TimedConnection) -> None:
        own = self._own_header(self.height)
        self._is_same = require_same_blocks(connection, self._url, own.height, own.id)

    def _write(self, change: Callable[[TimedConnection], None], first: int, height: int) -> bool:
        """The change and the progress that it is, or nothing."""
        assert self._writer is not None, "who may add has a connection"
        try:
            with self._writer.transaction():
                change(self._writer)
                moved = self._writer.execute(_MOVE, (first, height, self.first, self.height))
                if moved.rowcount != 1:
                    raise psycopg.OperationalError("somebody else has written without the lock")
        except psycopg.Error as error:
            self._fail(error)
            return False
        self.first, self.height = first, height
        return True

    def _lowest(self) -> int:
        """Below it there is nothing to prune: most of a chain that was joined."""
        assert self._writer is not None
        try:
            row = self._writer.execute(f"SELECT min(height) FROM {SCHEMA}.blocks".encode())
            found = row.fetchone()
        except psycopg.Error as error:
            self._fail(error)
            return 0
        return _HIGHEST.height if found is None or found[0] is None else int(found[0])

    def _fail(self, error: psycopg.Error | WrongChain | ConfigError) -> None:
        if isinstance(error, psycopg.Error):
            self._told = reason_of(error), cause_of(error)
        else:
            self._told = _NOT_OURS, f"{error}; fix: {error.fix}"
        self.failed = self._told[0]
        self._is_writer = False
        if self._writer is not None:
            self._writer.close()
