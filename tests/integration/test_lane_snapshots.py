"""Snapshots where two lanes decide: the state of a hard checkpoint, proved by its certificate."""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from aichain.config import SyncMode, TrustPoint
from consensus.lanes.messages import Decision
from native.hashing import ZERO_HASH
from p2p.wire.messages import AnyRequest, GetPart, Response, SnapshotPart
from tests.integration.lane_nodes import LaneCluster, RunningLanes, lane_cluster, lanes_of
from tests.integration.liars import join_liar
from tests.integration.nodes import until
from tests.integration.snapshot_peers import (
    EPOCH_BLOCKS,
    WINDOW,
    Truth,
    first,
    make_small,
    makes,
    score_of,
)
from tests.integration.test_snapshot_liars import LIES
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FOUNDERS = 4
FAR = 30


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def short_lanes(root: Path) -> AbstractAsyncContextManager[LaneCluster]:
    """A cluster in virtual time."""
    return lane_cluster(root, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=virtual_machine())


async def pruned(net: LaneCluster) -> list[RunningLanes]:
    """Founders that keep the last few blocks of a longer chain."""
    founders = [await net.start(index, keep=WINDOW) for index in range(FOUNDERS)]
    await until(lambda: min(each.height for each in founders) >= FAR, 120)
    await until(lambda: first(founders[0]) > FAR - 2 * WINDOW, 120)
    return founders


def test_a_newcomer_joins_at_a_hard_checkpoint_and_goes_on_in_both_lanes(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            founders = await pruned(net)
            stranger = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.starts == 2, 60)
            joined_at = first(stranger) - 1
            assert joined_at % EPOCH_BLOCKS == 0
            decision = stranger.node.chain.decisions.next_from(1)
            assert decision is not None
            assert decision.checkpoint.block_height == joined_at > 0
            await until(lambda: stranger.height >= founders[0].height - 4 > joined_at + 8, 60)
            terms = lanes_of(stranger).terms
            await until(lambda: any(term.fast for term in lanes_of(stranger).terms), 60)
            assert terms
            assert min(score_of(each, stranger) for each in founders) == 100

    with stand_in_signatures():
        run_virtual(story, seed=1)


def test_a_decision_of_before_the_snapshot_costs_its_sender_and_ends_nobody(
    tmp_path: Path,
) -> None:
    """Who joined does not know who voted then, so that a liar may name any such epoch."""

    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            await pruned(net)
            stranger = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.starts == 2, 60)
            true = stranger.node.chain.decisions.next_from(1)
            assert true is not None
            checkpoint = replace(true.checkpoint, block_id=ZERO_HASH, epoch=0)
            final = replace(true.certificate, block_id=checkpoint.id)
            liar = await join_liar(net)
            liar.network.gossip(Decision(checkpoint, final))
            await until(lambda: liar.is_banned_by(stranger), 60)
            height = stranger.height
            await until(lambda: stranger.height > height + 4, 60)

    with stand_in_signatures():
        run_virtual(story, seed=6)


def test_who_joined_serves_the_next_snapshot_and_its_proof(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            founders = await pruned(net)
            second = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT, keep=WINDOW)
            await until(lambda: second.starts == 2, 60)
            joined_at = first(second) - 1
            await until(lambda: first(second) > joined_at + EPOCH_BLOCKS, 120)
            for each in founders:
                await each.stop()
            third = await net.start(FOUNDERS + 1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: third.starts == 2, 60)
            await until(lambda: third.height == second.height, 60)
            assert score_of(second, third) == 100

    with stand_in_signatures():
        run_virtual(story, seed=2)


def test_a_validator_that_was_away_while_all_pruned_comes_back_and_votes(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            founders = [await net.start(index, keep=WINDOW) for index in range(FOUNDERS)]
            await until(lambda: min(each.height for each in founders) >= 4, 60)
            away = founders.pop()
            await away.stop()
            left_at = away.height
            await until(lambda: first(founders[0]) > left_at + 2 * EPOCH_BLOCKS, 240)
            full = await net.start(FOUNDERS - 1)
            await until(lambda: full.node.syncer.sources.is_lacking, 60)
            await full.stop()
            back = await net.start(FOUNDERS - 1, sync=SyncMode.SNAPSHOT)
            await until(lambda: back.starts == 2, 60)
            joined_at = first(back) - 1
            assert joined_at > left_at
            await until(lambda: back.height >= joined_at + 8 * EPOCH_BLOCKS, 240)
            decisions = founders[0].node.chain.decisions.from_number(1)
            voted = [
                3 in each.certificate.voter_indices
                for each in decisions
                if each.checkpoint.block_height > joined_at + EPOCH_BLOCKS
            ]
            assert any(voted)

    with stand_in_signatures():
        run_virtual(story, seed=3)


@pytest.mark.parametrize("behind", [2, 3 * EPOCH_BLOCKS])
def test_a_trusted_block_may_lie_above_the_snapshot_or_below(tmp_path: Path, behind: int) -> None:
    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            keeper = await net.start(FOUNDERS + 1, founder=False)
            founders = await pruned(net)
            height = founders[0].height - behind
            header = keeper.node.chain.blocks.header_at(height)
            assert header is not None
            point = TrustPoint(height, header.id)
            stranger = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT, trust=point)
            await until(lambda: stranger.starts == 2, 60)
            await until(lambda: stranger.height >= founders[0].height - 4, 60)

    with stand_in_signatures():
        run_virtual(story, seed=4)


def test_blocks_are_not_synced_past_another_one_than_the_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            founders = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: min(each.height for each in founders) >= 10, 120)
            point = TrustPoint(6, ZERO_HASH)
            stranger = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT, trust=point)
            await until(lambda: "not that of --trust" in caplog.text, 60)
            await trio.sleep(5)
            assert stranger.height < point.height
            assert min(score_of(each, stranger) for each in founders) == 100

    with stand_in_signatures():
        run_virtual(story, seed=7)


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_is_banned_for_good_and_the_snapshot_comes_from_others(
    tmp_path: Path, lie: str
) -> None:
    """The ban outlives the start on the new chain."""

    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            founders = await pruned(net)
            for each in founders:
                await each.stop()
            liar = await net.start(0, founder=False)
            honest = await net.start(1, founder=False)
            makes(liar, LIES[lie]())
            stranger = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT)
            joining = stranger.node.context.network
            await until(lambda: stranger.starts == 2, 60)
            assert joining.counters.bans == 1
            assert stranger.node.context.network is not joining
            assert score_of(liar, stranger) == 0
            await until(lambda: stranger.height == honest.height, 60)
            assert score_of(honest, stranger) == 100

    with stand_in_signatures():
        run_virtual(story, seed=5)


def test_who_crashes_in_the_middle_fetches_only_the_rest(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_lanes(tmp_path) as net:
            founders = await pruned(net)
            for each in founders:
                await each.stop()
            given, most = list[int](), 2

            async def sparing(request: AnyRequest, truth: Truth) -> Response:
                if isinstance(request, GetPart):
                    if len(given) >= most:
                        return SnapshotPart(b"")
                    given.append(request.index)
                return await truth(request)

            giver = await net.start(0, founder=False)
            makes(giver, sparing)
            stranger = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: len(given) == most, 60)
            await trio.sleep(2)
            await stranger.stop()
            most = 1_000
            again = await net.start(FOUNDERS, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: again.starts == 2, 60)
            assert len(given) == len(set(given)) > 2
            await until(lambda: again.height == giver.height, 60)

    with stand_in_signatures():
        run_virtual(story, seed=6)
