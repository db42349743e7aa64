"""LevelDB as we open it: damage is an error, a full disk is an error, one process at a time."""

import gc
import random
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aichain.errors import HomeLocked, HomeMissing, StoreCorrupt
from aichain.store.index import TransactionIndex
from aichain.store.leveldb import LevelSettings, LevelStore
from native.hashing import Hash32

SMALL = LevelSettings(write_buffer_bytes=1 << 16, cache_bytes=1 << 16)
FOOTER_BYTES = 48


def make_store(path: Path, batches: int = 60) -> dict[bytes, bytes]:
    """A database whose newest batches are still in its log; what it holds."""
    generator = random.Random(7)
    store = LevelStore(path, SMALL, create=True)
    contents: dict[bytes, bytes] = {}
    for height in range(batches):
        batch = {b"k%03d" % ((height * 37 + i) % 200): generator.randbytes(80) for i in range(20)}
        batch[b"tip"] = b"%d" % height
        store.write(batch, sync=True)
        contents.update(batch)
    while len(files(path, ".log")) > 1:
        time.sleep(0.01)  # the older batches are being written to a table, behind our back
    store.close()
    return contents


def read_all(path: Path) -> dict[bytes, bytes]:
    store = LevelStore(path, SMALL)
    try:
        scanned = dict(store.iterate())
        got = {key: store.get(key) for key in scanned}
        assert got == scanned
    finally:
        store.close()
    return scanned


def files(path: Path, suffix: str) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.name.endswith(suffix))


def flipped(data: bytes, generator: random.Random) -> bytes:
    changed = bytearray(data)
    changed[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def test_only_create_makes_a_database_and_it_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with pytest.raises(HomeMissing):
        LevelStore(path)
    assert not path.exists()
    contents = make_store(path)
    with pytest.raises(StoreCorrupt, match="exists"):
        LevelStore(path, create=True)
    assert read_all(path) == contents


def test_a_second_opening_is_refused(tmp_path: Path) -> None:
    make_store(tmp_path / "db", 1)
    store = LevelStore(tmp_path / "db")
    with pytest.raises(HomeLocked):
        LevelStore(tmp_path / "db")
    store.close()


@pytest.mark.parametrize("lost", ["CURRENT", "MANIFEST", ".ldb"])
def test_a_lost_file_is_a_clear_error_and_no_new_database(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "db"
    make_store(path)
    victims = [p for p in path.iterdir() if p.name.startswith(lost) or p.name.endswith(lost)]
    assert victims
    victims[0].unlink()
    with pytest.raises(StoreCorrupt) as caught:
        read_all(path)
    assert str(path) in caught.value.path


@pytest.mark.parametrize("damaged", ["CURRENT", "MANIFEST"])
def test_a_scrambled_catalogue_is_a_clear_error(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "db"
    make_store(path)
    [victim] = [p for p in path.iterdir() if p.name.startswith(damaged)]
    victim.write_bytes(b"\xa5" * victim.stat().st_size)
    with pytest.raises(StoreCorrupt):
        read_all(path)


def test_a_flipped_bit_in_a_table_is_never_a_wrong_value(tmp_path: Path) -> None:
    path, spare = tmp_path / "db", tmp_path / "spare"
    contents = make_store(path)
    shutil.copytree(path, spare)
    generator = random.Random(1)
    outcomes = {"error": 0, "same": 0}
    for _ in range(60):
        shutil.rmtree(path)
        shutil.copytree(spare, path)
        victim = generator.choice(files(path, ".ldb"))
        victim.write_bytes(flipped(victim.read_bytes(), generator))
        try:
            assert read_all(path) == contents
            outcomes["same"] += 1
        except StoreCorrupt:
            outcomes["error"] += 1
    assert outcomes["error"] > 50, outcomes


def test_a_flipped_bit_in_a_tables_footer_is_damage_and_not_a_disk_that_fails(
    tmp_path: Path,
) -> None:
    path = tmp_path / "db"
    contents = make_store(path)
    table = files(path, ".ldb")[0]
    good = table.read_bytes()
    refused = []
    for bit in range(8 * FOOTER_BYTES):
        changed = bytearray(good)
        changed[-1 - bit // 8] ^= 1 << (bit % 8)
        table.write_bytes(changed)
        try:
            assert read_all(path) == contents
        except StoreCorrupt as error:
            refused.append(error.path)
        table.write_bytes(good)
    assert len(refused) > 64, "its magic number alone is 64 bits"
    assert set(refused) == {str(path)}


@pytest.mark.parametrize("kept", [0, 47, 1_000])
def test_a_table_that_was_cut_off_is_damage(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "db"
    make_store(path)
    table = files(path, ".ldb")[0]
    table.write_bytes(table.read_bytes()[:kept])
    with pytest.raises(StoreCorrupt) as caught:
        read_all(path)
    assert "b'" not in caught.value.reason


def damage_tables(path: Path) -> None:
    """Leaves no data block of any table as it was written."""
    for table in files(path, ".ldb"):
        changed = bytearray(table.read_bytes())
        for offset in range(0, len(changed) - 1_000, 100):
            changed[offset] ^= 1
        table.write_bytes(changed)


def test_damage_that_a_write_comes_upon_is_damage(tmp_path: Path) -> None:
    """LevelDB merges tables behind writes and tells of what it finds at the next one."""
    path = tmp_path / "db"
    contents = make_store(path)
    damage_tables(path)
    store = LevelStore(path, SMALL)

    def write_until_tables_are_merged() -> None:
        for _ in range(1_000):
            store.write(contents, sync=False)

    with pytest.raises(StoreCorrupt):
        write_until_tables_are_merged()
    with pytest.raises(StoreCorrupt):
        store.write({b"a": b"1"}, sync=False)
    store.close()


def test_damage_that_the_index_comes_upon_stops_lookups_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "index"
    ids = [Hash32(number.to_bytes(32, "big")) for number in range(500)]
    index = TransactionIndex(path)
    for height in range(1, 200):
        index.add([(height, ids)])
    index.close()
    damage_tables(path)
    index = TransactionIndex(path)
    for height in range(200, 2_000):
        index.add([(height, ids)])
        if index.failed:
            break
    assert "Corruption" in index.failed
    assert index.locate(ids[0]) is None
    index.close()
    index = TransactionIndex(path)
    assert index.height == 0, "the next start makes it anew"
    index.add([(1, ids)])
    assert index.locate(ids[0]) is not None
    index.close()


def test_a_flipped_bit_in_the_log_is_never_a_hole(tmp_path: Path) -> None:
    path, spare = tmp_path / "db", tmp_path / "spare"
    make_store(path)
    shutil.copytree(path, spare)
    [log] = files(path, ".log")
    good = log.read_bytes()
    assert len(good) > 2_000
    generator = random.Random(2)
    for _ in range(60):
        shutil.rmtree(path)
        shutil.copytree(spare, path)
        log.write_bytes(flipped(good, generator))
        with pytest.raises(StoreCorrupt):
            read_all(path)


def test_a_log_cut_anywhere_is_a_prefix_of_whole_batches(tmp_path: Path) -> None:
    path, spare = tmp_path / "db", tmp_path / "spare"
    store = LevelStore(path, create=True)
    for number in range(12):
        store.write({b"a": b"%d" % number, b"b": b"%d" % number}, sync=True)
    store.close()
    [log] = files(path, ".log")
    good = log.read_bytes()
    shutil.copytree(path, spare)
    seen = set()
    for cut in range(0, len(good), 7):
        shutil.rmtree(path)
        shutil.copytree(spare, path)
        log.write_bytes(good[:cut])
        contents = read_all(path)
        assert contents.get(b"a") == contents.get(b"b"), f"cut at {cut}"
        seen.add(contents.get(b"a"))
    assert len(seen) > 10


def test_a_snapshot_does_not_move(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db", create=True)
    store.write({b"a": b"1", b"b": b"1"}, sync=False)
    before = store.snapshot()
    store.write({b"a": b"2", b"b": None, b"c": b"2"}, sync=False)
    assert list(before.iterate()) == [(b"a", b"1"), (b"b", b"1")]
    assert before.get(b"c") is None
    assert list(store.iterate()) == [(b"a", b"2"), (b"c", b"2")]
    store.close()


def test_an_entry_that_is_its_own_prefix_is_found_downwards(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db", create=True)
    store.write({b"a|": b"1", b"b": b"2"}, sync=False)
    assert list(store.iterate(b"a|", reverse=True)) == [(b"a|", b"1")]
    assert list(store.iterate(b"a|", start=b"a|", reverse=True)) == [(b"a|", b"1")]
    store.close()


def test_a_snapshot_in_a_cycle_of_garbage_is_let_go_before_its_database_is_taken_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LevelStore(tmp_path / "db", SMALL, create=True)
    store.write({b"k": b"v"}, sync=True)
    released: list[bytes | None] = []
    database = store._database

    class Watched:
        def __init__(self, source: Any) -> None:
            self._source = source
            self.get = source.get

        def close(self) -> None:
            released.append(self.get(b"k", verify_checksums=True))
            self._source.close()

    monkeypatch.setattr(
        store, "_database", SimpleNamespace(snapshot=lambda: Watched(database.snapshot()))
    )
    reader = store.snapshot()
    cycle: list[object] = [reader]
    cycle.append(cycle)
    assert reader.get(b"k") == b"v"
    del reader, cycle
    gc.collect()
    assert released == [b"v"]
    database.close()


def test_a_snapshot_is_let_go_before_its_database_is_closed(tmp_path: Path) -> None:
    store = LevelStore(tmp_path / "db", SMALL, create=True)
    reader: Any = store.snapshot()
    assert reader.let_go.alive
    store.close()
    assert not reader.let_go.alive
