"""The Network protocol on py-libp2p: TCP, Noise, Yamux, our own streams, gossipsub for finals."""

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import trio
from trio_typing import TaskStatus

from genesis.limits import GOSSIP_QUEUE_MAX
from native.errors import InvalidData
from native.hashing import ZERO_HASH
from p2p.addresses import PeerAddress, parse_peer_address
from p2p.errors import InvalidPeerAddress, ListenFailed, PeerPruned, Penalty, RequestFailed
from p2p.gossip import gossip_id
from p2p.libp2p_guard import OwnBugs, find_error, run_contained
from p2p.libp2p_guard_swarm import STREAM_ERRORS
from p2p.libp2p_link import PeerLink
from p2p.libp2p_stack import Stack
from p2p.libp2p_switchboard import Switchboard, now_ms
from p2p.network import (
    Audience,
    DelayOf,
    GossipCheck,
    Inbound,
    NetworkCounters,
    PeerView,
    RequestHandler,
)
from p2p.peers import PeerTable
from p2p.settings import NetworkSettings, NodeIdentity
from p2p.topics import topics_of
from p2p.wire.encoding import Refused, decode_response, encode_message
from p2p.wire.handshake import make_hello
from p2p.wire.messages import (
    Gossiped,
    Hello,
    Pruned,
    Pushed,
    Request,
    Status,
    TransactionsAnnounced,
)

log = logging.getLogger("aichain.p2p")

R = TypeVar("R")

STATUS_EVERY_S: Final = 1.0
_RESTART_AFTER_S: Final = 1.0
_MAX_RESTARTS: Final = 10
_RESTART_WINDOW_S: Final = 120.0


class Libp2pNetwork:
    """See `p2p.network.Network` for what each call promises.

    libp2p's services run in a stack that is started again when it breaks; only a stack that
    breaks ten times in two minutes, an address that cannot be listened on, or a broken assertion
    of the node's own functions ends `run`.
    """

    def __init__(self, identity: NodeIdentity, settings: NetworkSettings) -> None:
        self._identity = identity
        self._settings = settings
        self._peer_id = identity.peer_id
        self._topics = topics_of(identity.network_id, identity.genesis_hash)
        self._board = Switchboard(self._peer_id, settings.loopback_only)
        self._status = Status(0, ZERO_HASH, 0, 0)
        self._wanted = [_require_peer(parse_peer_address(text)) for text in settings.bootstrap]
        self._board.wanted.update(each.peer_id for each in self._wanted)
        self._bound = parse_peer_address(settings.announce or settings.listen)
        self._hello = make_hello(
            identity.network_id,
            identity.genesis_hash,
            identity.peer_id_raw,
            identity.validator_key,
            agent=identity.agent,
            status=self._status,
            listen=self._bound.endpoint,
        )
        self._gossip_out, self._gossip_in = trio.open_memory_channel[bytes](GOSSIP_QUEUE_MAX)
        self._stack: Stack | None = None
        self._bugs = OwnBugs()

    @property
    def peer_id(self) -> str:
        return self._peer_id

    @property
    def standings(self) -> PeerTable:
        return self._board.table

    @standings.setter
    def standings(self, table: PeerTable) -> None:
        self._board.table = table

    @property
    def address(self) -> str:
        return str(replace(self._bound, peer_id=self._peer_id))

    @property
    def inbound(self) -> trio.MemoryReceiveChannel[Inbound]:
        return self._board.mailbox.receive

    @property
    def counters(self) -> NetworkCounters:
        tally, mailbox = self._board.tally, self._board.mailbox
        waiting = sum(link.dropped for link in self._board.links.values())
        return NetworkCounters(
            received=mailbox.delivered,
            sent=tally.sent,
            dropped_inbound=mailbox.dropped,
            dropped_outbound=tally.dropped_outbound + waiting,
            malformed=tally.malformed,
            over_quota=tally.over_quota,
            penalties=tally.penalties,
            bans=tally.bans,
            requests_failed=tally.requests_failed,
            restarts=tally.restarts,
        )

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        ready = _Once(task_status)
        restarts: deque[float] = deque(maxlen=_MAX_RESTARTS)
        while True:
            error = await self._run_one_stack(ready)
            now = trio.current_time()
            often = len(restarts) == _MAX_RESTARTS and now - restarts[0] < _RESTART_WINDOW_S
            if find_error(error, ListenFailed) is not None or often:
                raise find_error(error, ListenFailed) or error
            log.error("the network stack broke and is started again", exc_info=error)
            restarts.append(now)
            self._board.tally.restarts += 1
            await trio.sleep(_RESTART_AFTER_S)

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        return self._queue(self._board.roster.audience(to), message)

    def send(self, peer: str, message: Pushed) -> bool:
        return self._queue((peer,), message) == 1

    def gossip(self, message: Gossiped) -> None:
        payload = encode_message(message)
        self._board.judge.seen.add(gossip_id(payload))
        try:
            self._gossip_out.send_nowait(payload)
        except trio.WouldBlock:
            self._board.tally.dropped_outbound += 1

    async def request(self, peer: str, request: Request[R], timeout_s: float) -> R:
        link = self._board.links.get(peer)
        if link is None:
            raise self._failed(peer, "not connected")
        try:
            with trio.fail_after(timeout_s):
                return await self._ask(link, request)
        except trio.TooSlowError:
            raise self._failed(peer, f"no answer within {timeout_s:g} s") from None
        except InvalidData as error:
            self.penalize(peer, Penalty.MALFORMED, str(error))
            raise self._failed(peer, str(error)) from error
        except STREAM_ERRORS as error:
            raise self._failed(peer, f"the stream broke: {error}") from error

    def set_handler(self, handler: RequestHandler) -> None:
        self._board.handler = self._bugs.watch(handler)

    def set_gossip_check(self, check: GossipCheck) -> None:
        self._board.judge.check = self._bugs.watch(check)

    def set_status(self, status: Status) -> None:
        self._status = status

    def set_validators(self, keys: Collection[bytes]) -> None:
        self._board.set_validators(keys)

    def set_blocked(self, peers: Collection[str]) -> None:
        self._board.blocked = frozenset(peers)
        if self._stack is not None:
            self._stack.block()

    def set_delays(self, delay_of: DelayOf) -> None:
        self._board.delay_of = delay_of
        if self._stack is not None:
            self._stack.delay()

    def connect(self, address: str) -> None:
        wanted = _require_peer(parse_peer_address(address))
        if wanted in self._wanted:
            return
        self._wanted.append(wanted)
        self._board.wanted.add(wanted.peer_id)
        if self._stack is not None:
            self._stack.dialer.want(wanted, lasting=True)

    def penalize(self, peer: str, penalty: Penalty, reason: str) -> None:
        self._board.penalize(peer, penalty, reason)

    def peers(self) -> tuple[PeerView, ...]:
        now = now_ms()
        for peer, link in self._board.links.items():
            member = self._board.roster.get(peer)
            if member is not None:
                member.rtt_ms = link.rtt_ms
        return self._board.roster.views(lambda peer: self._board.table.score(peer, now))

    def _queue(self, peers: Collection[str], message: Pushed) -> int:
        cheap = isinstance(message, TransactionsAnnounced | Status)
        return self._board.queue(peers, encode_message(message), consensus=not cheap)

    async def _ask(self, link: PeerLink, request: Request[R]) -> R:
        if self._board.is_blocked(link.peer):
            await trio.sleep_forever()  # until the caller's patience ends
        payload = encode_message(request)  # type: ignore[arg-type]  # a Request is an AnyRequest
        response = decode_response(request, await link.requests.ask(payload))
        if isinstance(response, Refused):
            raise self._failed(link.peer, "refused")
        if isinstance(response, Pruned):
            raise PeerPruned(link.peer, "it is not kept", response.first_height)
        return response

    def _failed(self, peer: str, reason: str) -> RequestFailed:
        self._board.tally.requests_failed += 1
        return RequestFailed(peer, reason)

    async def _announce_status(self) -> None:
        told = self._status
        while True:
            await trio.sleep(STATUS_EVERY_S)
            if self._status != told:
                told = self._status
                self._board.announce_status(told)

    async def _run_one_stack(self, ready: "_Once") -> Exception:
        stack = Stack(
            self._board,
            self._identity,
            self._settings,
            self._topics,
            self._current_hello,
            self._gossip_in.clone(),
            self._announce_status,
        )
        for wanted in self._wanted:
            stack.dialer.want(wanted, lasting=True)
        self._stack = stack
        error = None
        with self._bugs.scope:
            error = await run_contained(partial(stack.run, partial(self._listening, ready)))
        self._stack = None
        if self._bugs.found is not None:
            raise self._bugs.found
        self._bugs.scope = trio.CancelScope()
        return error or RuntimeError("the network stack ended by itself")

    def _listening(self, ready: "_Once", bound: PeerAddress) -> None:
        # A later stack listens where the first one did, also if any port would have done.
        self._settings = replace(self._settings, listen=bound.endpoint)
        if not self._settings.announce:
            self._bound = bound
        self._hello = replace(self._hello, listen=self._bound.endpoint)
        ready.started()

    def _current_hello(self) -> Hello:
        return replace(self._hello, status=self._status)


class _Once:
    """Reports the start of the first stack; later ones start unnoticed."""

    def __init__(self, task_status: TaskStatus[None]) -> None:
        self._task_status: TaskStatus[None] | None = task_status

    def started(self) -> None:
        if self._task_status is not None:
            self._task_status.started()
            self._task_status = None


def _require_peer(address: PeerAddress) -> PeerAddress:
    if not address.peer_id:
        raise InvalidPeerAddress(str(address), "expected /p2p/PEER_ID at the end")
    return address
