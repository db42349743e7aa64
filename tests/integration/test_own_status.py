"""How old a status may be that callers of the same moment share; on a clock that is set by hand."""

from pathlib import Path

import pytest
import trio.testing

from aichain.config import Endpoint, NodeConfig
from aichain.node.assemble import Node
from aichain.node.build import build_node
from aichain.node.own_status import MADE_FOR_S
from aichain.rpc.backend import JoinProgress
from aichain.rpc.statuses import JoinStage
from consensus.memory import changed
from genesis.networks import local_document
from p2p.memory_network import MemoryHub

AFTER_S = MADE_FOR_S / 100


@pytest.fixture
def node(tmp_path: Path) -> Node:
    config = NodeConfig(
        home=tmp_path,
        document=local_document("testnet", 1, onion_length=4_096),
        node_seed=bytes(32),
        validator_key=None,
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )
    built = build_node(config, lambda identity, _settings: MemoryHub().join(identity))
    assert isinstance(built, Node)
    return built


async def test_a_status_is_at_most_ten_milliseconds_old(
    node: Node, mock_clock: trio.testing.MockClock
) -> None:
    assert MADE_FOR_S <= 0.01
    status = node.rpc.context.backend.status
    try:
        first = status()
        node.syncer.joining = JoinProgress(JoinStage.FETCHING, 768, 1, 40)
        mock_clock.jump(MADE_FOR_S - AFTER_S)
        assert status() is first, "neither the head nor the core has moved"
        mock_clock.jump(2 * AFTER_S)
        assert status().joining == node.syncer.joining
        assert status().syncing
    finally:
        node.close()


async def test_no_status_is_of_an_earlier_step_of_the_core(
    node: Node, mock_clock: trio.testing.MockClock
) -> None:
    status = node.rpc.context.backend.status
    try:
        first = status()
        node.engine.state = changed(node.engine.state, view=node.engine.state.view + 1)
        assert trio.current_time() == mock_clock.current_time()
        assert status().view == first.view + 1
    finally:
        node.close()
