"""A relayed proposal is there before what it lists: nobody pays, and everybody votes in time."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import trio

from aichain.node.bodies import Bodies, BodyUnavailable
from native.node_keys import peer_id_of_seed, peer_id_text
from p2p.memory_network import MemoryHub, MemoryNetwork
from tests.integration.lane_nodes import lane_cluster
from tests.integration.nodes import public_account, transfer, until
from tests.simulation.nodes.topology import node_seed
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FOUNDERS = 5
LINE = [peer_id_text(peer_id_of_seed(node_seed(index))) for index in range(FOUNDERS - 1)]
FAR_APART = set(LINE[1:3])
SENDERS = 8
TRANSACTIONS = 200
BLOCKS_MIN = 28
"""Of the 36 of a quiet chain."""


class SlowInTheMiddle:
    """The relay at its far end takes long to fetch what those behind it ask it for at once."""

    def delay_s(self, sender: str, receiver: str) -> float:
        return 0.06 if {sender, receiver} == FAR_APART else 0.02

    def loses(self, _sender: str, _receiver: str) -> bool:
        return False


def test_a_proposal_that_overtakes_its_transactions_is_voted_on_in_time(tmp_path: Path) -> None:
    """Four of five in a line: the votes of all are needed."""
    missed, charged = list[str](), list[str]()
    check, penalize = Bodies._check, MemoryNetwork.penalize

    async def watched(bodies: Bodies, *given: Any) -> None:
        try:
            await check(bodies, *given)
        except BodyUnavailable:
            missed.append(bodies._network.peer_id)
            raise

    def charging(network: MemoryNetwork, *given: Any) -> None:
        charged.append(network.peer_id)
        penalize(network, *given)

    def is_near(one: str, other: str) -> bool:
        return abs(LINE.index(one) - LINE.index(other)) == 1

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, FOUNDERS, machine=machine) as net:
            net.hub = MemoryHub(SlowInTheMiddle(), is_near)
            nodes = [await net.start(index, chain_is_new=True) for index in range(len(LINE))]
            await until(lambda: all(node.height >= 4 for node in nodes), 60)
            began = nodes[0].height
            for number in range(TRANSACTIONS):
                nonce, sender = divmod(number, SENDERS)
                key, to = public_account(sender), public_account((sender + 1) % SENDERS)
                sent = transfer(net, key, nonce=nonce, to=to, amount=1)  # type: ignore[arg-type]
                await nodes[number % len(nodes)].rpc.backend.submit(sent.raw)
                await trio.sleep(0.1)
            assert nodes[0].height - began >= BLOCKS_MIN

    watch = patch.object(Bodies, "_check", watched)
    with watch, patch.object(MemoryNetwork, "penalize", charging):
        run_virtual(program, seed=8)
    assert not missed
    assert not charged
