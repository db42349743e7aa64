"""Transfers between the public accounts of a simulated network, through whoever is up."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import trio

from aichain.errors import NotPooled
from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from genesis.document import GenesisDocument
from genesis.networks import account_key
from genesis.units import address_of_key
from native.errors import InvalidData
from tests.simulation.nodes.plan import Plan
from vm.transactions import Transaction, Transfer, sign_transaction


class Teller(Protocol):
    """A node that takes transactions."""

    @property
    def node(self) -> Node | LaneNode: ...
    @property
    def is_up(self) -> bool: ...


class Town(Protocol):
    """The world, as far as payments are concerned."""

    plan: Plan
    document: GenesisDocument

    @property
    def running(self) -> Mapping[int, Teller]: ...
    def fault(self, kind: str) -> None: ...


async def spend(town: Town) -> None:
    """Give transfers to whoever runs, one account after the other, until cancelled."""
    if not town.plan.transfers_per_s:
        return
    rng, nonces = random.Random(town.plan.seed), Counter[int]()
    *senders, receiver = (account_key("testnet", account) for account in range(5))
    while True:
        await trio.sleep(1 / town.plan.transfers_per_s)
        account = rng.randrange(len(senders))
        key = senders[account]
        body = Transfer(address_of_key(receiver.public_key), 1, b"")
        sender = address_of_key(key.public_key)
        transaction = Transaction(
            town.document.network_id, sender, nonces[account], 10**17, 0, 5_000, body
        )
        signed = sign_transaction(transaction, key, reveal=True)
        if not town.running:
            continue
        teller = town.running[rng.choice(sorted(town.running))]
        try:
            await teller.node.pool.submit(signed.raw)
            nonces[account] += 1
        except (InvalidData, NotPooled):
            town.fault("(transaction refused)")
        except RuntimeError:  # LevelDB's, where the node has just ended
            assert not teller.is_up, "who is up can read"
