"""A damaged data directory is refused with what to do, or mended when that is provably safe."""

import random
import shutil
from pathlib import Path
from typing import TypeAlias

import pytest

from aichain.chain import Chain
from aichain.errors import ExitCode, HomeLocked, StoreCorrupt
from aichain.store import keys
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from aichain.store.state import Tip
from native.hashing import Hash32
from tests.integration.ledgers import Purse, extend, make_document, must

DOCUMENT = make_document()
BLOCKS = 12
LOG_BLOCK_BYTES = 32 * 1024
"""LevelDB goes on reading its log in the next of these, if it may skip damage at all."""
Good: TypeAlias = tuple[Path, list[Hash32]]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """A closed data directory, and the ids of its blocks."""
    root = tmp_path_factory.mktemp("good")
    Chain.create(root, DOCUMENT)
    chain = Chain.open(root, DOCUMENT)
    purse = Purse()
    ids = [chain.head.head.id]
    ids += [extend(chain, [purse.pay(DOCUMENT)]).header.id for _ in range(BLOCKS)]
    chain.close()
    return root, ids


@pytest.fixture
def paths(good: Good, tmp_path: Path) -> DataPaths:
    shutil.copytree(good[0], tmp_path, dirs_exist_ok=True)
    return DataPaths(tmp_path)


def log_of(database: Path) -> Path:
    [log] = [path for path in database.iterdir() if path.suffix == ".log"]
    return log


def transaction_at(chain: Chain, height: int) -> Hash32:
    [signed] = must(chain.blocks.block_at(height)).block.transactions
    return signed.id


def damage_log_end(paths: DataPaths) -> None:
    """What strict opening refuses and lenient opening leaves out: here, nothing that matters."""
    database = LevelStore(paths.state)
    database.write({b"zz": bytes(50)}, sync=True)
    database.close()
    log = log_of(paths.state)
    data = bytearray(log.read_bytes())
    data[-10] ^= 1
    log.write_bytes(data)


def refuse(paths: DataPaths) -> StoreCorrupt:
    with pytest.raises(StoreCorrupt) as caught:
        Chain.open(paths.root, DOCUMENT)
    error = caught.value
    assert error.exit_code == ExitCode.STORE_CORRUPT
    assert error.fix
    assert str(paths.chain) in error.path
    return error


@pytest.mark.parametrize("zeros", [5, 3_000, 100_000])
def test_zeros_after_the_last_commit_lose_nothing(paths: DataPaths, good: Good, zeros: int) -> None:
    log = log_of(paths.state)
    log.write_bytes(log.read_bytes() + bytes(zeros))
    chain = Chain.open(paths.root, DOCUMENT)
    assert chain.head.head.id == good[1][-1]
    extend(chain)
    chain.close()
    again = Chain.open(paths.root, DOCUMENT)
    assert again.recovery_note == ""
    assert again.head.head.height == BLOCKS + 1
    again.close()


def test_a_torn_last_commit_is_an_older_but_whole_chain(paths: DataPaths, good: Good) -> None:
    log = log_of(paths.state)
    data = bytearray(log.read_bytes())
    data[-2_000:] = bytes(2_000)
    log.write_bytes(data)
    chain = Chain.open(paths.root, DOCUMENT)
    height = chain.head.head.height
    assert 0 < height < BLOCKS
    assert chain.head.head.id == good[1][height]
    for block in chain.unfinalized():
        [signed] = block.transactions
        assert chain.locate(signed.id) is None, "the index was ahead and has been made anew"
    assert must(chain.locate(transaction_at(chain, height))).height == height
    left = chain.unfinalized()
    assert [block.id for block in left] == good[1][height + 1 :], "their bodies are still there"
    for block in left:
        chain.execute(block)
    assert "repaired" in chain.recovery_note
    assert (paths.chain / "state.damaged").is_dir(), "the damaged original is kept"
    chain.close()
    again = Chain.open(paths.root, DOCUMENT)
    assert again.recovery_note == ""
    again.close()


def test_damage_after_the_last_commit_is_mended(paths: DataPaths, good: Good) -> None:
    damage_log_end(paths)
    chain = Chain.open(paths.root, DOCUMENT)
    assert "repaired" in chain.recovery_note
    assert chain.head.head.id == good[1][-1]
    chain.close()


@pytest.mark.parametrize("lost", [keys.block_key(5), keys.state_key(b"a")])
def test_a_copy_that_is_not_whole_is_not_accepted(paths: DataPaths, lost: bytes) -> None:
    database = LevelStore(paths.state)
    key, _ = next(database.iterate(lost, limit=1))
    database.write({key: None}, sync=True)
    database.close()
    damage_log_end(paths)
    before = log_of(paths.state).read_bytes()
    refuse(paths)
    assert log_of(paths.state).read_bytes() == before
    assert sorted(path.name for path in paths.chain.iterdir()) == ["blocks", "state"]


def test_a_hole_in_the_middle_of_the_database_log_is_refused(paths: DataPaths) -> None:
    log = log_of(paths.state)
    data = bytearray(log.read_bytes())
    assert len(data) > LOG_BLOCK_BYTES + 2_000, "what follows the hole would be applied"
    middle = LOG_BLOCK_BYTES // 2
    data[middle : middle + 2_000] = bytes(2_000)
    log.write_bytes(data)
    refuse(paths)
    assert log_of(paths.state).read_bytes() == bytes(data), "nothing was touched"
    assert not (paths.chain / "state.examined").exists()


def test_a_flipped_bit_in_the_database_log_is_refused_or_yields_a_whole_prefix(
    paths: DataPaths, good: Good
) -> None:
    spare = paths.root / "spare"
    shutil.copytree(paths.chain, spare)
    name = log_of(paths.state).name
    generator = random.Random(3)
    heights = []
    for _ in range(25):
        shutil.rmtree(paths.chain)
        shutil.copytree(spare, paths.chain)
        log = paths.state / name
        data = bytearray(log.read_bytes())
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        log.write_bytes(data)
        try:
            chain = Chain.open(paths.root, DOCUMENT)
        except StoreCorrupt:
            continue
        height = chain.head.head.height
        assert chain.recovery_note
        assert chain.head.head.id == good[1][height]
        assert all(
            must(chain.blocks.block_at(h)).header.id == good[1][h] for h in range(height + 1)
        )
        heights.append(height)
        chain.close()
    assert len(heights) < 25, "most flips are in the middle and are refused"


@pytest.mark.parametrize("lost", ["CURRENT", "MANIFEST"])
def test_a_lost_catalogue_is_refused(paths: DataPaths, lost: str) -> None:
    [victim] = [path for path in paths.state.iterdir() if path.name.startswith(lost)]
    victim.unlink()
    refuse(paths)


def test_a_lost_database_is_refused_and_not_made_anew(paths: DataPaths) -> None:
    shutil.rmtree(paths.state)
    refuse(paths)
    assert not paths.state.exists()


def test_a_state_that_is_not_the_tips_is_refused(paths: DataPaths) -> None:
    database = LevelStore(paths.state)
    key, value = next(iter(database.iterate(keys.state_key(b"a"), limit=1)))
    database.write({key: value[:-1] + bytes([value[-1] ^ 1])}, sync=True)
    database.close()
    assert "state root" in refuse(paths).reason


def test_a_tip_of_another_height_is_refused(paths: DataPaths, good: Good) -> None:
    database = LevelStore(paths.state)
    tip = Tip.decode(must(database.get(keys.TIP)))
    forged = Tip(tip.height - 1, good[1][-2], tip.state_root, tip.record)
    database.write({keys.TIP: forged.encode()}, sync=True)
    database.close()
    refuse(paths)


def test_a_database_without_a_tip_or_of_another_schema_is_refused(paths: DataPaths) -> None:
    database = LevelStore(paths.state)
    tip = database.get(keys.TIP)
    database.write({keys.TIP: None}, sync=True)
    database.close()
    assert "tip" in refuse(paths).reason
    database = LevelStore(paths.state)
    database.write({keys.TIP: tip, keys.SCHEMA: b"\x00\x63"}, sync=True)
    database.close()
    assert "schema 99" in refuse(paths).reason


def test_a_damaged_body_of_the_tip_is_refused(paths: DataPaths) -> None:
    segment = paths.bodies / "000001.seg"
    data = bytearray(segment.read_bytes())
    data[-100] ^= 4
    segment.write_bytes(data)
    refuse(paths)


def test_a_damaged_old_body_is_an_error_when_it_is_read(paths: DataPaths) -> None:
    segment = paths.bodies / "000001.seg"
    data = bytearray(segment.read_bytes())
    data[2_000] ^= 4
    segment.write_bytes(data)
    chain = Chain.open(paths.root, DOCUMENT)
    failures = []
    for height in range(BLOCKS + 1):
        try:
            assert must(chain.blocks.block_at(height)).header.height == height
        except StoreCorrupt as error:
            failures.append(error.path)
    assert failures == [str(segment)]
    chain.close()


def test_every_flipped_bit_in_a_stored_header_names_its_file(paths: DataPaths) -> None:
    segment = paths.bodies / "000001.seg"
    good = segment.read_bytes()
    chain = Chain.open(paths.root, DOCUMENT)
    header = must(chain.blocks.header_at(3))
    begin = good.index(header.raw)
    for offset in range(begin, begin + len(header.raw)):
        changed = bytearray(good)
        changed[offset] ^= 1 << (offset % 8)
        segment.write_bytes(changed)
        with pytest.raises(StoreCorrupt) as caught:
            chain.blocks.header_at(3)
        assert caught.value.path == str(segment)
    chain.close()


def test_a_lost_block_record_names_the_database(paths: DataPaths) -> None:
    database = LevelStore(paths.state)
    database.write({keys.block_key(BLOCKS - 1): None}, sync=True)
    database.close()
    shutil.rmtree(paths.index)
    error = refuse(paths)
    assert error.path == str(paths.state)
    assert str(BLOCKS - 1) in error.reason


def test_a_lost_segment_is_refused(paths: DataPaths) -> None:
    (paths.bodies / "000001.seg").unlink()
    refuse(paths)


def test_a_refusal_leaves_nothing_locked(paths: DataPaths) -> None:
    segment = paths.bodies / "000001.seg"
    good_bytes = segment.read_bytes()
    segment.write_bytes(good_bytes[:-50])
    refuse(paths)
    segment.write_bytes(good_bytes)
    chain = Chain.open(paths.root, DOCUMENT)
    with pytest.raises(HomeLocked):
        Chain.open(paths.root, DOCUMENT)
    chain.close()


def test_an_interrupted_repair_is_finished(paths: DataPaths, good: Good) -> None:
    paths.state.rename(paths.chain / "state.examined")
    chain = Chain.open(paths.root, DOCUMENT)
    assert chain.head.head.id == good[1][-1]
    chain.close()


def test_an_interrupted_creation_leaves_no_chain(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    (tmp_path / "building" / "chain" / "state").mkdir(parents=True)
    assert not Chain.exists(tmp_path)
    Chain.create(tmp_path, DOCUMENT)
    Chain.open(tmp_path, DOCUMENT).close()
    assert sorted(path.name for path in paths.root.iterdir()) == ["LOCK", "chain", "index"]
