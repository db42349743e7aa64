"""Four nodes in a line: what the ends sign goes through the middle, and nobody can abuse that."""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import trio

from aichain.node.probation import VOUCHED
from aichain.store.paths import DataPaths
from consensus.lanes.probation import CLOCK_MARGIN_MS, LATER_CHECKPOINTS
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote, Vote, VotePhase, cancel_vote
from genesis.limits import RELAYED_PER_SLOT_MAX
from genesis.networks import founder_key
from native.hashing import blake3_256
from native.node_keys import peer_id_of_seed, peer_id_text
from p2p.errors import RequestFailed
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience
from p2p.wire.encoding import decode_consensus
from p2p.wire.messages import LaneVote, ReceivedLaneVote, Subscribe
from tests.integration.lane_nodes import RunningLanes, lane_cluster, lanes_of
from tests.integration.liars import Liar, join_liar
from tests.integration.nodes import until
from tests.simulation.nodes.topology import node_seed
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FOUNDERS = 5
NODES = 4
CULPRIT = 4
RING = 7
RING_IDS = [peer_id_text(peer_id_of_seed(node_seed(index))) for index in range(RING)]
FORGED = bytes(3309)
AHEAD = 9

Story = Callable[[list[RunningLanes], Liar], Awaitable[None]]


def play(root: Path, story: Story, *, key: int | None = CULPRIT) -> None:
    """Nodes 0 to 3 in a line, and a peer with founder 4's key, or none, beside node 1."""
    line = [peer_id_text(peer_id_of_seed(node_seed(index))) for index in range(NODES)]

    def may_meet(one: str, other: str) -> bool:
        ends = {one, other}
        if not ends <= set(line):
            return line[1] in ends
        return abs(line.index(one) - line.index(other)) == 1

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(root, FOUNDERS, machine=machine) as net:
            net.hub = MemoryHub(EqualLinks(0, Conditions(1, 3)), may_meet)
            nodes = [await net.start(index, chain_is_new=True) for index in range(NODES)]
            liar = await join_liar(net, None if key is None else founder_key("testnet", key))
            liar.silent = True
            await until(lambda: all(node.height >= 4 for node in nodes), 30)
            await story(nodes, liar)

    run_virtual(program, seed=3)


@contextmanager
def votes_sent(sender: str, receiver: str) -> Iterator[list[ReceivedLaneVote]]:
    """All votes that go from one node to another."""
    seen: list[ReceivedLaneVote] = []
    post = MemoryNetwork._post

    def spy(network: MemoryNetwork, peer: str, payload: bytes, decode: Any) -> None:
        if (network.peer_id, peer) == (sender, receiver) and decode is decode_consensus:
            message = decode_consensus(payload)
            if isinstance(message, ReceivedLaneVote):
                seen.append(message)
        post(network, peer, payload, decode)

    with patch.object(MemoryNetwork, "_post", spy):
        yield seen


def own_vote(node: RunningLanes, vote: Vote) -> LaneVote:
    """A true vote of the culprit's on the checkpoint that is to be decided."""
    signature = founder_key("testnet", CULPRIT).sign(vote.signing_bytes, VOTE_CONTEXT)
    return LaneVote(Lane.HARD, lanes_of(node).number, SignedVote(vote, 0, CULPRIT, signature))


def test_a_vote_said_again_and_again_is_passed_on_now_and_then(tmp_path: Path) -> None:
    async def story(nodes: list[RunningLanes], liar: Liar) -> None:
        relay, behind = nodes[1].node.context.network, nodes[2].node.context.network
        delta_s = nodes[0].node.config.document.consensus.delta_ms / 1000
        with votes_sent(relay.peer_id, behind.peer_id) as seen:
            began, ballot = trio.current_time(), lanes_of(nodes[1]).ballot
            vote = own_vote(nodes[1], cancel_vote(ballot.instance.id, ballot.core.view + AHEAD))
            for _ in range(100):
                liar.network.push(vote, Audience.PEERS)
                await trio.sleep(0.01)
            took = trio.current_time() - began
        mine = [each for each in seen if each.vote.voter_index == CULPRIT]
        assert 1 <= len(mine) <= 1 + took / (3 * delta_s)
        assert not liar.is_banned_by(nodes[1])

    play(tmp_path, story)


def test_of_votes_that_exclude_each_other_two_are_passed_on(tmp_path: Path) -> None:
    """They convict their author everywhere; more of them would only be a flood."""

    async def story(nodes: list[RunningLanes], liar: Liar) -> None:
        relay, behind = nodes[1].node.context.network, nodes[2].node.context.network
        with votes_sent(relay.peer_id, behind.peer_id) as seen:
            ballot = lanes_of(nodes[1]).ballot
            place = ballot.instance.id, VotePhase.PREFER, ballot.core.view + AHEAD
            for number in range(8):
                other = blake3_256(bytes([number]))
                vote = Vote(*place, ballot.instance.first_height, other)
                liar.network.push(own_vote(nodes[1], vote), Audience.PEERS)
                await trio.sleep(0.01)
            await trio.sleep(0.1)
        mine = [each for each in seen if each.vote.voter_index == CULPRIT]
        assert len(mine) == RELAYED_PER_SLOT_MAX

    play(tmp_path, story)


def test_a_forged_vote_ends_where_it_was_sent_to(tmp_path: Path) -> None:
    """The relay verifies first, so its sender pays and those behind the relay see nothing."""

    async def story(nodes: list[RunningLanes], liar: Liar) -> None:
        relay, behind = nodes[1].node.context.network, nodes[2].node.context.network
        with votes_sent(relay.peer_id, behind.peer_id) as seen:
            for _ in range(40):
                ballot, number = lanes_of(nodes[1]).ballot, lanes_of(nodes[1]).number
                vote = cancel_vote(ballot.instance.id, ballot.core.view)
                forged = SignedVote(vote, 0, CULPRIT, FORGED)
                liar.network.push(LaneVote(Lane.HARD, number, forged), Audience.PEERS)
                await trio.sleep(0.05)
                if liar.is_banned_by(nodes[1]):
                    break
        assert liar.is_banned_by(nodes[1])
        assert all(each.vote.signature != FORGED for each in seen)
        assert any(peer.peer_id == relay.peer_id for peer in behind.peers())
        height = nodes[3].height
        await until(lambda: nodes[3].height >= height + 8, 30)

    play(tmp_path, story)


@pytest.mark.parametrize(("key", "is_served"), [(CULPRIT, True), (None, False)])
def test_only_validators_are_passed_on_to(tmp_path: Path, key: int | None, is_served: bool) -> None:
    async def story(nodes: list[RunningLanes], liar: Liar) -> None:
        relay = nodes[1].node.context.network.peer_id
        question = Subscribe(0, b"\xff" * 125, b"\xff" * 125)
        if not is_served:
            with pytest.raises(RequestFailed):
                await liar.network.request(relay, question, 2.0)
            return
        answer = await liar.network.request(relay, question, 2.0)
        assert list(answer.hops) == [1, 0, 1, 2, 1]
        with votes_sent(relay, liar.network.peer_id) as seen:
            await trio.sleep(4.0)
        assert {each.vote.voter_index for each in seen} >= {0, 1, 2, 3}

    play(tmp_path, story, key=key)


def in_a_ring(one: str, other: str) -> bool:
    """Seven nodes have two peers each."""
    return (RING_IDS.index(one) - RING_IDS.index(other)) % RING in (1, RING - 1)


def test_a_new_epoch_takes_back_nothing_that_was_asked_of_a_relay(tmp_path: Path) -> None:
    """It would pass on nothing until it was asked again."""
    asked: list[Subscribe] = []
    request = MemoryNetwork.request

    async def spy(network: MemoryNetwork, peer: str, question: Any, timeout_s: float) -> Any:
        if isinstance(question, Subscribe):
            asked.append(question)
        return await request(network, peer, question, timeout_s)

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, RING, epoch_blocks=16, machine=machine) as net:
            net.hub = MemoryHub(EqualLinks(0, Conditions(1, 3)), in_a_ring)
            nodes = [await net.start(index, chain_is_new=True) for index in range(RING)]
            await until(lambda: all(node.height >= 8 for node in nodes), 30)
            with patch.object(MemoryNetwork, "request", spy):
                await until(lambda: all(node.height >= 36 for node in nodes), 60)
        assert {each.epoch for each in asked} == {0, 1, 2}
        assert all(each.ballots for each in asked)

    run_virtual(program, seed=7)


def test_a_quorum_that_is_heard_through_relays_alone_vouches_for_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Three of seven in a ring lost their logs, so that the chain stands, and all are routed to."""
    lost = (0, 2, 4)

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, RING, machine=machine) as net:
            net.hub = MemoryHub(EqualLinks(0, Conditions(1, 3)), in_a_ring)
            nodes = [await net.start(index, chain_is_new=True) for index in range(RING)]
            await until(lambda: all(node.height >= 4 for node in nodes), 30)
            for index in lost:
                await nodes[index].stop()
                shutil.rmtree(DataPaths(nodes[index].node.config.data_dir).signer)
            back = [await net.start(index, vouch=True) for index in lost]
            await trio.sleep(60)
            assert all(lanes_of(node).abstain for node in back)
            assert VOUCHED not in caplog.text

    run_virtual(program, seed=4)


def test_who_lost_its_log_and_meets_no_quorum_signs_after_later_checkpoints(tmp_path: Path) -> None:
    """Seven in a ring, each with two peers: stamps say what a quorum's hellos cannot."""

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, RING, machine=machine) as net:
            net.hub = MemoryHub(EqualLinks(0, Conditions(1, 3)), in_a_ring)
            nodes = [await net.start(index, chain_is_new=True) for index in range(RING)]
            await until(lambda: all(node.height >= 4 for node in nodes), 30)
            await nodes[3].stop()
            shutil.rmtree(DataPaths(nodes[3].node.config.data_dir).signer)
            started, number = trio.current_time(), lanes_of(nodes[0]).number
            back = await net.start(3)
            assert lanes_of(back).abstain
            await until(lambda: not lanes_of(back).abstain, 60)
            assert trio.current_time() - started >= CLOCK_MARGIN_MS / 1000
            assert lanes_of(back).number > number + LATER_CHECKPOINTS

    run_virtual(program, seed=4)
