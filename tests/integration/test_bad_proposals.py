"""A proposal that breaks a rule is named, counted, and charged to who signed it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aichain.node.charges import MISSET_CLOCK_MS
from consensus.headers import block_ref
from consensus.proposals import PROPOSAL_CONTEXT, Proposal, ProposalMessage, SignedProposal
from genesis.networks import founder_key
from native.hashing import Hash32
from p2p.network import Audience
from tests.integration.liars import goes_on, lied_to
from tests.integration.nodes import RunningNode, until
from vm.blocks import decode_header

FORGED = bytes(3309)


def proposal_of(
    victim: RunningNode,
    signature: bytes | None,
    tx_ids: tuple[Hash32, ...] = (),
    *,
    ahead: int = 2,
    proposer_index: int = 0,
    **wrong: Any,
) -> ProposalMessage:
    """An empty block for the view after the next, in founder 0's name; signed without FORGED.

    `wrong` are fields of the header that break a rule.
    """
    head = victim.node.chain.head.head
    state = victim.node.engine.state
    header = replace(
        head,
        height=head.height + 1,
        view=state.view + ahead,
        proposer_index=proposer_index,
        parent_id=head.id,
        parent_view=head.view,
        timestamp_ms=head.timestamp_ms + 500,
    )
    header = replace(header, **wrong)
    proposal = Proposal(state.instance.id, header.view, head.view, block_ref(header), 0)
    if signature is None:
        signature = founder_key("testnet", 0).sign(proposal.signing_bytes, PROPOSAL_CONTEXT)
    return ProposalMessage.of(SignedProposal(proposal, signature), header.raw, tx_ids)


async def test_a_proposal_in_the_proposers_name_bans_its_sender(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        liar.network.push(proposal_of(victim, FORGED), Audience.PEERS)
        await until(lambda: liar.is_banned_by(victim))
        await goes_on(victim)


async def test_a_proposal_with_another_list_of_contents_costs_its_sender(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        message = proposal_of(victim, None, (Hash32(b"\x44" * 32),))
        liar.network.push(message, Audience.PEERS)
        await until(lambda: liar.score_at(victim) == 75)
        assert decode_header(message.header_raw).id not in victim.node.engine.state.blocks
        await goes_on(victim)


async def test_a_header_that_names_no_member_as_its_proposer_harms_nobody(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        for ahead in (0, 1, 2):
            message = proposal_of(victim, None, ahead=ahead, proposer_index=200)
            liar.network.push(message, Audience.PEERS)
        await until(lambda: victim.node.inbound.clock_watch.offset_ms is not None)
        await goes_on(victim)


@pytest.mark.parametrize(
    ("rule", "field", "by"),
    [
        ("StampInFuture", "timestamp_ms", 2 * MISSET_CLOCK_MS),
        ("StampTooEarly", "timestamp_ms", -1),
        ("BlockMisplaced", "height", 1),
        ("BlockMisplaced", "height", 1_000),
        ("BlockMisplaced", "parent_view", 1),
    ],
)
async def test_a_signed_block_against_a_rule_is_named_and_costs_its_proposer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, rule: str, field: str, by: int
) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        good = decode_header(proposal_of(victim, None).header_raw)
        wrong = {field: getattr(good, field) + by}
        liar.network.push(proposal_of(victim, None, **wrong), Audience.PEERS)
        await until(lambda: liar.score_at(victim) == 75)
        assert rule in caplog.text
        await goes_on(victim)


async def test_a_signed_block_that_does_not_execute_is_named_and_costs_its_proposer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        message = proposal_of(victim, None)  # its parent's roots are another block's
        liar.network.push(message, Audience.PEERS)
        header = decode_header(message.header_raw)
        post = victim.node.engine.post
        await until(lambda: header.id in victim.node.inbound._bodies._candidates)
        await victim.node.services.bodies.check(header.id, post)
        assert "WrongHeaderMmrRoot" in caplog.text
        assert liar.score_at(victim) == 75
        await goes_on(victim)
