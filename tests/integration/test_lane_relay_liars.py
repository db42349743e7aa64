"""Evil peers that claim to hear everybody, and what they may bring to be asked for long."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from consensus.votes import Lane, SignedVote, Vote, VotePhase
from genesis.networks import founder_key
from native.hashing import blake3_256
from native.node_keys import peer_id_of_seed, peer_id_text
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub
from p2p.network import Audience
from p2p.wire.messages import AnyRequest, LaneVote, Reach, ReceivedLaneVote, Response, Subscribe
from tests.integration.lane_nodes import LaneCluster, RunningLanes, lane_cluster, lanes_of
from tests.integration.liars import Liar
from tests.integration.nodes import until
from tests.integration.test_lane_relays import FORGED, votes_sent
from tests.simulation.nodes.topology import node_seed
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FOUNDERS = 7
HONEST = 5
FAR = 4
"""Whom the victim, node 0, hears over four hops through node 1; the liars claim to be nearer."""
NEVER = 10**6

Said = Callable[[RunningLanes, list[ReceivedLaneVote]], LaneVote]


class BraggingLiar(Liar):
    """Says that it is connected to everybody, and passes on nothing by itself."""

    async def _answer(self, _peer: str, request: AnyRequest) -> Response:
        if not isinstance(request, Subscribe):
            return await super()._answer(_peer, request)
        return Reach(request.epoch, b"\x01" * FOUNDERS)


async def join_liars(net: LaneCluster) -> list[Liar]:
    """With the keys of the founders that run no node."""
    liars: list[Liar] = []
    for index in range(HONEST, FOUNDERS):
        liar = BraggingLiar(net, str(index), founder_key("testnet", index))
        liar.silent = True
        await net.nursery.start(liar.network.run)
        liars.append(liar)
    return liars


def junk(victim: RunningLanes, _true: list[ReceivedLaneVote]) -> LaneVote:
    """Of a view that nobody is in, so that nobody counts it."""
    ballot, number = lanes_of(victim).ballot, lanes_of(victim).number
    place = ballot.instance.id, VotePhase.PREFER, NEVER
    vote = Vote(*place, ballot.instance.first_height, blake3_256(b"junk"))
    return LaneVote(Lane.HARD, number, SignedVote(vote, 0, FAR, FORGED))


def old(victim: RunningLanes, true: list[ReceivedLaneVote]) -> LaneVote:
    """What it signed for a checkpoint that was decided, as anybody finds it in the decision."""
    number = lanes_of(victim).number
    past = [each for each in true if each.lane is Lane.HARD and each.term < number - 1]
    last = past[-1]
    return LaneVote(last.lane, last.term, last.vote.bind(last.instance_id))


@pytest.mark.parametrize("said", [junk, old])
def test_two_evil_peers_cannot_keep_an_author_away(tmp_path: Path, said: Said) -> None:
    """Whatever they bring in its name but its new votes, somebody else is asked."""
    line = [peer_id_text(peer_id_of_seed(node_seed(index))) for index in range(HONEST)]

    def may_meet(one: str, other: str) -> bool:
        if {one, other} <= set(line):
            return abs(line.index(one) - line.index(other)) == 1
        return line[0] in (one, other)

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, FOUNDERS, machine=machine) as net:
            net.hub = MemoryHub(EqualLinks(0, Conditions(1, 3)), may_meet)
            liars = await join_liars(net)
            nodes = [await net.start(index, chain_is_new=True) for index in range(HONEST)]
            await until(lambda: all(node.height >= 4 for node in nodes), 60)
            with votes_sent(line[FAR], line[FAR - 1]) as spoken, votes_sent(*line[1::-1]) as heard:
                await trio.sleep(10)
                with trio.move_on_after(60):
                    while not any(each.vote.voter_index == FAR for each in heard):
                        its = [each for each in spoken if each.vote.voter_index == FAR]
                        for liar in liars:
                            liar.network.push(said(nodes[0], its), Audience.PEERS)
                        await trio.sleep(0.5)
            assert any(each.vote.voter_index == FAR for each in heard)

    run_virtual(program, seed=5)


class OneSlowLink:
    """All links take 2 ms but one."""

    def __init__(self, slow: frozenset[str]) -> None:
        self._slow = slow

    def delay_s(self, sender: str, receiver: str) -> float:
        return 0.1 if {sender, receiver} == self._slow else 0.002

    def loses(self, _sender: str, _receiver: str) -> bool:
        return False


def test_a_peer_whose_copies_always_come_second_goes_on_to_be_asked(tmp_path: Path) -> None:
    """Nobody verifies them to count them."""
    ids = [peer_id_text(peer_id_of_seed(node_seed(index))) for index in range(4)]
    ends, slow = {ids[0], ids[3]}, frozenset(ids[:3:2])
    came: list[int] = []

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, 4, machine=machine) as net:
            net.hub = MemoryHub(OneSlowLink(slow), lambda one, other: {one, other} != ends)
            nodes = [await net.start(index, chain_is_new=True) for index in range(4)]
            await until(lambda: all(node.height >= 4 for node in nodes), 60)
            for _ in range(12):
                with votes_sent(ids[2], ids[0]) as heard:
                    await trio.sleep(5)
                came.append(sum(each.vote.voter_index == 3 for each in heard))

    run_virtual(program, seed=6)
    assert all(came)
