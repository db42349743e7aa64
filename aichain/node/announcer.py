"""Tells peers the ids of pending transactions: when they come, and again as long as they wait."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Sequence

import trio

from aichain.node.sources import steady_ms
from genesis import limits
from native.hashing import Hash32
from p2p.network import Network
from p2p.wire.messages import TransactionsAnnounced

GATHER_S = 0.01
ANNOUNCE_EVERY_S = 0.1
LOOK_EVERY_S = 0.5
FIRST_REPEAT_MS = 2_000
LAST_REPEAT_MS = 256_000
ASKED_EVERY_MS = 1_000


class Announcer:
    """Announcements may be lost, and peers refuse for now what they would take later: each id is
    told again after two seconds, then after twice as long each time, until it has left the pool."""

    def __init__(
        self,
        network: Network,
        waiting: Callable[[], Sequence[Hash32]],
        is_pending: Callable[[Hash32], bool],
    ) -> None:
        self._network = network
        self._waiting = waiting
        self._is_pending = is_pending
        self._news: dict[Hash32, None] = {}
        self._has_news = trio.Event()
        self._known_by: OrderedDict[str, OrderedDict[Hash32, None]] = OrderedDict()
        self._greeted: frozenset[str] = frozenset()
        self._repeats = Repeats()

    async def run(self) -> None:
        """Announce until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce)
            nursery.start_soon(self._look_around)

    def add(self, tx_id: Hash32) -> None:
        """It has come into the pool."""
        self._repeats.add(tx_id, steady_ms())
        self._tell(tx_id)

    def add_again(self, tx_id: Hash32) -> None:
        """A caller submitted it again: perhaps nobody heard of it."""
        if self._repeats.may_ask(tx_id, steady_ms()):
            self._tell(tx_id)

    def told_by(self, peer: str, ids: Sequence[Hash32]) -> None:
        """A peer has these: it need not hear of them from us."""
        known = self._known_by.setdefault(peer, OrderedDict())
        self._known_by.move_to_end(peer)
        while len(self._known_by) > limits.PEERS_MAX:
            self._known_by.popitem(last=False)
        for tx_id in ids:
            known[tx_id] = None
        while len(known) > limits.KNOWN_TRANSACTIONS_PER_PEER:
            known.popitem(last=False)

    def _tell(self, tx_id: Hash32) -> None:
        self._news[tx_id] = None
        self._has_news.set()

    async def _announce(self) -> None:
        """The first id after a quiet time at once, then what has gathered: a message costs more
        than the ids in it."""
        last = trio.current_time() - ANNOUNCE_EVERY_S
        while True:
            await self._has_news.wait()
            await trio.sleep_until(max(trio.current_time() + GATHER_S, last + ANNOUNCE_EVERY_S))
            last = trio.current_time()
            news, self._news, self._has_news = self._news, {}, trio.Event()
            ids = [tx_id for tx_id in news if self._is_pending(tx_id)]
            for peer in self._network.peers():
                known = self._known_by.get(peer.peer_id, ())
                self._send(peer.peer_id, [tx_id for tx_id in ids if tx_id not in known])

    async def _look_around(self) -> None:
        """Tell peers that come what is pending, whoever told them before; and all what waits."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            present = [peer.peer_id for peer in self._network.peers()]
            for peer in [peer for peer in present if peer not in self._greeted]:
                self._known_by.pop(peer, None)  # of its life before
                self._send(peer, self._waiting())
            self._greeted = frozenset(present)
            for tx_id in self._repeats.due(steady_ms(), self._is_pending):
                self._tell(tx_id)

    def _send(self, peer: str, ids: Sequence[Hash32]) -> None:
        for start in range(0, len(ids), limits.ANNOUNCED_TRANSACTIONS_MAX):
            batch = tuple(ids[start : start + limits.ANNOUNCED_TRANSACTIONS_MAX])
            self._network.send(peer, TransactionsAnnounced(batch))


class Repeats:
    """When each pending transaction is told again; time is an argument."""

    def __init__(self) -> None:
        self._told: dict[Hash32, tuple[int, int]] = {}
        """When it was told last, and how long to wait until the next time."""
        self._queue: list[tuple[int, Hash32]] = []
        """By time; an entry that is not its transaction's next time any more is skipped."""

    def __len__(self) -> int:
        return len(self._told)

    def add(self, tx_id: Hash32, now_ms: int) -> None:
        """It is told now for the first time."""
        self._note(tx_id, now_ms, FIRST_REPEAT_MS)

    def may_ask(self, tx_id: Hash32, now_ms: int) -> bool:
        """Whether a caller may have it told now; if so, that counts as told."""
        told_ms, wait_ms = self._told[tx_id]
        if now_ms - told_ms < ASKED_EVERY_MS:
            return False
        self._note(tx_id, now_ms, wait_ms)
        return True

    def due(self, now_ms: int, is_pending: Callable[[Hash32], bool]) -> list[Hash32]:
        """What is to be told now; what is not pending any more is forgotten when its time comes."""
        due: list[Hash32] = []
        for _ in range(limits.REPEATED_TRANSACTIONS_MAX):
            if not self._queue or self._queue[0][0] > now_ms:
                break
            due_ms, tx_id = heapq.heappop(self._queue)
            told_ms, wait_ms = self._told.get(tx_id, (0, 0))
            if due_ms != told_ms + wait_ms:
                continue
            if is_pending(tx_id):
                due.append(tx_id)
                self._note(tx_id, now_ms, min(2 * wait_ms, LAST_REPEAT_MS))
            else:
                del self._told[tx_id]
        return due

    def _note(self, tx_id: Hash32, told_ms: int, wait_ms: int) -> None:
        self._told[tx_id] = told_ms, wait_ms
        heapq.heappush(self._queue, (told_ms + wait_ms, tx_id))
