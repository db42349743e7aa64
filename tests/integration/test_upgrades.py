"""A network changes its rules at a height; who missed it halts, and goes on once it knows."""

from dataclasses import replace
from pathlib import Path

import pytest

from aichain.chain import Chain
from aichain.errors import ConsensusHalted, UpgradeMissed
from aichain.recovery import open_ledger
from aichain.store.paths import DataPaths
from aichain.store.wal import VoteWal
from consensus.lanes.records import decode_lane_record
from consensus.records import VoteCast
from genesis.networks import founder_key, local_document
from genesis.upgrades import BlockVersion, Upgrade
from native.hashing import Hash32
from tests.builders_vm import make_block, make_document
from tests.integration.lane_nodes import LaneCluster, RunningLanes, lane_cluster, lanes_of
from tests.integration.nodes import Cluster, RunningNode, cluster, until

AT = 4
OLD: tuple[Upgrade, ...] = ()
NEW = (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, AT),)
FOUNDERS = 4
LATE = FOUNDERS - 1


async def start(net: Cluster, index: int, upgrades: tuple[Upgrade, ...]) -> RunningNode:
    net.document = replace(net.document, upgrades=upgrades)
    return await net.start(index)


async def start_lanes(net: LaneCluster, index: int, upgrades: tuple[Upgrade, ...]) -> RunningLanes:
    net.document = replace(net.document, upgrades=upgrades)
    return await net.start(index)


def versions_of(running: RunningNode | RunningLanes, last: int) -> list[int]:
    headers = [running.node.chain.blocks.header_at(height) for height in range(1, last + 1)]
    return [header.version for header in headers if header is not None]


def ids_of(running: RunningNode | RunningLanes, first: int, last: int) -> set[Hash32]:
    headers = [running.node.chain.blocks.header_at(height) for height in range(first, last + 1)]
    return {header.id for header in headers if header is not None}


def voted_for(root: Path, founder: int) -> set[Hash32]:
    """The blocks and checkpoints that it signed for, as its log has them."""
    paths = DataPaths(root / f"node{founder}" / "data")
    log = VoteWal.open(paths.signer, founder_key("testnet", founder).public_key)
    records = [decode_lane_record(raw) for raw in log.records()]
    log.close()
    return {each.vote.block_id for each in records if isinstance(each, VoteCast)}


async def test_a_network_crosses_an_upgrade_and_who_missed_it_follows_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before: set[Hash32] = set()
    after: set[Hash32] = set()

    async def cross_without_one() -> None:
        async with cluster(tmp_path, FOUNDERS) as net:
            ready = [await start(net, index, NEW) for index in range(LATE)]
            late = await start(net, LATE, OLD)
            await until(lambda: all(each.height >= AT + 4 for each in ready))
            assert versions_of(ready[0], AT + 4) == [1] * (AT - 1) + [2] * 5
            before.update(ids_of(ready[0], 1, AT - 1))
            after.update(ids_of(ready[0], AT, AT + 4))
            await late.stopped.wait()

    with pytest.raises(ExceptionGroup) as raised:
        await cross_without_one()
    assert raised.value.subgroup(ConsensusHalted) is not None
    assert "WrongBlockVersion" in caplog.text
    assert voted_for(tmp_path, LATE) & before
    assert not voted_for(tmp_path, LATE) & after
    async with cluster(tmp_path, FOUNDERS) as net:
        again = [await start(net, index, NEW) for index in range(FOUNDERS)]
        assert again[LATE].height == AT - 1
        await until(lambda: all(each.height >= AT + 8 for each in again))
        assert versions_of(again[LATE], AT + 8) == versions_of(again[0], AT + 8)


async def test_too_few_who_upgrade_stand_at_the_height_until_more_have(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster(tmp_path, FOUNDERS) as net:
        ready = [await start(net, index, NEW) for index in range(2)]
        late = await start(net, 2, OLD)
        await until(lambda: all(each.height == AT - 1 for each in (*ready, late)))
        await until(lambda: caplog.text.count("expected=1 given=2") >= 3)
        await until(lambda: caplog.text.count("expected=2 given=1") >= 3)
        assert [each.height for each in ready] == [AT - 1] * 2
        assert [each.node.context.network.counters.bans for each in ready] == [0, 0]
        await late.stop()
        nodes = [*ready, await start(net, 2, NEW)]
        await until(lambda: all(each.height >= AT + 2 for each in nodes))


async def test_with_two_lanes_who_missed_it_follows_later(tmp_path: Path) -> None:
    after: set[Hash32] = set()

    async def cross_without_one() -> None:
        async with lane_cluster(tmp_path, 5) as net:
            ready = [await start_lanes(net, index, NEW) for index in range(4)]
            late = await start_lanes(net, 4, OLD)
            await until(lambda: all(each.height >= AT + 4 for each in ready), 60)
            for decision in ready[0].node.chain.decisions.from_number(1):
                if decision.checkpoint.block_height >= AT:
                    after.add(decision.checkpoint.id)
            after.update(ids_of(ready[0], AT, AT + 4))
            await late.stopped.wait()

    with pytest.raises(ExceptionGroup) as raised:
        await cross_without_one()
    assert raised.value.subgroup(ConsensusHalted) is not None
    assert not voted_for(tmp_path, 4) & after
    async with lane_cluster(tmp_path, 5) as net:
        again = [await start_lanes(net, index, NEW) for index in range(5)]
        assert lanes_of(again[4]).halted is None
        await until(lambda: all(each.height >= AT + 8 for each in again), 60)
        assert versions_of(again[4], AT + 8) == [1] * (AT - 1) + [2] * 9


def test_blocks_of_the_wrong_version_that_are_not_final_are_left_out(tmp_path: Path) -> None:
    old = replace(make_document(), upgrades=OLD)
    Chain.create(tmp_path, old)
    chain = Chain.open(tmp_path, old)
    first = make_block(chain.head)
    second = make_block(chain.execute(first))
    chain.execute(second)
    chain.make_durable(second.id)
    chain.close()
    new = replace(old, upgrades=(Upgrade(BlockVersion.KEYS_SHOWN_ONCE, 2),))
    for document, kept in ((old, [first, second]), (new, [first])):
        chain = Chain.open(tmp_path, document)
        assert chain.execute_unfinalized() == kept
        assert (chain.state_of(second.id) is None) == (second not in kept)
        chain.close()


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
