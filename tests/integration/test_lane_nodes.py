"""Real nodes with two lanes: what users see of them, who lies to them, who comes back."""

import logging
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import to_builtins

from aichain.config import Endpoint, NodeConfig
from aichain.node.assemble import Node
from aichain.node.build import build_node
from aichain.node.lanes.assemble import LaneNode
from aichain.rpc.methods.aichain import get_status
from aichain.rpc.methods.consensus import CommitteeQuery, CoreQuery, get_committee
from aichain.rpc.methods.consensus import get_consensus_state as get_state
from aichain.rpc.registry import NoParams
from aichain.rpc.statuses import BlockStatus
from aichain.store.paths import DataPaths
from consensus.certificates import QuorumCertificate
from consensus.lanes.closes import CLOSE_CONTEXT, Close, CloseMessage, SignedClose
from consensus.lanes.messages import CheckpointMessage, Decision
from consensus.lanes.proofs import WaitedOut
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote, Vote, VotePhase, cancel_vote
from genesis import limits
from genesis.networks import founder_key, local_document
from native.hashing import Hash32
from p2p.memory_network import MemoryHub
from p2p.network import Audience
from p2p.wire.messages import CertificateForwarded, FinalAnnounced, LaneCertificate, LaneVote
from tests.integration.lane_nodes import RunningLanes, lane_cluster, lanes_of
from tests.integration.liars import join_liar
from tests.integration.nodes import until
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

FORGED = bytes(3309)
FOUNDERS = 5


async def test_blocks_are_fast_and_then_hard_and_a_node_comes_back(tmp_path: Path) -> None:
    """Terms of four blocks: RPC shows both lanes and the seats; a follower has the same chain."""
    async with lane_cluster(tmp_path, FOUNDERS) as net:
        nodes = [await net.start(index) for index in range(FOUNDERS)]
        first = nodes[0]
        await until(lambda: any(term.fast for term in lanes_of(first).terms))
        block = next(block for term in lanes_of(first).terms for block in term.fast)
        view = await first.rpc.backend.block_by_id(block.id)
        assert view is not None
        assert (view.status, view.final) == (BlockStatus.FAST, False)
        await _require_both_lanes(first)
        await until(lambda: first.height >= max(block.height, 4))
        view = await first.rpc.backend.block_by_id(block.id)
        assert view is not None
        assert view.status is BlockStatus.HARD
        await nodes[4].stop()
        follower = await net.start(FOUNDERS, founder=False)
        height = first.height + 8
        await until(lambda: min(first.height, follower.height) >= height)
        back = await net.start(4)
        await until(lambda: back.height >= height)
        assert not lanes_of(back).abstain
        for node in (follower, back):
            assert node.node.chain.blocks.record_at(height) == replace(
                _record(first, height), **_own(node, height)
            )


async def _require_both_lanes(node: RunningLanes) -> None:
    shown: Any = to_builtins(await get_state(node.rpc, CoreQuery()))
    assert shown["ballot"]["number"] == lanes_of(node).number
    assert shown["terms"]
    status: Any = to_builtins(get_status(node.rpc, NoParams()))
    assert status["checkpoint"] == lanes_of(node).checkpoint.number
    assert status["fastHeight"] > status["height"]
    committee: Any = to_builtins(await get_committee(node.rpc, CommitteeQuery()))
    assert sum(int(voter["weight"]) for voter in committee["voters"]) == 20
    assert committee["term"] in {term.number for term in lanes_of(node).terms}


def _record(node: RunningLanes, height: int) -> Any:
    record = node.node.chain.blocks.record_at(height)
    assert record is not None
    return record


def _own(node: RunningLanes, height: int) -> dict[str, Any]:
    """Where a block lies and when it was seen final is each node's own affair."""
    record = _record(node, height)
    return {"position": record.position, "finalized_at_ms": record.finalized_at_ms}


async def test_a_lost_chain_is_caught_up_in_silence(tmp_path: Path) -> None:
    """The log knows what was decided: before that nothing is signed."""
    async with lane_cluster(tmp_path, FOUNDERS) as net:
        nodes = [await net.start(index) for index in range(FOUNDERS)]
        await until(lambda: all(node.height >= 12 for node in nodes))  # its log says that 8 is hard
        await nodes[2].stop()
        shutil.rmtree(DataPaths(nodes[2].node.config.data_dir).chain)
        back = await net.start(2, sync_again=True)
        assert lanes_of(back).abstain
        assert back.node.probation is not None
        await until(lambda: not lanes_of(back).abstain)
        assert lanes_of(back).number > 2
        await until(lambda: back.height >= nodes[0].height)


async def test_a_lost_log_means_silence_for_three_checkpoints(tmp_path: Path) -> None:
    async with lane_cluster(tmp_path, FOUNDERS) as net:
        nodes = [await net.start(index) for index in range(FOUNDERS)]
        await until(lambda: all(node.height >= 4 for node in nodes))
        await nodes[3].stop()
        shutil.rmtree(DataPaths(nodes[3].node.config.data_dir).signer)
        number = lanes_of(nodes[0]).number
        back = await net.start(3)
        await until(lambda: not lanes_of(back).abstain)
        assert lanes_of(back).number > number + 2


# --- liars ----------------------------------------------------------------------------------------


def lies(victim: RunningLanes) -> list[Any]:
    """Each is of an instance that lives and would be wanted, but for its signatures."""
    lanes = lanes_of(victim)
    term, ballot, number = lanes.terms[0].instance, lanes.ballot.instance, lanes.number
    start = term.start
    vote = cancel_vote(ballot.id, lanes.ballot.core.view + 1)
    checkpoint = replace(lanes.checkpoint, number=number, parent_id=ballot.start.id, view=1)
    final = QuorumCertificate(
        ballot.id, 0, VotePhase.COMMIT, 1, number, checkpoint.id, b"\x01", (FORGED,)
    )
    notar = replace(final, instance_id=term.id, height=start.height + 1, block_id=checkpoint.id)
    close = SignedClose(Close(term.id, 0, start.id), 0, lanes.terms[0].number, 0, FORGED)
    place = (1, 0, ballot.proposer(1), checkpoint)
    return [
        LaneVote(Lane.HARD, number, SignedVote(vote, 0, 0, FORGED)),
        CheckpointMessage(*place, WaitedOut(None), FORGED),
        LaneCertificate(notar),
        CertificateForwarded(notar),
        CloseMessage(close, None),
        Decision(checkpoint, final),
        FinalAnnounced(victim.node.chain.head.head.raw, final),
        SignedVote(vote, 0, 0, FORGED),
    ]


@pytest.mark.parametrize("lie", range(8))
async def test_a_lie_bans_its_sender(tmp_path: Path, lie: int) -> None:
    """A committee of one, and somebody with the same key who forges."""
    async with lane_cluster(tmp_path, 1) as net:
        victim = await net.start(0)
        await until(lambda: victim.height >= 2)
        liar = await join_liar(net, founder_key("testnet", 0))
        await until(lambda: not liar.is_banned_by(victim))
        for _ in range(40):  # what it is about may be over when it arrives
            message = lies(victim)[lie]
            if isinstance(message, CertificateForwarded | CloseMessage | Decision | FinalAnnounced):
                liar.network.gossip(message)
            else:
                liar.network.push(message, Audience.PEERS)
            await trio.sleep(0.05)
            if liar.is_banned_by(victim):
                break
        assert liar.is_banned_by(victim)
        height = victim.height
        await until(lambda: victim.height >= height + 2)


async def test_votes_of_another_term_with_our_number_are_no_forgeries(
    tmp_path: Path,
) -> None:
    """A captured committee can end its term at two blocks: then two next terms begin."""
    key = founder_key("testnet", 0)
    async with lane_cluster(tmp_path, 1) as net:
        victim = await net.start(0)
        await until(lambda: victim.height >= 2)
        fellow = await join_liar(net, key)
        fellow.silent = True
        await until(lambda: not fellow.is_banned_by(victim))
        until_height = victim.height + 4
        while victim.height < until_height:
            for term in lanes_of(victim).terms:
                vote = cancel_vote(Hash32(bytes(32)), term.core.view + 1)
                signed = SignedVote(vote, 0, 0, key.sign(vote.signing_bytes, VOTE_CONTEXT))
                fellow.network.push(LaneVote(Lane.FAST, term.number, signed), Audience.PEERS)
            await trio.sleep(0.05)
        assert not fellow.is_banned_by(victim)


async def test_a_stranger_is_not_listened_to_but_for_what_it_can_prove(tmp_path: Path) -> None:
    async with lane_cluster(tmp_path, 1) as net:
        victim = await net.start(0)
        await until(lambda: victim.height >= 2)
        stranger = await join_liar(net)
        stranger.silent = True
        await until(lambda: not stranger.is_banned_by(victim))
        for message in lies(victim)[:3]:
            stranger.network.push(message, Audience.PEERS)
        height = victim.height
        await until(lambda: victim.height >= height + 2)
        assert not stranger.is_banned_by(victim)


async def test_a_seat_that_commits_above_its_close_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two signatures of one key on different machines: the alarm names the voter."""
    caplog.set_level(logging.ERROR)
    key = founder_key("testnet", 0)
    async with lane_cluster(tmp_path, 1) as net:
        victim = await net.start(0)
        await until(lambda: victim.height >= 2)
        liar = await join_liar(net, key)
        liar.silent = True  # a wrong answer would ban it before it is convicted
        await until(lambda: not liar.is_banned_by(victim))
        for _ in range(40):
            term = lanes_of(victim).terms[-1]
            view, height = term.core.view + 1, term.instance.first_height
            vote = Vote(term.instance.id, VotePhase.COMMIT, view, height, term.instance.id)
            signed = SignedVote(vote, 0, 0, key.sign(vote.signing_bytes, VOTE_CONTEXT))
            liar.network.push(LaneVote(Lane.FAST, term.number, signed), Audience.PEERS)
            close = Close(term.instance.id, 0, term.instance.start.id)
            word = SignedClose(
                close, 0, term.number, 0, key.sign(close.signing_bytes, CLOSE_CONTEXT)
            )
            with trio.move_on_after(0.4):  # before the term is over
                await until(partial(_counts, victim, signed))
                liar.network.gossip(CloseMessage(word, None))
                await until(lambda: len(victim.node.engine.evidence) > 0)
                break
        assert len(victim.node.engine.evidence)
        assert "a CLOSE below its own COMMIT" in caplog.text


def _counts(node: RunningLanes, signed: SignedVote) -> bool:
    tallies = [known.commits for term in lanes_of(node).terms for known in term.core.views.values()]
    return any(signed in tally.votes.values() for tally in tallies)


@pytest.mark.parametrize(("founders", "kind"), [(20, Node), (21, LaneNode)])
def test_which_protocol_runs_follows_from_the_document(
    tmp_path: Path, founders: int, kind: type
) -> None:
    config = NodeConfig(
        home=tmp_path,
        document=local_document("testnet", founders, onion_length=64),
        node_seed=bytes(32),
        validator_key=None,
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )
    hub = MemoryHub()
    node = build_node(config, lambda identity, _settings: hub.join(identity))
    assert isinstance(node, kind)
    node.close()


def test_who_was_away_skips_over_decisions_that_nobody_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each old epoch one decision is left: it decides for those before it."""
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", 8)

    async def story() -> None:
        machine = virtual_machine()
        async with lane_cluster(tmp_path, FOUNDERS, epoch_blocks=16, machine=machine) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: all(node.height >= 4 for node in nodes))
            await nodes[4].stop()
            await until(lambda: nodes[0].height >= 64, 120)
            kept = [each.checkpoint for each in nodes[0].node.chain.decisions.from_number(1)]
            assert [each.block_height for each in kept[:3]] == [16, 32, 48]
            assert kept[-1].number > len(kept) + 6
            back, follower = await net.start(4), await net.start(FOUNDERS, founder=False)
            await until(lambda: min(back.height, follower.height) >= 64, 60)
            await until(lambda: back.height >= nodes[0].height)
            assert not lanes_of(back).abstain

    run_virtual(story, seed=7)


def test_a_close_that_a_partition_swallowed_is_heard_after_it(tmp_path: Path) -> None:
    """Both halves close their term alone. Said again, their CLOSEs are a quorum long before the
    hard lane may do without one, also where a signature is the same bytes each time."""

    async def story() -> None:
        async with lane_cluster(tmp_path, FOUNDERS, machine=virtual_machine()) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: all(node.height >= 4 for node in nodes))
            net.hub.partition([node.node.context.network.peer_id for node in nodes[:2]])
            await until(lambda: all(lanes_of(node).terms[0].closed for node in nodes), 60)
            decided = lanes_of(nodes[0]).number
            await trio.sleep(1)
            net.hub.heal()
            escape_s = net.document.consensus.escape_ms / 1000
            await until(
                lambda: all(lanes_of(node).number > decided for node in nodes), escape_s / 2
            )

    with stand_in_signatures():
        run_virtual(story, seed=7)
