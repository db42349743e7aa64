"""A stranger stakes, votes from the second epoch after, proposes, and leaves again."""

from pathlib import Path

from aichain.keystore import onion_seed_of
from genesis.onion import onion_head
from genesis.units import AI, address_of_key
from native.hashing import derive_hash
from native.node_keys import peer_id_of_seed
from native.signatures import SigningKey
from tests.integration.nodes import Cluster, RunningNode, cluster, public_account, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine
from vm.transactions import (
    Body,
    RegisterValidator,
    Role,
    Transaction,
    Unstake,
    sign_possession,
    sign_transaction,
)

EPOCH_BLOCKS = 8
LAYERS = 512
STAKE = 400_000 * AI
OWNER, KEY = public_account(0), SigningKey.from_seed(bytes(31) + b"\x63")


def test_a_validator_joins_votes_proposes_and_leaves(tmp_path: Path) -> None:
    async def story() -> None:
        machine = virtual_machine()
        async with cluster(tmp_path, 4, epoch_blocks=EPOCH_BLOCKS, machine=machine) as net:
            nodes = [await net.start(index) for index in range(4)]
            stranger = await net.start(4, founder=False, key=KEY)
            await until(lambda: nodes[0].height >= 2)
            assert _place(nodes[0]) is None
            await _send(net, nodes[0], 0, _registration(net, stranger))
            await until(lambda: _place(nodes[0]) is not None, 60)
            place = _place(nodes[0])
            assert place == 4
            await until(lambda: _has_voted(nodes[0], place), 60)
            await until(lambda: _has_proposed(nodes[0], place), 60)
            owner = address_of_key(OWNER.public_key)
            await _send(net, nodes[1], 1, Unstake(Role.VALIDATOR, owner, STAKE))
            await until(lambda: _place(nodes[0]) is None, 60)
            height = nodes[0].height
            everybody = (*nodes, stranger)
            await until(lambda: all(node.height > height + 3 for node in everybody), 60)
            assert len({_root_at(node, height + 1) for node in everybody}) == 1
            old = nodes[0].node.chain.blocks.validators_at(1)
            assert len(old) == 4

    run_virtual(story, seed=1)


def _registration(net: Cluster, stranger: RunningNode) -> RegisterValidator:
    owner = address_of_key(OWNER.public_key)
    return RegisterValidator(
        public_key=KEY.public_key,
        possession=sign_possession(net.document.network_id, owner, KEY),
        peer_id=peer_id_of_seed(derive_hash("aichain/test/node", bytes([4]))),
        commission_bps=0,
        onion_head=onion_head(onion_seed_of(KEY), LAYERS),
        onion_length=LAYERS,
        stake=STAKE,
    )


async def _send(net: Cluster, node: RunningNode, nonce: int, body: Body) -> None:
    sender = address_of_key(OWNER.public_key)
    transaction = Transaction(net.document.network_id, sender, nonce, AI, 0, 5_000, body)
    await node.node.pool.submit(sign_transaction(transaction, OWNER, reveal=True).raw)


def _place(node: RunningNode) -> int | None:
    """Where the stranger stands in the set of the next block."""
    head = node.node.chain.head
    validators = head.validators_of(head.head.height // EPOCH_BLOCKS)
    assert validators is not None
    return validators.index_of(address_of_key(KEY.public_key))


def _has_voted(node: RunningNode, place: int) -> bool:
    certificate = node.node.chain.blocks.certificate_at(node.height)
    return certificate is not None and place in certificate.voter_indices


def _has_proposed(node: RunningNode, place: int) -> bool:
    header = node.node.chain.head.head
    return header.proposer_index == place


def _root_at(node: RunningNode, height: int) -> bytes:
    record = node.node.chain.blocks.record_at(height)
    assert record is not None
    return record.state_root
