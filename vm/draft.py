"""The working copy of one block: reads fall through to a state, writes stay here until the end.

It is the only mutable value of the room, and it lives inside one call of apply_block,
build_block or check_transaction. A transaction that fails after it was charged is undone.
"""

from typing import Generic, TypeVar

from genesis.document import GenesisDocument
from genesis.epochs import epoch_of_height
from genesis.units import Address
from vm.epochs import CANDIDATES_KEY, Stakes, decode_candidates, encode_candidates
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
    """Accounts, counters and candidates as values, every other record as bytes."""

    __slots__ = (
        "accounts",
        "base_fee",
        "block_version",
        "candidate_lists",
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
        self.candidate_lists: Sheet[bytes, Stakes] = Sheet()
        """The only one under its key. Hundreds of transactions may change it, and its bytes take
        milliseconds to read and write, so this is done once a block."""

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

    def candidates(self) -> Stakes:
        """Registry index to stake of all who could be ranked now, onions aside."""
        try:
            return self.candidate_lists.after[CANDIDATES_KEY]
        except KeyError:
            raw = self.state.get(CANDIDATES_KEY)
            stakes = {} if raw is None else decode_candidates(raw)
            return self.candidate_lists.load(CANDIDATES_KEY, stakes)

    def put_candidates(self, stakes: Stakes) -> None:
        """Write the list, which was read before; it is never changed in place."""
        self.candidate_lists.put(CANDIDATES_KEY, stakes)

    def begin(self) -> None:
        """From here on `undo` takes every write back."""
        self.accounts.begin()
        self.counters.begin()
        self.records.begin()
        self.candidate_lists.begin()

    def undo(self) -> None:
        self.accounts.undo()
        self.counters.undo()
        self.records.undo()
        self.candidate_lists.undo()

    def changes(self) -> dict[bytes, bytes | None]:
        """Every record that differs from the state's, encoded."""
        changes: dict[bytes, bytes | None] = {}
        for address, account in self.accounts.after.items():
            if account is not None and account != self.accounts.before[address]:
                changes[account_key(address)] = encode_account(account)
        for name, count in self.counters.after.items():
            if count != self.counters.before[name]:
                changes[counter_key(name)] = encode_amount_record(count)
        for key, stakes in self.candidate_lists.after.items():
            if stakes != self.candidate_lists.before[key]:
                changes[key] = encode_candidates(stakes)
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
