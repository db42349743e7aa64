"""A chain outlives its founders' onions: each node renews its own in time."""

from pathlib import Path

import pytest

from genesis.networks import founder_key
from genesis.units import address_of_key
from tests.integration.nodes import RunningNode, cluster, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine
from vm.queries import ValidatorView, validator_view

FOUNDERS = 2
LAYERS = 40
"""Two founders have used them up at block 80 at the latest."""


def test_no_onion_ends_a_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aichain.node.renewer.DEFAULT_ONION_LENGTH", 4_096)

    async def story() -> None:
        machine = virtual_machine()
        async with cluster(
            tmp_path, FOUNDERS, epoch_blocks=8, onion_length=LAYERS, machine=machine
        ) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: all(node.height > FOUNDERS * LAYERS for node in nodes), 120)
            views = [_view(nodes[0], founder) for founder in range(FOUNDERS)]
            assert [view.onion_renewals for view in views] == [1, 1]
            assert all(3_000 < view.onion_length < 4_096 for view in views)
            await nodes[1].stop()
            height = nodes[0].height
            again = await net.start(1)  # makes the onion that the chain has now
            await until(lambda: again.height > height + 4, 120)
            assert _view(again, 1).onion_length < views[1].onion_length

    run_virtual(story, seed=3)


def _view(node: RunningNode, founder: int) -> ValidatorView:
    owner = address_of_key(founder_key("testnet", founder).public_key)
    view = validator_view(node.node.chain.head, owner)
    assert view is not None
    return view
