"""A hostile peer: a real libp2p host that opens what it likes and writes what it likes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # ships no types

from consensus.votes import ReceivedVote
from native.node_keys import parse_peer_id
from p2p.addresses import parse_peer_address
from p2p.admission import Admission
from p2p.libp2p_guard_swarm import GuardedHost, build_host, muxed, open_stream
from p2p.libp2p_guard_yamux import GuardedStream, GuardedYamux
from p2p.libp2p_link import yamux_of
from p2p.libp2p_network import Libp2pNetwork
from p2p.network import Audience
from p2p.settings import NodeIdentity
from p2p.topics import Topics, topics_of
from p2p.wire.encoding import encode_message
from p2p.wire.framing import frame
from p2p.wire.handshake import make_hello
from p2p.wire.messages import Hello, Status
from tests.integration.libp2p_nodes import (
    GENESIS,
    NETWORK_ID,
    connected,
    eventually,
    make_identity,
    make_network,
    make_vote,
    receive,
    running,
)

TOPICS: Topics = topics_of(NETWORK_ID, GENESIS)


class Attacker:
    """One connection to a victim, and full control over what is written on it."""

    def __init__(self, identity: NodeIdentity, host: GuardedHost, connection: SwarmConn) -> None:
        self.identity = identity
        self.host = host
        self.connection = connection

    @property
    def peer_id(self) -> str:
        return self.identity.peer_id

    @property
    def yamux(self) -> GuardedYamux:
        return yamux_of(self.connection)

    async def open(self, protocol: str) -> GuardedStream:
        """A stream that speaks `protocol`, and what comes after is up to the test."""
        return muxed(await open_stream(self.connection, protocol))

    def hello(self) -> Hello:
        """An honest hello of this peer."""
        identity = self.identity
        return make_hello(
            identity.network_id,
            identity.genesis_hash,
            identity.peer_id_raw,
            identity.validator_key,
            agent="attacker",
            status=Status(0, GENESIS, 0, 0),
            listen="/ip4/0.0.0.0/tcp/0",
        )

    async def greet(self, hello: Hello | None = None) -> None:
        """Say hello and read the victim's, so that the connection counts as verified."""
        stream = await self.open(TOPICS.hello)
        await stream.write(frame(encode_message(hello or self.hello())))
        await stream.read(-1)
        await trio.sleep(0.05)

    async def write_raw(self, data: bytes) -> None:
        """Bytes below the multiplexer, encrypted like everything on this connection."""
        await self.yamux._write_frame(data)

    @property
    def is_cut_off(self) -> bool:
        """Whether the victim closed the connection."""
        return self.yamux.event_closed.is_set()


@asynccontextmanager
async def attacking(
    victim: Libp2pNetwork, *, number: int = 50, verified: bool = True, polite: bool = False
) -> AsyncIterator[Attacker]:
    """A peer connected to the victim, which has said hello unless told otherwise.

    A `polite` one reads what the victim pushes, and so stays connected for longer.
    """
    identity = make_identity(number)
    host = build_host(identity.node_seed, Admission(), lambda peer, fault: None)
    for protocol in (TOPICS.consensus, TOPICS.announcements) if polite else ():
        host.set_stream_handler(TProtocol(protocol), _read_all)
    swarm = host.get_network()
    address = parse_peer_address(victim.address)
    async with background_trio_service(swarm):
        peer = ID(parse_peer_id(address.peer_id))
        connection = await swarm.dial_addr(Multiaddr(address.endpoint), peer)
        assert isinstance(connection, SwarmConn)
        attacker = Attacker(identity, host, connection)
        try:
            if verified:
                await attacker.greet()
            yield attacker
        finally:
            with trio.CancelScope(shield=True):
                await attacker.yamux.sever()


async def _read_all(stream: INetStream) -> None:
    assert isinstance(stream, NetStream), "the swarm makes no others"
    while True:
        await muxed(stream).read(-1)


@asynccontextmanager
async def besieged() -> AsyncIterator[Libp2pNetwork]:
    """A node with one honest peer. Afterwards both must still talk, and a third must get in."""
    victim = make_network(0)
    async with running(victim):
        honest = make_network(1, [victim.address])
        async with running(honest):
            await connected([victim, honest])
            yield victim
            await still_serves(victim, honest)


async def still_serves(victim: Libp2pNetwork, honest: Libp2pNetwork) -> None:
    """The honest peer was not lost, votes pass, and a newcomer is let in."""
    assert victim.counters.restarts == 0
    assert honest.peer_id in {view.peer_id for view in victim.peers()}
    newcomer = make_network(2, [victim.address])
    async with running(newcomer):
        await eventually(lambda: len(newcomer.peers()) == 2)
        victim.push(make_vote(view=9_999), Audience.VALIDATORS)
        await hears_view(honest, victim.peer_id, 9_999)
        await hears_view(newcomer, victim.peer_id, 9_999)
        honest.push(make_vote(view=9_998), Audience.VALIDATORS)
        await hears_view(victim, honest.peer_id, 9_998)


async def hears_view(network: Libp2pNetwork, peer: str, view: int) -> None:
    """A vote of this peer for this view arrives, whatever else does."""
    while True:
        inbound = await receive(network)
        message = inbound.message
        if inbound.peer == peer and isinstance(message, ReceivedVote) and message.view == view:
            return
