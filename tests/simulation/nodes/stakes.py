"""Who is in the set: a stranger that joins and leaves, and founders that retire."""

from contextlib import suppress
from typing import Final, Protocol

import trio

from aichain.errors import NotPooled
from aichain.keystore import onion_seed_of
from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from genesis.document import GenesisDocument
from genesis.networks import account_key, founder_key
from genesis.onion import onion_head
from genesis.units import AI, Address, address_of_key
from native.errors import InvalidData
from native.hashing import derive_hash
from native.node_keys import peer_id_of_seed
from native.signatures import SigningKey
from tests.simulation.nodes.plan import Plan
from vm.queries import account_view
from vm.records import ValidatorRecord, decode_validator, validator_key
from vm.transactions import (
    Body,
    RegisterValidator,
    Role,
    Transaction,
    Unstake,
    sign_possession,
    sign_transaction,
)

STRANGER: Final = SigningKey.from_seed(bytes(31) + b"\x63")
_OWNER: Final = account_key("testnet", 5)
STRANGER_OWNER: Final = address_of_key(_OWNER.public_key)
_STAKE: Final = 400_000 * AI
_LAYERS: Final = 512
_JOIN_S, _STAY_S, _RETIRE_S, _TRY_AGAIN_S = 3.0, 15.0, 5.0, 1.0


class Town(Protocol):
    """The world, as far as stakes are concerned."""

    plan: Plan
    document: GenesisDocument

    @property
    def honest(self) -> tuple[int, ...]: ...
    def node(self, index: int) -> Node | LaneNode | None: ...
    def fault(self, kind: str) -> None: ...


def validator_of(node: Node | LaneNode, owner: Address) -> ValidatorRecord | None:
    """What the final state says of a validator."""
    raw = node.chain.head.get(validator_key(owner))
    return None if raw is None else decode_validator(raw)


async def join_and_leave(town: Town) -> None:
    """A stranger registers, stays for a while as a member of the set, and unstakes."""
    await trio.sleep(_JOIN_S)
    owner = address_of_key(_OWNER.public_key)
    network_id = town.document.network_id
    await _send(
        town,
        0,
        RegisterValidator(
            public_key=STRANGER.public_key,
            possession=sign_possession(network_id, owner, STRANGER),
            peer_id=peer_id_of_seed(derive_hash("aichain/test/node", bytes([town.plan.stranger]))),
            commission_bps=0,
            onion_head=onion_head(onion_seed_of(STRANGER), _LAYERS),
            onion_length=_LAYERS,
            stake=_STAKE,
        ),
    )
    while not _is_member(town, STRANGER):  # noqa: ASYNC110 it is another node's state
        await trio.sleep(_TRY_AGAIN_S)
    town.fault("stranger joins the set")
    await trio.sleep(_STAY_S)
    await _send(town, 1, Unstake(Role.VALIDATOR, owner, _STAKE))
    while _is_member(town, STRANGER):  # noqa: ASYNC110 it is another node's state
        await trio.sleep(_TRY_AGAIN_S)
    town.fault("stranger leaves the set")


async def retire(town: Town) -> None:
    """Founders take out all their stake, one after the other; their nodes go on as full nodes."""
    for founder in town.plan.retires:
        await trio.sleep(_RETIRE_S)
        key = founder_key("testnet", founder)
        owner = address_of_key(key.public_key)
        while _is_member(town, key):
            for index in town.plan.honest:
                node = town.node(index)
                record = None if node is None else validator_of(node, owner)
                if node is None or record is None or not record.stake:
                    continue
                body = Unstake(Role.VALIDATOR, owner, record.stake)
                nonce, network_id = _nonce_of(node, owner), town.document.network_id
                transaction = Transaction(network_id, owner, nonce, AI, 0, 5_000, body)
                with suppress(InvalidData, NotPooled):
                    await node.pool.submit(sign_transaction(transaction, key, reveal=True).raw)
            await trio.sleep(_TRY_AGAIN_S)
        town.fault("founder leaves the set")


async def _send(town: Town, nonce: int, body: Body) -> None:
    """To everybody who is up, until it is in a block."""
    sender = address_of_key(_OWNER.public_key)
    transaction = Transaction(town.document.network_id, sender, nonce, AI, 0, 5_000, body)
    raw = sign_transaction(transaction, _OWNER, reveal=True).raw
    while True:
        for index in town.plan.honest:
            node = town.node(index)
            if node is None:
                continue
            try:
                await node.pool.submit(raw)
            except (InvalidData, NotPooled):
                if nonce < _nonce_of(node, sender):
                    return
        await trio.sleep(_TRY_AGAIN_S)


def _nonce_of(node: Node | LaneNode, owner: Address) -> int:
    return account_view(node.chain.head, owner).nonce


def _is_member(town: Town, key: SigningKey) -> bool:
    """Whether who votes with `key` is in the set of the next block, as some honest node sees it."""
    for index in town.plan.honest:
        node = town.node(index)
        if node is not None:
            head = node.chain.head
            validators = head.validators_of(head.head.height // town.plan.epoch_blocks)
            assert validators is not None, "the set of the next block is decided"
            return any(each.public_key == key.public_key for each in validators)
    return False
