"""A chain that drops old blocks: what goes, what stays, and what a crash in between leaves."""

import multiprocessing
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.store.failpoints import FailPoints
from aichain.store.keys import BLOCK, CERTIFICATE, HEIGHT, NODE, RECEIPTS, height_in
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from aichain.store.segments import SegmentFiles
from consensus.light import verify_ancestor_header
from genesis import limits
from tests.integration.ledgers import Purse, extend, make_document, must
from vm.blocks import Header
from vm.transactions import VerifiedTransaction

EPOCH = 4
DOCUMENT = make_document(epoch_blocks=EPOCH)
WINDOW = 8
BLOCKS = 30
POINTS = ("floor written", "index pruned", "segments removed")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hot window of eight blocks, steps of three, files of two or three blocks."""
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", WINDOW)
    monkeypatch.setattr(limits, "PRUNED_BLOCKS_AT_ONCE", 3)
    defaults = must(SegmentFiles.__init__.__kwdefaults__)
    monkeypatch.setitem(defaults, "segment_bytes", 12_000)


@pytest.fixture
def history() -> list[VerifiedTransaction]:
    """A transfer for each block."""
    purse = Purse()
    return [purse.pay(DOCUMENT) for _ in range(BLOCKS)]


@pytest.fixture
def root(tmp_path: Path, history: list[VerifiedTransaction]) -> Path:
    """Thirty blocks, on disk."""
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    for transaction in history:
        extend(chain, [transaction])
    chain.close()
    return tmp_path


@pytest.fixture
def chain(root: Path) -> Iterator[Chain]:
    opened = Chain.open(root, DOCUMENT)
    yield opened
    opened.close()


@contextmanager
def opened(root: Path) -> Iterator[Chain]:
    chain = Chain.open(root, DOCUMENT)
    yield chain
    chain.close()


def prune_all(chain: Chain, keep: int = WINDOW) -> None:
    while chain.prune(keep):
        pass


def segments(root: Path) -> list[int]:
    return sorted(int(path.stem) for path in DataPaths(root).bodies.iterdir())


def test_blocks_below_the_floor_are_gone_with_all_that_belongs_to_them(
    chain: Chain, tmp_path: Path, history: list[VerifiedTransaction]
) -> None:
    files = segments(tmp_path)
    prune_all(chain, keep=10)
    assert chain.blocks.first == BLOCKS - 10
    for height in range(1, BLOCKS + 1):
        kept = height >= BLOCKS - 10
        assert (chain.blocks.raw_at(height) is not None) == kept
        assert (chain.blocks.block_at(height) is not None) == kept
        assert (chain.locate(history[height - 1].id) is not None) == kept
        has_header = kept or height % EPOCH == 0
        assert (chain.blocks.header_at(height) is not None) == has_header
        assert (chain.blocks.finality_of(height) is not None) == has_header
    assert segments(tmp_path) == files[-len(segments(tmp_path)) :]
    assert segments(tmp_path)[0] > 1


def test_the_database_shrinks_to_what_is_kept(root: Path) -> None:
    with opened(root) as chain:
        prune_all(chain)
    database = LevelStore(DataPaths(root).state)
    first = BLOCKS - WINDOW
    kept = list(range(first, BLOCKS + 1))
    for prefix in (BLOCK, RECEIPTS):
        assert [height_in(key, prefix) for key, _ in database.iterate(prefix)] == kept
    assert len(list(database.iterate(HEIGHT))) == len(kept)
    certified = [height_in(key, CERTIFICATE) for key, _ in database.iterate(CERTIFICATE)]
    assert [height for height in certified if height < first] == list(range(EPOCH, first, EPOCH))
    database.close()
    with opened(root) as chain:
        assert chain.head.head.height == BLOCKS


@pytest.mark.parametrize("keep", [0, 1, WINDOW - 1])
def test_the_hot_window_is_never_touched(chain: Chain, keep: int) -> None:
    prune_all(chain, keep)
    assert chain.blocks.first == BLOCKS - WINDOW
    purse = Purse(nonce=BLOCKS)
    for _ in range(2 * EPOCH):
        extend(chain, [purse.pay(DOCUMENT)])
        prune_all(chain, keep)
        assert chain.blocks.first == chain.head.head.height - WINDOW


def test_a_short_chain_is_left_alone(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    for _ in range(WINDOW):
        extend(chain)
    assert not chain.prune(WINDOW)
    chain.close()


def test_a_step_is_bounded_in_blocks_and_in_bytes(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chain.prune(WINDOW)
    assert chain.blocks.first == 3
    monkeypatch.setattr(limits, "PRUNED_BYTES_AT_ONCE", 1)
    assert chain.prune(WINDOW)
    assert chain.blocks.first == 4


def test_a_pruned_chain_opens_goes_on_and_prunes_again(root: Path) -> None:
    with opened(root) as chain:
        prune_all(chain)
    with opened(root) as chain:
        assert chain.blocks.first == BLOCKS - WINDOW
        purse = Purse(nonce=BLOCKS)
        for _ in range(5):
            extend(chain, [purse.pay(DOCUMENT)])
        prune_all(chain)
        assert chain.blocks.first == BLOCKS + 5 - WINDOW


def test_an_index_that_was_lost_is_made_of_what_is_kept(
    root: Path, history: list[VerifiedTransaction]
) -> None:
    with opened(root) as chain:
        prune_all(chain)
    shutil.rmtree(DataPaths(root).index)
    with opened(root) as chain:
        assert must(chain.locate(history[-1].id)).height == BLOCKS
        assert chain.locate(history[0].id) is None


def test_anchors_and_kept_headers_are_still_proved(chain: Chain) -> None:
    headers = [must(chain.blocks.header_at(height)) for height in range(BLOCKS + 1)]
    prune_all(chain)
    for height in range(BLOCKS):
        if height % EPOCH == 0 or height >= BLOCKS - WINDOW:
            proof = must(chain.blocks.prove_header(height, BLOCKS))
            verify_ancestor_header(headers[BLOCKS], headers[height], proof)


def test_small_trees_of_whole_stretches_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of eight blocks here: of each its own tree stays, and what proves its anchors."""
    monkeypatch.setattr("aichain.store.header_range._STRETCH_LEVEL", 3)
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    for _ in range(50):
        extend(chain)
    headers = [must(chain.blocks.header_at(height)) for height in range(51)]
    prune_all(chain)
    for height in (*range(0, 42, EPOCH), *range(42, 50)):
        verify_ancestor_header(
            headers[50], headers[height], must(chain.blocks.prove_header(height, 50))
        )
    assert chain.blocks.prove_header(17, 50) is None
    for _ in range(9):
        extend(chain)
        for height in (0, 12, 40, 47, chain.head.head.height - 1):
            header = must(chain.blocks.header_at(height))
            at = chain.head.head
            verify_ancestor_header(at, header, must(chain.blocks.prove_header(height, at.height)))
    chain.close()
    database = LevelStore(DataPaths(tmp_path).state)
    nodes = sum(1 for _ in database.iterate(NODE))
    assert nodes < 60 + 5 * 6, "of five stretches of eight with 15 trees each six are left"
    database.close()


def test_a_reader_that_comes_too_late_finds_nothing_and_no_damage(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block is pruned between the reader's look at the database and at the file."""
    record_at = chain.blocks.record_at

    def slow(height: int) -> object:
        record = record_at(height)
        monkeypatch.setattr(chain.blocks, "record_at", record_at)
        prune_all(chain)
        return record

    for read in (chain.blocks.raw_at, chain.blocks.block_at, chain.blocks.header_at):
        monkeypatch.setattr(chain.blocks, "record_at", slow)
        assert read(2) is None


def test_a_damaged_old_body_does_not_stop_pruning(chain: Chain, tmp_path: Path) -> None:
    raw = must(chain.blocks.raw_at(5))
    for path in DataPaths(tmp_path).bodies.iterdir():
        data = path.read_bytes()
        if raw.body_raw in data:
            path.write_bytes(data.replace(raw.body_raw, bytes(len(raw.body_raw))))
    prune_all(chain)
    assert chain.blocks.first == BLOCKS - WINDOW


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("step", [1, 2, 5])
def test_killed_at_any_step_it_goes_on_where_it_was(root: Path, point: str, step: int) -> None:
    with opened(root) as chain:
        headers = [must(chain.blocks.header_at(height)) for height in range(BLOCKS + 1)]
    assert killed_while_pruning(root, f"{point}:{step}") == signal.SIGKILL
    with opened(root) as chain:
        assert chain.blocks.first == 3 * step
        check_whole(chain, headers)
        oldest = must(chain.blocks.record_at(chain.blocks.first)).position.segment
        assert segments(root)[0] == oldest, "the start finishes what was begun"
        prune_all(chain)
        check_whole(chain, headers)
        assert chain.blocks.first == BLOCKS - WINDOW


def killed_while_pruning(root: Path, rule: str) -> int:
    def child() -> None:
        chain = Chain.open(root, DOCUMENT, fail_points=FailPoints(rule))
        prune_all(chain)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    return -must(process.exitcode)


def check_whole(chain: Chain, headers: list[Header]) -> None:
    first = chain.blocks.first
    for height in range(first, BLOCKS + 1):
        stored = must(chain.blocks.block_at(height))
        assert stored.header == headers[height]
        [signed] = stored.block.transactions if height else [None]
        if signed is not None:
            assert must(chain.locate(signed.id)).height == height
            assert len(stored.receipts) == 1
    for height in range(0, first, EPOCH):
        assert chain.blocks.header_at(height) == headers[height]
        assert height == 0 or must(chain.blocks.certificate_at(height)).height == height
