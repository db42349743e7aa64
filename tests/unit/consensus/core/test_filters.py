"""What the shell verifies at all: bounds, duplicates, closed counts, foreign instances."""

from dataclasses import replace

import pytest

from consensus.core.effects import CastVote, ReportEquivocation
from consensus.core.events import CertificateAccepted, ProposalAccepted, VoteAccepted
from consensus.core.filters import is_wanted, wants_certificate, wants_proposal
from consensus.memory import changed
from consensus.votes import VotePhase
from genesis.limits import CORE_BLOCKS_MAX, VIEWS_AHEAD_MAX
from native.hashing import ZERO_HASH
from tests.builders_consensus import (
    Driver,
    make_block,
    make_certificate,
    make_proposal,
    make_state,
    make_vote,
)

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL


def test_a_vote_of_the_current_view_is_wanted_once() -> None:
    driver = Driver.at_view_1(proposer=False)
    vote = make_vote(driver.state, 2, CANCEL, 1)
    assert is_wanted(driver.state, vote)
    driver.feed(VoteAccepted(vote, driver.now_ms))
    assert not is_wanted(driver.state, vote)
    assert not is_wanted(driver.state, replace(vote, signature=b"another"))


def test_a_vote_of_another_instance_or_a_stranger_is_not_wanted() -> None:
    state = Driver.at_view_1(proposer=False).state
    assert not is_wanted(state, make_vote(state, 2, CANCEL, 1, instance_id=ZERO_HASH))
    assert not is_wanted(state, make_vote(state, 2, CANCEL, 1, epoch=1))
    assert not is_wanted(state, make_vote(state, 4, CANCEL, 1))


def test_votes_are_kept_64_views_ahead() -> None:
    state = Driver.at_view_1(proposer=False).state
    assert is_wanted(state, make_vote(state, 2, CANCEL, state.view + VIEWS_AHEAD_MAX))
    assert not is_wanted(state, make_vote(state, 2, CANCEL, state.view + VIEWS_AHEAD_MAX + 1))


def test_a_finished_count_takes_no_more_votes() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(1)
    assert not is_wanted(driver.state, make_vote(driver.state, 3, CANCEL, 1))
    assert is_wanted(
        driver.state, make_vote(driver.state, 3, PREFER, 1, make_block(driver.state, 1))
    )


def test_a_vote_that_convicts_is_wanted_until_it_is_reported() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    driver.votes(PREFER, 1, one, voters=(2,))
    second = make_vote(driver.state, 2, PREFER, 1, other)
    assert is_wanted(driver.state, second)
    driver.feed(VoteAccepted(second, driver.now_ms))
    assert not is_wanted(driver.state, second)


def test_views_up_to_the_final_one_are_over() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.execute(block)
    driver.finalize(1, block)
    assert not is_wanted(driver.state, make_vote(driver.state, 3, COMMIT, 1, block))
    assert not wants_certificate(driver.state, make_certificate(driver.state, CANCEL, 1))
    assert not wants_proposal(driver.state, make_proposal(driver.state, block).proposal)


def test_a_certificate_is_wanted_once() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    for phase, subject in ((CANCEL, None), (PREFER, block), (COMMIT, block)):
        certificate = make_certificate(driver.state, phase, 1, subject)
        assert wants_certificate(driver.state, certificate)
        driver.feed(CertificateAccepted(certificate, driver.now_ms))
        assert not wants_certificate(driver.state, certificate)


def test_a_final_makes_its_notar_superfluous() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.finalize(1, block)
    assert not wants_certificate(driver.state, make_certificate(driver.state, PREFER, 1, block))


def test_a_certificate_of_another_instance_is_not_wanted() -> None:
    driver = Driver.at_view_1(proposer=False)
    certificate = make_certificate(driver.state, CANCEL, 1)
    assert not wants_certificate(driver.state, replace(certificate, instance_id=ZERO_HASH))


def test_a_final_that_contradicts_finality_is_wanted_even_across_the_edge() -> None:
    driver, last = Driver.at_the_edge()
    forked = make_certificate(driver.state, COMMIT, 3, make_block(driver.state, 1, salt=7))
    driver.finalize(1, last)
    assert driver.state.epoch == 1
    assert wants_certificate(driver.state, forked)


def test_three_proposals_a_view_are_kept() -> None:
    driver = Driver.at_view_1(proposer=False)
    made = [make_proposal(driver.state, make_block(driver.state, 1, salt=n)) for n in range(4)]
    for signed in made[:3]:
        assert wants_proposal(driver.state, signed.proposal)
        driver.feed(ProposalAccepted(signed, driver.now_ms))
        assert not wants_proposal(driver.state, signed.proposal)
    assert not wants_proposal(driver.state, made[3].proposal)
    driver.feed(ProposalAccepted(made[3], driver.now_ms))
    assert len(driver.state.at(1).proposals) == 3


@pytest.mark.parametrize("view", [2, VIEWS_AHEAD_MAX + 1])
def test_proposals_of_coming_views_are_wanted(view: int) -> None:
    state = Driver.at_view_1(proposer=False).state
    assert wants_proposal(state, make_proposal(state, make_block(state, view)).proposal)


def test_a_proposal_by_another_or_too_far_ahead_is_not_wanted() -> None:
    state = Driver.at_view_1(proposer=False).state
    block = make_block(state, 1)
    turn = (state.instance.proposer(1) + 1) % 4
    assert not wants_proposal(state, make_proposal(state, block, proposer_index=turn).proposal)
    foreign = make_proposal(state, block, instance_id=ZERO_HASH).proposal
    assert not wants_proposal(state, foreign)
    far = make_block(state, VIEWS_AHEAD_MAX + 2)
    assert not wants_proposal(state, make_proposal(state, far).proposal)
    foreign = make_proposal(state, replace(block, epoch=1)).proposal
    assert not wants_proposal(state, foreign)


def test_a_late_proposal_is_wanted_only_for_a_notarized_block() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    driver.notarize(1, one)
    assert wants_proposal(driver.state, make_proposal(driver.state, one).proposal)
    assert not wants_proposal(driver.state, make_proposal(driver.state, other).proposal)


def test_no_proposal_is_taken_when_memory_is_full() -> None:
    state = Driver.at_view_1(proposer=False).state
    proposal = make_proposal(state, make_block(state, 1)).proposal
    crowd = {n.to_bytes(32, "big"): state.final for n in range(CORE_BLOCKS_MAX)}
    assert not wants_proposal(changed(state, blocks=crowd), proposal)


def test_blocks_of_heights_that_the_epoch_has_not_fill_no_memory() -> None:
    """No final block would ever let go of them, and then no proposal would be taken any more."""
    driver = Driver.at_view_1(proposer=False, epoch_blocks=4)
    before = driver.state.blocks
    for height, salt in ((0, 1), (5, 2), (2**64 - 1, 3)):
        absurd = make_block(driver.state, 1, height=height, salt=salt)
        asked = driver.feed(ProposalAccepted(make_proposal(driver.state, absurd), driver.now_ms))
    assert driver.state.blocks == before
    assert len(driver.state.at(1).proposals) == 3
    assert not any(isinstance(effect, CastVote) for effect in asked)
    assert len([each for each in driver.effects if isinstance(each, ReportEquivocation)]) == 1


def test_an_empty_state_wants_what_belongs_to_it() -> None:
    state = make_state()
    assert is_wanted(state, make_vote(state, 1, CANCEL, 1))
