"""Snapshots on disk: whole or not there, few, of the state they say, whatever the node does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.errors import StoreFailed
from aichain.store import snapshots
from aichain.store.failpoints import FailPoints
from aichain.store.paths import DataPaths
from aichain.store.snapshots import SnapshotShelf
from aichain.store.state import scan_records
from genesis import limits
from tests.integration.ledgers import Purse, extend, make_document, must
from vm import snapshot
from vm.snapshot import decode_manifest, manifest_hash, read_part

EPOCH_BLOCKS = 4
DOCUMENT = make_document(epoch_blocks=EPOCH_BLOCKS)
POINTS = ("snapshot sorted", "snapshot parts written", "snapshot in place")


class Crash(Exception):
    """Instead of SIGKILL: nothing after it is done but what `finally` would do anyway."""


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    Chain.create(tmp_path, DOCUMENT)
    made = Chain.open(tmp_path, DOCUMENT)
    yield made
    made.close()


def shelf_at(root: Path) -> SnapshotShelf:
    return SnapshotShelf(DataPaths(root).snapshots, FailPoints())


def grow(chain: Chain, purse: Purse, blocks: int = EPOCH_BLOCKS) -> None:
    for _ in range(blocks):
        extend(chain, [purse.pay(DOCUMENT)])


def test_an_anchor_is_given_once_its_child_is_final_and_only_once(chain: Chain) -> None:
    purse = Purse()
    grow(chain, purse)
    assert chain.anchor.take(chain.head.head.height) is None, "no header carries its root yet"
    grow(chain, purse, 1)
    anchor = must(chain.anchor.take(chain.head.head.height))
    assert anchor.header.height == EPOCH_BLOCKS
    assert anchor.mmr.root == chain.head.head.header_mmr_root
    assert anchor.tree.root == chain.head.head.parent_state_root
    assert chain.anchor.take(chain.head.head.height) is None


def test_a_snapshot_holds_the_anchors_state_however_far_the_chain_has_gone_on(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_PART_BYTES", 3_000)
    monkeypatch.setattr(snapshots, "SNAPSHOT_SORT_BYTES", 100)
    monkeypatch.setattr(snapshots, "SNAPSHOT_SLICE_RECORDS", 3)
    purse = Purse()
    grow(chain, purse, EPOCH_BLOCKS + 1)
    anchor = must(chain.anchor.take(chain.head.head.height))
    expected = dict(scan_records(anchor.reader))
    grow(chain, purse, 2)
    shelf = shelf_at(tmp_path)
    assert sum(1 for _ in shelf.export(anchor)) > 3
    [(height, name)] = shelf.offers
    manifest = decode_manifest(must(shelf.manifest(name)))
    assert height == manifest.height == EPOCH_BLOCKS
    assert manifest.state_root == anchor.tree.root
    assert len(manifest.parts) > 2
    found: dict[bytes, bytes] = {}
    for index, (part, prefix) in enumerate(zip(manifest.parts, manifest.prefixes(), strict=True)):
        found |= read_part(must(shelf.part(name, index)), part, prefix).records
    assert found == expected
    assert shelf.part(name, len(manifest.parts)) is None
    assert shelf.part(manifest_hash(b"another"), 0) is None
    assert shelf_at(tmp_path).offers == shelf.offers


def test_only_the_newest_snapshots_are_kept(chain: Chain, tmp_path: Path) -> None:
    shelf, purse = shelf_at(tmp_path), Purse()
    grow(chain, purse, 1)
    for _ in range(limits.SNAPSHOTS_KEPT + 2):
        grow(chain, purse)
        list(shelf.export(must(chain.anchor.take(chain.head.head.height))))
    heights = [height for height, _ in shelf.offers]
    assert heights == [EPOCH_BLOCKS * each for each in (3, 4)]
    assert len(list(DataPaths(tmp_path).snapshots.iterdir())) == limits.SNAPSHOTS_KEPT
    assert shelf_at(tmp_path).offers == shelf.offers


def test_a_head_that_goes_from_one_epochs_end_to_the_next_leaves_the_one_before(
    chain: Chain,
) -> None:
    grow(chain, Purse(), 2 * EPOCH_BLOCKS)
    assert must(chain.anchor.take(2 * EPOCH_BLOCKS)).header.height == EPOCH_BLOCKS
    assert chain.anchor.take(2 * EPOCH_BLOCKS) is None
    assert must(chain.anchor.take(2 * EPOCH_BLOCKS + 1)).header.height == 2 * EPOCH_BLOCKS


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_leaves_a_whole_snapshot_or_none(
    chain: Chain, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(reached: str) -> None:
        if reached == point:
            raise Crash

    monkeypatch.setattr("shutil.rmtree", lambda *_args, **_options: None)  # as after SIGKILL
    grow(chain, Purse(), EPOCH_BLOCKS + 1)
    anchor = must(chain.anchor.take(chain.head.head.height))
    with pytest.raises(Crash):
        list(SnapshotShelf(DataPaths(tmp_path).snapshots, crash).export(anchor))
    monkeypatch.undo()
    after = shelf_at(tmp_path)
    assert len(after.offers) == (point == "snapshot in place")
    list(after.export(anchor))
    assert len(after.offers) == 1


def test_a_full_disk_costs_the_new_snapshot_and_not_the_old_one(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, purse = shelf_at(tmp_path), Purse()
    grow(chain, purse, EPOCH_BLOCKS + 1)
    list(shelf.export(must(chain.anchor.take(chain.head.head.height))))
    before = shelf.offers
    grow(chain, purse)

    def full(path: Path, *_: object) -> None:
        raise StoreFailed(path=str(path), reason="No space left on device")

    monkeypatch.setattr(snapshots, "write_all", full)
    with pytest.raises(StoreFailed):
        list(shelf.export(must(chain.anchor.take(chain.head.head.height))))
    assert shelf.offers == before == shelf_at(tmp_path).offers
    assert not (DataPaths(tmp_path).snapshots / "building").exists()


def test_a_snapshot_that_has_rotted_is_no_longer_offered(chain: Chain, tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    grow(chain, Purse(), EPOCH_BLOCKS + 1)
    list(shelf.export(must(chain.anchor.take(chain.head.head.height))))
    [(_, name)] = shelf.offers
    [file] = DataPaths(tmp_path).snapshots.glob("*/parts")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert shelf.part(name, 0) is None
    assert shelf.offers == ()
    file.write_bytes(data[:-1])
    assert shelf_at(tmp_path).offers == ()
