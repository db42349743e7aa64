"""A chain outlives its founders' onions: each node renews its own in time."""

from dataclasses import replace
from pathlib import Path

import pytest

from aichain.keystore import onion_seed_of
from genesis.document import GenesisDocument
from genesis.networks import founder_key
from genesis.onion import onion_head
from genesis.units import AI, address_of_key
from tests.integration.nodes import RunningNode, cluster, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine
from vm.queries import ValidatorView, validator_view
from vm.transactions import RegisterValidator, Transaction, sign_possession, sign_transaction

FOUNDERS = 2
MANY, POOR = 5, 4
"""The last of them: its place in any set is its own index, and nobody else's."""
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


def test_who_is_exhausted_loses_its_turns_registers_again_and_has_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner looks after it, not the node: nothing is renewed by itself."""
    monkeypatch.setattr("aichain.node.renewer.RENEW_BELOW", -1)

    async def story() -> None:
        async with cluster(tmp_path, MANY, epoch_blocks=8, machine=virtual_machine()) as net:
            net.document = _with_layers(net.document, POOR, 3)
            nodes = [await net.start(index) for index in range(MANY)]
            await until(lambda: _view(nodes[0], POOR).onion_length == 0, 120)
            spent = nodes[0].height
            await until(lambda: _view(nodes[0], POOR).set_index is None, 120)
            await nodes[0].node.pool.submit(_registration(nodes[0], POOR))
            await until(lambda: _view(nodes[0], POOR).onion_renewals == 1, 120)
            await until(lambda: _proposed(nodes[0], spent + 1) > 0, 120)
            again = _proposed(nodes[0], spent + 1)
            assert again > spent + 3 * 8, "out of the set, and two epochs until an onion counts"
            assert _view(nodes[0], POOR).onion_length < LAYERS
            await until(lambda: all(node.height > again for node in nodes), 120)

    run_virtual(story, seed=3)


def _with_layers(document: GenesisDocument, founder: int, layers: int) -> GenesisDocument:
    """The same with a short onion for one of the founders."""
    validators = list(document.validators)
    head = onion_head(onion_seed_of(founder_key("testnet", founder)), layers)
    validators[founder] = replace(validators[founder], onion_head=head, onion_length=layers)
    return replace(document, validators=tuple(validators))


def _registration(node: RunningNode, founder: int) -> bytes:
    """What `aichain tx renew-onion` sends."""
    head, key = node.node.chain.head, founder_key("testnet", founder)
    network_id, owner = head.document.network_id, address_of_key(key.public_key)
    body = RegisterValidator(
        public_key=key.public_key,
        possession=sign_possession(network_id, owner, key),
        peer_id=_view(node, founder).peer_id,
        commission_bps=0,
        onion_head=onion_head(onion_seed_of(key, 1), LAYERS),
        onion_length=LAYERS,
        stake=0,
    )
    transaction = Transaction(network_id, owner, 0, AI, 0, head.head.height + 100, body)
    return sign_transaction(transaction, key, reveal=False).raw


def _proposed(node: RunningNode, first: int) -> int:
    """The first height from there on that POOR proposed; 0 if there is none."""
    headers = (node.node.chain.blocks.header_at(at) for at in range(first, node.height + 1))
    return next((each.height for each in headers if each and each.proposer_index == POOR), 0)


def _view(node: RunningNode, founder: int) -> ValidatorView:
    owner = address_of_key(founder_key("testnet", founder).public_key)
    view = validator_view(node.node.chain.head, owner)
    assert view is not None
    return view
