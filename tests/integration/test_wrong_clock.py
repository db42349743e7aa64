"""A validator with a wrong clock is told so by what it sees of the others; they are not."""

import logging
from pathlib import Path

import pytest

from aichain.clock import OffsetClock
from aichain.clock_offset import allowed_offset_ms
from aichain.machine import Machine
from tests.integration.nodes import RunningNode, cluster, until


def offset_of(running: RunningNode) -> int | None:
    return running.node.inbound.clock_watch.offset_ms


@pytest.mark.parametrize("wrong_ms", [-5_000, 5_000])
async def test_a_wrong_clock_is_noticed_by_its_own_node_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong_ms: int
) -> None:
    caplog.set_level(logging.WARNING)
    async with cluster(tmp_path, 4) as net:
        right = [await net.start(index) for index in range(3)]
        wrong = await net.start(3, machine=Machine(OffsetClock(wrong_ms)))
        limit_ms = allowed_offset_ms(net.document.consensus)
        await until(lambda: abs(offset_of(wrong) or 0) > limit_ms)
        await until(lambda: all(offset_of(each) is not None for each in right))
        found = offset_of(wrong)
        assert found is not None
        assert (found > 0) == (wrong_ms > 0)
        assert [each.node.inbound.clock_watch.trouble for each in right] == ["", "", ""]
    warned = [each for each in caplog.messages if "this clock is" in each]
    assert len(warned) == 1
    assert ("ahead of" in warned[0]) == (wrong_ms > 0)
    assert "NTP" in warned[0]


async def test_who_is_far_behind_blames_nobody_for_stamps_of_the_future(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster(tmp_path, 4) as net:
        right = [await net.start(index) for index in range(3)]
        wrong = await net.start(3, machine=Machine(OffsetClock(-60_000)))
        await until(lambda: all(each.height >= 20 for each in right), 60)
        assert caplog.text.count("StampInFuture") > 4, "each would have cost a quarter"
        assert wrong.node.context.network.counters.bans == 0
        assert len(wrong.node.context.network.peers()) == 3


async def test_who_is_an_hour_ahead_loses_its_turns_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster(tmp_path, 4) as net:
        right = [await net.start(index) for index in range(3)]
        wrong = await net.start(3, machine=Machine(OffsetClock(3_600_000)))
        await until(lambda: caplog.text.count("StampInFuture") > 12, 60)
        assert [each.node.context.network.counters.bans for each in right] == [0, 0, 0]
        assert len(wrong.node.context.network.peers()) == 3
        reached = wrong.height
        await until(lambda: wrong.height >= reached + 3, 60)
