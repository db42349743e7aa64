"""One life of the libp2p stack: host, gossip, dialler and handlers, from listening to the end."""

import errno
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import trio
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # ships no types

from native.errors import InvalidData
from native.node_keys import parse_peer_id
from p2p.addresses import PeerAddress, parse_peer_address
from p2p.admission import Admission
from p2p.errors import ListenFailed, PeerMisbehaved, Penalty
from p2p.libp2p_dialer import Dialer
from p2p.libp2p_guard_gossip import GuardedPubsub
from p2p.libp2p_guard_swarm import HANDSHAKE_TIMEOUT_S, STREAM_ERRORS, build_host
from p2p.libp2p_link import PeerLink, yamux_of
from p2p.libp2p_serving import Serving
from p2p.libp2p_switchboard import Switchboard, learnable
from p2p.network import GossipVerdict
from p2p.quotas import Kind
from p2p.settings import NetworkSettings, NodeIdentity
from p2p.topics import Topics
from p2p.wire.encoding import decode_response, encode_message
from p2p.wire.messages import GetPeers, Hello, Peers

log = logging.getLogger("aichain.p2p")

EXCHANGE_EVERY_S: Final = 15.0
_EXCHANGE_TIMEOUT_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 2.0


class Stack:
    """Made anew after a failure. What must outlive it is on the switchboard."""

    def __init__(
        self,
        board: Switchboard,
        identity: NodeIdentity,
        settings: NetworkSettings,
        topics: Topics,
        hello: Callable[[], Hello],
        gossip: trio.MemoryReceiveChannel[bytes],
        announce_status: Callable[[], Awaitable[None]],
    ) -> None:
        self._board = board
        self._listen = parse_peer_address(settings.listen)
        self._topics = topics
        self._gossip = gossip
        self._announce_status = announce_status
        admission = Admission(loopback_only=settings.loopback_only)
        self._host = build_host(identity.node_seed, admission, self._blame)
        self._swarm = _swarm_of(self._host.get_network())
        self._serving = Serving(board, identity, topics, hello, self._begin)
        self._pubsub = GuardedPubsub(
            self._host, topics.finals, self._hear, self._may_ask, board.judge.seen
        )
        self._random = random.Random(identity.peer_id_raw)
        self.dialer = Dialer(board, self._dial, self._random.getrandbits(32))
        self._nursery: trio.Nursery | None = None

    async def run(self, listening: Callable[[PeerAddress], None]) -> None:
        """Serve until cancelled or broken; `listening` hears the address once it is bound."""
        _require_free(self._listen)
        try:
            async with background_trio_service(self._swarm):
                self._serving.register(self._host)
                await self._swarm.listen(Multiaddr(self._listen.endpoint))
                bound = [parse_peer_address(str(each)) for each in self._host.get_transport_addrs()]
                if not bound:
                    raise ListenFailed(str(self._listen), "cannot listen there")
                await self._serve(lambda: listening(bound[0]))
        finally:
            await self._close()

    async def _serve(self, ready: Callable[[], None]) -> None:
        async with (
            background_trio_service(self._pubsub),
            background_trio_service(self._pubsub.router),  # type: ignore[arg-type]  # a Service
        ):
            await self._pubsub.wait_until_ready()
            await self._pubsub.subscribe(self._topics.finals)
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self.block()
                self._swarm.register_notifee(_Watch(self._arrived, self._left))
                nursery.start_soon(self.dialer.run)
                nursery.start_soon(self._exchange_forever)
                nursery.start_soon(self._gossip_forever)
                nursery.start_soon(self._announce_status)
                ready()

    def block(self) -> None:
        """Fault injection changed: gossip obeys it too."""
        self._pubsub.block([_id_of(peer) for peer in self._board.blocked])

    def delay(self) -> None:
        """Fault injection changed: what is on its way still arrives in order."""
        for connection in self._swarm.get_connections():
            assert isinstance(connection, SwarmConn), "the swarm makes no others"
            self._lengthen(connection)

    def _lengthen(self, connection: SwarmConn) -> None:
        yamux = yamux_of(connection)
        yamux.delay_s = self._board.delay_of(yamux.peer_id.to_base58())

    def _arrived(self, connection: SwarmConn) -> None:
        assert self._nursery is not None, "connections come after the start"
        peer = yamux_of(connection).peer_id.to_base58()
        self._lengthen(connection)
        yamux_of(connection).toll.strangers = self._board.strangers
        if self._board.is_banned(peer):
            self._nursery.start_soon(connection.close)
        elif connection.direction is Direction.INBOUND:
            self._nursery.start_soon(self._serving.expect_hello, connection)

    def _left(self, connection: SwarmConn) -> None:
        yamux = yamux_of(connection)
        if yamux.misbehaviour is not None:
            self._blame(yamux.peer_id.to_base58(), yamux.misbehaviour)

    def _blame(self, peer: str, fault: PeerMisbehaved) -> None:
        self._board.penalize(peer, fault.penalty, fault.reason)

    def _begin(self, link: PeerLink) -> None:
        assert self._nursery is not None, "connections come after the start"
        self._nursery.start_soon(self._live, link)

    async def _live(self, link: PeerLink) -> None:
        peer = _id_of(link.peer)
        try:
            async with trio.open_nursery() as nursery:
                if not link.is_spare:
                    log.info("peer %s connected (%s)", link.peer, link.direction.value)
                    nursery.start_soon(self._pubsub.add, peer)
                    nursery.start_soon(self._learn_from, link)
                await link.run()
                nursery.cancel_scope.cancel()
        finally:
            self._board.release(link)
            if link.peer not in self._board.links:
                self._pubsub.drop(peer)
                log.info("peer %s disconnected", link.peer)

    async def _dial(self, address: PeerAddress) -> bool:
        peer = _id_of(address.peer_id)
        with trio.fail_after(HANDSHAKE_TIMEOUT_S):
            connection = await self._swarm.dial_addr(Multiaddr(address.endpoint), peer)
        assert isinstance(connection, SwarmConn), "the swarm makes no others"
        try:
            return await self._serving.greet(connection)
        except BaseException:
            with trio.CancelScope(shield=True):
                await yamux_of(connection).sever()
            raise

    async def _hear(self, peer: str, payload: bytes) -> bool:
        if peer not in self._board.links or self._board.is_blocked(peer):
            return False
        if not self._board.allows(peer, Kind.GOSSIP):
            return False
        verdict, message = await self._board.judge.judge(peer, payload)
        if verdict is GossipVerdict.REJECT:
            self._board.penalize(peer, Penalty.FORGED, "gossip that does not hold")
        if message is not None:
            self._board.deliver(peer, message, len(payload))
        return verdict is GossipVerdict.ACCEPT

    def _may_ask(self, peer: str) -> bool:
        return peer in self._board.links and self._board.allows(peer, Kind.GOSSIP)

    async def _gossip_forever(self) -> None:
        async for payload in self._gossip:
            await self._pubsub.announce(payload)

    async def _exchange_forever(self) -> None:
        while True:
            await trio.sleep(EXCHANGE_EVERY_S * self._random.uniform(0.8, 1.2))
            links = tuple(self._board.links.values())
            if links:
                await self._learn_from(self._random.choice(links))

    async def _learn_from(self, link: PeerLink) -> None:
        question = GetPeers()
        try:
            with trio.fail_after(_EXCHANGE_TIMEOUT_S):
                payload = await link.requests.ask(encode_message(question))
            answer = decode_response(question, payload)
            if isinstance(answer, Peers):
                remote = yamux_of(link.connection).get_remote_address()
                for address in map(parse_peer_address, answer.addresses):
                    if learnable(address, "" if remote is None else remote[0]):
                        self.dialer.want(address, lasting=False)
        except InvalidData as error:
            self._board.penalize(link.peer, Penalty.MALFORMED, str(error))
        except STREAM_ERRORS as error:
            log.debug("asking %s for peers: %r", link.peer, error)

    async def _close(self) -> None:
        self._nursery = None
        with trio.CancelScope(deadline=trio.current_time() + _CLOSE_TIMEOUT_S, shield=True):
            for listener in tuple(self._swarm.listeners.values()):
                await listener.close()
            for connection in self._swarm.get_connections():
                assert isinstance(connection, SwarmConn), "the swarm makes no others"
                await yamux_of(connection).sever()


class _Watch(INotifee):
    """Tells the stack of connections that come and go."""

    def __init__(
        self, arrived: Callable[[SwarmConn], None], left: Callable[[SwarmConn], None]
    ) -> None:
        self._arrived = arrived
        self._left = left

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        assert isinstance(conn, SwarmConn), "the swarm makes no others"
        self._arrived(conn)

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        assert isinstance(conn, SwarmConn), "the swarm makes no others"
        self._left(conn)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Streams are watched by their handlers."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Streams are watched by their handlers."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """We know where we listen."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """We know where we listen."""


def _swarm_of(network: object) -> Swarm:
    assert isinstance(network, Swarm), "build_host makes a swarm"
    return network


def _id_of(peer: str) -> ID:
    return ID(parse_peer_id(peer))


def _require_free(address: PeerAddress) -> None:
    """libp2p binds with SO_REUSEPORT: a second node would silently get half of the connections."""
    if address.port == 0 or not address.kind.startswith("ip"):
        return
    family = socket.AF_INET6 if address.kind == "ip6" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "the address is in use" if taken else str(error.strerror)
            raise ListenFailed(str(address), reason) from error
