"""Asks peers for what those sign to whom we are not connected, and knows who asks us.

A validator that is connected to all others asks nobody. Each question replaces the one before it,
and tells in its answer whom that peer hears; `p2p.routes` decides from these whom to ask.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from aichain.node.context import NodeContext
from aichain.node.lanes.deliveries import Deliveries, Place
from aichain.node.lanes.engine import LaneEngine
from consensus.lanes.voters import EpochVoters, seat_places
from consensus.quorum import reaches_quorum
from consensus.votes import Lane
from p2p.errors import RequestFailed
from p2p.routes import Route, hops_to_tell, plan_routes
from p2p.wire.messages import Subscribe

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_ROUND_S: Final = 0.05
_TIMEOUT_S: Final = 2.0
_FIRST_RENEWAL_S: Final = 0.5
_RENEWAL_S: Final = 5.0
_FORGOTTEN_AFTER_S: Final = 3 * _RENEWAL_S + _TIMEOUT_S
_PATIENCE_S: Final = 10.0
_PATIENCE_TERMS: Final = 3
_DEAF_AFTER_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whose signatures a validator wants to be passed on to it, and when it said so last."""

    key: bytes
    ballots: frozenset[bytes]
    terms: frozenset[bytes]
    at_s: float


@dataclass(frozen=True, slots=True)
class _Wish:
    ballots: frozenset[bytes] = frozenset()
    terms: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class _Asked:
    """What we told a peer last, when it is told again, and whom it said to hear."""

    wish: _Wish
    due_s: float
    renewal_s: float = _FIRST_RENEWAL_S
    hops: dict[bytes, int] = field(default_factory=dict)
    is_open: bool = True


class Upstream:
    """One task asks; what is asked of us and what comes is noted by the relay."""

    def __init__(self, engine: LaneEngine, context: NodeContext, own_key: bytes) -> None:
        self._engine = engine
        self._network = context.network
        self._electorates = context.electorates
        self._block_ms = context.document.consensus.block_time_ms
        self.own_key = own_key
        """Empty on a node that only follows, which hears what is hard by gossip."""
        self.keys: tuple[bytes, ...] = ()
        """The validators of the running epoch, in their order."""
        self._epoch = -1
        self._peers: dict[str, bytes] = {}
        self._asked: dict[str, _Asked] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._routes: dict[bytes, Route] = {}
        self._deliveries = Deliveries()
        self._changed = trio.Event()
        self._is_stale = True
        self._deaf_since_s: float | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        if not self.own_key:
            return
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                for peer, wish in self._due():
                    asked = self._asked.get(peer)
                    hops = {} if asked is None else asked.hops
                    self._asked[peer] = _Asked(wish, trio.current_time(), hops=hops)
                    nursery.start_soon(self._ask, peer, asked)
                with trio.move_on_after(_LOOK_S):
                    await self._changed.wait()
                await trio.sleep(_ROUND_S)

    # --- what others want of us -----------------------------------------------------------------

    def key_of(self, peer: str) -> bytes:
        """The key that a connected peer proved."""
        if peer not in self._peers:
            self.refresh()
        return self._peers.get(peer, b"")

    def serve(self, peer: str, wish: Subscription) -> bytes:
        """Note whom a peer wants to hear; over how many hops we hear each validator."""
        before = self._subscriptions.get(peer)
        self._subscriptions[peer] = wish
        if before is None or before.terms != wish.terms:
            self._changed.set()  # what is passed on has to come here first
        told = hops_to_tell(peer, self._peers.values(), self._routes)
        return bytes(told.get(key, 0) for key in self.keys)

    def subscribers(self, lane: Lane, author: bytes, sender: str) -> frozenset[bytes]:
        """The keys of those that want what `author` signs, but for who sent it to us."""
        return frozenset(
            each.key
            for peer, each in self._subscriptions.items()
            if author in (each.ballots if lane is Lane.HARD else each.terms) and peer != sender
        )

    # --- what comes -----------------------------------------------------------------------------

    def doubts(self, peer: str, author: bytes, lane: Lane, place: Place) -> bool:
        """Whether a vote is worth verifying only to learn that its sender passes on."""
        now, patience_s, pair = trio.current_time(), self._patience_s(), (peer, author)
        return self._is_recent(place) and self._deliveries.doubts(
            pair, lane, place, now, patience_s
        )

    def brought(self, peer: str, author: bytes, lane: Lane, place: Place) -> None:
        """A true vote of `author` came from a peer."""
        if self._is_recent(place):
            self._deliveries.brought((peer, author), lane, place, trio.current_time())

    def _is_recent(self, place: Place) -> bool:
        """Older votes are no sign that newer ones come: what is decided shows them to all."""
        return place[0] >= self._engine.state.number - 1

    def comes_down(self, peer: str, author: bytes) -> bool:
        """Whether it is the author itself that speaks, or one that we asked to pass it on."""
        if self._peers.get(peer) == author:
            return True
        route = self._routes.get(author)
        return route is not None and peer in route.peers

    # --- whom we ask ----------------------------------------------------------------------------

    def _due(self) -> list[tuple[str, _Wish]]:
        """Who must be told something else than before, or the same again."""
        now, state = trio.current_time(), self._engine.state
        self.refresh()
        self._forget(now)
        voters = state.epochs[state.ballot.instance.epoch]
        connected = set(self._peers.values())
        missing = [key for key in self.keys if key not in connected and key != self.own_key]
        if self._is_stale:
            self._plan(missing, now)
        self._complain(voters, connected, now)
        wishes = self._wishes(missing, voters)
        due = []
        for peer in self._peers:
            asked, wish = self._asked.get(peer), wishes.get(peer, _Wish())
            if asked is None:
                is_due = bool(missing) or wish != _Wish()
            elif asked.is_open:
                is_due = False
            else:
                renewed = asked.due_s <= now and (bool(missing) or wish != _Wish())
                is_due = renewed or asked.wish != wish
            if is_due:
                due.append((peer, wish))
        return due

    def _wishes(self, missing: Collection[bytes], voters: EpochVoters) -> dict[str, _Wish]:
        """For each peer what to ask of it: all that we lack, and votes of terms for seats."""
        terms = self._seats_to_hear(missing, voters).union(
            *(each.terms for each in self._subscriptions.values())
        )
        ballots_of: dict[str, set[bytes]] = {}
        terms_of: dict[str, set[bytes]] = {}
        for author, route in self._routes.items():
            for peer in route.peers:
                ballots_of.setdefault(peer, set()).add(author)
                if author in terms:
                    terms_of.setdefault(peer, set()).add(author)
        for peer, key in self._peers.items():
            if key in terms:
                terms_of.setdefault(peer, set()).add(key)
        return {
            peer: _Wish(frozenset(ballots_of.get(peer, ())), frozenset(terms_of.get(peer, ())))
            for peer in ballots_of.keys() | terms_of.keys()
        }

    def _seats_to_hear(self, missing: Collection[bytes], voters: EpochVoters) -> set[bytes]:
        """Those out of our reach that hold a seat in a term in which we hold one, soon or now."""
        number, term_ms = self._engine.state.number, voters.term_blocks * self._block_ms
        ahead = 2 + -(-int(2 * _RENEWAL_S * 1000) // term_ms)
        found: set[bytes] = set()
        for term in range(number, number + ahead) if missing else ():
            seats = {self.keys[place] for place in seat_places(voters, term)}
            if self.own_key in seats:
                found |= seats
        return found.intersection(missing)

    def _plan(self, missing: Iterable[bytes], now: float) -> None:
        heard_by: Mapping[str, Mapping[bytes, int]] = {
            peer: asked.hops for peer, asked in self._asked.items()
        }
        silent = self._deliveries.silent_until_s
        self._routes = plan_routes(missing, heard_by, self._routes, silent)
        pairs = {(peer, key) for key, route in self._routes.items() for peer in route.peers}
        self._deliveries.expect(pairs, now)
        self._is_stale = False

    def refresh(self) -> None:
        """Who is connected, and who votes; a new epoch numbers validators anew, and until the
        wishes are said in its numbers those of the last one hold."""
        epoch = self._engine.state.ballot.instance.epoch
        if epoch != self._epoch:
            self._epoch, self._is_stale = epoch, True
            self.keys = tuple(each.public_key for each in self._electorates.validators(epoch))
            for asked in self._asked.values():
                asked.hops = {key: hops for key, hops in asked.hops.items() if key in self.keys}
                asked.due_s = 0.0
        wanted = self._electorates.keys
        peers = {
            each.peer_id: each.validator_key
            for each in self._network.peers()
            if each.validator_key in wanted
        }
        if peers != self._peers:
            self._peers, self._is_stale = peers, True

    def _forget(self, now: float) -> None:
        """Those that are gone, wishes that were not renewed, and routes through which nothing
        came."""
        oldest = now - _FORGOTTEN_AFTER_S
        for peer in [each for each in self._asked if each not in self._peers]:
            del self._asked[peer]
        for peer, each in tuple(self._subscriptions.items()):
            if peer not in self._peers or each.at_s < oldest:
                del self._subscriptions[peer]
        if self._deliveries.review(self._peers, now, self._patience_s()):
            self._is_stale = True

    def _patience_s(self) -> float:
        """How long a route may be silent."""
        state = self._engine.state
        blocks = state.epochs[state.ballot.instance.epoch].term_blocks
        return _PATIENCE_S + _PATIENCE_TERMS * blocks * self._block_ms / 1000

    async def _ask(self, peer: str, before: _Asked | None) -> None:
        asked, epoch, keys = self._asked[peer], self._epoch, self.keys
        wish = asked.wish
        question = Subscribe(epoch, to_bits(wish.ballots, keys), to_bits(wish.terms, keys))
        try:
            answer = await self._network.request(peer, question, _TIMEOUT_S)
        except RequestFailed:
            asked.is_open, asked.due_s = False, trio.current_time() + _LOOK_S
            return
        hops = dict[bytes, int]()
        if answer.epoch == epoch:
            hops = {key: count for key, count in zip(keys, answer.hops, strict=False) if count}
        if hops == asked.hops and before is not None and before.wish == wish:
            asked.renewal_s = min(_RENEWAL_S, 2 * before.renewal_s)
        if hops != asked.hops:
            self._is_stale = True
            self._changed.set()
        asked.hops, asked.is_open = hops, False
        asked.due_s = trio.current_time() + asked.renewal_s

    def _complain(self, voters: EpochVoters, connected: Collection[bytes], now: float) -> None:
        """Say once that so few validators are heard that nothing can be decided here."""
        heard = {self.own_key, *connected, *self._routes}
        weights = voters.electorate.weights
        weight = sum(each for key, each in zip(self.keys, weights, strict=True) if key in heard)
        if reaches_quorum(weight, voters.electorate.total):
            self._deaf_since_s = None
        elif self._deaf_since_s is None:
            self._deaf_since_s = now
        elif self._deaf_since_s < now - _DEAF_AFTER_S:
            self._deaf_since_s = float("inf")
            log.warning(
                "validators with %d of %d stake are heard here, directly or through others: "
                "that is no quorum",
                weight,
                voters.electorate.total,
            )


def to_bits(chosen: Collection[bytes], keys: Sequence[bytes]) -> bytes:
    """A bit for each validator of a set, the first one lowest."""
    bits = sum(1 << at for at, key in enumerate(keys) if key in chosen)
    return bits.to_bytes((len(keys) + 7) // 8, "little") if bits else b""


def of_bits(field_: bytes, keys: Sequence[bytes]) -> frozenset[bytes]:
    """The validators whose bits are set; bits beyond the set mean nobody."""
    bits = int.from_bytes(field_, "little")
    return frozenset(key for at, key in enumerate(keys) if bits >> at & 1)
