"""Whether the server lets us in, for `aichain doctor`; nothing is made there."""

import psycopg

from aichain.server_url import ServerUrl
from aichain.store.postgres.connections import TimedConnection, cause_of
from aichain.store.postgres.schema import SCHEMA
from genesis import limits

_IS_THERE = f"SELECT to_regclass('{SCHEMA}.index_state') IS NOT NULL".encode()
_HEIGHT = f"SELECT version, height FROM {SCHEMA}.index_state".encode()


def probe(url: ServerUrl) -> tuple[bool, str]:
    """Whether it answers, and what is there, or what is wrong; it names the user and the host."""
    try:
        connection = TimedConnection.to(url, limit_ms=limits.INDEX_PAGE_MS, read_only=True)
    except psycopg.Error as error:
        return False, cause_of(error)
    try:
        (is_there,) = connection.execute(_IS_THERE).fetchone() or (False,)
        row = connection.execute(_HEIGHT).fetchone() if is_there else None
        shown = "no index yet" if row is None else f"an index up to height {row[1]}"
        version = connection.info.server_version
        return True, f"{url}: PostgreSQL {version // 10_000}.{version % 10_000}, {shown}"
    except psycopg.Error as error:
        return False, cause_of(error)
    finally:
        connection.close()
