"""How long the server's tasks hold the event loop, in processor time: no other work shows in it."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import trio
import trio.abc
import trio.lowlevel

SERVING = ("_run_handler", "aichain.rpc.")
"""In the names of tasks that serve callers: a connection's, and those of the hub."""


class LoopMeter(trio.abc.Instrument):
    """The longest step, in seconds of the thread's processor time, of all tasks that serve."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.steps = 0
        self._began_s = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began_s = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if any(each in task.name for each in SERVING):
            self.steps += 1
            self.longest_s = max(self.longest_s, time.thread_time() - self._began_s)


@contextmanager
def measured() -> Iterator[LoopMeter]:
    """While it is open. Collections of the test run's own garbage are put off."""
    meter = LoopMeter()
    gc.collect()
    gc.disable()
    trio.lowlevel.add_instrument(meter)
    try:
        yield meter
    finally:
        trio.lowlevel.remove_instrument(meter)
        gc.enable()
