"""What a machine whose power fails finds again: names whose directory was synced, and no others."""

import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from aichain.chain import Chain
from aichain.store import durable
from aichain.store.index import TransactionIndex
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from aichain.store.wal import VoteWal
from genesis.networks import founder_key
from native.hashing import ZERO_HASH
from tests.integration.ledgers import Purse, extend, make_document
from tests.integration.test_chain_damage import damage_log_end
from tests.simulation.nodes.power import BATCHES, NAMES, Power, supplied_by

SEEDS = range(8)
KEY = founder_key("testnet", 0).public_key


def log_after_power_loss(home: Path, seed: int) -> tuple[bytes, ...]:
    """What is read from a log that was made, written, and lost its power."""
    home.mkdir()
    power = Power(seed)
    with supplied_by(power):
        log = VoteWal.open(DataPaths(home).signer, KEY)
        log.append(b"a vote")
        log.close()
    power.tear(home)
    log = VoteWal.open(DataPaths(home).signer, KEY)
    records = log.records()
    log.close()
    return records


def test_the_first_vote_of_a_new_home_is_there_after_power_loss(tmp_path: Path) -> None:
    found = [log_after_power_loss(tmp_path / str(seed), seed) for seed in SEEDS]
    assert found == [(b"a vote",)] * len(SEEDS)


def test_without_a_sync_of_the_directory_it_is_lost(tmp_path: Path) -> None:
    with patch.object(durable, "sync_directory", lambda _: None):
        found = {log_after_power_loss(tmp_path / str(seed), seed) for seed in SEEDS}
    assert () in found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_chain_opens_after_power_loss(tmp_path: Path, seed: int) -> None:
    document, home, power = make_document(), tmp_path / "home", Power(seed)
    with supplied_by(power):
        Chain.create(home, document)
    power.tear(home)
    Chain.open(home, document).close()


def test_a_repaired_database_was_synced_before_it_took_its_place(tmp_path: Path) -> None:
    document, paths = make_document(), DataPaths(tmp_path)
    Chain.create(tmp_path, document)
    chain = Chain.open(tmp_path, document)
    extend(chain, [Purse().pay(document)])
    chain.close()
    LevelStore(paths.state).close()  # what was in its log is in a table now
    damage_log_end(paths)
    synced, fsync = set[int](), os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    with patch.object(os, "fsync", note):
        chain = Chain.open(tmp_path, document)
    assert "repaired" in chain.recovery_note
    chain.close()
    copied = [path.name for path in (paths.chain / "state.damaged").glob("*.ldb")]
    assert copied
    assert {(paths.state / name).stat().st_ino for name in copied} <= synced


def test_the_index_loses_its_last_blocks_only_and_says_so(tmp_path: Path) -> None:
    heights, lost = set[int](), 0
    for seed in SEEDS:
        power, path = Power(seed), tmp_path / str(seed) / "index"
        with supplied_by(power):
            index = TransactionIndex(path)
            for height in range(1, 5):
                index.add([(height, [ZERO_HASH])])
            index.close()
        power.tear(path.parent)
        lost += power.lost[BATCHES]
        index = TransactionIndex(path)
        heights.add(index.height)
        place = index.locate(ZERO_HASH)
        assert (place.height if place else 0) == index.height
        index.close()
        shutil.rmtree(path)
    assert lost
    assert len(heights) > 1


def test_names_come_back_as_they_were(tmp_path: Path) -> None:
    """A rename that was not synced is undone, and what it had replaced is there again."""
    seen = set[bytes]()
    for seed in SEEDS:
        home, power = tmp_path / str(seed), Power(seed)
        home.mkdir()
        file = home / "file"
        with supplied_by(power):
            durable.replace_file(file, b"old")
            with patch.object(durable, "sync_directory", lambda _: None):
                durable.replace_file(file, b"new")
        power.tear(home)
        seen.add(file.read_bytes())
        assert power.lost[NAMES] == (file.read_bytes() == b"old")
    assert seen == {b"old", b"new"}
