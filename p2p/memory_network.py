"""The Network protocol in one process: seeded delay, loss and partitions on trio's clock.

Messages travel as their bytes, through the same codec as over libp2p, and in order on each link.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, TypeVar

import trio
from trio_typing import TaskStatus

from native.errors import AIChainError, InvalidData
from native.hashing import ZERO_HASH
from native.node_keys import parse_peer_id
from p2p.addresses import parse_peer_address
from p2p.errors import PeerPruned, Penalty, RequestFailed
from p2p.gossip import GossipJudge, gossip_id
from p2p.mailbox import Mailbox
from p2p.memory_links import EqualLinks, Letter, Links, MayMeet, everybody_meets
from p2p.network import (
    Audience,
    DelayOf,
    Direction,
    GossipCheck,
    GossipVerdict,
    Inbound,
    NetworkCounters,
    PeerView,
    RequestHandler,
    no_delay,
)
from p2p.peers import PeerTable
from p2p.roster import Member, Roster
from p2p.settings import NodeIdentity
from p2p.wire.encoding import (
    Refused,
    decode_announcement,
    decode_consensus,
    decode_request,
    decode_response,
    encode_message,
)
from p2p.wire.handshake import check_hello, make_hello
from p2p.wire.messages import (
    Gossiped,
    Hello,
    Pruned,
    Pushed,
    Received,
    Request,
    Status,
    TransactionsAnnounced,
)

R = TypeVar("R")

_MAX_ON_THE_WAY: Final = 65_536
_DEFAULT_PORT: Final = 3691


class MemoryHub:
    """The air between the nodes of one process; `links` decides delays and losses.

    `may_meet` says which nodes connect, where each has room for a few only; without it all do.
    """

    def __init__(self, links: Links | None = None, may_meet: MayMeet = everybody_meets) -> None:
        self.links = links or EqualLinks()
        self._may_meet = may_meet
        self._numbers = itertools.count()
        self._running: dict[str, MemoryNetwork] = {}
        self._side: dict[str, int] = {}

    def join(self, identity: NodeIdentity) -> "MemoryNetwork":
        """A network for one more node; while it runs it is connected to all that run."""
        return MemoryNetwork(self, identity)

    def partition(self, *sides: Collection[str]) -> None:
        """Peers of different sides do not hear each other; those not named are one more side."""
        self._side = {peer: number for number, side in enumerate(sides, 1) for peer in side}

    def heal(self) -> None:
        """Everybody hears everybody again."""
        self._side = {}

    def hears(self, sender: str, receiver: str) -> bool:
        """Whether a message may pass now: no partition and no fault injection between the two."""
        from_, to = self._running.get(sender), self._running.get(receiver)
        if from_ is None or to is None or from_.blocks(receiver) or to.blocks(sender):
            return False
        return self._side.get(sender, 0) == self._side.get(receiver, 0)

    def delay_s(self, sender: str, receiver: str) -> float:
        """How long a message takes: the link's time, and what fault injection adds to it."""
        node = self._running.get(receiver)
        return self.links.delay_s(sender, receiver) + (node.delay_of(sender) if node else 0.0)

    def node(self, peer: str) -> "MemoryNetwork | None":
        """The running network of a peer."""
        return self._running.get(peer)

    def number(self) -> int:
        """The place of a message in the order of sending."""
        return next(self._numbers)

    def enter(self, network: "MemoryNetwork") -> None:
        """A node came up and meets those that are there."""
        assert network.peer_id not in self._running, "one running network a peer id"
        self._running[network.peer_id] = network
        for peer in tuple(self._running):
            self.introduce(network, peer)

    def introduce(self, network: "MemoryNetwork", peer: str) -> None:
        """Two nodes exchange hellos, unless they have no room for each other or a ban."""
        other = self._running.get(peer)
        if other is None or other is network or network.bans(peer) or other.bans(network.peer_id):
            return
        if not self._may_meet(network.peer_id, peer):
            return
        network.meet(peer, other.hello, Direction.OUTBOUND)
        other.meet(network.peer_id, network.hello, Direction.INBOUND)

    def part(self, first: str, second: str) -> None:
        """Two nodes are no longer connected."""
        for peer, gone in ((first, second), (second, first)):
            node = self._running.get(peer)
            if node is not None:
                node.forget(gone)

    def leave(self, network: "MemoryNetwork") -> None:
        """A node went down."""
        del self._running[network.peer_id]
        for other in self._running.values():
            other.forget(network.peer_id)


class MemoryNetwork:
    """One node's view of the hub; see `p2p.network.Network` for what each call promises."""

    def __init__(self, hub: MemoryHub, identity: NodeIdentity) -> None:
        self._hub = hub
        self._identity = identity
        self._status = Status(0, ZERO_HASH, 0, 0)
        us = identity.network_id, identity.genesis_hash, identity.peer_id_raw
        key, agent = identity.validator_key, identity.agent
        self._hello = make_hello(*us, key, agent=agent, status=self._status, listen="")
        self._peer_id = identity.peer_id
        self._roster = Roster()
        self.standings = PeerTable()
        self._mailbox = Mailbox()
        self._judge = GossipJudge()
        self._handler: RequestHandler | None = None
        self._blocked: frozenset[str] = frozenset()
        self.delay_of: DelayOf = no_delay
        self._letters: list[Letter] = []
        self._last_due: dict[str, float] = {}
        self._wake = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._counters = NetworkCounters()

    @property
    def peer_id(self) -> str:
        return self._peer_id

    @property
    def address(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{_DEFAULT_PORT}/p2p/{self._peer_id}"

    @property
    def inbound(self) -> trio.MemoryReceiveChannel[Inbound]:
        return self._mailbox.receive

    @property
    def counters(self) -> NetworkCounters:
        box = self._mailbox
        return replace(self._counters, received=box.delivered, dropped_inbound=box.dropped)

    @property
    def hello(self) -> Hello:
        """What we would say now to somebody we meet."""
        return replace(self._hello, status=self._status)

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._hub.enter(self)
            try:
                task_status.started()
                await self._deliver_forever(nursery)
            finally:
                self._hub.leave(self)
                self._nursery = None
                self._letters.clear()
                for member in self._roster.members():
                    self._roster.remove(member.peer_id)

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        audience = self._roster.audience(to)
        payload = encode_message(message)
        for peer in audience:
            self._post(peer, payload, _decoder(message))
        return len(audience)

    def send(self, peer: str, message: Pushed) -> bool:
        if peer not in self._roster:
            return False
        self._post(peer, encode_message(message), _decoder(message))
        return True

    def gossip(self, message: Gossiped) -> None:
        name = gossip_id(payload := encode_message(message))
        if not self._judge.seen.has(name):
            self._judge.seen.add(name)
            self._relay(payload)

    async def request(self, peer: str, request: Request[R], timeout_s: float) -> R:
        try:
            with trio.fail_after(timeout_s):
                return await self._ask(peer, request)
        except trio.TooSlowError:
            raise self._failed(peer, f"no answer within {timeout_s} s") from None
        except InvalidData as error:
            self.penalize(peer, Penalty.MALFORMED, str(error))
            raise self._failed(peer, str(error)) from error

    def set_handler(self, handler: RequestHandler) -> None:
        self._handler = handler

    def set_gossip_check(self, check: GossipCheck) -> None:
        self._judge.check = check

    def set_status(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self.push(status, Audience.PEERS)

    def set_validators(self, keys: Collection[bytes]) -> None:
        self._roster.set_validators(keys)

    def set_blocked(self, peers: Collection[str]) -> None:
        self._blocked = frozenset(peers)

    def set_delays(self, delay_of: DelayOf) -> None:
        self.delay_of = delay_of

    def connect(self, address: str) -> None:
        parsed = parse_peer_address(address)
        if self._nursery is not None:
            self._hub.introduce(self, parsed.peer_id)

    def penalize(self, peer: str, penalty: Penalty, reason: str) -> None:
        if self.standings.penalize(peer, penalty, reason, _now_ms()):
            self._counters = replace(self._counters, bans=self._counters.bans + 1)
            self._hub.part(self._peer_id, peer)

    def peers(self) -> tuple[PeerView, ...]:
        now_ms = _now_ms()
        return self._roster.views(lambda peer: self.standings.score(peer, now_ms))

    def blocks(self, peer: str) -> bool:
        """Whether fault injection cuts us off from a peer."""
        return peer in self._blocked

    def bans(self, peer: str) -> bool:
        """Whether we refuse to talk to a peer."""
        return self.standings.is_banned(peer, _now_ms())

    def meet(self, peer: str, hello: Hello, direction: Direction) -> None:
        """A peer said hello; a wrong one is not let in."""
        try:
            check_hello(
                hello,
                network_id=self._identity.network_id,
                genesis_hash=self._identity.genesis_hash,
                peer_id_raw=parse_peer_id(peer),
            )
        except InvalidData as error:
            self.penalize(peer, Penalty.FORGED, str(error))
            return
        self._roster.add(Member(peer, hello, "memory", "", direction, hello.status))

    def forget(self, peer: str) -> None:
        """A peer is gone."""
        self._roster.remove(peer)

    def accept(self, letter: Letter) -> None:
        """Put a message on its way to us."""
        if len(self._letters) >= _MAX_ON_THE_WAY:
            self._mailbox.dropped += 1
            return
        heapq.heappush(self._letters, letter)
        self._wake.set()

    def reads_at(self, due: float) -> float:
        """When a message that arrives at `due` is read; a simulated machine may be busy."""
        return due

    async def answer(self, peer: str, payload: bytes) -> bytes:
        """Our side of a request: what a peer gets for its question."""
        if self._handler is None or peer not in self._roster:
            return encode_message(Refused())
        try:
            return encode_message(await self._handler(peer, decode_request(payload)))
        except AIChainError:
            return encode_message(Refused())

    async def _ask(self, peer: str, request: Request[R]) -> R:
        payload = encode_message(request)  # type: ignore[arg-type]  # a Request is an AnyRequest
        if peer not in self._roster:
            raise self._failed(peer, "not connected")
        await self._pass(self._peer_id, peer)
        node = self._hub.node(peer)
        if node is None:
            raise self._failed(peer, "not connected")
        answer = await node.answer(self._peer_id, payload)
        await self._pass(peer, self._peer_id)
        response = decode_response(request, answer)
        if isinstance(response, Refused):
            raise self._failed(peer, "refused")
        if isinstance(response, Pruned):
            raise PeerPruned(peer, "it is not kept", response.first_height)
        return response

    async def _pass(self, sender: str, receiver: str) -> None:
        links = self._hub.links
        await trio.sleep(self._hub.delay_s(sender, receiver))
        if links.loses(sender, receiver) or not self._hub.hears(sender, receiver):
            await trio.sleep_forever()  # until the caller's patience ends

    def _failed(self, peer: str, reason: str) -> RequestFailed:
        failed = self._counters.requests_failed + 1
        self._counters = replace(self._counters, requests_failed=failed)
        return RequestFailed(peer, reason)

    def _post(self, peer: str, payload: bytes, decode: Callable[[bytes], Received] | None) -> None:
        node, links = self._hub.node(peer), self._hub.links
        if node is None or self._nursery is None or links.loses(self._peer_id, peer):
            return
        self._counters = replace(self._counters, sent=self._counters.sent + 1)
        due = trio.current_time() + self._hub.delay_s(self._peer_id, peer)
        due = self._last_due[peer] = max(due, self._last_due.get(peer, 0.0))
        node.accept(Letter(due, self._hub.number(), self._peer_id, payload, decode))

    async def _deliver_forever(self, nursery: trio.Nursery) -> None:
        while True:
            self._wake = trio.Event()
            now = trio.current_time()
            while self._letters and self.reads_at(self._letters[0].due) <= now:
                letter = heapq.heappop(self._letters)
                if self._hub.hears(letter.sender, self._peer_id):
                    self._open(letter, nursery)
            next_due = self.reads_at(self._letters[0].due) if self._letters else math.inf
            with trio.move_on_at(next_due):
                await self._wake.wait()

    def _open(self, letter: Letter, nursery: trio.Nursery) -> None:
        if letter.sender not in self._roster:
            return
        if letter.decode is None:
            nursery.start_soon(self._hear_gossip, letter.sender, letter.payload)
            return
        try:
            message = letter.decode(letter.payload)
        except InvalidData as error:
            self.penalize(letter.sender, Penalty.MALFORMED, str(error))
            return
        if isinstance(message, Status):
            self._roster.update(letter.sender, message)
        self._deliver(letter.sender, message, letter.payload)

    async def _hear_gossip(self, sender: str, payload: bytes) -> None:
        verdict, message = await self._judge.judge(sender, payload)
        if verdict is GossipVerdict.REJECT:
            self.penalize(sender, Penalty.FORGED, "false gossip")
        if message is not None:
            self._deliver(sender, message, payload)
        if verdict is GossipVerdict.ACCEPT:
            self._relay(payload)

    def _deliver(self, sender: str, message: Received, payload: bytes) -> None:
        is_known = self._roster.speaks_for_validator(sender)
        self._mailbox.deliver(sender, message, len(payload), from_validator=is_known)

    def _relay(self, payload: bytes) -> None:
        for peer in self._roster.audience(Audience.PEERS):
            self._post(peer, payload, None)


def _decoder(message: Pushed) -> Callable[[bytes], Received]:
    cheap = isinstance(message, TransactionsAnnounced | Status)
    return decode_announcement if cheap else decode_consensus


def _now_ms() -> int:
    return int(trio.current_time() * 1000)
