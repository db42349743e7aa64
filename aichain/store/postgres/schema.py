"""The tables, made at the start; a database of another chain or a newer version is left alone."""

from dataclasses import dataclass
from typing import Final

from aichain.errors import ConfigError, WrongChain
from aichain.server_url import ServerUrl
from aichain.store.postgres.connections import TimedConnection
from genesis.units import U64_MAX
from native.hashing import Hash32, hash32

VERSION: Final = 1
SCHEMA: Final = "aichain"
LOCK: Final = int.from_bytes(b"aichain", "big")
"""Of the one who writes; advisory locks are numbers, and of one database."""
MAKING_LOCK: Final = LOCK + 1
_ANOTHER: Final = (
    "give another database with --index-url; or, if nobody needs what is in it: "
    f"DROP SCHEMA {SCHEMA} CASCADE"
)
# Amounts are integers of 10^-18 AI. Rows of one block lie side by side: BRIN finds them cheaply.
_TABLES: Final = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE TABLE {SCHEMA}.index_state (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version integer NOT NULL,
    chain_id bytea NOT NULL CHECK (octet_length(chain_id) = 32),
    first bigint NOT NULL,
    height bigint NOT NULL
);
CREATE TABLE {SCHEMA}.blocks (
    height bigint PRIMARY KEY,
    id bytea NOT NULL,
    epoch bigint NOT NULL,
    transactions integer NOT NULL,
    timestamp_ms bigint NOT NULL
);
CREATE TABLE {SCHEMA}.transactions (
    height bigint NOT NULL,
    index integer NOT NULL,
    id bytea NOT NULL,
    kind text NOT NULL,
    sender bytea NOT NULL,
    "to" bytea,
    amount numeric(78, 0) NOT NULL,
    fee_burned numeric(78, 0) NOT NULL,
    tip numeric(78, 0) NOT NULL,
    error text NOT NULL,
    timestamp_ms bigint NOT NULL,
    PRIMARY KEY (height, index)
);
CREATE INDEX transactions_id ON {SCHEMA}.transactions (id);
CREATE TABLE {SCHEMA}.account_transactions (
    address bytea NOT NULL,
    height bigint NOT NULL,
    index integer NOT NULL,
    PRIMARY KEY (address, height, index)
);
CREATE INDEX account_transactions_height ON {SCHEMA}.account_transactions USING brin (height);
COMMENT ON SCHEMA {SCHEMA} IS
    'Final transactions of an AI-Chain, written by aichain run --index-url; rebuilt from blocks.';
COMMENT ON TABLE {SCHEMA}.account_transactions IS
    'Whose a transaction is: its sender, and each address that an event of it names.';
COMMENT ON COLUMN {SCHEMA}.transactions.error IS
    'The rule it broke; empty where it broke none. A backslash is \\\\, a NUL is \\0.';
"""
_IS_THERE: Final = f"SELECT to_regclass('{SCHEMA}.index_state') IS NOT NULL".encode()
_STATE: Final = f"""
SELECT s.version, s.chain_id, s.first, s.height, b.id
FROM {SCHEMA}.index_state s LEFT JOIN {SCHEMA}.blocks b ON b.height = s.height
""".encode()


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far an index is."""

    first: int
    height: int
    tip: Hash32 | None
    """The block at `height`; None where none is known."""


def require_schema(connection: TimedConnection, url: ServerUrl, chain_id: Hash32) -> IndexState:
    """Make the tables where there are none. Raises WrongChain, ConfigError, psycopg.Error."""
    if not _value(connection, _IS_THERE):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MAKING_LOCK,))
            if not _value(connection, _IS_THERE):
                connection.execute(_TABLES.encode())
                connection.execute(
                    f"INSERT INTO {SCHEMA}.index_state (version, chain_id, first, height)"
                    " VALUES (%s, %s, 0, 0)".encode(),
                    (VERSION, chain_id),
                )
    return read_state(connection, url, chain_id)


def read_state(connection: TimedConnection, url: ServerUrl, chain_id: Hash32) -> IndexState:
    """How far it is. Raises WrongChain, ConfigError, psycopg.Error."""
    row = connection.execute(_STATE, binary=True).fetchone()
    if row is None:
        raise ConfigError(reason=f"the index at {url} has lost its state", fix=_ANOTHER)
    version, found, first, height, tip = row
    if version != VERSION:
        raise ConfigError(
            reason=f"the index at {url} is of version {version}, and this program knows {VERSION}",
            fix=f"run the program that made it; or {_ANOTHER}",
        )
    if found != chain_id:
        raise WrongChain(path=str(url), expected=chain_id.hex(), found=found.hex(), fix=_ANOTHER)
    return IndexState(first, height, None if tip is None else hash32(tip))


def require_same_blocks(
    connection: TimedConnection, url: ServerUrl, height: int, block_id: Hash32
) -> bool:
    """Whether our block is there, too; WrongChain where another one is in its place.

    Two chains may have one genesis: a test network that was begun anew.
    """
    assert height <= U64_MAX
    row = connection.execute(
        f"SELECT id FROM {SCHEMA}.blocks WHERE height = %s".encode(), (height,), binary=True
    ).fetchone()
    if row is not None and row[0] != block_id:
        raise other_blocks(url, block_id, row[0])
    return row is not None


def other_blocks(url: ServerUrl, expected: Hash32, found: bytes) -> WrongChain:
    """What is there is of another chain with our genesis."""
    return WrongChain(path=str(url), expected=expected.hex(), found=found.hex(), fix=_ANOTHER)


def _value(connection: TimedConnection, query: bytes) -> object:
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def lock_writer(connection: TimedConnection) -> bool:
    """Whether this connection is the one that writes, until it is closed. Raises psycopg.Error.

    A server that only follows another one takes no writes, nor may every user write.
    """
    may_write = connection.execute(
        "SELECT current_setting('transaction_read_only') = 'off'"
        f" AND has_table_privilege('{SCHEMA}.index_state', 'UPDATE')".encode()
    ).fetchone()
    if may_write is None or not may_write[0]:
        return False  # and the lock is left to who may
    taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    return taken is not None and bool(taken[0])
