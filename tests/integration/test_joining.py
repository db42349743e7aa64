"""kill -9 at every step of a join: the old chain or the new one is there, and what came stays."""

import multiprocessing
import shutil
import signal
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.errors import StoreCorrupt
from aichain.store.failpoints import FailPoints
from aichain.store.index import TransactionIndex
from aichain.store.joining import JoiningChain, SnapshotBase, install_joined
from aichain.store.keys import STATE
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from aichain.store.snapshots import SnapshotShelf
from consensus.headers import block_ref
from genesis import limits
from native.hashing import Hash32
from tests.integration.ledgers import Purse, certify, extend, make_document, must
from vm import snapshot
from vm.blocks import VerifiedBlock
from vm.snapshot import decode_manifest, read_part

EPOCH_BLOCKS = 4
DOCUMENT = make_document(epoch_blocks=EPOCH_BLOCKS)
HEIGHT = 3 * EPOCH_BLOCKS
POINTS = (
    "joining begun",
    "part written:1",
    "part written:3",
    "joined state checked",
    "joined tip written",
    "joined chain ready",
    "old chain aside",
    "joined chain in place",
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_PART_BYTES", 3_000)
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", 1)


class Source:
    """A chain of three epochs and a few blocks, and the snapshot of the third one's end."""

    def __init__(self, root: Path) -> None:
        Chain.create(root, DOCUMENT)
        self.chain = Chain.open(root, DOCUMENT)
        purse = Purse()
        for _ in range(HEIGHT + 3):
            extend(self.chain, [purse.pay(DOCUMENT)])
        shelf = SnapshotShelf(DataPaths(root).snapshots, FailPoints())
        list(shelf.export(must(self.chain.anchor.take(HEIGHT + 1))))
        [(_, name)] = shelf.offers
        blocks = self.chain.blocks
        self.base = SnapshotBase(
            must(shelf.manifest(name)),
            must(blocks.header_at(HEIGHT)),
            must(blocks.header_at(HEIGHT + 1)),
            must(blocks.certificate_at(HEIGHT)),
        )
        manifest = decode_manifest(self.base.manifest_raw)
        self.parts = [
            read_part(must(shelf.part(name, index)), part, prefix).records
            for index, (part, prefix) in enumerate(
                zip(manifest.parts, manifest.prefixes(), strict=True)
            )
        ]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "SNAPSHOT_PART_BYTES", 3_000)
        return Source(tmp_path_factory.mktemp("source"))


def join(root: Path, source: Source, rule: str = "") -> int:
    """What a node does from one start to the next; how many parts it had to write."""
    paths, reached = DataPaths(root), FailPoints(rule)
    install_joined(paths, reached)
    if Chain.exists(root):
        chain = Chain.open(root, DOCUMENT)
        height = chain.head.head.height
        chain.close()
        if height >= HEIGHT:
            return 0
    joining = JoiningChain.resume(paths, reached)
    joining = joining or JoiningChain.begin(paths, source.base, reached)
    missing = joining.missing()
    for index in missing:
        joining.write_part(index, source.parts[index])
    joining.finish(DOCUMENT, None)
    joining.close()
    install_joined(paths, reached)
    return len(missing)


def old_home(tmp_path: Path, *, linked: bool = False) -> Path:
    """With a chain of one block; or with a link to it, from another volume."""
    root = tmp_path / "home"
    Chain.create(root, DOCUMENT)
    chain = Chain.open(root, DOCUMENT)
    extend(chain)
    chain.close()
    if linked:
        (root / "chain").rename(tmp_path / "elsewhere")
        (root / "chain").symlink_to(tmp_path / "elsewhere")
    return root


def check_joined(root: Path, source: Source) -> None:
    """It is the source's state at that height, and the source's next blocks follow."""
    chain = Chain.open(root, DOCUMENT)
    try:
        assert (chain.head.head.height, chain.head.head.id) == (HEIGHT, source.base.header.id)
        assert chain.blocks.first == HEIGHT + 1
        assert chain.blocks.certificate_at(HEIGHT) == source.base.certificate
        assert chain.blocks.block_at(HEIGHT) is None
        assert chain.blocks.header_at(HEIGHT) == source.base.header
        for height in range(HEIGHT + 1, HEIGHT + 4):
            block = must(source.chain.blocks.block_at(height)).block
            chain.execute(VerifiedBlock(block))
            chain.finalize([block_ref(block.header)], certify(block.header), finalized_at_ms=None)
            assert must(chain.locate(block.transactions[0].id)).height == height
        assert chain.head.root == source.chain.head.root
        for height in range(HEIGHT, HEIGHT + 3):
            proof = must(chain.blocks.prove_header(height, HEIGHT + 3))
            assert proof == source.chain.blocks.prove_header(height, HEIGHT + 3)
        while chain.prune(1):
            pass
        assert chain.blocks.header_at(HEIGHT) == source.base.header
    finally:
        chain.close()
    again = Chain.open(root, DOCUMENT)
    assert again.head.head.height == HEIGHT + 3
    assert again.blocks.first == HEIGHT + 2
    again.close()


def test_a_chain_that_was_joined_goes_on_like_the_one_it_came_from(
    tmp_path: Path, source: Source
) -> None:
    root = old_home(tmp_path)
    assert join(root, source) == len(source.parts) > 3
    assert sorted(path.name for path in root.iterdir()) == ["LOCK", "chain", "index"]
    check_joined(root, source)


@pytest.mark.parametrize("linked", [False, True], ids=["", "linked"])
@pytest.mark.parametrize("point", POINTS)
def test_a_join_that_is_killed_is_finished_at_the_next_start(
    tmp_path: Path, source: Source, point: str, linked: bool
) -> None:
    root = old_home(tmp_path, linked=linked)
    process = multiprocessing.get_context("fork").Process(target=join, args=(root, source, point))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    written = join(root, source)
    name, _, count = point.partition(":")
    begun = {"joining begun": 0, "part written": int(count or 0)}
    assert written == (len(source.parts) - begun[name] if name in begun else 0)
    check_joined(root, source)
    assert not DataPaths(root).joining.exists()
    assert not DataPaths(root).joined.exists()
    assert not DataPaths(root).replaced.exists()
    assert (root / "chain").is_symlink() == linked
    assert sorted(each.name for each in tmp_path.iterdir()) == ["elsewhere", "home"][not linked :]


def test_an_index_that_is_ahead_of_a_joined_chain_begins_where_its_blocks_do(
    tmp_path: Path, source: Source
) -> None:
    root = old_home(tmp_path)
    join(root, source)
    index = TransactionIndex(DataPaths(root).index)
    index.add([(HEIGHT + 50, [])])
    index.close()
    check_joined(root, source)


def test_what_rots_before_the_end_is_noticed_and_fetched_anew(
    tmp_path: Path, source: Source
) -> None:
    root = old_home(tmp_path)
    joining = JoiningChain.begin(DataPaths(root), source.base, FailPoints())
    for index, records in enumerate(source.parts):
        joining.write_part(index, records)
    joining.close()
    database = LevelStore(DataPaths(DataPaths(root).joining).state)
    key, value = next(iter(database.iterate(STATE)))
    database.write({key: value + b"x"}, sync=True)
    database.close()
    joining = must(JoiningChain.resume(DataPaths(root), FailPoints()))
    assert joining.missing() == ()
    with pytest.raises(StoreCorrupt) as raised:
        joining.finish(DOCUMENT, None)
    assert "fetched anew" in raised.value.fix
    joining.close()
    assert JoiningChain.resume(DataPaths(root), FailPoints()) is None
    chain = Chain.open(root, DOCUMENT)
    assert chain.head.head.height == 1, "the old chain is untouched"
    chain.close()


def test_a_join_whose_database_went_with_the_power_begins_again(
    tmp_path: Path, source: Source
) -> None:
    root = old_home(tmp_path)
    JoiningChain.begin(DataPaths(root), source.base, FailPoints()).close()
    shutil.rmtree(DataPaths(DataPaths(root).joining).state)
    assert JoiningChain.resume(DataPaths(root), FailPoints()) is None
    assert join(root, source) == len(source.parts)


def test_a_base_survives_its_bytes(source: Source) -> None:
    assert SnapshotBase.decode(source.base.encode()) == source.base
    assert source.base.name != Hash32(bytes(32))
