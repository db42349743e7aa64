"""What the writer does to the tables, within a transaction of its caller."""

from collections.abc import Iterable, Sequence

from aichain.store.postgres import rows
from aichain.store.postgres.connections import TimedConnection
from aichain.store.postgres.schema import SCHEMA
from vm.blocks import Block
from vm.receipts import Receipt


def copy_blocks(
    blocks: Sequence[tuple[Block, Sequence[Receipt]]], connection: TimedConnection
) -> None:
    """All rows of these blocks. Raises psycopg.Error."""
    made: Iterable[rows.Row] = (rows.block_row(block) for block, _ in blocks)
    _copy(connection, "blocks", rows.BLOCK_TYPES, made)
    made = (row for each in blocks for row in rows.transaction_rows(*each))
    _copy(connection, "transactions", rows.TRANSACTION_TYPES, made)
    # In the order of the key, whose tree is then written from one end to the other.
    made = sorted(row for each in blocks for row in rows.account_rows(*each))
    _copy(connection, "account_transactions", rows.ACCOUNT_TYPES, made)


def delete_below(height: int, connection: TimedConnection) -> None:
    """All rows of lower blocks. Raises psycopg.Error."""
    for table in ("account_transactions", "transactions", "blocks"):
        query = f"DELETE FROM {SCHEMA}.{table} WHERE height < %s"
        connection.execute(query.encode(), (height,))


def _copy(
    connection: TimedConnection, table: str, types: tuple[str, ...], made: Iterable[rows.Row]
) -> None:
    query = f"COPY {SCHEMA}.{table} FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        copy.set_types(types)
        for row in made:
            copy.write_row(row)
