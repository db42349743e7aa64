"""Whatever a validator makes of its messages and answers, nobody ends, and the chain goes on."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from aichain.config import SyncMode
from genesis.networks import founder_key
from tests.integration.lane_nodes import lane_cluster
from tests.integration.mangling import Mangler, mangling
from tests.integration.nodes import AnyCluster, N, Running, cluster, until
from tests.integration.snapshot_peers import WINDOW, make_small
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FOUNDERS = 4
EPOCH_BLOCKS = 8
ALIKE = 12
"""Blocks that all honest ones make while they are lied to, and afterwards."""

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


async def go_on(honest: Sequence[Running[N]]) -> None:
    """All of them have more blocks."""
    height = max(each.height for each in honest)
    await until(lambda: min(each.height for each in honest) >= height + ALIKE, 300)


async def live_through(net: AnyCluster[N], mangler: Mangler) -> None:
    """Three honest founders, an evil one, and strangers that come in the middle of it."""
    nodes = [await net.start(index, keep=WINDOW) for index in range(FOUNDERS)]
    *honest, evil = nodes
    await until(lambda: min(each.height for each in honest) >= 3, 60)
    mangler.peer = evil.node.context.network.peer_id
    for number, sync in enumerate((SyncMode.FULL, SyncMode.SNAPSHOT)):
        stranger = await net.start(FOUNDERS + number, founder=False, sync=sync)
        await go_on(honest)
        await stranger.stop()
    mangler.peer = ""
    await go_on(honest)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lanes", [1, 2])
def test_mangled_messages_end_nobody(tmp_path: Path, lanes: int, seed: int) -> None:
    mangler = Mangler(founder_key("testnet", FOUNDERS - 1), random.Random(f"{lanes}/{seed}"))

    async def story() -> None:
        machine = virtual_machine()
        if lanes == 1:
            async with cluster(
                tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=machine
            ) as net:
                await live_through(net, mangler)
        else:
            async with lane_cluster(
                tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=machine
            ) as wide:
                await live_through(wide, mangler)

    with stand_in_signatures(), mangling(mangler):
        run_virtual(story, seed=seed)
    assert mangler.mangled > 50
