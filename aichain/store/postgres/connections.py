"""Connections to the server: none waits longer than it may, and few are open at a time."""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from time import monotonic
from typing import Final, Self, TypeVar

import psycopg
from psycopg.rows import TupleRow

from aichain.errors import ConfigError
from aichain.server_url import ServerUrl
from genesis import limits

APPLICATION: Final = "aichain"
_LOOK_S: Final = 0.1
"""How often a silent server's time is looked at."""
_RESERVE_MS: Final = 1_000
"""So much later than the server itself, who says more, we give up a statement."""
# A server that a dead node's connection leaves open keeps the lock of the writer that long.
_SESSION: Final = """
SET statement_timeout = {timeout_ms};
SET lock_timeout = {timeout_ms};
SET idle_in_transaction_session_timeout = {timeout_ms};
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SET synchronous_commit = off;
SET default_transaction_read_only = {read_only}
"""

R = TypeVar("R")
_REASONS: Final = {
    "": "does not answer, or lets this user not in",
    "53": "is out of disk, memory or connections",
    "57": "stops, or stopped a statement that took too long",
    "25": "takes no writes",
    "42": "has other tables, or no rights on them",
    "3F": "has other tables, or no rights on them",
}
"""By the class of an SQLSTATE; there is none where a connection is not made, or is lost."""


class ServerSilent(psycopg.OperationalError):
    """It has let the time of a statement pass."""


class TimedConnection(psycopg.Connection[TupleRow]):
    """psycopg's own, which waits for a silent server as long as that likes."""

    limit_ms: int = limits.INDEX_CONNECT_MS

    @classmethod
    def to(cls, url: ServerUrl, *, limit_ms: int, read_only: bool = False) -> Self:
        """Each statement may take `limit_ms`. Raises psycopg.Error; ConfigError for an address that
        libpq does not take, without its words: they repeat the part that it does not take."""
        try:
            given = psycopg.conninfo.conninfo_to_dict(url.text)
        except psycopg.ProgrammingError:
            raise ConfigError(
                reason=f"index_url = {url} is not an address of libpq",
                fix="correct its parameters, and what stands after each % in it",
            ) from None
        connection = cls.connect(
            url.text,
            autocommit=True,
            client_encoding="utf8",
            fallback_application_name=APPLICATION,
            connect_timeout=given.get("connect_timeout", limits.INDEX_CONNECT_MS // 1000),
        )
        connection.limit_ms = limit_ms + _RESERVE_MS
        settings = _SESSION.format(timeout_ms=limit_ms, read_only="on" if read_only else "off")
        try:
            connection.execute(settings.encode())
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def wait(
        self,
        gen: Generator[psycopg.waiting.Wait, psycopg.waiting.Ready | int, R],
        interval: float = _LOOK_S,
        timeout: float | None = None,
    ) -> R:
        """One exchange with the server; one that takes too long closes the connection."""
        return super().wait(self._in_time(gen), min(interval, _LOOK_S))

    def _in_time(
        self, exchange: Generator[psycopg.waiting.Wait, psycopg.waiting.Ready | int, R]
    ) -> Generator[psycopg.waiting.Wait, psycopg.waiting.Ready | int, R]:
        end_s = monotonic() + self.limit_ms / 1000
        try:
            waits_for = next(exchange)
            while True:
                ready = yield waits_for
                if monotonic() > end_s:
                    self.close()
                    raise ServerSilent(f"no answer within {self.limit_ms} ms")
                waits_for = exchange.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # an exception holds anything


class Readers:
    """At most INDEX_READERS connections, kept open between pages, for as many threads."""

    def __init__(self, url: ServerUrl) -> None:
        self._url = url
        self._idle: deque[TimedConnection] = deque()
        self._places = BoundedSemaphore(limits.INDEX_READERS)

    def all(self, query: bytes, values: tuple[object, ...]) -> list[TupleRow]:
        """The rows of a query. Raises psycopg.Error.

        A connection that lay idle while its server was started anew is replaced, once.
        """
        with self._place():
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._ask(self._open(), query, values)
            try:
                return self._ask(connection, query, values)
            except ServerSilent:
                raise
            except psycopg.OperationalError:
                self.close()  # those that lie beside it are no better
            return self._ask(self._open(), query, values)

    def close(self) -> None:
        """Those that are idle; the others are closed by who uses them, when they fail."""
        while True:
            try:
                connection = self._idle.pop()  # what a look at them says, another thread changes
            except IndexError:
                return
            connection.close()

    def _open(self) -> TimedConnection:
        return TimedConnection.to(self._url, limit_ms=limits.INDEX_PAGE_MS, read_only=True)

    def _ask(
        self, connection: TimedConnection, query: bytes, values: tuple[object, ...]
    ) -> list[TupleRow]:
        try:
            rows = connection.execute(query, values, binary=True).fetchall()
        except psycopg.Error:
            connection.close()
            raise
        self._idle.append(connection)
        return rows

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=limits.INDEX_PAGE_MS / 1000):
            raise psycopg.OperationalError("all connections for pages are in use")
        try:
            yield
        finally:
            self._places.release()


def reason_of(error: psycopg.Error) -> str:
    """What failed, without the names of servers, users and databases: anybody may read it."""
    state = (error.sqlstate or "")[:2]
    return f"the PostgreSQL server {_REASONS.get(state, 'reports an error')}"


def cause_of(error: psycopg.Error) -> str:
    """The same with what the server says, in one line of limited length, for the operator's log.

    libpq names hosts and users in its errors, never passwords.
    """
    words = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return f"{reason_of(error)}: {words[: limits.INDEX_REASON_MAX_CHARS]}"
