"""A network changes its rules at a height; who missed it halts, and goes on once it knows."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from aichain.errors import ConsensusHalted, UpgradeMissed
from aichain.recovery import open_ledger
from genesis.networks import local_document
from genesis.upgrades import BlockVersion, Upgrade
from tests.integration.nodes import Cluster, RunningNode, cluster, until

AT = 4
OLD: tuple[Upgrade, ...] = ()
NEW = (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, AT),)
FOUNDERS = 4


async def start(net: Cluster, index: int, upgrades: tuple[Upgrade, ...]) -> RunningNode:
    net.document = replace(net.document, upgrades=upgrades)
    return await net.start(index)


def versions_of(running: RunningNode, last: int) -> list[int]:
    headers = [running.node.chain.blocks.header_at(height) for height in range(1, last + 1)]
    return [header.version for header in headers if header is not None]


async def test_a_network_crosses_an_upgrade_and_who_missed_it_follows_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def cross_without_one() -> None:
        async with cluster(tmp_path, FOUNDERS) as net:
            ready = [await start(net, index, NEW) for index in range(FOUNDERS - 1)]
            late = await start(net, FOUNDERS - 1, OLD)
            await until(lambda: all(each.height >= AT + 4 for each in ready))
            assert versions_of(ready[0], AT + 4) == [1] * (AT - 1) + [2] * 5
            await late.stopped.wait()

    with pytest.raises(ExceptionGroup) as raised:
        await cross_without_one()
    assert raised.value.subgroup(ConsensusHalted) is not None
    assert "WrongBlockVersion" in caplog.text
    async with cluster(tmp_path, FOUNDERS) as net:
        again = [await start(net, index, NEW) for index in range(FOUNDERS)]
        assert again[-1].height == AT - 1
        await until(lambda: all(each.height >= AT + 8 for each in again))
        assert versions_of(again[-1], AT + 8) == versions_of(again[0], AT + 8)


async def test_too_few_who_upgrade_stand_at_the_height_until_more_have(tmp_path: Path) -> None:
    async with cluster(tmp_path, FOUNDERS) as net:
        ready = [await start(net, index, NEW) for index in range(2)]
        late = await start(net, 2, OLD)
        await until(lambda: all(each.height == AT - 1 for each in (*ready, late)))
        await trio.sleep(2.0)
        assert [each.height for each in ready] == [AT - 1] * 2
        assert [each.node.context.network.counters.bans for each in ready] == [0, 0]
        await late.stop()
        nodes = [*ready, await start(net, 2, NEW)]
        await until(lambda: all(each.height >= AT + 2 for each in nodes))


async def test_a_home_whose_blocks_do_not_follow_the_schedule_is_refused(tmp_path: Path) -> None:
    document = local_document("testnet", FOUNDERS, onion_length=4_096)
    async with cluster(tmp_path, FOUNDERS) as net:
        nodes = [await start(net, index, NEW) for index in range(FOUNDERS)]
        await until(lambda: all(each.height >= AT + 1 for each in nodes))
    home = tmp_path / "node0" / "data"
    later = (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, AT + 1),)
    sooner = (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, AT - 1),)
    for upgrades, height, found in ((OLD, None, 2), (later, AT, 2), (sooner, AT - 1, 1)):
        with pytest.raises(UpgradeMissed) as refused:
            open_ledger(home, replace(document, upgrades=upgrades))
        assert refused.value.found == found
        assert height is None or refused.value.height == height
    ledger = open_ledger(home, replace(document, upgrades=NEW))
    assert ledger.state.head.height > AT
    ledger.close()
