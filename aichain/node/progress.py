"""How far a node that is behind has come, by what its status said at some moments. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aichain.rpc.backend import NodeStatus
from aichain.rpc.statuses import JoinStage
from genesis import limits

MEASURED_S: Final = 1.0
"""Over less than this no pace is told."""


class Task(StrEnum):
    """What a node that is behind is at."""

    LOOKING = "looking for a snapshot"
    FETCHING = "fetching a snapshot"
    CHECKING = "checking a snapshot"
    SYNCING = "syncing blocks"
    INDEXING = "indexing accounts"


@dataclass(frozen=True, slots=True)
class Reading:
    """A status, and when it was read, on a clock that is never set."""

    at_s: float
    status: NodeStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """One task: `done` of `total` parts of a snapshot while it is fetched, of blocks otherwise."""

    task: Task
    done: int
    total: int
    per_s: float | None = None
    """None until it was watched long enough, and where no pace says anything."""
    left_s: int | None = None
    """None where the gap does not close: `total` grows with the chain."""


def progress_of(readings: Sequence[Reading]) -> tuple[Progress, ...]:
    """What the last of these readings is behind with, and how fast; nothing where it is level.

    Behind is whom `aichain_status` and `eth_syncing` call so, and an index by more than a batch.
    """
    return tuple(_paced(now, readings) for now in _tasks(readings[-1].status))


def _tasks(status: NodeStatus) -> tuple[Progress, ...]:
    tasks: list[Progress] = []
    joining, blocks = status.joining, (status.height, status.target_height)
    if status.syncing:
        if joining is None:
            tasks.append(Progress(Task.SYNCING, *blocks))
        elif joining.stage is JoinStage.LOOKING:
            tasks.append(Progress(Task.LOOKING, *blocks))
        else:
            is_fetching = joining.stage is JoinStage.FETCHING
            task = Task.FETCHING if is_fetching else Task.CHECKING
            tasks.append(Progress(task, joining.part, joining.parts))
    indexed = status.indexed_height
    if indexed is not None and status.height - indexed > limits.INDEX_BATCH_BLOCKS:
        tasks.append(Progress(Task.INDEXING, indexed, status.height))
    return tuple(tasks)


def _paced(now: Progress, readings: Sequence[Reading]) -> Progress:
    """Against the earliest reading since which the task was never over."""
    if now.task in (Task.LOOKING, Task.CHECKING):
        return now
    at_s, first = readings[-1].at_s, now
    for reading in reversed(readings):
        before = next((each for each in _tasks(reading.status) if each.task is now.task), None)
        if before is None:
            break
        at_s, first = reading.at_s, before
    span_s = readings[-1].at_s - at_s
    if span_s < MEASURED_S or now.done < first.done:
        return now
    closed, gap = (first.total - first.done) - (now.total - now.done), now.total - now.done
    left_s = -int(-gap * span_s // closed) if closed > 0 else None
    return Progress(now.task, now.done, now.total, (now.done - first.done) / span_s, left_s)
