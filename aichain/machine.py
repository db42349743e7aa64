"""What a node gets from its machine: the time, and threads for what would hold up the loop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import trio

from aichain.clock import Clock, SystemClock

T = TypeVar("T")


class RunBlocking(Protocol):
    """Runs a blocking function beside the loop; the limiter says how many run at a time."""

    async def __call__(
        self,
        function: Callable[..., T],
        /,
        *arguments: Any,  # noqa: ANN401 whatever the function takes
        limiter: trio.CapacityLimiter | None = None,
    ) -> T: ...


@dataclass(frozen=True, slots=True)
class Machine:
    """The real one; a simulation has another."""

    clock: Clock = field(default_factory=SystemClock)
    run_blocking: RunBlocking = trio.to_thread.run_sync
