"""Gossipsub v1.1 that one malformed message cannot stop, for one topic and verified peers only.

py-libp2p 0.8.1 ends the process on an undecodable RPC, a raising validator or a bad key; it keys
its cache by sequence numbers that anyone can claim, and keeps state for any topic a peer names.
Everything that a peer sends is read, bounded and sorted out here; the router sees the rest.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, TypeVar

import trio
from google.protobuf.message import DecodeError as ProtobufError
from libp2p.abc import INetStream
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.mcache import CacheEntry, MessageCache
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.pubsub_notifee import PubsubNotifee

from genesis.limits import GOSSIP_MAX_BYTES
from native.errors import DecodeError, InvalidData
from p2p.errors import PeerMisbehaved, Penalty
from p2p.gossip import GOSSIP_ID_BYTES, SeenIds, gossip_id
from p2p.libp2p_guard_swarm import HELLO_TIMEOUT_S, GuardedHost, muxed, reset_stream
from p2p.wire.framing import VarintFrameReader

log = logging.getLogger("aichain.p2p")

# A mesh of up to twelve keeps every validator of a small network one hop away.
DEGREE: Final = 6
DEGREE_LOW: Final = 4
DEGREE_HIGH: Final = 12
HEARTBEAT_S: Final = 1
REGISTER_TIMEOUT_S: Final = 15.0

_MAX_RPC_BYTES: Final = GOSSIP_MAX_BYTES + 4_096
_MAX_MESSAGES_PER_RPC: Final = 32
_MAX_CONTROLS_PER_RPC: Final = 32
_MAX_IDS_PER_RPC: Final = 256  # of each kind; honest ones name what passed in three seconds
_MAX_BACKOFF_S: Final = 600
_GIVEN_AGAIN_MAX: Final = 3

C = TypeVar("C", rpc_pb2.ControlGraft, rpc_pb2.ControlPrune, rpc_pb2.ControlIHave)

Hear = Callable[[str, bytes], Awaitable[bool]]
"""Judges one payload of one peer; True if it is to be passed on."""

MayAsk = Callable[[str], bool]
"""Whether a peer is within its quota with an RPC that brings no message; beyond it, it pays."""


class ContentCache(MessageCache):
    """Recent messages by the hash of their content, as the ids on the wire are."""

    def __init__(self, window_size: int, history_size: int) -> None:
        super().__init__(window_size, history_size)
        self._given: Counter[tuple[ID, bytes]] = Counter()

    def give(self, peer: ID, message_id: bytes) -> rpc_pb2.Message | None:
        """A message for a peer that asks for it by its id, a few times at most."""
        message = self.msgs.get(message_id)
        if message is None or self._given[peer, message_id] >= _GIVEN_AGAIN_MAX:
            return None
        self._given[peer, message_id] += 1
        return message

    def shift(self) -> None:
        """Forget the oldest messages, and who got them."""
        super().shift()
        self._given = Counter(
            {pair: times for pair, times in self._given.items() if pair[1] in self.msgs}
        )

    def put(self, msg: rpc_pb2.Message) -> None:
        message_id = gossip_id(msg.data)
        if message_id not in self.msgs:
            self.msgs[message_id] = msg
            self.history[0].append(CacheEntry(message_id, msg.topicIDs))


class GuardedRouter(GossipSub):
    """The mesh. No spam heuristics that eat our own blocks, no signed records in every RPC."""

    def __init__(self) -> None:
        super().__init__(
            [PROTOCOL_ID_V11],
            DEGREE,
            DEGREE_LOW,
            DEGREE_HIGH,
            heartbeat_interval=HEARTBEAT_S,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
            do_px=False,
        )
        self.mcache: ContentCache = ContentCache(3, 5)
        self.blocked: frozenset[ID] = frozenset()

    async def publish(self, msg_forwarder: ID, pubsub_msg: rpc_pb2.Message) -> None:
        """Send a judged message to the mesh, except where it came from."""
        self.mcache.put(pubsub_msg)
        targets = self._get_peers_to_send(pubsub_msg.topicIDs, msg_forwarder, msg_forwarder)
        rpc = rpc_pb2.RPC(publish=[pubsub_msg])
        for peer in targets:
            self.send_rpc(peer, rpc)
        await trio.lowlevel.checkpoint()

    async def handle_iwant(self, iwant_msg: rpc_pb2.ControlIWant, sender_peer_id: ID) -> None:
        """Give what is asked for: the library gave it as often as its id stood in the question,
        all in one message."""
        for message_id in dict.fromkeys(iwant_msg.messageIDs):
            message = self.mcache.give(sender_peer_id, message_id)
            if message is not None:
                self.send_rpc(sender_peer_id, rpc_pb2.RPC(publish=[message]))
        await trio.lowlevel.checkpoint()

    async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        """Without the signed address record that py-libp2p attaches to every message."""
        self.send_rpc(to_peer, rpc_pb2.RPC(control=control_msg), priority=True)
        await trio.lowlevel.checkpoint()

    def send_rpc(self, peer_id: ID, rpc: rpc_pb2.RPC, priority: bool = False) -> None:
        """Queue an RPC, unless fault injection cuts us off from the peer."""
        if peer_id not in self.blocked:
            super().send_rpc(peer_id, rpc, priority)

    async def heartbeat(self) -> None:
        """Keep the mesh, and go on keeping it when a beat fails."""
        while True:
            try:
                await super().heartbeat()
            except Exception as error:  # one failed beat must not stop gossip for ever
                log.warning("gossip heartbeat failed: %r", error)
                await trio.sleep(HEARTBEAT_S)


class GuardedPubsub(Pubsub):
    """One topic among verified peers; `hear` decides about every message."""

    def __init__(
        self, host: GuardedHost, topic: str, hear: Hear, may_ask: MayAsk, seen: SeenIds
    ) -> None:
        super().__init__(
            host,
            GuardedRouter(),
            strict_signing=False,
            msg_id_constructor=lambda message: gossip_id(message.data),
            max_inbound_rpc_size=_MAX_RPC_BYTES,
            allowed_topics={topic},
        )
        # The library's cache has a thread of its own, and grows with whatever peers send.
        self.seen_messages.stop()
        self.seen_messages = seen  # type: ignore[assignment]  # has the `has` the router asks for
        network = host.get_network()
        for notifee in list(network.notifees):  # type: ignore[attr-defined]  # a GuardedSwarm
            if isinstance(notifee, PubsubNotifee):
                network.remove_notifee(notifee)
        self._topic = topic
        self._hear = hear
        self._may_ask = may_ask

    async def add(self, peer: ID) -> None:
        """A peer's hello was verified: open our gossip stream to it."""
        await self._handle_new_peer_with_retry(peer, REGISTER_TIMEOUT_S)

    def drop(self, peer: ID) -> None:
        """A peer has gone."""
        self._handle_dead_peer(peer)

    def block(self, peers: Collection[ID]) -> None:
        """Fault injection: nothing to these peers."""
        assert isinstance(self.router, GuardedRouter), "made in the constructor"
        self.router.blocked = frozenset(peers)

    async def announce(self, payload: bytes) -> None:
        """Publish our own message; there is no author in it, its content proves it."""
        await self._pass_on(self.my_id, payload)

    def get_hello_packet(self) -> rpc_pb2.RPC:
        """Our subscription, without the signed address record."""
        return rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=self._topic)])

    async def stream_handler(self, stream: INetStream) -> None:
        """Read a peer's gossip until its stream ends; a bad one is reset, we go on."""
        assert isinstance(stream, NetStream), "the swarm makes no others"
        peer = stream.muxed_conn.peer_id
        try:
            with trio.fail_after(HELLO_TIMEOUT_S):  # the peer may have verified us first
                await muxed(stream).conn.greeted.wait()
            await self._read(stream, peer)
        except Exception as error:  # garbage of any kind ends this stream and nothing else
            log.debug("gossip stream of %s: %r", peer, error)
            await reset_stream(stream)
            self._handle_dead_peer(peer)
            if isinstance(error, PeerMisbehaved):
                raise
            if isinstance(error, InvalidData):
                raise PeerMisbehaved(Penalty.MALFORMED, f"gossip: {error}") from error

    async def _read(self, stream: NetStream, peer: ID) -> None:
        reader = VarintFrameReader(_MAX_RPC_BYTES)
        while True:
            for frame in reader.feed(await muxed(stream).read(-1)):
                await self._receive(peer, _parse(frame))

    async def _receive(self, peer: ID, rpc: rpc_pb2.RPC) -> None:
        if len(rpc.publish) > _MAX_MESSAGES_PER_RPC:
            raise DecodeError(f"{len(rpc.publish)} messages in one RPC")
        heard = [each for each in rpc.publish if list(each.topicIDs) == [self._topic]]
        if not heard and not self._may_ask(peer.to_base58()):
            raise PeerMisbehaved(Penalty.NUISANCE, "a flood of gossip without messages")
        for subscription in rpc.subscriptions[:_MAX_CONTROLS_PER_RPC]:
            await self._receive_subscription(peer, subscription)
        for message in heard:
            if await self._hear(peer.to_base58(), message.data):
                await self._pass_on(peer, message.data)
        if rpc.HasField("control"):
            await self._receive_control(peer, rpc.control)

    async def _pass_on(self, source: ID, payload: bytes) -> None:
        await self.router.publish(source, rpc_pb2.Message(data=payload, topicIDs=[self._topic]))

    async def _receive_subscription(self, peer: ID, subscription: rpc_pb2.RPC.SubOpts) -> None:
        if subscription.topicid != self._topic:
            return
        if not subscription.subscribe:
            self._forget_subscription(peer, self._topic)
            return
        self.peer_topics.setdefault(self._topic, set()).add(peer)
        await self.router.on_peer_subscribed(peer, self._topic)

    async def _receive_control(self, peer: ID, control: rpc_pb2.ControlMessage) -> None:
        router = self.router
        assert isinstance(router, GuardedRouter), "made in the constructor"
        for graft in self._ours(control.graft):
            await router.handle_graft(graft, peer)
        for prune in self._ours(control.prune):
            # No addresses from strangers, and nobody keeps us away for a year.
            kept = rpc_pb2.ControlPrune(
                topicID=self._topic, backoff=min(prune.backoff, _MAX_BACKOFF_S)
            )
            await router.handle_prune(kept, peer)
        had = _ids(self._ours(control.ihave))
        if had:
            known = rpc_pb2.ControlIHave(topicID=self._topic, messageIDs=had)
            await router.handle_ihave(known, peer)
        asked = rpc_pb2.ControlIWant(messageIDs=_ids(control.iwant[:_MAX_CONTROLS_PER_RPC]))
        await router.handle_iwant(asked, peer)

    def _ours(self, controls: Iterable[C]) -> list[C]:
        return [each for each in controls if each.topicID == self._topic][:_MAX_CONTROLS_PER_RPC]


def _ids(
    controls: Iterable[rpc_pb2.ControlIHave] | Iterable[rpc_pb2.ControlIWant],
) -> list[bytes]:
    """Of all of one kind: 8,192 ids in one RPC took 20 ms, and a peer may send 50 a second."""
    ids = itertools.chain.from_iterable(each.messageIDs for each in controls)
    whole = (each for each in ids if len(each) == GOSSIP_ID_BYTES)
    return list(itertools.islice(whole, _MAX_IDS_PER_RPC))


def _parse(frame: bytes) -> rpc_pb2.RPC:
    rpc = rpc_pb2.RPC()
    try:
        rpc.ParseFromString(frame)
    except ProtobufError as error:
        raise DecodeError(f"no gossip RPC: {error}") from error
    return rpc
