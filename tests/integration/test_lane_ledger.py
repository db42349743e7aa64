"""What the ledger sees of two lanes: paid voters, punished seats, and proofs for strangers."""

from pathlib import Path

import trio

from aichain.machine import Machine
from consensus.light import genesis_trust, verify_finality
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote, Vote, VotePhase
from genesis.epochs import last_height
from genesis.networks import founder_key
from genesis.units import address_of_key
from native.batch import verify_many
from native.hashing import Hash32
from p2p.network import Audience
from p2p.wire.messages import LaneVote
from tests.integration.lane_nodes import RunningLanes, lane_cluster
from tests.integration.nodes import until
from tests.simulation.nodes.virtual_time import VirtualClock, run_virtual, work_on_the_spot
from vm.offences import OFFENCES_KEY, decode_offences
from vm.queries import supply_view
from vm.records import ValidatorRecord, decode_validator, validator_key
from vm.rewards import split_reward
from vm.system_bodies import Participation

FOUNDERS = 5
EPOCH_BLOCKS = 8
CULPRIT = 4


def test_who_voted_for_the_checkpoint_of_an_edge_is_counted_and_paid(tmp_path: Path) -> None:
    async def story() -> None:
        machine = Machine(VirtualClock(), work_on_the_spot)
        async with lane_cluster(
            tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=machine
        ) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: nodes[0].height >= 3 * EPOCH_BLOCKS, 120)
            for epoch in (0, 1):
                assert len(_places_counted(nodes[0], epoch)) >= 4, "69 % of five are four"
            supply = supply_view(nodes[0].node.chain.head)
            share = split_reward(net.document.rewards, net.document.rewards.initial_reward).voters
            assert supply.voter_pool < 2 * EPOCH_BLOCKS * share, "the first epochs' pools are paid"

    run_virtual(story, seed=5)


def test_a_stranger_climbs_from_block_0_by_checkpoints(tmp_path: Path) -> None:
    async def story() -> None:
        machine = Machine(VirtualClock(), work_on_the_spot)
        async with lane_cluster(
            tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=machine
        ) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: nodes[0].height > 2 * EPOCH_BLOCKS + 1, 120)
            backend, trust = nodes[0].node.rpc.context.backend, genesis_trust(net.document)
            for height in (3, last_height(0, EPOCH_BLOCKS), nodes[0].height):
                claim = await backend.finality(height)
                assert claim is not None
                assert claim.checkpoint is not None
                assert claim.headers[-1].height == height
                trust = verify_finality(trust, claim, verify_many)
                assert trust.header.id == claim.checkpoint.block_id

    run_virtual(story, seed=6)


def test_a_seat_that_votes_twice_is_slashed_for_its_seats(tmp_path: Path) -> None:
    async def story() -> None:
        machine = Machine(VirtualClock(), work_on_the_spot)
        async with lane_cluster(
            tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=machine
        ) as net:
            nodes = [await net.start(index) for index in range(FOUNDERS)]
            await until(lambda: all(node.height >= 2 for node in nodes))
            before = _validator(nodes[0])
            honest = nodes[:CULPRIT]
            while not any(len(node.node.engine.evidence) for node in honest):
                _prefer_another_block(nodes[CULPRIT])
                await trio.sleep(0.1)
            await until(lambda: all(_validator(node).is_tombstoned for node in honest), 60)
            raw = nodes[0].node.chain.head.get(OFFENCES_KEY)
            assert raw is not None
            (offence,) = decode_offences(raw)
            assert offence.seats >= 4, "a fifth of the stake has four of twenty seats for sure"
            assert _validator(nodes[0]).stake == before.stake - offence.slashed < before.stake

    run_virtual(story, seed=7)


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
    term = node.lanes.terms[-1]
    core = term.core
    me = term.instance.electorate.index_of(
        address_of_key(founder_key("testnet", CULPRIT).public_key)
    )
    assert me is not None, "a fifth of the stake always has a seat"
    vote = Vote(
        term.instance.id, VotePhase.PREFER, core.view, core.final.height + 1, Hash32(b"x" * 32)
    )
    signature = founder_key("testnet", CULPRIT).sign(vote.signing_bytes, VOTE_CONTEXT)
    signed = SignedVote(vote, core.epoch, me, signature)
    node.node.context.network.push(LaneVote(Lane.FAST, term.number, signed), Audience.PEERS)


def _validator(node: RunningLanes) -> ValidatorRecord:
    owner = address_of_key(founder_key("testnet", CULPRIT).public_key)
    raw = node.node.chain.head.get(validator_key(owner))
    assert raw is not None
    return decode_validator(raw)
