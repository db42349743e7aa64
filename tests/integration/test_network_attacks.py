"""Whatever a peer sends, the node lives, keeps its honest peers, and lets new ones in."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import StreamFailure
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.stream_muxer.exceptions import MuxedStreamError, MuxedStreamReset
from libp2p.utils import encode_varint_prefixed

from genesis.limits import ANNOUNCEMENTS_BURST, PENDING_HANDSHAKES_MAX
from native.hashing import Hash32
from p2p.addresses import parse_peer_address
from p2p.errors import RequestFailed
from p2p.gossip import gossip_id
from p2p.libp2p_guard_gossip import ContentCache
from p2p.libp2p_guard_swarm import muxed
from p2p.libp2p_network import Libp2pNetwork
from p2p.network import GossipVerdict
from p2p.wire.encoding import encode_message
from p2p.wire.framing import frame
from p2p.wire.messages import (
    GetBlocks,
    GetPeers,
    Hello,
    Status,
)
from tests.integration.libp2p_attacker import TOPICS, attacking, besieged
from tests.integration.libp2p_nodes import (
    GENESIS,
    eventually,
    make_final,
    make_network,
    make_vote,
    running,
)

GOSSIPSUB = "/meshsub/1.1.0"
LUCK = random.Random(3690)


async def dial_tcp(victim: Libp2pNetwork) -> trio.SocketStream:
    address = parse_peer_address(victim.address)
    return await trio.open_tcp_stream(address.host, address.port)


async def test_garbage_instead_of_a_handshake() -> None:
    openings = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x13/multistream/1.0.0\n\x07/noise\n" + LUCK.randbytes(4_000),
        b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x20" + LUCK.randbytes(32),
        b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + b"A" * 1_000,  # a line of 2^62 bytes
        b"\x13/multistream/1.0.0\n" + b"\x04ls \n" * 200,
        *(LUCK.randbytes(LUCK.randrange(1, 3_000)) for _ in range(50)),
    ]
    async with besieged() as victim:
        for opening in openings:
            stream = await dial_tcp(victim)
            async with stream:
                await stream.send_all(opening)
                await trio.sleep(0.005)


async def test_connections_that_stop_half_way_do_not_keep_others_out() -> None:
    async with besieged() as victim:
        streams = [await dial_tcp(victim) for _ in range(3 * PENDING_HANDSHAKES_MAX)]
        for stream in streams:
            await stream.send_all(b"\x13")
        newcomer = make_network(3, [victim.address])
        async with running(newcomer):
            await eventually(lambda: bool(newcomer.peers()), timeout_s=5.0)
        for stream in streams:
            await stream.aclose()


async def test_connections_come_and_go_without_using_up_their_slots() -> None:
    async with besieged() as victim:
        for number in range(300):
            stream = await dial_tcp(victim)
            await stream.aclose()
            if number % 10 == 0:
                async with attacking(victim, verified=False):
                    pass


async def test_a_peer_that_never_says_hello_is_cut_off_and_heard_of_nothing() -> None:
    async with besieged() as victim, attacking(victim, verified=False) as attacker:
        stream = await attacker.open(TOPICS.consensus)
        await stream.write(frame(encode_message(make_vote())))
        await trio.sleep(0.5)
        assert victim.counters.received == 0
        await eventually(lambda: attacker.is_cut_off)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda hello: replace(hello, binding=hello.binding[:-1] + b"\0"),
        lambda hello: replace(hello, binding=b""),
        lambda hello: replace(hello, validator_key=b"k" * 100),
        lambda hello: replace(hello, genesis_hash=Hash32(b"x" * 32)),
        lambda hello: replace(hello, network_id=1),
    ],
)
async def test_a_false_hello_is_no_entry(spoil: Callable[[Hello], Hello]) -> None:
    async with besieged() as victim, attacking(victim, verified=False) as attacker:
        await attacker.greet(spoil(attacker.hello()))
        await eventually(lambda: attacker.is_cut_off)
        assert len(victim.peers()) == 1


async def test_a_hello_bound_to_another_peer_id_is_refused() -> None:
    async with (
        besieged() as victim,
        attacking(victim, number=50, verified=False) as owner,
        attacking(victim, number=51, verified=False) as thief,
    ):
        await thief.greet(owner.hello())
        await eventually(lambda: thief.is_cut_off)
        assert len(victim.peers()) == 1


async def test_garbage_and_oversize_on_every_stream() -> None:
    payloads = [
        LUCK.randbytes(500),
        frame(LUCK.randbytes(500)),
        b"\xff\xff\xff\xff" + b"A" * 100,
        frame(b"\x01\x02" + b"\xc1" * 50),
        frame(b"\x01\xff"),
        frame(b""),
        frame(encode_message(make_final())),  # of the wrong stream
        frame(encode_message(Status(1, Hash32(b"1" * 32), 0, 1))[:-1]),
    ]
    async with besieged() as victim:
        number = 60
        for protocol in (TOPICS.hello, *TOPICS.streams, GOSSIPSUB):
            for payload in payloads:
                number += 1
                async with attacking(victim, number=number) as attacker:
                    stream = await attacker.open(protocol)
                    await stream.write(payload)
                    await trio.sleep(0.01)
        assert victim.counters.received == 0
        assert victim.counters.malformed > 10


async def test_repeated_garbage_gets_a_peer_banned() -> None:
    async with besieged() as victim:
        async with attacking(victim) as attacker:
            for _ in range(4):
                stream = await attacker.open(TOPICS.consensus)
                await stream.write(frame(b"\x01\xff"))
                await trio.sleep(0.1)
            await eventually(lambda: attacker.is_cut_off)
        assert victim.counters.bans == 1
        async with attacking(victim, verified=False) as again:
            await eventually(lambda: again.is_cut_off)


def rpc(**fields: Any) -> bytes:
    return encode_varint_prefixed(rpc_pb2.RPC(**fields).SerializeToString())


async def test_malformed_gossip_of_all_kinds() -> None:
    control = rpc_pb2.ControlMessage()
    control.iwant.add().messageIDs.append(b"zz" * 5_000)
    control.ihave.add(topicID="nonsense", messageIDs=[b"\xff\xfe"])
    control.ihave.add(topicID=TOPICS.finals, messageIDs=[b"\0" * 20] * 5_000)
    for number in range(2_000):
        control.graft.add(topicID=f"topic {number}")
        control.prune.add(topicID=f"topic {number}", backoff=2**40)
    message = rpc_pb2.Message(
        data=b"x", topicIDs=[TOPICS.finals], from_id=b"\x12\x20" + bytes(32), key=b"k" * 40
    )
    attacks = [
        encode_varint_prefixed(os.urandom(500)),
        b"\xff\xff\xff\xff\x7f" + b"A" * 100,
        rpc(control=control),
        rpc(publish=[message]),
        rpc(publish=[message] * 5_000),
        rpc(senderRecord=os.urandom(200)),
        rpc(
            subscriptions=[
                rpc_pb2.RPC.SubOpts(subscribe=True, topicid=str(n)) for n in range(9_000)
            ]
        ),
        rpc(publish=[rpc_pb2.Message(data=b"x" * 2_000_000, topicIDs=[TOPICS.finals])]),
        rpc(publish=[rpc_pb2.Message(data=b"x", topicIDs=["other"] * 500)]),
    ]
    async with besieged() as victim:
        for number, attack in enumerate(attacks, 50):
            async with attacking(victim, number=number) as attacker:
                stream = await attacker.open(GOSSIPSUB)
                try:
                    await stream.write(attack)
                except MuxedStreamReset:
                    pass  # the victim has seen enough of it
                await trio.sleep(0.05)
        assert victim.counters.received == 0


async def test_garbage_as_gossip_gets_a_peer_banned() -> None:
    async with besieged() as victim:
        async with attacking(victim) as attacker:
            for garbage in (b"\xff" * 20, encode_varint_prefixed(b"\xff\xff"), b"\xff" * 20) * 2:
                stream = await attacker.open(GOSSIPSUB)
                try:
                    await stream.write(garbage)
                except MuxedStreamReset:
                    pass
                await trio.sleep(0.1)
                if attacker.is_cut_off:
                    break
            await eventually(lambda: attacker.is_cut_off)
        assert victim.counters.bans == 1


@pytest.mark.parametrize(
    "flood",
    [
        b"\0" * 60_000,  # as many RPCs, all of them empty
        rpc(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=TOPICS.finals)]) * 1_000,
        rpc(publish=[rpc_pb2.Message(data=b"x", topicIDs=["other"])]) * 1_000,
    ],
)
async def test_a_flood_of_gossip_without_messages_ends_in_a_ban(flood: bytes) -> None:
    """Each was free, and read on the thread that consensus runs on."""
    async with besieged() as victim:
        async with attacking(victim, polite=True) as attacker:
            for _ in range(60):
                try:
                    stream = await attacker.open(GOSSIPSUB)
                    await stream.write(flood)
                except (MuxedStreamReset, MuxedStreamError, StreamFailure):
                    pass
                await trio.sleep(0.02)
                if attacker.is_cut_off:
                    break
            await eventually(lambda: attacker.is_cut_off)
        assert victim.counters.bans == 1


async def test_gossip_that_is_asked_for_again_and_again_is_given_a_few_times() -> None:
    """One question of 200 KB was answered with eight thousand copies, made on our thread."""
    message = make_final()
    payload = encode_message(message)
    control = rpc_pb2.ControlMessage()
    for _ in range(32):
        control.iwant.add().messageIDs.extend([gossip_id(payload)] * 256)
    heard = bytearray()

    async def listen(stream: INetStream) -> None:
        assert isinstance(stream, NetStream)
        while data := await muxed(stream).read(-1):
            heard.extend(data)

    async with besieged() as victim, attacking(victim, verified=False) as attacker:
        attacker.host.set_stream_handler(TProtocol(GOSSIPSUB), listen)
        await attacker.greet()
        await trio.sleep(0.2)
        victim.gossip(message)
        stream = await attacker.open(GOSSIPSUB)
        for _ in range(3):
            await stream.write(rpc(control=control))
        await eventually(lambda: payload in heard)
        await trio.sleep(0.5)
        assert 1 <= heard.count(payload) <= 3


async def test_questions_for_thousands_of_messages_in_one_rpc_are_cut_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside a true message they cost no more than that; looking 8,192 ids up took 20 ms."""
    given, give = list[bytes](), ContentCache.give

    def counted(cache: ContentCache, peer: ID, message_id: bytes) -> rpc_pb2.Message | None:
        given.append(message_id)
        return give(cache, peer, message_id)

    monkeypatch.setattr(ContentCache, "give", counted)
    topic, payload = TOPICS.finals, encode_message(make_final())
    ids = [number.to_bytes(20, "big") for number in range(32 * 256)]
    rpc = rpc_pb2.RPC(publish=[rpc_pb2.Message(data=payload, topicIDs=[topic])])
    for start in range(0, len(ids), 256):
        some = ids[start : start + 256]
        rpc.control.iwant.append(rpc_pb2.ControlIWant(messageIDs=some))
        rpc.control.ihave.append(rpc_pb2.ControlIHave(topicID=topic, messageIDs=some))
    async with besieged() as victim, attacking(victim, polite=True) as attacker:
        stream = await attacker.open(GOSSIPSUB)
        await stream.write(encode_varint_prefixed(rpc.SerializeToString()))
        await eventually(lambda: bool(given))
        await trio.sleep(0.2)
        assert given == ids[:256]


async def test_two_hellos_at_once_are_one_too_many() -> None:
    async with besieged() as victim, attacking(victim, verified=False) as attacker:
        streams = [await attacker.open(TOPICS.hello) for _ in range(3)]
        for stream in streams:
            await stream.write(frame(encode_message(attacker.hello())))
        await eventually(lambda: victim.counters.malformed >= 2)


async def test_a_gossip_check_that_raises_is_contained() -> None:
    async with besieged() as victim:

        async def broken(peer: str, message: object) -> GossipVerdict:
            raise ZeroDivisionError

        victim.set_gossip_check(broken)
        async with attacking(victim) as attacker:
            stream = await attacker.open(GOSSIPSUB)
            data = encode_message(make_final())
            await stream.write(rpc(publish=[rpc_pb2.Message(data=data, topicIDs=[TOPICS.finals])]))
            await trio.sleep(0.2)


async def test_a_flood_of_questions_is_throttled_and_punished() -> None:
    async with besieged() as victim, attacking(victim) as attacker:
        stream = await attacker.open(TOPICS.requests)
        question = frame(encode_message(GetPeers()))
        try:
            for _ in range(40):
                await stream.write(question * 50)
        except Exception:
            pass
        await eventually(lambda: victim.counters.over_quota > 0)


async def test_a_flood_of_votes_ends_in_a_ban() -> None:
    async with besieged() as victim, attacking(victim) as attacker:
        stream = await attacker.open(TOPICS.consensus)
        try:
            for _ in range(30):
                await stream.write(frame(encode_message(make_vote())) * 100)
        except Exception:
            pass
        await eventually(lambda: victim.counters.bans == 1)
        await eventually(lambda: attacker.is_cut_off)


async def test_who_comes_back_has_no_new_quota() -> None:
    statuses = frame(encode_message(Status(0, GENESIS, 0, 0))) * ANNOUNCEMENTS_BURST
    async with besieged() as victim:
        heard_before = 0

        def noticed() -> bool:
            counters = victim.counters
            return counters.received >= heard_before + ANNOUNCEMENTS_BURST or was_too_much()

        def was_too_much() -> bool:
            return victim.counters.over_quota > 0

        for _ in range(10):
            heard_before = victim.counters.received
            async with attacking(victim) as attacker:
                stream = await attacker.open(TOPICS.announcements)
                await stream.write(statuses)
                await eventually(noticed)
            if was_too_much():
                break
        assert was_too_much()


async def test_a_peer_that_answers_nonsense_fails_the_request_and_pays() -> None:
    async with besieged() as victim, attacking(victim) as attacker:

        async def answer_nonsense(stream: INetStream) -> None:
            await stream.read(1_000)
            await stream.write(frame(b"\x01\x20" + b"\xc1" * 20))
            await trio.sleep_forever()

        attacker.host.set_stream_handler(TProtocol(TOPICS.requests), answer_nonsense)
        with pytest.raises(RequestFailed):
            await victim.request(attacker.peer_id, GetBlocks((Hash32(b"1" * 32),)), 5)
        view = next(each for each in victim.peers() if each.peer_id == attacker.peer_id)
        assert view.score < 100
