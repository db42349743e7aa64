"""Reads what peers push: each message is verified in a task of its own, within bounds."""

from collections import Counter
from collections.abc import Awaitable, Callable

import trio

from aichain.node.context import NodeContext
from genesis import limits
from native.errors import InvalidData
from p2p.errors import Penalty
from p2p.network import Inbound, PeerView

_SENDERS_FRESH_S = 0.1
_STRANGER_FRESH_S = 0.002


class Reception:
    """What both kinds of chain have in common; the owner says which message means what."""

    def __init__(
        self, context: NodeContext, is_foreign: Callable[[PeerView], bool] = lambda peer: False
    ) -> None:
        self._network = context.network
        self._metrics = context.metrics
        self._slots = trio.Semaphore(limits.INBOUND_TASKS_MAX)
        self._tasks_of: Counter[str] = Counter()
        self._senders = Senders(context, is_foreign)

    async def read(self, dispatch: Callable[[Inbound, trio.Nursery], Awaitable[None]]) -> None:
        """Read until cancelled; who is gone or banned since it sent this is not heard."""
        async with trio.open_nursery() as nursery:
            async for item in self._network.inbound:
                if self._senders.is_connected(item.peer):
                    await dispatch(item, nursery)

    def may_push(self, peer: str) -> bool:
        """Only validators push what is verified, and what one peer may cost us is bounded.

        Who says that it is on another chain signs for that one: no forgery, but nothing to us.
        """
        busy = self._tasks_of[peer] >= limits.INBOUND_TASKS_PER_PEER_MAX
        return self._senders.is_validator(peer) and not self._senders.is_foreign(peer) and not busy

    async def start(
        self,
        nursery: trio.Nursery,
        task: Callable[..., Awaitable[object]],
        peer: str,
        message: object,
    ) -> None:
        """Run a task that verifies; when too many are under way, reading waits."""
        await self._slots.acquire()
        self._tasks_of[peer] += 1

        async def run() -> None:
            try:
                await task(peer, message)
            except InvalidData as error:
                self._metrics.peer_misbehaved(error.code)
                self._network.penalize(peer, Penalty.MALFORMED, str(error))
            finally:
                self._slots.release()
                self._tasks_of[peer] -= 1
                if not self._tasks_of[peer]:
                    del self._tasks_of[peer]

        nursery.start_soon(run)


class Senders:
    """Who is connected, and who of them proved a validator's key; looked up a few times a second,
    for messages come by the thousand."""

    def __init__(self, context: NodeContext, is_foreign: Callable[[PeerView], bool]) -> None:
        self._network = context.network
        self._is_foreign = is_foreign
        self._foreign: frozenset[str] = frozenset()
        self._electorates = context.electorates
        self._keys: dict[str, bytes] = {}
        self._looked_at = float("-inf")

    def is_connected(self, peer: str) -> bool:
        age_s = trio.current_time() - self._looked_at
        if age_s >= (_SENDERS_FRESH_S if peer in self._keys else _STRANGER_FRESH_S):
            peers = self._network.peers()
            self._keys = {each.peer_id: each.validator_key for each in peers}
            self._foreign = frozenset(each.peer_id for each in peers if self._is_foreign(each))
            self._looked_at = trio.current_time()
        return peer in self._keys

    def is_foreign(self, peer: str) -> bool:
        return peer in self._foreign

    def is_validator(self, peer: str) -> bool:
        return self._electorates.may_vote(self._keys[peer])
