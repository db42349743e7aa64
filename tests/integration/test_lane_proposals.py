"""With two lanes, too: what is signed against a rule is named, and charged to who signed it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from aichain.node.charges import MISSET_CLOCK_MS
from consensus.headers import block_ref
from consensus.lanes.checkpoints import checkpoint_ref
from consensus.lanes.messages import CheckpointMessage, TermProposal
from consensus.lanes.proofs import WaitedOut
from consensus.proposals import PROPOSAL_CONTEXT, Proposal, ProposalMessage, SignedProposal
from genesis.networks import founder_key
from native.hashing import Hash32
from p2p.network import Audience
from p2p.wire.messages import Pushed
from tests.integration.lane_nodes import RunningLanes, lane_cluster, lanes_of
from tests.integration.liars import join_liar
from tests.integration.nodes import until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine
from vm.blocks import decode_header

KEY = founder_key("testnet", 0)
AHEAD = 2
UNHARMED, CHARGED = 100, 75
OTHER_SET = Hash32(b"\x55" * 32)


def signed_by_founder(proposal: Proposal) -> SignedProposal:
    return SignedProposal(proposal, KEY.sign(proposal.signing_bytes, PROPOSAL_CONTEXT))


def block_of(victim: RunningLanes, **wrong: int) -> TermProposal:
    """An empty block on the start of the newest term; `wrong` is added to fields of its header."""
    term = lanes_of(victim).terms[-1]
    start = victim.node.chain.header_of(term.instance.start.id)
    assert start is not None
    header = replace(
        start,
        height=start.height + 1,
        view=term.core.view + AHEAD,
        epoch=term.instance.epoch,
        proposer_index=0,
        parent_id=start.id,
        parent_view=0,
        timestamp_ms=start.timestamp_ms + 500,
    )
    header = replace(header, **{name: getattr(header, name) + by for name, by in wrong.items()})
    signed = signed_by_founder(
        Proposal(term.instance.id, term.core.view + AHEAD, 0, block_ref(header), 0)
    )
    return TermProposal(term.number, term.instance.id, ProposalMessage.of(signed, header.raw, ()))


def checkpoint_of(victim: RunningLanes, **wrong: Any) -> CheckpointMessage:
    """A checkpoint that ends the undecided term where it began; `wrong` replaces its fields."""
    lanes, ballot = lanes_of(victim), lanes_of(victim).ballot
    following = lanes.epochs[lanes.hard.height // 256].electorate.vset_hash
    checkpoint = replace(
        lanes.checkpoint,
        number=lanes.number,
        parent_id=lanes.checkpoint.id,
        block_id=lanes.hard.id,
        block_height=lanes.hard.height,
        is_restart=True,
        next_vset_hash=following,
        view=ballot.core.view + AHEAD,
        timestamp_ms=lanes.checkpoint.timestamp_ms + 500,
    )
    if "late_ms" in wrong:
        stamp_ms = checkpoint.timestamp_ms + wrong.pop("late_ms")
        checkpoint = replace(checkpoint, timestamp_ms=stamp_ms)
    checkpoint = replace(checkpoint, **wrong)
    place = (checkpoint.view, 0, checkpoint_ref(checkpoint), 0)
    signed = signed_by_founder(Proposal(ballot.instance.id, *place))
    return CheckpointMessage.of(signed, checkpoint, WaitedOut(None))


def said(root: Path, make: Callable[[RunningLanes], Pushed]) -> int:
    """What is left of the points of a founder that says this, to a chain that goes on."""

    async def story() -> int:
        async with lane_cluster(root, 1, machine=virtual_machine()) as net:
            victim = await net.start(0)
            await until(lambda: victim.height >= 2)
            liar = await join_liar(net, KEY)
            liar.silent = True  # what it says is enough
            await until(lambda: not liar.is_banned_by(victim))
            for _ in range(40):  # what it is about may be over when it arrives
                liar.network.push(make(victim), Audience.PEERS)
                await trio.sleep(0.05)
                if liar.score_at(victim) < UNHARMED:
                    break
            height, score = victim.height, liar.score_at(victim)
            await until(lambda: victim.height >= height + 2)
            return score

    return run_virtual(story, seed=1)


@pytest.mark.parametrize("make", [block_of, checkpoint_of])
def test_what_keeps_the_rules_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[RunningLanes], Pushed]
) -> None:
    assert said(tmp_path, make) == UNHARMED
    assert "refused" not in caplog.text


def test_a_block_of_a_term_with_another_list_of_contents_costs_its_sender(tmp_path: Path) -> None:
    def make(victim: RunningLanes) -> TermProposal:
        block = block_of(victim)
        return replace(block, message=replace(block.message, tx_ids=(OTHER_SET,)))

    assert said(tmp_path, make) == CHARGED


@pytest.mark.parametrize(
    ("rule", "field", "by"),
    [
        ("StampInFuture", "timestamp_ms", 2 * MISSET_CLOCK_MS),
        ("StampTooEarly", "timestamp_ms", -1),
        ("BlockMisplaced", "height", 1),
        ("BlockMisplaced", "height", 1_000),
        ("BlockMisplaced", "parent_view", 1),
        ("BlockMisplaced", "proposer_index", 3),
    ],
)
def test_a_signed_block_of_a_term_against_a_rule_is_named_and_costs_its_proposer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, rule: str, field: str, by: int
) -> None:
    assert said(tmp_path, lambda victim: block_of(victim, **{field: by})) == CHARGED
    assert "refused block" in caplog.text
    assert rule in caplog.text


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("StampInFuture", {"late_ms": 2 * MISSET_CLOCK_MS}),
        ("StampTooEarly", {"late_ms": -1}),
        ("BlockMisplaced", {"is_restart": False}),
        ("BlockMisplaced", {"block_height": 200}),
        ("BlockMisplaced", {"proposer_index": 3}),
        ("MalformedCheckpoint", {"next_vset_hash": OTHER_SET}),
    ],
)
def test_a_signed_checkpoint_against_a_rule_is_named_and_costs_its_proposer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rule: str, wrong: dict[str, Any]
) -> None:
    assert said(tmp_path, lambda victim: checkpoint_of(victim, **dict(wrong))) == CHARGED
    assert "refused checkpoint" in caplog.text
    assert rule in caplog.text


def test_a_signed_block_that_does_not_execute_is_named_and_costs_its_proposer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its parent's roots are another block's."""

    async def story() -> None:
        async with lane_cluster(tmp_path, 1, machine=virtual_machine()) as net:
            victim = await net.start(0)
            await until(lambda: victim.height >= 2)
            liar = await join_liar(net, KEY)
            liar.silent = True
            await until(lambda: not liar.is_banned_by(victim))
            engine, bodies = victim.node.engine, victim.node.services.bodies
            for _ in range(40):
                message = block_of(victim)
                liar.network.push(message, Audience.PEERS)
                await trio.sleep(0.05)
                await bodies.check(decode_header(message.message.header_raw).id, engine.post)
                if liar.score_at(victim) < UNHARMED:
                    break
            assert liar.score_at(victim) == CHARGED
            assert "WrongHeaderMmrRoot" in caplog.text
            height = victim.height
            await until(lambda: victim.height >= height + 2)

    run_virtual(story, seed=1)
