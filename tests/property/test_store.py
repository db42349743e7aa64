"""LevelDB agrees with a dictionary, log and segments with lists, through reopenings and crashes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aichain.errors import StoreFailed
from aichain.store.kv import KeyValueReader
from aichain.store.leveldb import LevelSettings, LevelStore
from aichain.store.segments import BodyRecord, Position, SegmentFiles
from aichain.store.wal import VoteWal
from tests.memory_store import MemoryStore

KEYS = st.binary(min_size=1, max_size=3) | st.sampled_from([b"a|", b"a|\xff", b"b|", b"\xff\xff"])
VALUES = st.none() | st.binary(max_size=40)
BATCHES = st.dictionaries(KEYS, VALUES, max_size=8)
TINY = LevelSettings(write_buffer_bytes=1 << 16, cache_bytes=1 << 16, max_open_files=16)


class LevelIsMemory(RuleBasedStateMachine):
    """Every answer of one is the answer of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.level = LevelStore(self.path / "db", TINY, create=True)
        self.memory = MemoryStore()
        self.snapshots: list[tuple[KeyValueReader, KeyValueReader]] = []

    def teardown(self) -> None:
        self.level.close()
        shutil.rmtree(self.path)

    @rule(batch=BATCHES, sync=st.booleans())
    def write(self, batch: dict[bytes, bytes | None], sync: bool) -> None:
        self.level.write(batch, sync=sync)
        self.memory.write(batch, sync=sync)

    @rule()
    def take_snapshot(self) -> None:
        if len(self.snapshots) < 3:
            self.snapshots.append((self.level.snapshot(), self.memory.snapshot()))

    @rule()
    def reopen(self) -> None:
        self.snapshots.clear()
        self.level.close()
        self.level = LevelStore(self.path / "db", TINY)

    @rule(batch=BATCHES)
    def memory_fails_whole(self, batch: dict[bytes, bytes | None]) -> None:
        self.memory.fail_after(0)
        with pytest.raises(StoreFailed):
            self.memory.write(batch, sync=True)
        self.memory = self.memory.reopened()
        self.snapshots.clear()

    @rule(
        prefix=st.sampled_from([b"", b"a", b"a|", b"\xff"]) | KEYS,
        start=st.none() | KEYS,
        reverse=st.booleans(),
        limit=st.none() | st.integers(0, 4),
    )
    def iterate(self, prefix: bytes, start: bytes | None, reverse: bool, limit: int | None) -> None:
        for level, memory in [(self.level, self.memory), *self.snapshots]:
            got, expected = (
                list(store.iterate(prefix, start=start, reverse=reverse, limit=limit))
                for store in (level, memory)
            )
            assert got == expected

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        for level, memory in [(self.level, self.memory), *self.snapshots]:
            assert level.get(key) == memory.get(key)

    @invariant()
    def both_hold_the_same(self) -> None:
        assert list(self.level.iterate()) == list(self.memory.iterate())


RECORDS = st.binary(max_size=700)


class LogIsAList(RuleBasedStateMachine):
    """What was acknowledged stays; a cut loses whole groups from the end and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.wal = VoteWal.open(self.path, b"key")
        self.groups: list[list[bytes]] = []
        self.ends = [self.wal.size_bytes]
        self.deferred: list[bytes] = []

    def teardown(self) -> None:
        self.wal.close()
        shutil.rmtree(self.path)

    @rule(group=st.lists(RECORDS, min_size=1, max_size=3))
    def append(self, group: list[bytes]) -> None:
        self.wal.append(*group)
        self.groups.append(self.deferred + group)
        self.deferred = []
        self.ends.append(self.wal.size_bytes)

    @rule(record=RECORDS)
    def defer(self, record: bytes) -> None:
        self.wal.defer(record)
        self.deferred.append(record)

    @rule(cut=st.integers(0, 2_000))
    def lose_power(self, cut: int) -> None:
        """Drop bytes from the end; deferred records were only in memory."""
        self.wal.close()
        size = max(self.ends[0], self.ends[-1] - cut)
        with self.wal.path.open("r+b") as file:
            file.truncate(size)
        while self.ends[-1] > size:
            self.ends.pop()
            self.groups.pop()
        self.deferred = []
        self.wal = VoteWal.open(self.path, b"key")

    @rule(seed=st.integers(0, 3))
    def prune(self, seed: int) -> None:
        def keep(record: bytes) -> bool:
            return (len(record) + seed) % 3 > 0

        self.wal.prune(keep)
        records = [r for group in [*self.groups, self.deferred] for r in group if keep(r)]
        self.groups, self.deferred = [[record] for record in records], []
        self.ends = self.ends[:1]
        for record in records:
            self.ends.append(self.ends[-1] + len(record) + 17)

    @invariant()
    def the_log_holds_the_groups(self) -> None:
        assert list(self.wal.records()) == [r for group in self.groups for r in group]
        assert self.wal.size_bytes == self.ends[-1]


class SegmentsAreAList(RuleBasedStateMachine):
    """What lies after a known record comes back in order, whatever was torn off the end."""

    @initialize(segment_bytes=st.sampled_from([400, 2_000]))
    def start(self, segment_bytes: int) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.segment_bytes = segment_bytes
        self.files = SegmentFiles.create(self.path / "blocks", segment_bytes=segment_bytes)
        self.written: list[tuple[Position, BodyRecord]] = []
        self.append(1, [b"genesis"])
        self.anchor = 0

    def teardown(self) -> None:
        if hasattr(self, "path"):
            self.files.close()
            shutil.rmtree(self.path)

    @rule(height=st.integers(0, 2**40), bodies=st.lists(st.binary(max_size=300), max_size=3))
    def append(self, height: int, bodies: list[bytes]) -> None:
        records = [BodyRecord(height, b"header" * (height % 5), body) for body in bodies]
        self.written.extend(zip(self.files.append(records), records, strict=True))

    @rule(back=st.integers(0, 5))
    def commit(self, back: int) -> None:
        """The database points to a record; nothing before it is ever cut."""
        self.anchor = max(self.anchor, len(self.written) - 1 - back)

    @precondition(lambda self: len(self.written) > 1)
    @rule(cut=st.integers(0, 500), zeros=st.integers(0, 40))
    def lose_power(self, cut: int, zeros: int) -> None:
        self.files.close()
        last = sorted((self.path / "blocks").iterdir())[-1]
        number = int(last.stem)
        anchor = self.written[self.anchor][0]
        floor = anchor.end if anchor.segment == number else 0
        size = max(floor, last.stat().st_size - cut)
        with last.open("r+b") as file:
            file.truncate(size)
            file.seek(size)
            file.write(bytes(zeros))
        self.written = [
            (position, record)
            for position, record in self.written
            if position.segment < number or position.end <= size
        ]
        self.files, tail = SegmentFiles.open(
            self.path / "blocks", anchor, segment_bytes=self.segment_bytes
        )
        assert tail == self.written[self.anchor + 1 :]

    @invariant()
    def every_record_is_read_back(self) -> None:
        for position, record in self.recent():
            assert self.files.read(position) == record
            assert self.files.read_header(position) == record.header_raw

    def recent(self) -> Iterator[tuple[Position, BodyRecord]]:
        yield from getattr(self, "written", [])[-3:]


FEW = settings(max_examples=40, stateful_step_count=30)
TestLevelIsMemory = LevelIsMemory.TestCase
TestLevelIsMemory.settings = FEW
TestLogIsAList = LogIsAList.TestCase
TestLogIsAList.settings = FEW
TestSegmentsAreAList = SegmentsAreAList.TestCase
TestSegmentsAreAList.settings = FEW
