"""Breaking the rules of the multiplexer costs the connection and nothing else."""

import random
from collections.abc import Awaitable, Callable

import pytest
import trio

from p2p.yamux_frames import Flag, FrameType, pack_frame
from tests.integration.libp2p_attacker import TOPICS, Attacker, attacking, besieged
from tests.integration.libp2p_nodes import eventually

LUCK = random.Random(3690)


async def overrun_a_window(attacker: Attacker) -> None:
    stream = await attacker.open(TOPICS.consensus)
    payload = pack_frame(FrameType.DATA, Flag.NONE, stream.stream_id, 65_000) + bytes(65_000)
    for _ in range(2 * 256 * 1024 // 65_000):
        await attacker.write_raw(payload)


async def announce_four_gigabytes(attacker: Attacker) -> None:
    stream = await attacker.open(TOPICS.consensus)
    await attacker.write_raw(pack_frame(FrameType.DATA, Flag.NONE, stream.stream_id, 2**32 - 16))
    await attacker.write_raw(bytes(65_000))


async def open_a_window_with_syn(attacker: Attacker) -> None:
    await attacker.write_raw(pack_frame(FrameType.DATA, Flag.SYN, 4_001, 2**24))


async def use_our_stream_ids(attacker: Attacker) -> None:
    await attacker.write_raw(pack_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 4_000, 0))


async def reuse_a_stream_id(attacker: Attacker) -> None:
    for _ in range(2):
        await attacker.write_raw(pack_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 4_001, 0))


async def send_no_yamux(attacker: Attacker) -> None:
    await attacker.write_raw(LUCK.randbytes(5_000))


async def flood_pings(attacker: Attacker) -> None:
    pings = pack_frame(FrameType.PING, Flag.SYN, 0, 7) * 2_000
    for _ in range(50):
        await attacker.write_raw(pings)


async def flood_streams(attacker: Attacker) -> None:
    for number in range(2_000):
        syn = pack_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 4_001 + 2 * number, 0)
        await attacker.write_raw(syn)


async def flood_nowhere(attacker: Attacker) -> None:
    payload = pack_frame(FrameType.DATA, Flag.NONE, 9_999, 65_000) + bytes(65_000)
    for _ in range(1_000):
        await attacker.write_raw(payload)


@pytest.mark.parametrize(
    "attack",
    [
        overrun_a_window,
        announce_four_gigabytes,
        open_a_window_with_syn,
        use_our_stream_ids,
        reuse_a_stream_id,
        send_no_yamux,
        flood_pings,
        flood_streams,
        flood_nowhere,
    ],
)
@pytest.mark.parametrize("verified", [True, False])
async def test_breaking_the_rules_of_yamux_costs_the_connection(
    attack: Callable[[Attacker], Awaitable[None]], verified: bool
) -> None:
    async with besieged() as victim, attacking(victim, verified=verified) as attacker:
        try:
            await attack(attacker)
        except Exception:
            pass
        await eventually(lambda: attacker.is_cut_off)
        await eventually(lambda: victim.counters.penalties > 0)


async def test_two_thousand_streams_of_a_verified_peer() -> None:
    async with besieged() as victim, attacking(victim) as attacker:
        opened = 0
        with trio.move_on_after(20):
            try:
                for _ in range(2_000):
                    await attacker.open(TOPICS.announcements)
                    opened += 1
            except Exception:
                pass
        assert opened < 100
        assert victim.counters.bans == 1
