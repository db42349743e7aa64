"""The account index on a PostgreSQL server: its slow twin in the home, kills, strangers, lies."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from aichain.errors import ConfigError, StoreCorrupt, StoreFailed, WrongChain
from aichain.store.account_index import AccountIndex
from aichain.store.history_index import HistoryIndex
from aichain.store.location import Location
from aichain.store.postgres.index import PostgresIndex
from aichain.store.postgres.probe import probe
from genesis import limits
from genesis.networks import account_key
from genesis.units import AI, U128_MAX, Address, address_of_key
from native.hashing import ZERO_HASH, Hash32
from tests.integration.postgres_indexes import Interrupted, blocks_of, filled, opened, own_header
from tests.integration.postgres_server import (
    MISSING,
    OWNER,
    PASSWORD,
    PostgresServer,
    programs,
)
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER, FakeBackend

pytestmark = [
    pytest.mark.skipif(programs() is None, reason=MISSING),
    pytest.mark.usefixtures("emptied"),
]

PEOPLE = [address_of_key(account_key(NETWORK, number).public_key) for number in range(3)]
EVERYBODY = [*PEOPLE, STRANGER, Address(bytes(20))]


@pytest.fixture(scope="module")
def history() -> FakeBackend:
    """Thirty blocks with up to four transactions; a few fail."""
    backend, chance = FakeBackend(), random.Random(7)
    for _ in range(30):
        made = []
        for account in chance.sample(range(3), chance.randrange(4)):
            if chance.random() < 0.2:
                made.append(backend.failing(account=account))
                continue
            count = chance.randrange(1, 3)
            made += [backend.transfer(AI + n, account=account, ahead=n) for n in range(count)]
        backend.extend(made)
    return backend


def whole(index: HistoryIndex, limit: int = 7) -> list[object]:
    """All that it says."""
    told: list[object] = [index.first, index.height, index.failed]
    for address in EVERYBODY:
        before = None
        while page := index.page(address, before, limit):
            told += page
            before = page[-1].location
    return told


@pytest.mark.parametrize("seed", range(4))
def test_a_random_life_is_told_by_both_indexes_in_the_same_words(
    tmp_path: Path, server: PostgresServer, history: FakeBackend, seed: int
) -> None:
    chance = random.Random(seed)
    fast: HistoryIndex = opened(server, history)
    slow: HistoryIndex = AccountIndex(tmp_path / "accounts", history.document.hash)
    while slow.height < 30:
        if chance.random() < 0.3:
            first = chance.randrange(slow.height + 3)
            fast.start_at(first)
            slow.start_at(first)
        elif chance.random() < 0.3:
            fast.close()
            slow.close()
            fast = opened(server, history)
            slow = AccountIndex(tmp_path / "accounts", history.document.hash)
        else:
            last = min(30, slow.height + chance.randrange(1, 6))
            assert fast.may_add()
            for index in (fast, slow):
                index.add(blocks_of(history, slow.height + 1, last))
        assert whole(fast, 1 + seed) == whole(slow, 1 + seed)
        for _ in range(10):
            address = chance.choice(EVERYBODY)
            before = Location(chance.randrange(32), chance.randrange(4))
            limit = chance.randrange(1, 101)
            assert fast.page(address, before, limit) == slow.page(address, before, limit)
    fast.close()
    slow.close()


def test_hostile_values_come_back_as_they_were(server: PostgresServer, tmp_path: Path) -> None:
    history = FakeBackend()
    for _ in range(8):
        history.extend([history.transfer(1)])
    errors = [
        "\0",
        "\\",
        "\\0",
        "a\0\\0\\\\\0",
        "'; DROP SCHEMA aichain; --",
        "\t\n\\N\r",
        "ü€\U0001f600",
    ]
    blocks = [
        (block, [replace(receipts[0], error=error, ok=False, tip=U128_MAX, fee_burned=U128_MAX)])
        for error, (block, receipts) in zip(errors, blocks_of(history, 1, 7), strict=True)
    ]
    fast = opened(server, history)
    slow = AccountIndex(tmp_path / "accounts", history.document.hash)
    for index in (fast, slow):
        index.add(blocks)
    found = fast.page(STRANGER, None, 100)
    assert [each.error for each in found] == errors[::-1]
    assert whole(fast) == whole(slow)
    for place in (Location((1 << 64) - 1, (1 << 32) - 1), Location((1 << 63) - 1, 5)):
        assert fast.page(STRANGER, place, 100) == slow.page(STRANGER, place, 100) == found
    assert fast.page(STRANGER, Location(3, (1 << 32) - 1), 9) == slow.page(
        STRANGER, Location(3, (1 << 32) - 1), 9
    )
    fast.close()
    slow.close()


def test_a_server_that_is_killed_within_a_batch_goes_on_where_it_stood(
    server: PostgresServer, history: FakeBackend, tmp_path: Path
) -> None:
    index = filled(server, history, 10)
    with server.admin() as connection:
        connection.execute("CHECKPOINT")
    index.add(Interrupted(blocks_of(history, 11, 30), server.kill))
    assert index.failed == "the PostgreSQL server does not answer, or lets this user not in"
    with pytest.raises(StoreFailed):
        index.page(STRANGER, None, 1)
    assert not index.may_add()
    assert not index.reopen()
    server.start()
    assert index.reopen(), index.cause
    assert index.may_add()
    assert index.height <= 10, "a batch is written whole or not at all"
    index.add(blocks_of(history, index.height + 1, 30))
    slow = AccountIndex(tmp_path / "accounts", history.document.hash)
    slow.add(blocks_of(history, 1, 30))
    assert whole(index) == whole(slow)
    index.close()
    slow.close()


def test_a_node_that_is_killed_within_a_batch_leaves_nothing_of_it(
    server: PostgresServer, history: FakeBackend
) -> None:
    def end() -> None:
        with server.admin() as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
            connection.execute(query, (OWNER,))

    index = filled(server, history, 10)
    before = whole(index)
    index.add(Interrupted(blocks_of(history, 11, 30), end))
    assert index.failed
    again = opened(server, history)
    assert whole(again) == before
    with server.admin() as connection:
        row = connection.execute("SELECT max(height), count(*) FROM aichain.blocks").fetchone()
    assert row == (10, 10)
    index.close()
    again.close()


def test_a_server_that_freezes_holds_nobody_up(
    server: PostgresServer, history: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INDEX_WRITE_MS", "INDEX_PAGE_MS"):
        monkeypatch.setattr(limits, name, 1000)
    index = filled(server, history, 10)
    assert index.page(STRANGER, None, 1)
    try:
        index.add(Interrupted(blocks_of(history, 11, 30), server.freeze))
        assert "no answer within 2000 ms" in index.cause
        index.failed = ""
        with pytest.raises(StoreFailed) as failed:
            index.page(STRANGER, None, 1)
        index.give_up(failed.value)
        assert "no answer within 2000 ms" in index.cause
    finally:
        server.thaw()
    assert index.reopen(), index.cause
    index.close()


def test_idle_connections_of_pages_outlive_a_server_that_is_started_anew(
    server: PostgresServer, history: FakeBackend
) -> None:
    index = filled(server, history)
    before = whole(index)
    with server.admin() as connection:
        connection.execute("CHECKPOINT")  # what was not on its disk would have to be made again
    server.kill()
    server.start()
    assert whole(index) == before
    index.close()


def test_a_wrong_password_is_told_without_it_and_mended(
    server: PostgresServer, history: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    index = opened(server, history, password="wr0ng")
    assert index.failed == "the PostgreSQL server does not answer, or lets this user not in"
    assert f'user "{OWNER}"' in index.cause
    assert not index.may_add()
    assert not index.reopen()
    assert "wr0ng" not in index.cause + index.failed + caplog.text + repr(vars(index)["_url"])
    with server.admin() as connection:
        connection.execute(f"ALTER ROLE {OWNER} PASSWORD 'wr0ng'")
        assert index.reopen()
        connection.execute(f"ALTER ROLE {OWNER} PASSWORD '{PASSWORD}'")
    index.close()


def test_a_database_of_another_chain_is_refused_and_left_as_it_is(
    server: PostgresServer, history: FakeBackend
) -> None:
    filled(server, history).close()
    with pytest.raises(WrongChain) as refused:
        PostgresIndex(server.server_url(), Hash32(ZERO_HASH), partial(own_header, history))
    assert "DROP SCHEMA aichain CASCADE" in refused.value.fix
    assert PASSWORD not in str(refused.value)
    index = opened(server, history)
    assert index.height == 30
    index.close()


def test_a_chain_with_the_same_genesis_that_was_begun_anew_is_refused(
    server: PostgresServer, history: FakeBackend
) -> None:
    filled(server, history, 10).close()
    other = FakeBackend()
    young, pruned = (opened(server, other) for _ in range(2))
    assert (young.height, young.failed) == (10, ""), "two chains have one block 0"
    for _ in range(5):
        other.extend([other.transfer(7)])
    with pytest.raises(WrongChain):
        opened(server, other)  # its head is below what is there
    for _ in range(7):
        other.extend()
    with pytest.raises(WrongChain):
        opened(server, other)  # its head is above
    assert not young.may_add()
    assert "WrongChain" in young.cause
    assert PASSWORD not in young.cause
    assert not young.reopen()
    pruned._own_header = lambda _: other.state.head  # it has none of those that are there
    while not pruned.may_add():
        assert not pruned.failed
    pruned.add(blocks_of(other, 11, 12))
    assert "WrongChain" in pruned.cause
    assert pruned.height == 10
    young.close()
    pruned.close()


def test_a_newer_schema_is_refused(server: PostgresServer, history: FakeBackend) -> None:
    index = filled(server, history)
    with server.admin() as connection:
        connection.execute("UPDATE aichain.index_state SET version = 2")
    with pytest.raises(ConfigError, match="of version 2, and this program knows 1"):
        opened(server, history)
    index.give_up(StoreFailed(path="", reason="a page failed"))
    assert not index.reopen()
    assert "version 2" in index.cause
    index.close()


def test_of_two_nodes_one_writes_and_the_other_reads_until_it_is_gone(
    server: PostgresServer, history: FakeBackend
) -> None:
    one, other = filled(server, history, 10), opened(server, history)
    assert not other.may_add()
    assert (other.failed, other.height) == ("", 10)
    one.add(blocks_of(history, 11, 20))
    assert not other.may_add()
    assert whole(other) == whole(one)
    one.close()
    while not other.may_add():  # the server notices that a connection is closed a little later
        assert not other.failed
    other.add(blocks_of(history, 21, 30))
    assert other.height == 30
    assert one.reopen()
    assert not one.may_add()
    assert whole(other) == whole(one)
    one.close()
    other.close()


def test_who_has_lost_its_lock_to_another_writer_changes_nothing(
    server: PostgresServer, history: FakeBackend
) -> None:
    index = filled(server, history, 10)
    with server.admin() as connection:
        connection.execute("UPDATE aichain.index_state SET height = 11")
        index.add(blocks_of(history, 11, 30))
        assert "without the lock" in index.cause
        row = connection.execute("SELECT max(height) FROM aichain.blocks").fetchone()
    assert row == (10,)
    index.close()


def test_a_user_who_may_only_read_reads(server: PostgresServer, history: FakeBackend) -> None:
    with server.admin() as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        poor = opened(server, history, user="guest", password="guest")
        assert poor.failed == "the PostgreSQL server has other tables, or no rights on them"
        index = filled(server, history)
        connection.execute("GRANT USAGE ON SCHEMA aichain TO guest")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA aichain TO guest")
        index.close()
        assert poor.reopen(), poor.cause
        assert not poor.may_add()
        assert whole(poor, 100)[:2] == [0, 30]
        poor.close()
        connection.execute("DROP OWNED BY guest")
        connection.execute("DROP ROLE guest")


def test_a_page_of_many_is_read_from_the_key_alone(
    server: PostgresServer, history: FakeBackend
) -> None:
    index = filled(server, history)
    with server.admin() as connection:
        connection.execute(
            "INSERT INTO aichain.account_transactions"
            " SELECT decode(repeat('ab', 20), 'hex'), n, 0 FROM generate_series(100, 20000) n"
        )
        connection.execute("VACUUM ANALYZE aichain.account_transactions")
        plan = connection.execute(
            "EXPLAIN SELECT height, index FROM aichain.account_transactions"
            " WHERE address = decode(repeat('ab', 20), 'hex') AND (height, index) < (9000, 0)"
            " ORDER BY height DESC, index DESC LIMIT 100"
        ).fetchall()
    shown = "\n".join(str(row[0]) for row in plan)
    assert "Index Only Scan Backward using account_transactions_pkey" in shown
    assert "Sort" not in shown
    index.close()


def test_sums_are_numbers_for_who_asks_in_sql(server: PostgresServer, history: FakeBackend) -> None:
    filled(server, history).close()
    paid = sum(each.fee_burned for view in history.views for each in view.receipts)
    with server.admin() as connection:
        row = connection.execute(
            "SELECT sum(fee_burned), count(*) FILTER (WHERE error <> '') > 0,"
            " count(*) FILTER (WHERE kind = 'transfer') > 0 FROM aichain.transactions"
        ).fetchone()
    assert row is not None
    assert (int(str(row[0])), *row[1:]) == (paid, True, True)


def test_many_threads_share_a_few_connections(server: PostgresServer, history: FakeBackend) -> None:
    index = filled(server, history)
    expected = index.page(STRANGER, None, 100)
    with ThreadPoolExecutor(3 * limits.INDEX_READERS) as threads:
        found = list(threads.map(lambda _: index.page(STRANGER, None, 100), range(60)))
    assert all(each == expected for each in found)
    assert 0 < len(index._readers._idle) <= limits.INDEX_READERS
    index.close()


@pytest.mark.parametrize("change", ["kind = 'gift'", "sender = '\\x01'", "id = ''", "\"to\" = ''"])
def test_a_row_that_somebody_changed_is_not_shown(
    server: PostgresServer, history: FakeBackend, change: str
) -> None:
    index = filled(server, history)
    with server.admin() as connection:
        connection.execute(f"UPDATE aichain.transactions SET {change}".encode())
    with pytest.raises(StoreCorrupt, match="was changed there"):
        index.page(STRANGER, None, 1)
    index.close()


def test_a_probe_makes_nothing(server: PostgresServer, history: FakeBackend) -> None:
    url = server.server_url()
    is_well, told = probe(url)
    assert (is_well, told.endswith("no index yet")) == (True, True)
    filled(server, history).close()
    assert probe(url)[1].endswith("an index up to height 30")
    is_well, told = probe(server.server_url(password="wr0ng"))
    assert not is_well
    assert "wr0ng" not in told
