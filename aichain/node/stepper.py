"""One task steps a core of consensus; which core that is, and who performs, is for the owner."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from aichain.feed import Feed
from consensus.core.events import VoteAccepted
from genesis import limits

S = TypeVar("S")
E = TypeVar("E")
F = TypeVar("F")


class Stepper(Generic[S, E, F]):
    """Holds the core's state and its queue: an event in, `step`, its effects performed in order.

    Whatever takes time runs beside it and answers with an event.
    """

    def __init__(self, state: S, step: Callable[[S, E], tuple[S, tuple[F, ...]]]) -> None:
        self.state = state
        """The core's memory: a frozen value, so that filters may read it at any time."""
        self._step = step
        self._send, self._receive = trio.open_memory_channel[E](limits.ENGINE_EVENTS_MAX)
        self.dropped = 0
        self.votes: Feed[VoteAccepted] = Feed(
            capacity=limits.FEED_CAPACITY, max_readers=limits.FEED_READERS
        )
        """Votes that the core has taken in, for whoever watches."""

    def post(self, event: E) -> None:
        """Queue an answer to one of the core's own effects; there is always room for these."""
        self._send.send_nowait(event)

    def offer(self, event: E) -> bool:
        """Queue what a peer sent, unless the queue is more than half full."""
        if self._send.statistics().current_buffer_used > limits.ENGINE_EVENTS_MAX // 2:
            self.dropped += 1
            return False
        self._send.send_nowait(event)
        return True

    async def step_forever(self, perform: Callable[[tuple[F, ...]], Awaitable[None]]) -> None:
        """Step until cancelled."""
        async for event in self._receive:
            self.state, effects = self._step(self.state, event)
            if isinstance(event, VoteAccepted):
                self.votes.publish(event)
            if effects:
                await perform(effects)
