"""A disk that is full: typed failures, nothing half done, and a restart that goes on."""

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from aichain.chain import Chain
from aichain.errors import StoreFailed
from aichain.store.leveldb import LevelSettings, LevelStore
from aichain.store.segments import BodyRecord, Position, SegmentFiles
from aichain.store.wal import VoteWal
from tests.integration.ledgers import Purse, extend, make_document, must

R = TypeVar("R")
LIMIT_BYTES = 100 << 10
KEY = b"k" * 1952
DOCUMENT = make_document()


def in_a_full_disk(work: Callable[[Path], R], path: Path) -> R:
    """Run `work` in a process whose files may not grow past LIMIT_BYTES; what it sent back."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)

    def child() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))
        writer.send(work(path))
        os._exit(0)

    process = context.Process(target=child)
    process.start()
    assert reader.poll(60)
    answer: R = reader.recv()
    process.join()
    return answer


def fill_leveldb(path: Path) -> tuple[int, bytes | None, str]:
    store = LevelStore(path, LevelSettings(write_buffer_bytes=64 << 20), create=True)
    acknowledged = 0
    try:
        while acknowledged < 1_000:
            number = b"%d" % (acknowledged + 1)
            batch = {b"k%d" % i: number + b"|" + os.urandom(500) for i in range(4)}
            store.write({**batch, b"tip": number}, sync=True)
            acknowledged += 1
    except StoreFailed as error:
        reading = store.get(b"tip")
        with pytest.raises(StoreFailed):
            store.write({b"x": b"y"}, sync=True)
        return acknowledged, reading, error.code
    return acknowledged, b"", "no failure"


def test_leveldb(tmp_path: Path) -> None:
    acknowledged, reading, code = in_a_full_disk(fill_leveldb, tmp_path / "db")
    assert code == "store_failed"
    assert 10 < acknowledged < 1_000
    assert int(must(reading)) in (acknowledged, acknowledged + 1)
    store = LevelStore(tmp_path / "db")
    tip = int(must(store.get(b"tip")))
    assert tip == acknowledged
    assert {value.split(b"|")[0] for _, value in store.iterate(b"k")} == {b"%d" % tip}
    store.write({b"tip": b"again"}, sync=True)
    store.close()


def fill_wal(directory: Path) -> tuple[int, str]:
    wal = VoteWal.open(directory, KEY)
    acknowledged = 0
    try:
        while acknowledged < 1_000:
            wal.append(b"%d|" % (acknowledged + 1) + bytes(300))
            acknowledged += 1
    except StoreFailed as error:
        return acknowledged, error.code
    return acknowledged, "no failure"


def test_the_vote_log(tmp_path: Path) -> None:
    acknowledged, code = in_a_full_disk(fill_wal, tmp_path)
    assert code == "store_failed"
    wal = VoteWal.open(tmp_path, KEY)
    numbers = [int(record.split(b"|")[0]) for record in wal.records()]
    assert numbers == list(range(1, acknowledged + 1))
    wal.append(b"goes on")
    wal.close()


def fill_segments(directory: Path) -> tuple[list[Position], str]:
    files = SegmentFiles.create(directory)
    positions: list[Position] = []
    try:
        while len(positions) < 1_000:
            body = BodyRecord(len(positions), b"header", os.urandom(900))
            positions.extend(files.append([body]))
    except StoreFailed as error:
        return positions, error.code
    return positions, "no failure"


def test_segments(tmp_path: Path) -> None:
    positions, code = in_a_full_disk(fill_segments, tmp_path / "blocks")
    assert code == "store_failed"
    assert len(positions) > 10
    files, tail = SegmentFiles.open(tmp_path / "blocks", positions[0])
    assert [position for position, _ in tail] == positions[1:]
    assert isinstance(files.append([BodyRecord(1, b"h", b"b")])[0], Position)
    files.close()


def extend_until_full(root: Path) -> tuple[int, int, str]:
    chain = Chain.open(root, DOCUMENT)
    purse = Purse() if (root / "with transactions").exists() else None
    acknowledged = 0
    try:
        while acknowledged < 1_000:
            extend(chain, [purse.pay(DOCUMENT)] if purse else [])
            acknowledged += 1
    except StoreFailed as error:
        return acknowledged, chain.head.head.height, error.code
    return acknowledged, chain.head.head.height, "no failure"


@pytest.mark.parametrize("first_full", ["bodies", "database"])
def test_a_commit_that_fails_is_not_the_head_and_a_restart_goes_on(
    tmp_path: Path, first_full: str
) -> None:
    Chain.create(tmp_path, DOCUMENT)
    if first_full == "bodies":
        (tmp_path / "with transactions").touch()
    acknowledged, head, code = in_a_full_disk(extend_until_full, tmp_path)
    assert code == "store_failed"
    assert 5 < acknowledged == head
    chain = Chain.open(tmp_path, DOCUMENT)
    assert chain.head.head.height == acknowledged
    for block in chain.unfinalized():
        chain.execute(block)
    extend(chain)
    chain.close()
