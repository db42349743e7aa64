"""Runs a trio program in virtual time, in an order that only its seed decides.

Time jumps to the next thing that is due whenever nobody can go on. Work that the node hands to
threads is done on the spot and then takes the virtual time that it is said to cost.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar
from unittest.mock import patch

import trio
import trio.testing

from aichain.machine import Machine

T = TypeVar("T")

START_MS: Final = 1_800_000_000_000
_COSTS_MS: Final = {"sign": 1.5, "_append": 1.0, "make_durable": 4.0, "_finalize": 6.0}
_VERIFYING: Final = {"judge_many", "judge_votes", "confirm_refusals", "verify_many"}
_OTHER_COST_MS: Final = 0.5
_SIGNATURE_COST_MS: Final = 0.26


slowness: ContextVar[float] = ContextVar("slowness", default=1.0)
"""By how much work takes longer on the machine of the tasks that inherit this."""


class VirtualClock:
    """A node's wall clock: virtual time, and how far this node's clock is off."""

    def __init__(self, skew_ms: int = 0) -> None:
        self.skew_ms = skew_ms

    def now_ms(self) -> int:
        return START_MS + int(trio.current_time() * 1000) + self.skew_ms


def virtual_machine() -> Machine:
    """A machine in virtual time, for all nodes of a test."""
    return Machine(VirtualClock(), work_on_the_spot)


class Steps(trio.abc.Instrument):
    """Counts the steps of all tasks."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: object) -> None:
        self.count += 1


def run_virtual(program: Callable[[], Awaitable[T]], seed: int, *instruments: Steps) -> T:
    """The result of `program`, run in virtual time from 0."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    with _seeded_scheduler(seed):
        return trio.run(program, clock=clock, instruments=instruments)


async def work_on_the_spot(
    function: Callable[..., T], *arguments: Any, limiter: trio.CapacityLimiter | None = None
) -> T:
    """In place of a thread; a limiter makes work wait for work as threads would."""
    if limiter is None:
        return await _work(function, arguments)
    async with limiter:
        return await _work(function, arguments)


async def _work(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    result = function(*arguments)
    await trio.sleep(slowness.get() * _cost_ms(function, arguments) / 1000)
    return result


def _cost_ms(function: Callable[..., object], arguments: tuple[Any, ...]) -> float:
    name = getattr(function, "__name__", "")
    if name in _VERIFYING:
        return _SIGNATURE_COST_MS * len(arguments[0])
    return _COSTS_MS.get(name, _OTHER_COST_MS)


@contextmanager
def _seeded_scheduler(seed: int) -> Iterator[None]:
    """trio shuffles tasks that are ready together: let the seed do it (trio's own test hook)."""
    core = trio._core._run  # type: ignore[attr-defined]
    with (
        patch.object(core, "_ALLOW_DETERMINISTIC_SCHEDULING", True),
        patch.object(core, "_r", random.Random(seed)),
    ):
        yield
