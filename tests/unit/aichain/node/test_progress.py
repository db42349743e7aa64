"""What a node that is behind says of how far it is, and how long it takes yet."""

import logging
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from aichain.node.progress import Progress, Reading, Task, progress_of
from aichain.node.progress_watch import LOGGED_EVERY_S, ProgressLog, watch_progress
from aichain.rpc.backend import JoinProgress, NodeStatus
from aichain.rpc.statuses import JoinStage
from genesis.limits import INDEX_BATCH_BLOCKS
from tests.unit.aichain.rpc.fake_backend import FakeBackend


@pytest.fixture(scope="module")
def level() -> NodeStatus:
    return FakeBackend().status()


def syncing(status: NodeStatus, height: int, target: int) -> NodeStatus:
    return replace(status, syncing=True, height=height, target_height=target)


def joining(status: NodeStatus, stage: JoinStage, part: int = 0, parts: int = 0) -> NodeStatus:
    return replace(syncing(status, 0, 900), joining=JoinProgress(stage, 768, part, parts))


def read(*statuses: NodeStatus, every_s: float = 1.0) -> list[Reading]:
    return [Reading(at * every_s, status) for at, status in enumerate(statuses)]


def test_who_is_level_is_behind_with_nothing(level: NodeStatus) -> None:
    assert progress_of(read(level)) == ()
    assert progress_of(read(syncing(level, 10, 90), level)) == ()


def test_blocks_their_pace_and_what_is_left_while_the_chain_goes_on(level: NodeStatus) -> None:
    first = read(syncing(level, 100, 1000))
    assert progress_of(first) == (Progress(Task.SYNCING, 100, 1000),)
    two = read(syncing(level, 100, 1000), syncing(level, 120, 1004), every_s=2.0)
    # 20 blocks in two seconds, of which 16 close the gap: 884 / 8 seconds, rounded up
    assert progress_of(two) == (Progress(Task.SYNCING, 120, 1004, 10.0, 111),)


def test_a_gap_that_does_not_close_has_no_time_left(level: NodeStatus) -> None:
    seen = read(syncing(level, 100, 1000), syncing(level, 101, 1002))
    assert progress_of(seen) == (Progress(Task.SYNCING, 101, 1002, 1.0, None),)


def test_a_pace_begins_where_the_task_did(level: NodeStatus) -> None:
    seen = read(syncing(level, 0, 9), level, syncing(level, 50, 90), syncing(level, 60, 90))
    [told] = progress_of(seen)
    assert (told.per_s, told.left_s) == (10.0, 3)


def test_less_than_a_second_is_no_pace(level: NodeStatus) -> None:
    seen = read(syncing(level, 50, 90), syncing(level, 60, 90), every_s=0.5)
    assert progress_of(seen) == (Progress(Task.SYNCING, 60, 90),)


def test_a_snapshot_is_looked_for_then_its_parts_then_it_is_checked(level: NodeStatus) -> None:
    seen = read(
        joining(level, JoinStage.LOOKING),
        joining(level, JoinStage.FETCHING, 0, 40),
        joining(level, JoinStage.FETCHING, 8, 40),
        joining(level, JoinStage.CHECKING, 40, 40),
    )
    assert [progress_of(seen[: count + 1]) for count in range(4)] == [
        (Progress(Task.LOOKING, 0, 900),),
        (Progress(Task.FETCHING, 0, 40),),
        (Progress(Task.FETCHING, 8, 40, 8.0, 4),),
        (Progress(Task.CHECKING, 40, 40),),
    ]


def test_who_is_level_and_asks_for_a_snapshot_is_not_behind(level: NodeStatus) -> None:
    asking = replace(level, joining=JoinProgress(JoinStage.LOOKING))
    assert progress_of(read(asking)) == ()


def test_an_index_is_behind_by_more_than_a_batch(level: NodeStatus) -> None:
    far = replace(level, height=INDEX_BATCH_BLOCKS + 1, indexed_height=0)
    assert progress_of(read(replace(far, indexed_height=1))) == ()
    assert progress_of(read(far)) == (Progress(Task.INDEXING, 0, INDEX_BATCH_BLOCKS + 1),)
    both = replace(far, syncing=True, target_height=5000)
    assert [each.task for each in progress_of(read(both))] == [Task.SYNCING, Task.INDEXING]


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    handler = Lines()
    logger = logging.getLogger("aichain.node.progress_watch")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    return handler


def test_the_log_is_told_at_once_then_every_few_seconds_and_at_the_end(
    level: NodeStatus, lines: Lines
) -> None:
    log, readings = ProgressLog(), list[Reading]()
    for second in range(2 * int(LOGGED_EVERY_S) + 1):
        readings.append(Reading(float(second), syncing(level, 10 * second, 300)))
        log.tell(progress_of(readings), readings[-1])
    log.tell((), Reading(11.0, replace(level, height=300)))
    log.tell((), Reading(12.0, level))
    first, later, last, done = lines.records
    assert first.getMessage() == later.getMessage() == "syncing blocks"
    assert (first.done, first.total, hasattr(first, "per_s")) == (0, 300, False)
    assert (later.done, later.per_s, later.left_s) == (50, 10.0, 25)
    assert last.done == 100
    assert (done.getMessage(), done.height) == ("level with the chain", 300)


def test_a_new_task_does_not_wait_for_its_line(level: NodeStatus, lines: Lines) -> None:
    log = ProgressLog()
    for at_s, status in (
        (0.0, joining(level, JoinStage.LOOKING)),
        (1.0, joining(level, JoinStage.FETCHING, 1, 40)),
    ):
        reading = Reading(at_s, status)
        log.tell(progress_of([reading]), reading)
    assert [each.getMessage() for each in lines.records] == [Task.LOOKING, Task.FETCHING]


async def test_a_node_without_a_screen_says_it_in_its_log(
    level: NodeStatus, lines: Lines, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()

    def status() -> NodeStatus:
        height = int(100 * (trio.current_time() - begun))
        return syncing(level, height, 2000) if height < 2000 else level

    with trio.move_on_after(60):
        await watch_progress(status, None)
    said = [each.getMessage() for each in lines.records]
    assert said == ["syncing blocks"] * 4 + ["level with the chain"]
    assert lines.records[3].per_s == pytest.approx(100.0)
