"""The index of accounts in the home of its node: a database that may be deleted at any time.

It is written from the blocks, behind them, and its trouble never stops a node.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.store.history_index import Entry, entry_of
from aichain.store.leveldb import LevelSettings
from aichain.store.location import Location
from aichain.store.rebuilt import make_unreadable, open_or_start_over, start_over
from genesis.limits import ERROR_CODE_MAX_BYTES
from genesis.units import ADDRESS_BYTES, Address, decode_amount, encode_amount, read_address
from native import codec
from native.hashing import Hash32, hash32
from vm.blocks import Block
from vm.bodies import Kind
from vm.receipts import Receipt, touched_accounts

_SETTINGS = LevelSettings(write_buffer_bytes=4 << 20, cache_bytes=8 << 20, max_open_files=64)
_ENTRY: Final = b"x|"
"""Then address, height and index: in the order of the chain."""
_TOUCHED: Final = b"p|"
"""Height to whose entries it has, for pruning."""
_INDEXED: Final = b"m|indexed"
_FIRST: Final = b"m|first"
_CHAIN: Final = b"m|chain"
_HEIGHT_BYTES: Final = 8
_INDEX_BYTES: Final = 4
_FIELDS: Final = 9
_VALUE_MAX_BYTES: Final = 512
_PRUNED_AT_ONCE: Final = 1024


class AccountIndex:
    """Implements `HistoryIndex`, on LevelDB."""

    def __init__(self, path: Path, chain_id: Hash32) -> None:
        """Open it, or start an empty one where there is none that is of this chain."""
        self.failed = ""
        """Why it answers nothing until the next start; empty while all is well."""
        self._path = path
        self._chain_id = chain_id
        self._database = open_or_start_over(path, _SETTINGS)
        try:
            if self._database.get(_CHAIN) != chain_id:
                self._start_over()
            self.first = self._number(_FIRST)
            self.height = max(self._number(_INDEXED), self.first - 1)
        except StoreCorrupt:
            self._start_over()
            self.height = self.first = 0

    @property
    def cause(self) -> str:
        """There is nothing to hide."""
        return self.failed

    @property
    def is_mendable(self) -> bool:
        """What LevelDB holds after a failure is unknown."""
        return False

    def page(self, address: Address, before: Location | None, limit: int) -> tuple[Entry, ...]:
        """The newest entries of an account below `before`. Raises StoreCorrupt, StoreFailed."""
        prefix = _ENTRY + address
        start = None if before is None else prefix + before.encode()
        found = self._database.iterate(prefix, start=start, reverse=True, limit=limit + 1)
        entries = [_decode(key[len(prefix) :], value) for key, value in found]
        if before is not None:
            entries = [each for each in entries if each.location < before]
        return tuple(each for each in entries if each.location.height >= self.first)[:limit]

    def may_add(self) -> bool:
        """Nobody else opens it."""
        return not self.failed

    def add(self, blocks: Sequence[tuple[Block, Sequence[Receipt]]]) -> None:
        """The blocks that follow `height`, in order."""
        batch: dict[bytes, bytes | None] = {}
        height = self.height
        for block, receipts in blocks:
            height = block.header.height
            keys: list[bytes] = []
            entries = [_encode(entry_of(block, receipts, index)) for index in range(len(receipts))]
            for address, indices in touched_accounts(block.transactions, receipts).items():
                for index in indices:
                    key = address + Location(height, index).encode()
                    keys.append(address + index.to_bytes(_INDEX_BYTES, "big"))
                    batch[_ENTRY + key] = entries[index]
            if keys:
                batch[_TOUCHED + height.to_bytes(_HEIGHT_BYTES, "big")] = b"".join(keys)
        batch[_INDEXED] = height.to_bytes(_HEIGHT_BYTES, "big")
        if self._write(batch):
            self.height = height

    def start_at(self, first: int) -> None:
        """Blocks below `first` are not kept, or never were; what is here of them goes, too."""
        while not self.failed and self.first < first:
            batch: dict[bytes, bytes | None] = {}
            last = min(first, self.first + _PRUNED_AT_ONCE)
            for key, value in self._touched_below(last):
                batch[key] = None
                batch |= dict.fromkeys(_entry_keys(key[len(_TOUCHED) :], value))
            batch[_FIRST] = last.to_bytes(_HEIGHT_BYTES, "big")
            if self._write(batch):
                self.first = last
        if self.height < self.first - 1:
            self.height = self.first - 1

    def give_up(self, error: StoreCorrupt | StoreFailed) -> None:
        """Nothing is answered until the next start, which makes a damaged one anew."""
        self.failed = error.reason
        if isinstance(error, StoreCorrupt):
            make_unreadable(self._path)

    def reopen(self) -> bool:
        """Never before the next start."""
        return False

    def close(self) -> None:
        self._database.close()

    def _touched_below(self, height: int) -> Iterable[tuple[bytes, bytes]]:
        end = _TOUCHED + height.to_bytes(_HEIGHT_BYTES, "big")
        try:
            for key, value in self._database.iterate(_TOUCHED):
                if key >= end:
                    return
                yield key, value
        except (StoreCorrupt, StoreFailed) as error:
            self.give_up(error)

    def _write(self, batch: dict[bytes, bytes | None]) -> bool:
        if self.failed:
            return False
        try:
            self._database.write(batch, sync=False)
        except (StoreCorrupt, StoreFailed) as error:
            self.give_up(error)
            return False
        return True

    def _number(self, key: bytes) -> int:
        return int.from_bytes(self._database.get(key) or b"", "big")

    def _start_over(self) -> None:
        self._database.close()
        self._database = start_over(self._path, _SETTINGS)
        self._database.write({_CHAIN: self._chain_id}, sync=False)


def _entry_keys(height: bytes, touched: bytes) -> list[bytes]:
    size = ADDRESS_BYTES + _INDEX_BYTES
    parts = [touched[at : at + size] for at in range(0, len(touched), size)]
    return [_ENTRY + part[:ADDRESS_BYTES] + height + part[ADDRESS_BYTES:] for part in parts]


def _encode(entry: Entry) -> bytes:
    return codec.encode(
        [
            entry.tx_id,
            int(entry.kind),
            entry.sender,
            entry.to or b"",
            encode_amount(entry.amount),
            encode_amount(entry.fee_burned),
            encode_amount(entry.tip),
            entry.error.encode(),
            entry.timestamp_ms,
        ]
    )


def _decode(key: bytes, value: bytes) -> Entry:
    fields = codec.decode(value, max_bytes=_VALUE_MAX_BYTES, max_items=_FIELDS)
    tx_id, kind, sender, to, amount, burned, tip, error, stamp = codec.array(fields, _FIELDS)
    location = Location.decode(key)
    assert location is not None, "keys are made by `add`"
    return Entry(
        location=location,
        tx_id=hash32(tx_id),
        kind=Kind(codec.uint(kind)),
        sender=read_address(sender),
        to=read_address(to) if to else None,
        amount=decode_amount(amount),
        fee_burned=decode_amount(burned),
        tip=decode_amount(tip),
        error=codec.bounded(error, ERROR_CODE_MAX_BYTES).decode(),
        timestamp_ms=codec.uint(stamp),
    )
