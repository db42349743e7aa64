"""Validators whose vote logs are lost: two of four stop the chain, and who can start it again."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from aichain.errors import ConfigError
from aichain.node.first_log import write_first_log
from aichain.store.paths import DataPaths
from consensus.records import SigningAllowed, decode_record
from genesis.networks import founder_key
from tests.integration.nodes import Cluster, RunningNode, cluster, until

SIGNS = "signs without knowing"


def is_at(running: RunningNode, height: int) -> bool:
    return running.height >= height


def height_of(nodes: list[RunningNode]) -> int:
    return max(node.height for node in nodes)


async def lose_logs(net: Cluster, nodes: list[RunningNode], *lost: int, vouch: bool) -> None:
    """Stop some validators together, take their vote logs away, and start them again."""
    for index in lost:
        await nodes[index].stop()
    for index in lost:
        shutil.rmtree(DataPaths(nodes[index].node.config.data_dir).signer)
        nodes[index] = await net.start(index, vouch=vouch)


async def test_two_lost_logs_of_four_stop_the_chain_and_one_vouched_for_starts_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 3 for node in nodes))
        await lose_logs(net, nodes, 2, 3, vouch=False)
        stood = height_of(nodes) + 1
        await until(lambda: "--vouch-for-vote-log" in caplog.text)
        assert height_of(nodes) <= stood
        assert SIGNS not in caplog.text
        await nodes[2].stop()
        nodes[2] = await net.start(2, vouch=True)
        await until(partial(is_at, nodes[0], stood + 4))
        assert SIGNS in caplog.text
        assert nodes[2].node.engine.state.may_sign
        assert nodes[3].node.engine.state.abstain
        wal = nodes[2].node.wal
        assert wal is not None
        assert any(isinstance(decode_record(raw), SigningAllowed) for raw in wal.records())


async def test_a_chain_that_moves_is_not_joined_on_a_word(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: all(node.height >= 3 for node in nodes))
        await lose_logs(net, nodes, 3, vouch=True)
        height = nodes[3].height
        await until(partial(is_at, nodes[3], height + 14))  # more than ten block times
        assert nodes[3].node.engine.state.abstain


async def test_a_log_that_is_not_new_is_not_vouched_for(tmp_path: Path) -> None:
    async with cluster(tmp_path, 1) as net:
        alone = await net.start(0)
        await until(partial(is_at, alone, 2))
        await alone.stop()
        with pytest.raises(ConfigError, match="its vote log is not new") as caught:
            await net.start(0, vouch=True)
        assert "without --vouch-for-vote-log" in caught.value.fix


async def test_a_node_that_does_not_vote_has_nothing_to_vouch_for(tmp_path: Path) -> None:
    async with cluster(tmp_path, 1) as net:
        with pytest.raises(ConfigError, match="not a validator"):
            await net.start(1, founder=False, vouch=True)


async def test_who_comes_late_to_a_chain_made_here_votes_at_once(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        home = tmp_path / "node3"
        public_key = founder_key("testnet", 3).public_key
        write_first_log(home / "data", net.document, public_key)
        nodes = [await net.start(index) for index in range(3)]
        await until(lambda: all(node.height >= 3 for node in nodes))
        late = await net.start(3)
        assert late.node.probation is None
        await nodes[0].stop()  # from here on no block is final without the late one's vote
        height = height_of(nodes[1:])
        await until(partial(is_at, nodes[1], height + 3))


async def test_a_log_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    async with cluster(tmp_path, 1) as net:
        alone = await net.start(0)
        await until(partial(is_at, alone, 2))
        await alone.stop()
        wal = alone.node.wal
        assert wal is not None
        before = wal.path.read_bytes()
        key = alone.node.config.validator_key
        assert key is not None
        write_first_log(alone.node.config.data_dir, net.document, key.public_key)
        assert wal.path.read_bytes() == before
