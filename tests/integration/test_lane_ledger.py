"""What the ledger sees of two lanes: paid voters, punished seats, and proofs for strangers."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from aichain.explorer.site import Explorer
from consensus.lanes.closes import CLOSE_CONTEXT, Close, CloseMessage, SignedClose
from consensus.light import genesis_trust, verify_finality
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote, Vote, VotePhase
from genesis.epochs import last_height
from genesis.networks import founder_key
from native.batch import verify_many
from native.hashing import Hash32
from p2p.network import Audience
from p2p.wire.messages import LaneVote
from tests.integration.lane_nodes import RunningLanes, lanes_of, play
from tests.integration.nodes import owner_of, place_at, until, validator_at
from tests.unit.aichain.explorer.visiting import request
from vm.offences import OFFENCES_KEY, decode_offences
from vm.queries import supply_view
from vm.records import validator_key
from vm.rewards import split_reward
from vm.system_bodies import Participation

FOUNDERS = 5
EPOCH_BLOCKS = 8
CULPRIT = 4

play_story = partial(play, founders=FOUNDERS, epoch_blocks=EPOCH_BLOCKS)


def test_who_voted_for_the_checkpoint_of_an_edge_is_counted_and_paid(tmp_path: Path) -> None:
    async def story(nodes: list[RunningLanes]) -> None:
        head = nodes[0].node.chain
        await until(lambda: nodes[0].height >= 3 * EPOCH_BLOCKS, 120)
        for epoch in (0, 1):
            assert len(_places_counted(nodes[0], epoch)) >= 4, "69 % of five are four"
        rewards = head.document.rewards
        share = split_reward(rewards, rewards.initial_reward).voters
        pool = supply_view(head.head).voter_pool
        assert pool < 2 * EPOCH_BLOCKS * share, "the first epochs' pools are paid"

    play_story(tmp_path, story=story, seed=5)


def test_a_stranger_climbs_from_block_0_by_checkpoints(tmp_path: Path) -> None:
    async def story(nodes: list[RunningLanes]) -> None:
        node = nodes[0]
        await until(lambda: node.height > 3 * EPOCH_BLOCKS + 1, 120)
        backend, trust = node.rpc.backend, genesis_trust(node.node.config.document)
        edges = [last_height(epoch, EPOCH_BLOCKS) for epoch in range(3)]
        for height in (3, *edges, node.height):
            claim = await backend.finality(height)
            assert claim is not None
            assert claim.checkpoint is not None
            assert claim.headers[-1].height == height
            trust = verify_finality(trust, claim, verify_many)
            assert trust.header.id == claim.checkpoint.block_id
            assert trust.header.height >= height

    play_story(tmp_path, story=story, seed=6)


def test_what_was_final_can_be_looked_up(tmp_path: Path) -> None:
    async def story(nodes: list[RunningLanes]) -> None:
        await until(lambda: nodes[0].height >= 2 * EPOCH_BLOCKS, 60)
        backend = nodes[0].rpc.backend
        commit = await backend.commit(EPOCH_BLOCKS + 1)
        assert commit is not None
        assert commit.headers[-1].height == EPOCH_BLOCKS + 1
        assert await backend.certified_record(validator_key(owner_of(0))) is not None
        uptime = await backend.uptime(2 * EPOCH_BLOCKS)
        assert uptime.certificates > 0
        assert sum(each.signed for each in uptime.validators) > 0
        await _look_at_pages(nodes[0])

    play_story(tmp_path, story=story, seed=5)


async def _look_at_pages(node: RunningLanes) -> None:
    """Both lanes have a stage of their own, and a certificate is that of a checkpoint."""
    site = Explorer(node.rpc.backend, node.rpc.backend.head().document)
    paths = ["/blocks", "/validators", "/consensus", f"/certificate/{EPOCH_BLOCKS}?verify=1"]
    pages = {}
    for path in paths:
        answer = await site.answer(request(path), node.rpc, 0.0)
        assert answer.status == 200, path
        pages[path] = answer.body.decode()
    assert "All validators" in pages["/consensus"]
    assert "Term " in pages["/consensus"]
    assert pages["/consensus"].count('class="stage"') >= 2
    assert "Checkpoint" in pages[paths[-1]]
    assert "and they are a quorum" in pages[paths[-1]]


def test_a_seat_that_votes_twice_is_slashed_for_its_seats(tmp_path: Path) -> None:
    async def story(nodes: list[RunningLanes]) -> None:
        before = validator_at(nodes[0], CULPRIT)
        honest = await _punished(nodes, _prefer_another_block)
        raw = honest[0].node.chain.head.get(OFFENCES_KEY)
        assert raw is not None
        (offence,) = decode_offences(raw)
        assert offence.seats >= 4, "a fifth of the stake has four of twenty seats for sure"
        after = validator_at(honest[0], CULPRIT)
        assert after.stake == before.stake - offence.slashed < before.stake

    play_story(tmp_path, story=story, seed=7)


def test_a_seat_that_votes_above_its_close_loses_its_place(tmp_path: Path) -> None:
    async def story(nodes: list[RunningLanes]) -> None:
        honest = await _punished(nodes, _commit_above_a_close)
        height = honest[0].height
        await until(lambda: all(node.height > height + 3 * EPOCH_BLOCKS for node in honest), 90)
        assert place_at(honest[0], CULPRIT) is None

    play_story(tmp_path, story=story, seed=3)


async def _punished(
    nodes: list[RunningLanes], crime: Callable[[RunningLanes], None]
) -> list[RunningLanes]:
    """The honest nodes, after the culprit was seen, reported and made a tombstone."""
    await until(lambda: all(node.height >= 2 for node in nodes))
    honest = nodes[:CULPRIT]
    while not any(len(node.node.engine.evidence) for node in honest):
        crime(nodes[CULPRIT])
        await trio.sleep(0.1)
    await until(lambda: all(validator_at(node, CULPRIT).is_tombstoned for node in honest), 60)
    return honest


def _places_counted(node: RunningLanes, epoch: int) -> set[int]:
    """Whose votes for the end of an epoch the blocks of the next one brought."""
    places: set[int] = set()
    end = last_height(epoch, EPOCH_BLOCKS)
    for height in range(end + 1, end + EPOCH_BLOCKS + 1):
        stored = node.node.chain.blocks.block_at(height)
        assert stored is not None
        for signed in stored.block.transactions:
            body = signed.transaction.body
            assert isinstance(body, Participation)
            assert body.checkpoint is not None
            assert (body.epoch, body.checkpoint.block_height) == (epoch, end)
            places |= set(body.places)
    return places


def _prefer_another_block(node: RunningLanes) -> None:
    """What no honest seat does: a PREFER for a block that nobody proposed."""
    core = lanes_of(node).terms[-1].core
    _vote(node, VotePhase.PREFER, core.final.height + 1)


def _commit_above_a_close(node: RunningLanes) -> None:
    """A COMMIT, and a CLOSE on the start of the term, beside what its own node signs."""
    term = lanes_of(node).terms[-1]
    instance, seat = term.instance, _seat(node)
    _vote(node, VotePhase.COMMIT, instance.first_height)
    close = Close(instance.id, 0, instance.start.id)
    signature = founder_key("testnet", CULPRIT).sign(close.signing_bytes, CLOSE_CONTEXT)
    said = SignedClose(close, instance.epoch, term.number, seat, signature)
    node.node.context.network.gossip(CloseMessage(said, None))


def _vote(node: RunningLanes, phase: VotePhase, height: int) -> None:
    """Sign and send a vote for a block that there is not, in the view where the term stands."""
    term = lanes_of(node).terms[-1]
    vote = Vote(term.instance.id, phase, term.core.view, height, Hash32(b"x" * 32))
    signature = founder_key("testnet", CULPRIT).sign(vote.signing_bytes, VOTE_CONTEXT)
    signed = SignedVote(vote, term.core.epoch, _seat(node), signature)
    node.node.context.network.push(LaneVote(Lane.FAST, term.number, signed), Audience.PEERS)


def _seat(node: RunningLanes) -> int:
    seat = lanes_of(node).terms[-1].instance.electorate.index_of(owner_of(CULPRIT))
    assert seat is not None, "a fifth of the stake always has a seat"
    return seat
