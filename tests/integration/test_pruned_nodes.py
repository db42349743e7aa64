"""Nodes that keep only the last blocks: what they answer, and how others get on with them."""

import logging
from pathlib import Path

import pytest

from aichain.rpc.errors import HistoryPruned
from genesis import limits
from tests.integration.nodes import until
from tests.integration.snapshot_peers import (
    EPOCH_BLOCKS,
    WINDOW,
    first,
    pruned_founder,
    score_of,
    short_epochs,
)
from tests.simulation.nodes.virtual_time import run_virtual


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", WINDOW)


def test_a_node_prunes_while_it_runs_and_says_what_it_lacks(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await pruned_founder(net)
            backend = founder.node.rpc.context.backend
            assert backend.status().first_height == first(founder)
            for ask in (backend.block_at, backend.commit, backend.finality):
                with pytest.raises(HistoryPruned) as refused:
                    await ask(5)
                assert refused.value.first == first(founder)
            with pytest.raises(HistoryPruned):
                await backend.block_at(0)
            anchor = await backend.finality(2 * EPOCH_BLOCKS)
            assert anchor is not None
            assert anchor.height == 2 * EPOCH_BLOCKS
            assert await backend.header_proof(2 * EPOCH_BLOCKS, founder.height) is not None
            assert await backend.header_proof(0, founder.height) is not None
            assert (await backend.uptime(WINDOW)).last_height >= 30
            assert await backend.electorate(5) is not None

    run_virtual(story, seed=1)


def test_a_block_that_was_read_is_in_memory_until_it_is_pruned(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0, keep=WINDOW)
            await until(lambda: founder.height >= 3, 60)
            backend = founder.node.rpc.context.backend
            read = await backend.block_at(2)
            assert read is not None
            assert await backend.block_at(2) is read
            assert await backend.validator_set(2) is await backend.validator_set(3)
            await until(lambda: first(founder) > 2, 120)
            with pytest.raises(HistoryPruned):
                await backend.block_at(2)
            assert await backend.block_by_id(read.block.id) is None

    run_virtual(story, seed=6)


def test_a_newcomer_hears_that_nobody_keeps_what_it_needs_and_blames_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await pruned_founder(net)
            with caplog.at_level(logging.ERROR):
                stranger = await net.start(1, founder=False)
                await until(lambda: "no peer keeps block 1," in caplog.text, 60)
            assert "--trust HEIGHT:HASH" in caplog.text
            assert score_of(founder, stranger) == 100
            assert stranger.height == 0
            keeper = await net.start(2, founder=False)
            assert keeper.height == 0

    run_virtual(story, seed=2)


def test_a_newcomer_syncs_from_whoever_keeps_everything(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            keeper = await net.start(2, founder=False)
            founder = await pruned_founder(net)
            await until(lambda: keeper.height >= 30, 60)
            stranger = await net.start(1, founder=False)
            await until(lambda: stranger.height >= 30, 60)
            assert first(stranger) == 0
            assert score_of(founder, stranger) == 100
            assert score_of(keeper, stranger) == 100

    run_virtual(story, seed=3)


def test_whoever_was_away_for_longer_than_the_hot_window_comes_back_by_anchors(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 4) as net:
            nodes = [await net.start(index) for index in range(4)]
            await until(lambda: all(node.height >= 3 for node in nodes), 60)
            await nodes[3].stop()
            away = nodes[3].height
            target = away + 3 * WINDOW  # away for longer than this, it is jailed
            await until(lambda: nodes[0].height >= target, 300)
            blocks = nodes[0].node.chain.blocks
            missing = range(away + 1, away + 1 + EPOCH_BLOCKS)
            assert any(blocks.certificate_at(each) is None for each in missing), "the window moved"
            back = await net.start(3)
            await until(lambda: back.height >= target, 120)
            votes_of = back.node.engine.state.me
            assert votes_of is not None
            await until(lambda: back.height >= target + 2 * EPOCH_BLOCKS, 120)
            assert not back.node.engine.state.abstain

    run_virtual(story, seed=4)


def test_a_pruned_validator_restarts_and_votes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await pruned_founder(net)
            height = founder.height
            await founder.stop()
            again = await net.start(0, keep=WINDOW)
            assert first(again) > 0
            await until(lambda: again.height >= height + 2 * EPOCH_BLOCKS, 120)
            await until(lambda: first(again) >= again.height - WINDOW - 2, 60)

    run_virtual(story, seed=5)
