"""Answers what peers open: hellos on new connections, then pushed messages and questions."""

import logging
from collections.abc import Callable
from typing import Final

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.net_stream import NetStream

from consensus.lanes.messages import TermProposal
from consensus.proposals import ProposalMessage
from consensus.votes import VOTE_SIGNATURE_BYTES
from genesis.limits import (
    ANNOUNCEMENT_MAX_BYTES,
    EXCHANGED_ADDRESSES_MAX,
    HELLO_MAX_BYTES,
    PUSHED_MAX_BYTES,
    REQUEST_MAX_BYTES,
    REQUEST_STREAMS_PER_PEER_MAX,
    RESPONSE_MAX_BYTES,
)
from native.errors import InvalidData
from native.node_keys import parse_peer_id
from p2p.errors import PeerMisbehaved, Penalty
from p2p.libp2p_bulk import BulkAnswers
from p2p.libp2p_guard import answer_or_refuse
from p2p.libp2p_guard_swarm import HELLO_TIMEOUT_S, GuardedHost, muxed, open_stream, reset_stream
from p2p.libp2p_guard_yamux import GuardedStream
from p2p.libp2p_link import PeerLink, yamux_of
from p2p.libp2p_switchboard import Switchboard, now_ms
from p2p.network import Direction
from p2p.quotas import Kind
from p2p.settings import NodeIdentity
from p2p.strangers import Strangers
from p2p.topics import Topics
from p2p.wire.encoding import (
    Refused,
    decode_announcement,
    decode_consensus,
    decode_hello,
    decode_request,
    encode_message,
)
from p2p.wire.framing import FrameReader, frame
from p2p.wire.handshake import HelloRefused, check_hello
from p2p.wire.messages import (
    AnyRequest,
    BlockRange,
    Blocks,
    FinalityClaim,
    GetPeers,
    Hello,
    Peers,
    Received,
    Response,
    Status,
    TransactionsAnnounced,
)

log = logging.getLogger("aichain.p2p")

_BULK_BYTES: Final = 256 * 1024
_ANSWER_WRITE_S: Final = 60.0
_STREAMS_PER_KIND: Final = 2  # a new one may open before the end of the old one is noticed
# Two bytes of head before the array that the limit is for.
_HEAD_BYTES: Final = 2
_VOTE_BYTES: Final = VOTE_SIGNATURE_BYTES + 256 + _HEAD_BYTES


class Serving:
    """The stream handlers of one host. Each checks who is speaking before it reads a byte."""

    def __init__(
        self,
        board: Switchboard,
        identity: NodeIdentity,
        topics: Topics,
        hello: Callable[[], Hello],
        begin: Callable[[PeerLink], None],
    ) -> None:
        self._board = board
        self._identity = identity
        self._topics = topics
        self._hello = hello
        self._begin = begin
        self._strangers = Strangers(now_ms())
        self._bulk = BulkAnswers()

    def register(self, host: GuardedHost) -> None:
        """Answer on our four protocols."""
        for protocol, handler in (
            (self._topics.hello, self._serve_hello),
            (self._topics.consensus, self._serve_consensus),
            (self._topics.announcements, self._serve_announcements),
            (self._topics.requests, self._serve_requests),
        ):
            host.set_stream_handler(TProtocol(protocol), handler)

    async def greet(self, connection: SwarmConn) -> bool:
        """Exchange hellos on a connection that we opened; False if the peer is none for us."""
        with trio.fail_after(HELLO_TIMEOUT_S):
            stream = await open_stream(connection, self._topics.hello)
            try:
                bare = muxed(stream)
                await bare.write(frame(encode_message(self._hello())))
                payload = await _read_hello(bare)
            finally:
                await reset_stream(stream)
        return await self._verify(connection, payload, Direction.OUTBOUND)

    async def expect_hello(self, connection: SwarmConn) -> None:
        """Close a connection whose peer does not say hello in time."""
        yamux = yamux_of(connection)
        with trio.move_on_after(HELLO_TIMEOUT_S):
            await yamux.greeted.wait()
        if not yamux.greeted.is_set():
            await connection.close()

    async def _serve_hello(self, stream: INetStream) -> None:
        assert isinstance(stream, NetStream), "the swarm makes no others"
        connection = stream.swarm_conn
        assert connection is not None, "streams belong to connections"
        bare = muxed(stream)
        if yamux_of(connection).greeted.is_set():
            raise PeerMisbehaved(Penalty.MALFORMED, "a second hello")
        with trio.fail_after(HELLO_TIMEOUT_S):
            payload = await _read_hello(bare)
            await bare.write(frame(encode_message(self._hello())))
        if yamux_of(connection).greeted.is_set():  # by another stream, while this one was read
            raise PeerMisbehaved(Penalty.MALFORMED, "a second hello")
        await self._verify(connection, payload, Direction.INBOUND)
        await stream.close()

    async def _verify(self, connection: SwarmConn, payload: bytes, direction: Direction) -> bool:
        yamux = yamux_of(connection)
        peer = yamux.peer_id.to_base58()
        try:
            hello = decode_hello(payload)
            check_hello(
                hello,
                network_id=self._identity.network_id,
                genesis_hash=self._identity.genesis_hash,
                peer_id_raw=parse_peer_id(peer),
            )
        except HelloRefused as error:
            self._blame(peer, error)
            await connection.close()
            return False
        except InvalidData:
            await connection.close()
            return False
        link = PeerLink(peer, connection, hello, direction, self._topics)
        if not self._board.admit(link):
            await connection.close()
            return False
        yamux.greeted.set()
        self._begin(link)
        return True

    def _blame(self, peer: str, error: HelloRefused) -> None:
        if self._strangers.is_news(peer, now_ms()):
            which = f": ours is {error.ours}, its is {error.its}" if error.is_lost else ""
            log.warning("peer %s is not for us: %s%s", peer, error.fault.value, which)
        # Who is lost costs little here and pays nothing: once upgraded, or with the right document,
        # it is one of us, and must not find itself banned.
        if not error.is_lost:
            self._board.penalize(peer, Penalty.FORGED, error.fault.value)

    async def _serve_consensus(self, stream: INetStream) -> None:
        await self._serve_pushed(stream, Kind.CONSENSUS, PUSHED_MAX_BYTES, decode_consensus)

    async def _serve_announcements(self, stream: INetStream) -> None:
        most = ANNOUNCEMENT_MAX_BYTES
        await self._serve_pushed(stream, Kind.ANNOUNCEMENT, most, decode_announcement)

    async def _serve_pushed(
        self, stream: INetStream, kind: Kind, most_bytes: int, decode: Callable[[bytes], Received]
    ) -> None:
        link, bare = await self._enter(stream, kind, _STREAMS_PER_KIND)
        reader = FrameReader(most_bytes + _HEAD_BYTES)
        try:
            while True:
                data = await bare.read(-1)
                self._board.allows(link.peer, Kind.BYTES, len(data))
                for payload in reader.feed(data):
                    if not self._board.allows(link.peer, kind):
                        continue
                    if self._board.is_blocked(link.peer) or not self._may_push(link, kind, payload):
                        continue
                    message = decode(payload)
                    self._deliver(link, message, len(payload))
                    await bare.conn.toll.pay_for_list(ids_in(message))
                if self._board.is_banned(link.peer):
                    return
        except InvalidData as error:
            self._board.penalize(link.peer, Penalty.MALFORMED, str(error))
            raise
        finally:
            self._leave(link, kind)

    def _may_push(self, link: PeerLink, kind: Kind, payload: bytes) -> bool:
        """The node hears validators, and the last votes of who has just left the set: to decode
        the longest proposal takes ten times as long as to read it, and costs its sender nothing."""
        if kind is not Kind.CONSENSUS or len(payload) <= _VOTE_BYTES:
            return True
        return self._board.roster.speaks_for_validator(link.peer)

    def _deliver(self, link: PeerLink, message: Received, size_bytes: int) -> None:
        if isinstance(message, Status):
            self._board.update(link.peer, message)
        self._board.deliver(link.peer, message, size_bytes)

    async def _serve_requests(self, stream: INetStream) -> None:
        link, bare = await self._enter(stream, Kind.REQUEST, REQUEST_STREAMS_PER_PEER_MAX + 1)
        reader = FrameReader(REQUEST_MAX_BYTES + _HEAD_BYTES)
        try:
            while True:
                for payload in reader.feed(await bare.read(-1)):
                    if self._board.is_blocked(link.peer):
                        continue  # the peer waits in vain, as if we were cut off
                    await self._answer(link, bare, payload)
        except InvalidData as error:
            self._board.penalize(link.peer, Penalty.MALFORMED, str(error))
            raise
        finally:
            self._leave(link, Kind.REQUEST)

    async def _answer(self, link: PeerLink, stream: GuardedStream, payload: bytes) -> None:
        response = await self._respond(link, decode_request(payload))
        framed = frame(self._encoded(response))
        if len(framed) >= _BULK_BYTES and self._bulk.is_full:
            framed = frame(encode_message(Refused()))
        with trio.fail_after(_ANSWER_WRITE_S):
            if len(framed) < _BULK_BYTES:
                await stream.write(framed)
            else:
                await self._bulk.write(link.bulk_answer, stream, framed)
        await stream.conn.toll.pay_for_answer(len(framed), headers_in(response))

    async def _respond(self, link: PeerLink, request: AnyRequest) -> Response | Refused:
        if not self._board.allows(link.peer, Kind.REQUEST):
            return Refused()
        if isinstance(request, GetPeers):
            return self._known_peers(link.peer)
        if self._board.handler is None:
            return Refused()
        return await answer_or_refuse(self._board.handler, link.peer, request)

    @staticmethod
    def _encoded(response: Response | Refused) -> bytes:
        encoded = encode_message(response)
        if len(encoded) <= RESPONSE_MAX_BYTES + _HEAD_BYTES:
            return encoded
        log.error("an answer of %d bytes: %s", len(encoded), type(response).__name__)
        return encode_message(Refused())

    def _known_peers(self, asker: str) -> Peers:
        members = self._board.roster.members()
        # Validators first: whoever joins should soon hear all of them.
        ordered = sorted(members, key=lambda member: not member.hello.validator_key)
        found = (each.known_from for each in ordered if each.peer_id != asker)
        return Peers(tuple(address for address in found if address)[:EXCHANGED_ADDRESSES_MAX])

    async def _enter(
        self, stream: INetStream, kind: Kind, most: int
    ) -> tuple[PeerLink, GuardedStream]:
        """The verified peer behind a stream; waits for its hello, which may still be on its way."""
        assert isinstance(stream, NetStream), "the swarm makes no others"
        bare = muxed(stream)
        with trio.fail_after(HELLO_TIMEOUT_S):
            await bare.conn.greeted.wait()
        link = self._board.by_connection.get(bare.conn)
        if link is None:
            raise PeerMisbehaved(Penalty.NUISANCE, "a stream on a connection that is over")
        if link.serving[kind] >= most:
            raise PeerMisbehaved(Penalty.NUISANCE, f"too many {kind.value} streams")
        link.serving[kind] += 1
        return link, bare

    @staticmethod
    def _leave(link: PeerLink, kind: Kind) -> None:
        link.serving[kind] -= 1


def ids_in(message: Received) -> int:
    """So many transactions a message lists."""
    match message:
        case ProposalMessage() as proposal:
            return len(proposal.tx_ids)
        case TermProposal(message=proposal):
            return len(proposal.tx_ids)
        case TransactionsAnnounced(ids):
            return len(ids)
        case _:
            return 0


def headers_in(response: Response | Refused) -> int:
    """So many headers and blocks were read for an answer."""
    match response:
        case BlockRange(blocks, path):
            return len(blocks) + len(path)
        case Blocks(blocks):
            return len(blocks)
        case FinalityClaim(finality):
            return 0 if finality is None else len(finality.headers)
        case _:
            return 0


async def _read_hello(stream: GuardedStream) -> bytes:
    reader = FrameReader(HELLO_MAX_BYTES + _HEAD_BYTES)
    while True:
        for payload in reader.feed(await stream.read(-1)):
            return payload
