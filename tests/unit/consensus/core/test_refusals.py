"""What will never get a vote is named, and the names say what the voting rules do."""

from dataclasses import replace
from itertools import product
from typing import Any

from consensus.core import voting
from consensus.core.refusals import refusal_of
from consensus.errors import BlockMisplaced, StampInFuture, StampTooEarly
from consensus.proposals import Proposal
from genesis.limits import VIEW_TIMEOUT_MAX_MS
from native.hashing import Hash32
from tests.builders_consensus import GENESIS, START_MS, make_block, make_state

VIEW = 3


def proposal_of(**wrong: Any) -> Proposal:
    """A block on genesis for view 3, with fields of the block that break a rule."""
    state = make_state()
    block = replace(make_block(state, VIEW), **wrong)
    return Proposal(state.instance.id, VIEW, 0, block, state.instance.proposer(VIEW))


def test_a_good_block_is_not_refused() -> None:
    assert refusal_of(make_state(), proposal_of(), START_MS) is None


def test_a_block_of_an_unknown_parent_may_be_good() -> None:
    proposal = proposal_of()
    orphan = replace(proposal.block, parent_id=Hash32(b"\x07" * 32), height=2)
    assert refusal_of(make_state(), replace(proposal, block=orphan), START_MS) is None


def test_each_wrong_field_is_named_with_what_it_should_be() -> None:
    proposer = make_state().instance.proposer(VIEW)
    wrong = {"height": (1, 2), "parent_view": (0, 1), "epoch": (0, 1)}
    wrong["proposer_index"] = (proposer, proposer + 1)
    for field, (expected, given) in wrong.items():
        refusal = refusal_of(make_state(), proposal_of(**{field: given}), START_MS)
        assert isinstance(refusal, BlockMisplaced)
        assert (refusal.expected, refusal.given) == (expected, given)


def test_a_stamp_too_soon_after_the_parent_is_refused() -> None:
    refusal = refusal_of(make_state(), proposal_of(timestamp_ms=START_MS - 1), START_MS)
    assert isinstance(refusal, StampTooEarly)
    assert (refusal.earliest_ms, refusal.given_ms) == (START_MS, START_MS - 1)


def test_a_stamp_is_refused_only_when_its_view_is_over_before_its_time() -> None:
    latest = START_MS + 500 + VIEW_TIMEOUT_MAX_MS
    assert refusal_of(make_state(), proposal_of(timestamp_ms=latest - 1), START_MS) is None
    refusal = refusal_of(make_state(), proposal_of(timestamp_ms=latest), START_MS)
    assert isinstance(refusal, StampInFuture)


def test_only_a_block_of_the_last_height_may_be_proposed_again() -> None:
    state = make_state()
    for height in range(1, state.instance.last_height + 1):
        again = proposal_of(view=VIEW - 1, height=height)
        assert (refusal_of(state, again, START_MS) is None) == (
            height == state.instance.last_height
        )


def test_the_refusals_are_those_of_the_voting_rules() -> None:
    state = make_state()
    good = proposal_of().block
    near = (-1, 0, 1)
    for height, parent_view, stamp, proposer in product(near, (0, 1), near, (0, 1)):
        proposal = proposal_of(
            height=good.height + height,
            parent_view=good.parent_view + parent_view,
            timestamp_ms=good.timestamp_ms + stamp,
            proposer_index=good.proposer_index + proposer,
        )
        refused = refusal_of(state, proposal, START_MS) is not None
        assert refused != voting.fits_parent(state, proposal, GENESIS)


def test_a_proposal_of_another_instance_breaks_no_rule_of_this_one() -> None:
    """It was wanted when it came, and the epoch ended while its signature was checked."""
    misplaced = proposal_of(height=2)
    assert refusal_of(make_state(), misplaced, START_MS) is not None
    foreign = replace(misplaced, instance_id=Hash32(b"\x09" * 32))
    assert refusal_of(make_state(), foreign, START_MS) is None
