"""Keeps connections: to bootstrap addresses for ever, to learnt ones as long as they work."""

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import trio

from genesis.limits import KNOWN_ADDRESSES_MAX
from p2p.addresses import PeerAddress
from p2p.libp2p_guard_swarm import STREAM_ERRORS
from p2p.libp2p_switchboard import Switchboard
from p2p.redial import redial_delay_ms

log = logging.getLogger("aichain.p2p")

MAX_LEARNT_DIALLED: Final = 40
_GIVE_UP_AFTER: Final = 8
_ADDRESSES_PER_PEER: Final = 4
_REFUSED_WAIT_S: Final = 5.0
_STABLE_AFTER_S: Final = 3.0

Dial = Callable[[PeerAddress], Awaitable[bool]]
"""Connect and exchange hellos; False if the peer is not for us. Raises STREAM_ERRORS."""


@dataclass(slots=True)
class _Target:
    """A peer we want to be connected to."""

    peer: str
    lasting: bool
    addresses: list[PeerAddress] = field(default_factory=list)
    turn: int = 0


class Dialer:
    """One task per wanted peer; it sleeps while the peer is connected, whoever dialled."""

    def __init__(self, board: Switchboard, dial: Dial, seed: int) -> None:
        self._board = board
        self._dial = dial
        self._targets: dict[str, _Target] = {}
        self._random = random.Random(seed)
        self._nursery: trio.Nursery | None = None

    def want(self, address: PeerAddress, *, lasting: bool) -> None:
        """Be connected to this peer. Our own address and what there is no room for are ignored."""
        if not address.peer_id or address.peer_id == self._board.own_peer:
            return
        if self._board.loopback_only and not address.is_loopback:
            return
        target = self._targets.get(address.peer_id)
        if target is None:
            if not lasting and not self._has_room():
                return
            target = self._targets[address.peer_id] = _Target(address.peer_id, lasting)
            if self._nursery is not None:
                self._nursery.start_soon(self._keep, target)
        target.lasting = target.lasting or lasting
        if address not in target.addresses:
            target.addresses.append(address)
            del target.addresses[:-_ADDRESSES_PER_PEER]

    async def run(self) -> None:
        """Dial until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for target in self._targets.values():
                    nursery.start_soon(self._keep, target)
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def _has_room(self) -> bool:
        learnt = sum(1 for target in self._targets.values() if not target.lasting)
        return learnt < MAX_LEARNT_DIALLED and len(self._targets) < KNOWN_ADDRESSES_MAX

    async def _keep(self, target: _Target) -> None:
        failures = 0
        while True:
            await self._until_wanted(target.peer)
            began = trio.current_time()
            if await self._try(target):
                await self._until_wanted(target.peer)
                # A peer that lets us in and throws us out again is not a success.
                lasted = trio.current_time() - began
                failures = failures + 1 if lasted < _STABLE_AFTER_S else 0
            else:
                failures += 1
            if not target.lasting and failures >= _GIVE_UP_AFTER:
                del self._targets[target.peer]
                return
            if failures:
                luck = self._random.getrandbits(16)
                await trio.sleep(redial_delay_ms(failures, luck) / 1000)

    async def _until_wanted(self, peer: str) -> None:
        while True:
            if peer in self._board.links:
                await self._board.changed.wait()
            elif self._board.is_banned(peer):
                await trio.sleep(_REFUSED_WAIT_S)
            else:
                return

    async def _try(self, target: _Target) -> bool:
        address = target.addresses[target.turn % len(target.addresses)]
        try:
            if await self._dial(address):
                return True
        except STREAM_ERRORS as error:
            log.debug("dialling %s: %r", address, error)
        target.turn += 1
        return target.peer in self._board.links
