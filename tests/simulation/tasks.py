"""Coroutines of the product on the simulator's clock: no event loop, no threads, no chance."""

from collections.abc import Callable, Coroutine, Generator
from typing import Any

Work = Coroutine[int, None, Any]
Later = Callable[[int, Callable[[], None]], None]


class Pause:
    """Awaited, it hands the rest of the coroutine to whoever runs it, for some milliseconds."""

    def __init__(self, ms: int) -> None:
        self._ms = ms

    def __await__(self) -> Generator[int, None, None]:
        yield self._ms


def advance(work: Work) -> int | None:
    """Run until the next pause and say how long it is; None at the end."""
    try:
        return work.send(None)
    except StopIteration:
        return None
