"""libp2p's swarm and host, closed where py-libp2p 0.8.1 is open.

What is closed: an inbound connection kept its slot for ever, so the 251st was refused; any
exception of a stream handler stopped the whole swarm; a peer could announce a line of any length
before it was known; identify let peers write into our address book.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.host.basic_host import BasicHost
from libp2p.host.exceptions import StreamFailure
from libp2p.identity.identify_push.identify_push import ID_PUSH
from libp2p.io.abc import Reader, ReadWriteCloser
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.net_stream import NetStream
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer import muxer_multistream
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.transport.tcp import tcp
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.utils import varint
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # ships no types

from genesis.limits import INBOUND_CONNECTIONS_MAX, PEERS_MAX, PENDING_HANDSHAKES_MAX
from native.errors import InvalidData
from p2p.admission import Admission
from p2p.errors import PeerMisbehaved
from p2p.libp2p_guard_tcp import BufferedTCPStream
from p2p.libp2p_guard_yamux import GuardedStream, GuardedYamux
from p2p.libp2p_select import answer, propose

log = logging.getLogger("aichain.p2p")

STREAM_ERRORS: Final = (
    BaseLibp2pError,
    InvalidData,
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
)
"""How using a stream or a connection fails when the other side or the wire is to blame."""

HANDSHAKE_TIMEOUT_S: Final = 10.0
NEGOTIATION_TIMEOUT_S: Final = 10.0
HELLO_TIMEOUT_S: Final = 5.0
_RESET_TIMEOUT_S: Final = 1.0
_MAX_PRELUDE_BYTES: Final = 4_096


class GuardedSwarm(Swarm):
    """Connections and streams. Whatever a peer or a handler does ends there, not here."""

    admission: Admission
    handshakes: OrderedDict[int, trio.CancelScope]

    async def _handle_inbound_connection(
        self, read_write_closer: ReadWriteCloser, maddr: Multiaddr
    ) -> None:
        """Upgrade a TCP connection and keep it until it ends; the listener closes the socket."""
        remote = read_write_closer.get_remote_address()
        host = remote[0] if remote is not None else ""
        if not self.admission.begin(host, int(trio.current_time() * 1000)):
            return
        muxed = None
        try:
            muxed = await self._shake_hands(read_write_closer, maddr)
        except Exception as error:  # whatever a stranger sends ends its connection only
            log.debug("handshake with %s failed: %r", host, error)
        finally:
            if muxed is None:
                self.admission.abandon(host)
        if muxed is None:
            return
        self.admission.establish(host)
        try:
            await muxed.event_closed.wait()
        finally:
            self.admission.end(host)

    async def _shake_hands(
        self, connection: ReadWriteCloser, maddr: Multiaddr
    ) -> GuardedYamux | None:
        # Too many at once: the oldest goes. An honest one takes milliseconds, and half-open
        # connections must not keep honest peers out.
        while len(self.handshakes) >= PENDING_HANDSHAKES_MAX:
            self.handshakes.popitem(last=False)[1].cancel()
        with trio.CancelScope() as scope:
            self.handshakes[id(scope)] = scope
            try:
                muxed = await self.upgrade_inbound_raw_conn(RawConnection(connection, False), maddr)
                assert isinstance(muxed, GuardedYamux), "the only multiplexer is ours"
                return muxed
            finally:
                self.handshakes.pop(id(scope), None)
        return None


class _NoAutoConnector(AutoConnector):
    """Dialling is our dialler's business."""

    async def start(self) -> None:
        """Nothing to start."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """No task."""

    async def maybe_connect(self) -> None:
        """No dials."""


class GuardedHost(BasicHost):
    """Opens and answers streams with our own negotiation. Handlers may raise what they like."""

    blame: Callable[[str, PeerMisbehaved], None]

    async def new_stream(self, peer_id: ID, protocol_ids: Sequence[TProtocol]) -> INetStream:
        """A stream on the newest connection to a peer (what pubsub uses)."""
        connections = self._network.get_connections(peer_id)
        if not connections:
            raise SwarmException(f"not connected to {peer_id}")
        newest = connections[-1]
        assert isinstance(newest, SwarmConn), "the swarm makes no others"
        return await open_stream(newest, protocol_ids[0])

    async def _swarm_stream_handler(self, net_stream: INetStream) -> None:
        assert isinstance(net_stream, NetStream), "the swarm makes no others"
        try:
            with trio.fail_after(NEGOTIATION_TIMEOUT_S):
                protocol = TProtocol(await answer(net_stream.muxed_stream, self._spoken()))
            net_stream.set_protocol(protocol)
            handler = self.multiselect.handlers[protocol]
            assert handler is not None, "handlers are registered, not reserved"
            await handler(net_stream)
        except Exception as error:  # ours or a peer's fault: it ends this stream, nothing else
            peer = net_stream.muxed_conn.peer_id.to_base58()
            log.debug("stream of %s: %r", peer, error)
            if isinstance(error, PeerMisbehaved):
                self.blame(peer, error)
            await reset_stream(net_stream)

    def _spoken(self) -> tuple[str, ...]:
        return tuple(protocol for protocol in self.multiselect.handlers if protocol is not None)


def muxed(stream: NetStream) -> GuardedStream:
    """The bare stream below: no state locks, no translation of every error."""
    bare = stream.muxed_stream
    assert isinstance(bare, GuardedStream), "the only multiplexer is ours"
    return bare


async def open_stream(connection: SwarmConn, protocol: str) -> NetStream:
    """A stream on exactly this connection that speaks `protocol`."""
    stream = await connection.new_stream()
    try:
        with trio.fail_after(NEGOTIATION_TIMEOUT_S):
            spoken = await propose(stream.muxed_stream, protocol)
        if not spoken:
            raise StreamFailure(f"the peer does not speak {protocol}")
    except BaseException:
        await reset_stream(stream)
        raise
    stream.set_protocol(TProtocol(protocol))
    return stream


async def reset_stream(stream: NetStream) -> None:
    """Drop a stream, also when we are being cancelled."""
    with trio.CancelScope(deadline=trio.current_time() + _RESET_TIMEOUT_S, shield=True):
        try:
            await stream.reset()
        except Exception:  # the connection may be gone in any way
            pass


def build_host(
    node_seed: bytes, admission: Admission, blame: Callable[[str, PeerMisbehaved], None]
) -> GuardedHost:
    """TCP, Noise and Yamux only: the other transports of py-libp2p are slow or unproven."""
    install_patches()
    key_pair = create_new_key_pair(node_seed)
    peer_id = ID.from_pubkey(key_pair.public_key)
    store = PeerStore()
    store.add_key_pair(peer_id, key_pair)
    noise = NoiseTransport(key_pair, noise_privkey=create_noise_key_pair().private_key)
    swarm = GuardedSwarm(
        peer_id,
        store,
        TransportUpgrader({NOISE: noise}, {TProtocol(YAMUX): GuardedYamux}),
        [tcp.TCP()],
        RetryConfig(max_retries=0),
        ConnectionConfig(
            max_connections=INBOUND_CONNECTIONS_MAX + 2 * PEERS_MAX,
            min_connections=0,
            low_watermark=0,
            high_watermark=INBOUND_CONNECTIONS_MAX + 2 * PEERS_MAX,
            inbound_upgrade_timeout=HANDSHAKE_TIMEOUT_S,
            outbound_upgrade_timeout=HANDSHAKE_TIMEOUT_S,
        ),
    )
    swarm.admission = admission
    swarm.handshakes = OrderedDict()
    swarm.auto_connector = _NoAutoConnector(swarm)
    host = GuardedHost(swarm, disable_identify_address_discovery=True)
    host.blame = blame
    # Nobody writes into our address book: no identify of others, no identify-push from them.
    swarm.notifees.clear()
    host.remove_stream_handler(ID_PUSH)
    return host


def install_patches() -> None:
    """Put our parts where py-libp2p looks its own up. Doing it twice is doing it once."""
    tcp.TrioTCPStream = BufferedTCPStream  # type: ignore[attr-defined]
    muxer_multistream.Yamux = GuardedYamux  # type: ignore[attr-defined]
    varint.read_varint_prefixed_bytes = _read_short_line
    # It reports every failed dial and every peer that goes away as an error; we report them.
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)


async def _read_short_line(reader: Reader) -> bytes:
    return await varint.read_varint_prefixed_bytes_limited(reader, _MAX_PRELUDE_BYTES)
