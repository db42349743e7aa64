"""With two lanes: what RPC tells can be proven, and a seat that breaks its word is punished."""

from pathlib import Path

import trio

from aichain.machine import Machine
from consensus.lanes.closes import CLOSE_CONTEXT, Close, CloseMessage, SignedClose
from consensus.light import genesis_trust, verify_finality
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote, Vote, VotePhase
from genesis.networks import founder_key
from genesis.units import Address, address_of_key
from native.batch import verify_many
from native.hashing import Hash32
from p2p.network import Audience
from p2p.wire.messages import LaneVote
from tests.integration.lane_nodes import LaneCluster, RunningLanes, lane_cluster
from tests.integration.nodes import until
from tests.simulation.nodes.virtual_time import VirtualClock, run_virtual, work_on_the_spot
from vm.records import ValidatorRecord, decode_validator, validator_key

FOUNDERS = 5
EPOCH_BLOCKS = 8
CULPRIT = 4


def virtual() -> Machine:
    return Machine(VirtualClock(), work_on_the_spot)


async def started(net: LaneCluster) -> list[RunningLanes]:
    return [await net.start(index) for index in range(FOUNDERS)]


def test_what_rpc_tells_of_hard_blocks_can_be_proven(tmp_path: Path) -> None:
    """A stranger who trusts block 0 believes each epoch's end by the checkpoint at it."""

    async def story() -> None:
        async with lane_cluster(
            tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=virtual()
        ) as net:
            first = (await started(net))[0]
            await until(lambda: first.height >= 3 * EPOCH_BLOCKS, 60)
            await _require_provable(first)

    run_virtual(story, seed=5)


async def _require_provable(node: RunningLanes) -> None:
    trust, backend = genesis_trust(node.node.config.document), node.rpc.backend
    for height in range(EPOCH_BLOCKS, node.height + 1, EPOCH_BLOCKS):
        finality = await backend.finality(height)
        assert finality is not None
        assert finality.checkpoint is not None
        trust = verify_finality(trust, finality, verify_many)
        assert trust.header.height == height
    commit = await backend.commit(EPOCH_BLOCKS + 1)
    assert commit is not None
    assert commit.headers[-1].height == EPOCH_BLOCKS + 1
    record = await backend.certified_record(validator_key(_owner(0)))
    assert record is not None
    uptime = await backend.uptime(2 * EPOCH_BLOCKS)
    assert uptime.certificates > 0
    assert sum(each.signed for each in uptime.validators) > 0


def test_a_seat_that_votes_above_its_close_loses_its_stake_and_its_place(tmp_path: Path) -> None:
    async def story() -> None:
        async with lane_cluster(
            tmp_path, FOUNDERS, epoch_blocks=EPOCH_BLOCKS, machine=virtual()
        ) as net:
            nodes = await started(net)
            await until(lambda: all(node.height >= 4 for node in nodes))
            honest = nodes[:CULPRIT]
            while not any(len(node.node.engine.evidence) for node in honest):
                commit_crime(nodes[CULPRIT])
                await trio.sleep(0.1)
            await until(lambda: all(_validator(node).is_tombstoned for node in honest), 60)
            height = nodes[0].height
            await until(lambda: all(node.height > height + 3 * EPOCH_BLOCKS for node in honest), 90)
            head = nodes[0].node.chain.head
            voters = head.validators_of(head.head.height // EPOCH_BLOCKS)
            assert voters is not None
            assert voters.index_of(_owner(CULPRIT)) is None

    run_virtual(story, seed=3)


def commit_crime(node: RunningLanes) -> None:
    """What no honest seat does in a term, beside what its own node signs."""
    key, network = founder_key("testnet", CULPRIT), node.node.context.network
    term = node.lanes.terms[-1]
    instance, seat = term.instance, term.core.me
    if seat is None:
        return
    view, height = term.core.view, instance.first_height
    vote = Vote(instance.id, VotePhase.COMMIT, view, height, Hash32(b"x" * 32))
    signature = key.sign(vote.signing_bytes, VOTE_CONTEXT)
    signed = SignedVote(vote, instance.epoch, seat, signature)
    network.push(LaneVote(Lane.FAST, term.number, signed), Audience.VALIDATORS)
    close = Close(instance.id, 0, instance.start.id)
    signature = key.sign(close.signing_bytes, CLOSE_CONTEXT)
    said = SignedClose(close, instance.epoch, term.number, seat, signature)
    network.gossip(CloseMessage(said, None))


def _validator(node: RunningLanes) -> ValidatorRecord:
    raw = node.node.chain.head.get(validator_key(_owner(CULPRIT)))
    assert raw is not None
    return decode_validator(raw)


def _owner(founder: int) -> Address:
    return address_of_key(founder_key("testnet", founder).public_key)
