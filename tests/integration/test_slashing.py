"""A validator that votes twice in a view is slashed on chain, and leaves the set."""

from pathlib import Path

import trio

from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from genesis.networks import founder_key
from native.hashing import Hash32
from p2p.network import Audience
from tests.integration.nodes import RunningNode, cluster, place_at, until, validator_at
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

BLOCKS_MAX = 3
CULPRIT = 4
EPOCH_BLOCKS = 8


def test_a_double_vote_is_slashed_within_three_blocks(tmp_path: Path) -> None:
    async def story() -> None:
        machine = virtual_machine()
        async with cluster(tmp_path, 5, epoch_blocks=EPOCH_BLOCKS, machine=machine) as net:
            nodes = [await net.start(index) for index in range(5)]
            await until(lambda: all(node.height >= 2 for node in nodes))
            before = validator_at(nodes[0], CULPRIT)
            honest = nodes[:CULPRIT]
            while not any(len(node.node.engine.evidence) for node in honest):
                _prefer_another_block(nodes[CULPRIT])
                await trio.sleep(0.1)
            proven_at = max(node.height for node in honest)
            await until(lambda: all(validator_at(node, CULPRIT).is_tombstoned for node in honest))
            assert max(node.height for node in honest) <= proven_at + BLOCKS_MAX
            after = validator_at(nodes[0], CULPRIT)
            share = net.document.staking.slash_bps / 10_000
            assert after.stake <= before.stake * (1 - share)
            height = nodes[0].height
            await until(lambda: all(node.height > height + 3 * EPOCH_BLOCKS for node in honest), 60)
            assert place_at(nodes[0], CULPRIT) is None  # it has left the set, and the others go on

    run_virtual(story, seed=3)


def _prefer_another_block(node: RunningNode) -> None:
    """What no honest node does: a PREFER for a block that nobody proposed, before the true one."""
    state = node.node.engine.state
    assert state.me is not None
    vote = Vote(
        state.instance.id, VotePhase.PREFER, state.view, state.final.height + 1, Hash32(b"x" * 32)
    )
    signature = founder_key("testnet", CULPRIT).sign(vote.signing_bytes, VOTE_CONTEXT)
    signed = SignedVote(vote, state.epoch, state.me, signature)
    node.node.context.network.push(signed, Audience.VALIDATORS)
