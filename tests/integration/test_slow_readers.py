"""Peers that ask for much and read little: they hold little, and keep it from nobody else."""

from contextlib import AsyncExitStack

import pytest
import trio

from native.hashing import Hash32
from p2p import libp2p_bulk
from p2p.errors import RequestFailed
from p2p.network import Audience
from p2p.wire.encoding import encode_message
from p2p.wire.framing import frame
from p2p.wire.messages import AnyRequest, BlockData, Blocks, GetBlocks, Response
from tests.integration.libp2p_attacker import TOPICS, attacking, besieged
from tests.integration.libp2p_nodes import eventually, make_network, make_vote, running


async def serve_large_blocks(peer: str, request: AnyRequest) -> Response:
    match request:
        case GetBlocks():
            return Blocks((BlockData(b"h", bytes(7_000_000)),))
        case _:
            raise RequestFailed(peer, "not served here")


async def test_slow_readers_hold_no_more_than_their_share() -> None:
    async with besieged() as victim:
        victim.set_handler(serve_large_blocks)
        async with attacking(victim) as attacker:
            question = frame(encode_message(GetBlocks((Hash32(b"1" * 32),))))
            for _ in range(3):
                stream = await attacker.open(TOPICS.requests)
                await stream.write(question)  # and never reads the answer
            for view in range(1, 800):
                victim.push(make_vote(view), Audience.VALIDATORS)  # nor these
                if view % 100 == 0:
                    await trio.sleep(0.01)
            await trio.sleep(0.5)
            assert victim.counters.restarts == 0


async def test_slow_readers_do_not_keep_others_from_large_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places, question = 2, GetBlocks((Hash32(b"1" * 32),))
    monkeypatch.setattr(libp2p_bulk, "ANSWERS_AT_ONCE_MAX", places)
    victim = make_network(0)
    victim.set_handler(serve_large_blocks)
    async with running(victim), AsyncExitStack() as held:
        for number in range(50, 51 + places):
            held_by = attacking(victim, number=number, polite=True)
            attacker = await held.enter_async_context(held_by)
            stream = await attacker.open(TOPICS.requests)
            await stream.write(frame(encode_message(question)))  # and never reads the answer
        honest = make_network(1, [victim.address])
        async with running(honest):
            await eventually(lambda: len(honest.peers()) == 1)
            answer = await honest.request(victim.peer_id, question, timeout_s=15)
            assert len(answer.blocks[0].body_raw) == 7_000_000
