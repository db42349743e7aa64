"""Pulls the transactions that peers announce, and leaves alone for a while who lets us wait."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import trio

from aichain.node.sources import Unreliable, steady_ms
from genesis import limits
from native.hashing import Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.network import Network
from p2p.wire.messages import GetTransactions

FETCH_TIMEOUT_S = 2.0


@dataclass(slots=True)
class Arrivals:
    """What became of what a peer gave, by id. An id leaves the witness out, so anybody can make a
    bad copy of a good transaction."""

    came: set[Hash32] = field(default_factory=set)
    """Nothing that an honest peer would not send: it is not to blame."""
    settled: set[Hash32] = field(default_factory=set)
    """Pooled, or refused whatever its witness is: nobody else need be asked."""


Admit: TypeAlias = Callable[[str, Sequence[bytes]], Awaitable[Arrivals]]
"""Take what a peer gave."""


class Fetcher:
    """Each transaction is asked of one peer at a time, and each peer one question at a time."""

    def __init__(self, network: Network, is_known: Callable[[Hash32], bool], admit: Admit) -> None:
        self._network = network
        self._is_known = is_known
        self._admit = admit
        self._queues: dict[str, list[Hash32]] = {}
        """What to ask of each peer; an entry lasts from its first id until its last answer."""
        self._others: dict[Hash32, list[str]] = {}
        """The ids on their way, each with other peers that announced it."""
        self._silent = Unreliable()
        self._give_turn, self._turns = trio.open_memory_channel[str](2 * limits.PEERS_MAX)

    async def run(self) -> None:
        """Fetch until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(limits.FETCH_TASKS):
                nursery.start_soon(self._fetch)

    def announced(self, peer: str, ids: Sequence[Hash32]) -> None:
        """A peer has these: pull those that we do not have, or remember whom else to ask."""
        if self._silent.is_out(peer, steady_ms()):
            return
        room = limits.FETCHING_TRANSACTIONS_PER_PEER - len(self._queues.get(peer, ()))
        wanted: list[Hash32] = []
        for tx_id in dict.fromkeys(ids):
            others = self._others.get(tx_id)
            if others is not None:
                if peer not in others and len(others) < limits.OTHER_ANNOUNCERS_MAX:
                    others.append(peer)
            elif len(wanted) < room and not self._is_known(tx_id):
                self._others[tx_id] = []
                wanted.append(tx_id)
        self._queue(peer, wanted)

    def _queue(self, peer: str, ids: Sequence[Hash32]) -> None:
        if not ids:
            return
        if peer in self._queues:
            self._queues[peer].extend(ids)
            return
        try:
            self._give_turn.send_nowait(peer)
        except trio.WouldBlock:  # peers come and go faster than they are asked
            for tx_id in ids:
                del self._others[tx_id]
            return
        self._queues[peer] = list(ids)

    async def _fetch(self) -> None:
        async for peer in self._turns:
            queue = self._queues[peer]
            ids = tuple(queue[: limits.FETCHED_TRANSACTIONS_MAX])
            del queue[: len(ids)]
            settled = await self._fetch_from(peer, ids)
            rest = self._queues.pop(peer)
            if settled is None:
                self._hand_on(peer, (*ids, *rest))
                continue
            self._hand_on(peer, [tx_id for tx_id in ids if tx_id not in settled])
            for tx_id in settled:
                self._others.pop(tx_id, None)
            self._queue(peer, rest)

    async def _fetch_from(self, peer: str, ids: tuple[Hash32, ...]) -> set[Hash32] | None:
        """Which of these are settled; None if the peer did not answer."""
        try:
            answer = await self._network.request(peer, GetTransactions(ids), FETCH_TIMEOUT_S)
        except RequestFailed:
            if any(each.peer_id == peer for each in self._network.peers()):
                self._silent.failed(peer, steady_ms())
                self._blame(peer)
            return None
        arrivals = await self._admit(peer, answer.raws)
        if arrivals.came.isdisjoint(ids):
            self._blame(peer)
        else:
            self._silent.delivered(peer)
        return arrivals.settled.intersection(ids)

    def _blame(self, peer: str) -> None:
        """Some may be in a block by now; but who gives none at all announces at random."""
        self._network.penalize(peer, Penalty.NUISANCE, "announces what it does not give")

    def _hand_on(self, peer: str, missing: Iterable[Hash32]) -> None:
        """Each id that did not come is asked of the next peer that announced it."""
        now_ms = steady_ms()
        again: dict[str, list[Hash32]] = {}
        for tx_id in missing:
            others = [
                other
                for other in self._others.pop(tx_id, ())
                if other != peer and not self._silent.is_out(other, now_ms)
            ]
            if others and not self._is_known(tx_id):
                self._others[tx_id] = others[1:]
                again.setdefault(others[0], []).append(tx_id)
        for other, ids in again.items():
            self._queue(other, ids)
