"""A snapshot over real libp2p: another process would see the same bytes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from aichain.config import Endpoint, NodeConfig, SyncMode
from aichain.node.assemble import Node, assemble
from aichain.node.joiner import Handover
from aichain.node.run import libp2p_network
from aichain.node.services import run_services
from genesis import limits
from genesis.networks import founder_key
from native.hashing import derive_hash
from tests.integration.nodes import until
from tests.integration.snapshot_peers import EPOCH_BLOCKS, WINDOW, make_small, short_document


class Alive:
    """A node that may start anew on a chain that it joined."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self.node: Node | None = None
        self.starts = 0

    @property
    def running(self) -> Node:
        assert self.node is not None
        return self.node

    @property
    def height(self) -> int:
        return self.running.chain.head.head.height

    async def live(self) -> None:
        before: Handover | None = None
        while True:
            self.node = await trio.to_thread.run_sync(
                assemble, self._config, libp2p_network, None, before
            )
            before = await run_services(self.node, ready=lambda: None, started=self._started)

    def _started(self) -> None:
        self.starts += 1


def alive(root: Path, index: int, **settings: object) -> Alive:
    config = partial(
        NodeConfig,
        home=root / f"node{index}",
        document=short_document(),
        node_seed=derive_hash("aichain/test/node", bytes([index])),
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 0),
    )
    make: Callable[..., NodeConfig] = config
    return Alive(make(**settings))


async def test_a_newcomer_takes_a_snapshot_over_real_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small(monkeypatch)
    founder = alive(tmp_path, 0, validator_key=founder_key("testnet", 0), keep=WINDOW)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(founder.live)
        await until(lambda: founder.starts == 1)
        await until(lambda: founder.running.chain.blocks.first > EPOCH_BLOCKS, 60)
        bootstrap = (founder.running.context.network.address,)
        stranger = alive(
            tmp_path, 1, validator_key=None, bootstrap=bootstrap, sync=SyncMode.SNAPSHOT
        )
        nursery.start_soon(stranger.live)
        await until(lambda: stranger.starts == 2)
        target = founder.height
        await until(lambda: stranger.height >= target)
        assert stranger.running.chain.blocks.first > 2 * EPOCH_BLOCKS
        assert stranger.running.chain.blocks.first % EPOCH_BLOCKS == 1
        assert stranger.height >= limits.SNAPSHOT_GAP_BLOCKS
        nursery.cancel_scope.cancel()
