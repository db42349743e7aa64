"""The account index: pages, restarts, pruning, damage, another chain."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.store.account_index import AccountIndex
from aichain.store.history_index import Entry
from aichain.store.location import Location
from genesis.networks import account_key
from genesis.units import AI, Address, address_of_key
from native.hashing import ZERO_HASH, Hash32
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER, FakeBackend
from vm.bodies import Kind

SENDER = address_of_key(account_key(NETWORK, 0).public_key)
FAILED = address_of_key(account_key(NETWORK, 1).public_key)


@pytest.fixture
def history() -> FakeBackend:
    """Nine blocks: every third has two transfers of the sender's, block 9 a failure, too."""
    backend = FakeBackend()
    for height in range(1, 10):
        if height % 3:
            backend.extend()
            continue
        transfers = [backend.transfer(AI + height), backend.transfer(2 * AI + height, ahead=1)]
        backend.extend([*transfers, backend.failing()] if height == 9 else transfers)
    return backend


@pytest.fixture
def index(tmp_path: Path, history: FakeBackend) -> Iterator[AccountIndex]:
    index = AccountIndex(tmp_path / "accounts", history.document.hash)
    add(index, history)
    yield index
    index.close()


def add(index: AccountIndex, history: FakeBackend, first: int = 1) -> None:
    index.add([(view.block, view.receipts) for view in history.views[first:]])


def walk(index: AccountIndex, address: Address, limit: int) -> list[Entry]:
    """All pages of an account."""
    found: list[Entry] = []
    before = None
    while page := index.page(address, before, limit):
        found += page
        before = page[-1].location
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 7, 100])
def test_pages_of_any_size_give_all_entries_once_the_newest_first(
    index: AccountIndex, limit: int
) -> None:
    locations = [each.location for each in walk(index, SENDER, limit)]
    assert locations == [Location(h, i) for h in (9, 6, 3) for i in (1, 0)]
    assert [each.location for each in walk(index, STRANGER, limit)] == locations


def test_an_entry_says_what_the_block_says(index: AccountIndex, history: FakeBackend) -> None:
    (entry,) = index.page(SENDER, Location(9, 1), 1)
    view = history.views[9]
    signed, receipt = view.block.transactions[0], view.receipts[0]
    assert entry == Entry(
        location=Location(9, 0),
        tx_id=signed.id,
        kind=Kind.TRANSFER,
        sender=SENDER,
        to=STRANGER,
        amount=AI + 9,
        fee_burned=receipt.fee_burned,
        tip=receipt.tip,
        error="",
        timestamp_ms=view.block.header.timestamp_ms,
    )
    (failed,) = walk(index, FAILED, 10)
    assert (failed.kind, failed.to, failed.amount) == (Kind.UNJAIL, None, 0)
    assert failed.error == history.views[9].receipts[2].error != ""


def test_who_has_nothing_has_an_empty_page(index: AccountIndex) -> None:
    assert index.page(Address(bytes(20)), None, 10) == ()
    assert index.page(SENDER, Location(3, 0), 10) == ()


def test_it_goes_on_where_it_stood(tmp_path: Path, history: FakeBackend) -> None:
    for _ in range(2):
        index = AccountIndex(tmp_path, history.document.hash)
        first = index.height + 1
        history.extend([history.transfer()])
        add(index, history, first)
        index.close()
    index = AccountIndex(tmp_path, history.document.hash)
    assert (index.height, index.first) == (11, 0)
    assert [each.location.height for each in walk(index, SENDER, 3)] == [11, 10, 9, 9, 6, 6, 3, 3]
    index.close()


def test_entries_of_pruned_blocks_are_gone_from_the_disk(
    tmp_path: Path, index: AccountIndex, history: FakeBackend
) -> None:
    index.start_at(7)
    assert [each.location.height for each in walk(index, STRANGER, 2)] == [9, 9]
    index.close()
    again = AccountIndex(tmp_path / "accounts", history.document.hash)
    assert again.first == 7
    again.first = 0
    assert {each.location.height for each in walk(again, STRANGER, 2)} == {9}
    again.close()


def test_a_chain_that_was_joined_begins_at_its_first_block(
    tmp_path: Path, history: FakeBackend
) -> None:
    index = AccountIndex(tmp_path / "joined", history.document.hash)
    index.start_at(6)
    assert index.height == 5
    add(index, history, 6)
    assert [each.location.height for each in walk(index, SENDER, 9)] == [9, 9, 6, 6]
    index.close()


def test_the_index_of_another_chain_is_started_over(
    tmp_path: Path, index: AccountIndex, history: FakeBackend
) -> None:
    index.close()
    other = AccountIndex(tmp_path / "accounts", Hash32(ZERO_HASH))
    assert other.height == 0
    assert other.page(SENDER, None, 10) == ()
    other.close()


def test_a_damaged_one_gives_up_and_is_empty_at_the_next_start(
    tmp_path: Path, history: FakeBackend
) -> None:
    path = tmp_path / "damaged"
    index = AccountIndex(path, history.document.hash)
    add(index, history)
    index.close()
    for table in path.glob("*.log"):
        raw = bytearray(table.read_bytes())
        raw[len(raw) // 2] ^= 1
        table.write_bytes(raw)
    index = AccountIndex(path, history.document.hash)
    assert index.height < 9, "what was damaged is not believed"
    add(index, history, index.height + 1)
    assert len(walk(index, SENDER, 10)) == 6
    index.close()


def test_damage_that_is_seen_when_it_is_read_costs_the_whole_at_the_next_start(
    tmp_path: Path, index: AccountIndex, history: FakeBackend
) -> None:
    index.give_up(StoreCorrupt(path="accounts", reason="block checksum mismatch"))
    assert index.failed == "block checksum mismatch"
    index.close()
    again = AccountIndex(tmp_path / "accounts", history.document.hash)
    assert (again.failed, again.height) == ("", 0)
    again.close()


def test_a_write_that_is_refused_ends_the_index_and_loses_nothing_of_it(
    tmp_path: Path,
    index: AccountIndex,
    history: FakeBackend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = StoreFailed(path="accounts", reason="no space left on device")
    monkeypatch.setattr(index._database, "write", Mock(side_effect=refused))
    history.extend([history.transfer()])
    add(index, history, 10)
    assert (index.failed, index.height) == ("no space left on device", 9)
    index.close()
    again = AccountIndex(tmp_path / "accounts", history.document.hash)
    assert (again.height, len(walk(again, SENDER, 10))) == (9, 6)
    again.close()
