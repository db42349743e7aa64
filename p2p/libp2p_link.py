"""One verified connection to one peer: what we send on it, and what we expect of it."""

import logging
import math
from collections import Counter
from typing import Final

import trio
from libp2p.network.connection.swarm_connection import SwarmConn

from genesis.limits import (
    QUEUED_ANNOUNCED_BYTES_MAX,
    QUEUED_ANNOUNCEMENTS_MAX,
    QUEUED_BYTES_PER_PEER_MAX,
    QUEUED_CONSENSUS_MAX,
)
from p2p.libp2p_guard_swarm import STREAM_ERRORS, muxed, open_stream, reset_stream
from p2p.libp2p_guard_yamux import STREAMS_OF_A_PEER, GuardedYamux
from p2p.libp2p_requests import RequestPool
from p2p.network import Direction
from p2p.outbox import Outbox
from p2p.quotas import Kind
from p2p.topics import Topics
from p2p.wire.messages import Hello

log = logging.getLogger("aichain.p2p")

_REOPEN_AFTER_S: Final = 0.25
_TRIES: Final = 4
_SPARE_S: Final = 2.0


class PeerLink:
    """Two streams of ours for what we push, a pool of streams for what we ask."""

    def __init__(
        self,
        peer: str,
        connection: SwarmConn,
        hello: Hello,
        direction: Direction,
        topics: Topics,
    ) -> None:
        self.peer = peer
        self.connection = connection
        self.hello = hello
        self.direction = direction
        self.consensus = Outbox(QUEUED_CONSENSUS_MAX, QUEUED_BYTES_PER_PEER_MAX)
        self.announcements = Outbox(QUEUED_ANNOUNCEMENTS_MAX, QUEUED_ANNOUNCED_BYTES_MAX)
        self.requests = RequestPool(peer, connection, topics.requests)
        self.bulk_answer = trio.Lock()
        self.serving: Counter[Kind] = Counter()  # streams of the peer that we read
        self.is_spare = False
        self._topics = topics
        self._unwanted = trio.Event()
        yamux_of(connection).max_inbound_streams = STREAMS_OF_A_PEER

    @property
    def dropped(self) -> int:
        """Messages that this peer was too slow for."""
        return self.consensus.dropped + self.announcements.dropped

    @property
    def rtt_ms(self) -> int:
        """The smoothed round trip of Yamux pings, rounded up: 0 is one that was never measured."""
        return math.ceil(yamux_of(self.connection).rtt() * 1000)

    async def run(self) -> None:
        """Send what is queued until the connection ends. A spare one only listens for a while."""
        async with trio.open_nursery() as nursery:
            if not self.is_spare:
                nursery.start_soon(self._send, self._topics.consensus, self.consensus)
                nursery.start_soon(self._send, self._topics.announcements, self.announcements)
            nursery.start_soon(self._close_when_unwanted)
            await yamux_of(self.connection).event_closed.wait()
            nursery.cancel_scope.cancel()

    def disconnect(self) -> None:
        """End the connection soon; `run` then returns."""
        self._unwanted.set()

    def become_spare(self) -> None:
        """Another connection to the same peer is used from now on. This one is read a little
        longer, because the peer may have written to it before it saw the other."""
        self.is_spare = True
        self._unwanted.set()

    def take_over(self, other: "PeerLink") -> None:
        """Send what waits on another connection to the same peer."""
        for frame in other.consensus.drain():
            self.consensus.put(frame)
        for frame in other.announcements.drain():
            self.announcements.put(frame)

    async def _close_when_unwanted(self) -> None:
        await self._unwanted.wait()
        if self.is_spare:
            await trio.sleep(_SPARE_S)
        await self.connection.close()

    async def _send(self, protocol: str, outbox: Outbox) -> None:
        for _ in range(_TRIES):
            try:
                await self._send_on_one_stream(protocol, outbox)
            except STREAM_ERRORS as error:
                log.debug("stream %s to %s: %r", protocol, self.peer, error)
            await trio.sleep(_REOPEN_AFTER_S)
        # A peer that does not keep a stream open, or reads nothing, is no peer.
        self.disconnect()

    async def _send_on_one_stream(self, protocol: str, outbox: Outbox) -> None:
        stream = await open_stream(self.connection, protocol)
        try:
            bare = muxed(stream)
            while True:
                await bare.write(await outbox.take())
        finally:
            await reset_stream(stream)


def yamux_of(connection: SwarmConn) -> GuardedYamux:
    """The multiplexer below a connection."""
    yamux = connection.muxed_conn
    assert isinstance(yamux, GuardedYamux), "the only multiplexer is ours"
    return yamux
