"""Whole nodes agree, survive restarts and catch up, over the in-memory network."""

import shutil
from functools import partial
from pathlib import Path
from unittest.mock import patch

import trio

from aichain.store.paths import DataPaths
from consensus.core.events import BlockExecuted, Event
from consensus.records import VoteCast, decode_record
from genesis.units import AI
from native.signatures import SigningKey
from tests.integration.nodes import (
    RunningNode,
    balance_of,
    cluster,
    public_account,
    transfer,
    until,
)


async def test_four_nodes_finalize_the_same_blocks(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 4 for node in nodes))
        headers = [node.node.chain.blocks.header_at(3) for node in nodes]
        assert all(header is not None and header == headers[0] for header in headers)
        roots = {
            record.state_root
            for node in nodes
            if (record := node.node.chain.blocks.record_at(3)) is not None
        }
        assert len(roots) == 1


async def test_a_transfer_given_to_one_node_is_final_on_all(tmp_path: Path) -> None:
    receiver = SigningKey.from_seed(bytes(31) + b"\x07")
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 1 for node in nodes))
        signed = transfer(net, public_account(0), nonce=0, to=receiver, amount=3 * AI)
        await nodes[2].node.pool.submit(signed.raw)
        await until(lambda: all(balance_of(node, receiver) == 3 * AI for node in nodes))
        for node in nodes:
            place = node.node.chain.locate(signed.id)
            assert place is not None
            stored = node.node.chain.blocks.block_at(place.height)
            assert stored is not None
            assert stored.receipts[place.index].ok


async def test_three_of_four_go_on_and_the_fourth_catches_up(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 2 for node in nodes))
        await nodes[3].stop()
        left = nodes[3].height
        await until(lambda: min(node.height for node in nodes[:3]) >= left + 6)
        back = await net.start(3)
        await until(lambda: back.height >= left + 8)
        assert back.node.chain.blocks.header_at(left + 6) == (
            nodes[0].node.chain.blocks.header_at(left + 6)
        )


async def test_two_of_four_stop_and_resume_together(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 2 for node in nodes))
        await nodes[2].stop()
        await nodes[3].stop()
        await trio.sleep(2.0)
        stalled = nodes[0].height
        await trio.sleep(1.5)
        assert nodes[0].height <= stalled + 1
        resumed = [await net.start(2), await net.start(3)]
        await until(lambda: all(node.height >= stalled + 3 for node in (nodes[0], *resumed)))


async def test_a_full_node_that_joins_late_syncs_and_follows(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 12 for node in nodes))
        late = await net.start(9, founder=False)
        await until(lambda: late.height >= nodes[0].height - 1 and late.height >= 12)
        target = nodes[0].height + 4
        await until(lambda: late.height >= target)
        assert late.node.engine.state.me is None


async def test_what_sync_reports_as_executed_is_durable(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 12 for node in nodes))
        late = await net.start(9, founder=False)
        chain, post = late.node.chain, late.node.engine.post
        durable: list[bool] = []

        def watched(event: Event) -> None:
            if isinstance(event, BlockExecuted):
                durable.append(chain.is_durable(event.block.id))
            post(event)

        with patch.object(late.node.engine, "post", watched):
            await until(lambda: late.height >= 12)
        assert len(durable) >= 10
        assert all(durable)


async def test_everybody_restarts_and_the_chain_goes_on(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 3 for node in nodes))
        for node in nodes:
            await node.stop()
        height = max(node.height for node in nodes)
        again = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= height + 3 for node in again))


async def test_a_restart_does_not_end_the_silence_of_a_wiped_validator(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 2 for node in nodes))
        assert not nodes[3].node.engine.state.abstain
        await nodes[3].stop()
        shutil.rmtree(nodes[3].node.config.data_dir)
        for is_first in (True, False, False):
            back = await net.start(3, sync_again=is_first)
            assert back.node.engine.state.abstain
            await until(partial(_is_at, back, back.height + 2))
            assert back.node.engine.state.abstain
            await back.stop()


def _is_at(running: RunningNode, height: int) -> bool:
    return running.height >= height


async def test_a_wiped_validator_signs_after_the_edge_and_remembers_that_it_may(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path, 4, epoch_blocks=6) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 2 for node in nodes))
        await nodes[3].stop()
        shutil.rmtree(nodes[3].node.config.data_dir)
        back = await net.start(3, sync_again=True)
        await until(lambda: not back.node.engine.state.abstain)
        assert back.height > 0
        await back.stop()
        again = await net.start(3)
        assert not again.node.engine.state.abstain


async def test_a_validator_that_lost_its_database_syncs_and_votes_again(tmp_path: Path) -> None:
    """Its log is an epoch ahead of its chain: it is silent until it has caught up (R8)."""
    async with cluster(tmp_path, 4, epoch_blocks=4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 6 for node in nodes))
        await nodes[3].stop()
        shutil.rmtree(DataPaths(nodes[3].node.config.data_dir).chain)
        back = await net.start(3, sync_again=True)
        assert back.height == 0
        assert back.node.wal is not None
        before, epoch = len(back.node.wal.records()), nodes[0].node.engine.state.epoch
        await until(lambda: back.height >= 4 * (epoch + 2))
        votes = [decode_record(raw) for raw in back.node.wal.records()[before:]]
        assert any(isinstance(vote, VoteCast) and vote.epoch > epoch for vote in votes)


async def test_a_partition_stops_both_halves_and_healing_resumes(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 2 for node in nodes))
        peer_ids = [node.node.context.network.peer_id for node in nodes]
        net.hub.partition(peer_ids[:2], peer_ids[2:])
        await trio.sleep(1.0)
        stalled = max(node.height for node in nodes)
        await trio.sleep(2.0)
        assert max(node.height for node in nodes) <= stalled + 1
        net.hub.heal()
        await until(lambda: all(node.height >= stalled + 4 for node in nodes))
