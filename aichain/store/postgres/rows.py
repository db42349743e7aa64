"""Blocks as rows of the tables, and rows as entries of a history."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from aichain.errors import StoreCorrupt
from aichain.store.history_index import Entry, entry_of
from aichain.store.location import Location
from genesis.units import Address, read_address
from native.errors import AIChainError
from native.hashing import hash32
from vm.blocks import Block
from vm.bodies import Kind
from vm.receipts import Receipt, touched_accounts

Row: TypeAlias = tuple[object, ...]

BLOCK_TYPES: Final = ("int8", "bytea", "int8", "int4", "int8")
TRANSACTION_TYPES: Final = (
    *("int8", "int4", "bytea", "text", "bytea", "bytea", "numeric", "numeric", "numeric"),
    *("text", "int8"),
)
ACCOUNT_TYPES: Final = ("bytea", "int8", "int4")


def block_row(block: Block) -> Row:
    """Of `blocks`."""
    header = block.header
    count = len(block.transactions)
    return header.height, header.id, header.epoch, count, header.timestamp_ms


def transaction_rows(block: Block, receipts: Sequence[Receipt]) -> Iterator[Row]:
    """Of `transactions`."""
    for index in range(len(receipts)):
        entry = entry_of(block, receipts, index)
        yield (
            entry.location.height,
            index,
            entry.tx_id,
            entry.kind.name.lower(),
            entry.sender,
            entry.to,
            entry.amount,
            entry.fee_burned,
            entry.tip,
            escape(entry.error),
            entry.timestamp_ms,
        )


def account_rows(block: Block, receipts: Sequence[Receipt]) -> Iterator[Row]:
    """Of `account_transactions`."""
    height = block.header.height
    for address, indices in touched_accounts(block.transactions, receipts).items():
        for index in indices:
            yield address, height, index


def entry_of_row(row: Row) -> Entry:
    """Of what a page selects. StoreCorrupt where somebody else has written."""
    height, index, tx_id, kind, sender, to, amount, burned, tip, error, stamp = row
    try:
        return Entry(
            location=Location(int(str(height)), int(str(index))),
            tx_id=hash32(_bytes(tx_id)),
            kind=Kind[str(kind).upper()],
            sender=read_address(_bytes(sender)),
            to=None if to is None else _address(to),
            amount=int(str(amount)),
            fee_burned=int(str(burned)),
            tip=int(str(tip)),
            error=unescape(str(error)),
            timestamp_ms=int(str(stamp)),
        )
    except (AIChainError, KeyError, ValueError):
        raise StoreCorrupt(
            path="PostgreSQL", reason=f"transaction {index} of block {height} was changed there"
        ) from None


def escape(text: str) -> str:
    """PostgreSQL's texts hold every character but NUL."""
    return text.replace("\\", "\\\\").replace("\0", "\\0")


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    return "\\".join(part.replace("\\0", "\0") for part in text.split("\\\\"))


def _address(value: object) -> Address:
    return read_address(_bytes(value))


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes), "the columns have types"
    return value
