"""The working copy of one block: reads fall through to a state, writes stay here until the end.

It is the only mutable value of the room, and it lives inside one call of apply_block,
build_block or check_transaction. A transaction that fails after it was charged is undone.
"""

from typing import Generic, TypeVar

from genesis.document import GenesisDocument
from genesis.epochs import epoch_of_height
from genesis.units import Address
from vm.records import (
    Account,
    account_key,
    counter_key,
    decode_account,
    decode_amount_record,
    encode_account,
    encode_amount_record,
)
from vm.state import State, StateReader

Key = TypeVar("Key")
Value = TypeVar("Value")


class Sheet(Generic[Key, Value]):
    """One kind of record: as it was before the block, as it is now, and before the transaction."""

    __slots__ = ("after", "before", "saved")

    def __init__(self) -> None:
        self.before: dict[Key, Value] = {}
        self.after: dict[Key, Value] = {}
        self.saved: dict[Key, Value] = {}

    def load(self, key: Key, value: Value) -> Value:
        """Note what the state holds under a key that is read for the first time."""
        self.before[key] = self.after[key] = value
        return value

    def put(self, key: Key, value: Value) -> None:
        """Write a key that was loaded."""
        self.saved.setdefault(key, self.after[key])
        self.after[key] = value

    def begin(self) -> None:
        self.saved.clear()

    def undo(self) -> None:
        self.after.update(self.saved)
        self.saved.clear()


class Draft:
    """Accounts and counters as values, every other record as bytes."""

    __slots__ = (
        "accounts",
        "base_fee",
        "block_version",
        "counters",
        "document",
        "epoch",
        "height",
        "records",
        "state",
    )

    def __init__(self, state: State, height: int) -> None:
        self.state = state
        self.document: GenesisDocument = state.document
        self.height = height
        self.epoch = epoch_of_height(height, state.document.consensus.epoch_blocks)
        self.base_fee = state.base_fee
        self.block_version = state.document.block_version(height)
        self.accounts: Sheet[Address, Account | None] = Sheet()
        self.counters: Sheet[str, int] = Sheet()
        self.records: Sheet[bytes, bytes | None] = Sheet()

    def account(self, address: Address) -> Account | None:
        try:
            return self.accounts.after[address]
        except KeyError:
            return self.accounts.load(address, read_account(self.state, address))

    def put_account(self, address: Address, account: Account) -> None:
        """Write an account that was read before."""
        self.accounts.put(address, account)

    def record(self, key: bytes) -> bytes | None:
        try:
            return self.records.after[key]
        except KeyError:
            return self.records.load(key, self.state.get(key))

    def put_record(self, key: bytes, value: bytes | None) -> None:
        """Write a record that was read before; None removes it."""
        self.records.put(key, value)

    def counter(self, name: str) -> int:
        try:
            return self.counters.after[name]
        except KeyError:
            return self.counters.load(name, read_counter(self.state, name))

    def put_counter(self, name: str, count: int) -> None:
        """Write a counter that was read before."""
        assert count >= 0, "a counter never falls below zero"
        self.counters.put(name, count)

    def begin(self) -> None:
        """From here on `undo` takes every write back."""
        self.accounts.begin()
        self.counters.begin()
        self.records.begin()

    def undo(self) -> None:
        self.accounts.undo()
        self.counters.undo()
        self.records.undo()

    def changes(self) -> dict[bytes, bytes | None]:
        """Every record that differs from the state's, encoded."""
        changes: dict[bytes, bytes | None] = {}
        for address, account in self.accounts.after.items():
            if account is not None and account != self.accounts.before[address]:
                changes[account_key(address)] = encode_account(account)
        for name, count in self.counters.after.items():
            if count != self.counters.before[name]:
                changes[counter_key(name)] = encode_amount_record(count)
        before = self.records.before
        changes.update(
            {key: value for key, value in self.records.after.items() if value != before[key]}
        )
        return changes


def read_account(reader: StateReader, address: Address) -> Account | None:
    """The account as committed; None if it has never held anything."""
    raw = reader.get(account_key(address))
    return None if raw is None else decode_account(raw)


def read_counter(reader: StateReader, name: str) -> int:
    """A counter as committed; 0 if it was never written."""
    raw = reader.get(counter_key(name))
    return 0 if raw is None else decode_amount_record(raw)
