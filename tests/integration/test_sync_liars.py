"""Sync goes on past peers that claim much and give nothing."""

from pathlib import Path

import pytest

from native.hashing import Hash32
from p2p.wire.messages import Status
from tests.integration.liars import Liar
from tests.integration.nodes import Cluster, cluster, until

CLAIM = Status(10**6, Hash32(b"\x33" * 32), 0, 10**6)


async def silent_liars(net: Cluster, count: int) -> list[Liar]:
    """Peers that claim a long chain and never answer."""
    liars = [Liar(net, str(number)) for number in range(count)]
    for liar in liars:
        liar.silent = True
        await net.nursery.start(liar.network.run)
        liar.network.set_status(CLAIM)
    return liars


async def test_silent_liars_neither_stop_sync_nor_keep_the_node_syncing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichain.node.syncer.REQUEST_TIMEOUT_S", 1.0)
    async with cluster(tmp_path, 1) as net:
        founder = await net.start(0)
        await until(lambda: founder.height >= 6)
        liars = await silent_liars(net, 5)
        follower = await net.start(1, founder=False)
        for liar in liars:
            liar.network.set_status(Status(CLAIM.final_height + 1, CLAIM.final_id, 0, 1))
        syncer = follower.node.syncer
        await until(lambda: syncer.target_height > 10**6)
        await until(lambda: syncer.target_height < 10**6 and not syncer.syncing, 15.0)
        assert all(liar.asked for liar in liars)
        assert all(liar.score_at(follower) < 100 for liar in liars)
        assert founder.node.context.network.peer_id in syncer.claims()
        height = follower.height
        await until(lambda: follower.height >= max(height + 2, 6))
