"""Nodes that take a snapshot instead of all blocks, and those for whom blocks are better."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from aichain import recovery
from aichain.config import SyncMode, TrustPoint
from aichain.errors import ConfigError, StoreFailed
from aichain.rpc.backend import JoinProgress
from aichain.rpc.errors import HistoryPruned
from aichain.rpc.statuses import JoinStage
from aichain.store import joining
from aichain.store.joining import JoiningChain
from aichain.store.kv import KeyValueReader
from aichain.store.paths import DataPaths
from aichain.store.state import scan_tree
from native.hashing import Hash32
from p2p.wire.messages import (
    AnyRequest,
    GetPart,
    Response,
    SnapshotPart,
)
from tests.integration.nodes import until
from tests.integration.snapshot_peers import (
    EPOCH_BLOCKS,
    WINDOW,
    Truth,
    first,
    make_small,
    makes,
    pruned_founder,
    score_of,
    short_epochs,
    silent_on_snapshots,
)
from tests.simulation.nodes.virtual_time import run_virtual
from vm.commitment import StateTree


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def test_who_is_level_syncs_blocks_although_it_may_take_a_snapshot(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0)
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.height >= 2, 60)
            await stranger.stop()
            await until(lambda: founder.height >= EPOCH_BLOCKS + 1, 60)
            again = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: again.height >= 20, 60)
            assert (again.starts, first(again)) == (1, 0)

    run_virtual(story, seed=5)


def test_where_nobody_has_a_snapshot_blocks_are_synced(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0)
            await until(lambda: founder.height >= 30, 60)
            makes(founder, silent_on_snapshots)
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.height >= 30, 60)
            assert (stranger.starts, first(stranger)) == (1, 0)

    run_virtual(story, seed=6)


def test_who_was_away_while_all_others_pruned_comes_back_by_a_snapshot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0, keep=WINDOW)
            away = await net.start(1, founder=False)
            await until(lambda: away.height >= 6, 60)
            await away.stop()
            left_at = away.height
            await until(lambda: first(founder) > left_at + EPOCH_BLOCKS, 120)
            with caplog.at_level(logging.ERROR):
                full = await net.start(1, founder=False)
                await until(lambda: "this node needs a snapshot" in caplog.text, 60)
            await full.stop()
            back = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: back.starts == 2, 60)
            await until(lambda: back.height >= founder.height - 1 > left_at + WINDOW, 60)
            assert first(back) > left_at
            backend = back.node.rpc.context.backend
            for ask in (backend.validator_set, backend.electorate):
                with pytest.raises(HistoryPruned):  # who voted then was in no snapshot
                    await ask(1)

    run_virtual(story, seed=7)


def test_a_validator_that_lost_its_chain_joins_by_a_snapshot_and_votes_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 4) as net:
            nodes = [await net.start(index, keep=WINDOW) for index in range(4)]
            await until(lambda: all(node.height >= 3 for node in nodes), 60)
            await nodes[3].stop()
            away = nodes[3].height
            shutil.rmtree(tmp_path / "node3" / "data" / "chain")
            await until(lambda: nodes[0].height >= away + 3 * WINDOW, 300)
            back = await net.start(3, sync=SyncMode.SNAPSHOT, sync_again=True)
            await until(lambda: back.starts == 2, 60)
            joined = first(back)
            await until(lambda: back.height >= joined + 3 * EPOCH_BLOCKS, 300)
            assert not back.node.engine.state.abstain
            blocks = nodes[0].node.chain.blocks
            heights = range(joined + EPOCH_BLOCKS, back.height)
            certificates = [blocks.certificate_at(height) for height in heights]
            assert any(3 in each.voter_indices for each in certificates if each is not None)

    run_virtual(story, seed=8)


@pytest.mark.parametrize("behind", [2, 3 * EPOCH_BLOCKS])
def test_the_trusted_block_may_lie_above_the_snapshot_or_below(tmp_path: Path, behind: int) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            keeper = await net.start(2, founder=False)
            founder = await pruned_founder(net)
            height = founder.height - behind
            header = keeper.node.chain.blocks.header_at(height)
            assert header is not None
            point = TrustPoint(height, header.id)
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT, trust=point)
            await until(lambda: stranger.starts == 2, 60)
            await until(lambda: stranger.height >= founder.height - 1 > 30, 60)
            assert score_of(founder, stranger) == 100

    run_virtual(story, seed=9)


def test_a_trusted_block_that_nobody_has_is_said_and_blamed_on_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await pruned_founder(net)
            point = TrustPoint(founder.height - 2, Hash32(b"\x66" * 32))
            with caplog.at_level(logging.ERROR):
                stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT, trust=point)
                await until(lambda: "follows another chain than --trust" in caplog.text, 60)
            assert score_of(founder, stranger) == 100
            assert (stranger.starts, stranger.height) == (1, 0)

    run_virtual(story, seed=10)


def test_nor_are_the_blocks_of_another_chain_synced_than_that_of_the_trusted_block(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody proves a snapshot blocks are synced, and old keys can sign those, too."""

    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0)
            await until(lambda: founder.height >= 30, 60)
            point = TrustPoint(6, Hash32(b"\x66" * 32))
            with caplog.at_level(logging.ERROR):
                stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT, trust=point)
                await until(lambda: "not that of --trust" in caplog.text, 60)
                await trio.sleep(10)
            assert caplog.text.count("not that of --trust") == 1
            assert 0 < stranger.height < point.height
            assert score_of(founder, stranger) == 100
            await stranger.stop()
            below = replace(point, height=2)
            with pytest.raises(ConfigError):
                await net.start(1, founder=False, sync=SyncMode.SNAPSHOT, trust=below)

    run_virtual(story, seed=15)


def test_what_was_fetched_is_not_fetched_again_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of what lies on the disk the tree is made once."""
    scans = list[str]()

    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0)
            await until(lambda: founder.height >= 30, 60)
            await founder.stop()  # so that its snapshots do not move on
            given, most = list[int](), 2

            async def sparing(request: AnyRequest, truth: Truth) -> Response:
                if isinstance(request, GetPart):
                    if len(given) >= most:
                        return SnapshotPart(b"")
                    given.append(request.index)
                return await truth(request)

            giver = await net.start(0, founder=False)
            makes(giver, sparing)
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: len(given) == most, 60)
            await trio.sleep(2)
            await stranger.stop()
            assert (tmp_path / "node1" / "data" / "joining").is_dir()
            most = 1_000
            again = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            for module in (joining, recovery):

                def scan(reader: KeyValueReader, name: str = module.__name__) -> StateTree:
                    scans.append(name)
                    return scan_tree(reader)

                monkeypatch.setattr(module, "scan_tree", scan)
            await until(lambda: again.starts == 2, 60)
            assert scans == ["aichain.store.joining"]
            assert len(given) == len(set(given)) > 2
            assert not (tmp_path / "node1" / "data" / "joining").exists()

    run_virtual(story, seed=11)


def test_a_disk_that_is_full_ends_the_node_and_what_was_fetched_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    write = JoiningChain.write_part

    def full(self: JoiningChain, index: int, records: Mapping[bytes, bytes]) -> None:
        nonlocal written
        if written == 2:
            raise StoreFailed(path="joining", reason="No space left on device")
        written += 1
        write(self, index, records)

    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0)
            await until(lambda: founder.height >= 30, 60)
            monkeypatch.setattr(JoiningChain, "write_part", full)

            async def join() -> None:
                async with trio.open_nursery() as nursery:
                    apart = replace(net, nursery=nursery)
                    await apart.start(1, founder=False, sync=SyncMode.SNAPSHOT)
                    await trio.sleep(60)

            with pytest.raises(ExceptionGroup) as raised:
                await join()
            assert raised.value.subgroup(StoreFailed) is not None
            monkeypatch.setattr(JoiningChain, "write_part", write)
            kept = JoiningChain.resume(DataPaths(tmp_path / "node1" / "data"), lambda _: None)
            assert kept is not None
            assert len(kept.base.manifest.parts) - len(kept.missing()) == 2
            kept.close()
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.starts == 2, 60)

    run_virtual(story, seed=12)


def test_a_newcomer_takes_a_snapshot_where_nobody_keeps_the_first_blocks(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await pruned_founder(net)
            seen = list[JoinProgress]()
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)

            async def noting(request: AnyRequest, truth: Truth) -> Response:
                status = stranger.node.rpc.context.backend.status()
                if status.joining is not None and status.joining not in seen:
                    assert status.syncing or status.joining.stage is JoinStage.LOOKING
                    seen.append(status.joining)
                return await truth(request)

            makes(founder, noting)
            await until(lambda: stranger.starts == 2, 60)
            await until(lambda: stranger.height >= founder.height - 1 > 30, 60)
            assert first(stranger) > 20
            assert first(stranger) % EPOCH_BLOCKS == 1
            assert seen[0] == JoinProgress(JoinStage.LOOKING)
            assert {each.stage for each in seen} >= {JoinStage.LOOKING, JoinStage.FETCHING}
            assert max(each.parts for each in seen) > 3
            assert score_of(founder, stranger) == 100
            backend = stranger.node.rpc.context.backend
            await until(lambda: backend.status().joining is None, 10)
            assert not backend.status().syncing
            joined_at = first(stranger) - 1
            assert await backend.header_proof(joined_at, stranger.height) is not None
            await stranger.stop()
            again = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            assert again.node.chain.head.head.height >= joined_at
            height = founder.height
            await until(lambda: again.height > height, 60)
            assert again.starts == 1

    run_virtual(story, seed=1)


def test_who_joined_by_a_snapshot_gives_the_next_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await pruned_founder(net)
            second = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT, keep=WINDOW)
            await until(lambda: second.starts == 2, 60)
            joined_at = first(second) - 1
            await until(lambda: first(second) > joined_at + EPOCH_BLOCKS, 120)
            makes(founder, silent_on_snapshots)
            third = await net.start(2, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: third.starts == 2, 60)
            assert score_of(second, third) == 100

    run_virtual(story, seed=2)


def test_who_is_alone_is_not_syncing_although_it_looks_for_a_snapshot(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0, sync=SyncMode.SNAPSHOT)
            await until(lambda: founder.height >= 3 * EPOCH_BLOCKS, 60)
            status = founder.node.rpc.context.backend.status()
            assert not status.syncing
            assert founder.node.history.shelf.offers

    run_virtual(story, seed=13)


def test_who_wants_no_snapshots_makes_none_and_removes_those_that_are_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            founder = await net.start(0)
            await until(lambda: bool(founder.node.history.shelf.offers), 60)
            await founder.stop()
            without = await net.start(0, snapshots=False)
            height = without.height
            await until(lambda: without.height >= height + 2 * EPOCH_BLOCKS, 60)
            assert without.node.history.shelf.offers == ()
            assert without.node.chain.anchor.take(without.height) is None
            assert not DataPaths(tmp_path / "node0" / "data").snapshots.exists()
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.height >= height, 60)
            assert (stranger.starts, first(stranger)) == (1, 0)

    run_virtual(story, seed=14)


def test_a_chain_on_another_volume_is_replaced_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            stranger = await net.start(1, founder=False)
            await stranger.stop()
            chain = DataPaths(tmp_path / "node1" / "data").chain
            volume = tmp_path / "volume"
            volume.mkdir()
            chain.rename(volume / "mine")
            chain.symlink_to(volume / "mine")
            founder = await pruned_founder(net)
            again = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: again.starts == 2, 60)
            await until(lambda: again.height >= founder.height - 1 > 30, 60)
            assert chain.is_symlink()
            assert [each.name for each in volume.iterdir()] == ["mine"]

    run_virtual(story, seed=15)


def test_a_chain_whose_folder_cannot_be_replaced_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with short_epochs(tmp_path, 1) as net:
            stranger = await net.start(1, founder=False)
            await stranger.stop()
            chain = DataPaths(tmp_path / "node1" / "data").chain
            chain.rename(tmp_path / "volume")
            chain.symlink_to(tmp_path / "volume")
            monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "volume")
            with pytest.raises(ConfigError) as refused:
                await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            assert "a folder inside of the volume" in refused.value.fix

    run_virtual(story, seed=16)
