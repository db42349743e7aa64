"""The core's memory: frozen, and no larger than its bounds."""

import pytest

from consensus.core.state import EMPTY_VIEW
from consensus.votes import VotePhase
from genesis.limits import VIEWS_BEHIND_MAX
from tests.builders_consensus import Driver, make_block, make_certificate, make_state


def test_a_state_cannot_be_changed() -> None:
    state = make_state()
    with pytest.raises(AttributeError, match="immutable"):
        state.view = 5  # type: ignore[misc]


def test_a_step_leaves_the_old_state_as_it_was() -> None:
    driver = Driver.at_view_1(proposer=False)
    before, views = driver.state, dict(driver.state.views)
    driver.nullify(1)
    assert before.views == views
    assert before.view == 1


def test_an_unknown_view_is_empty() -> None:
    assert make_state().at(77) is EMPTY_VIEW


def test_a_final_implies_its_notar() -> None:
    state = make_state()
    block = make_block(state, 1)
    final = make_certificate(state, VotePhase.COMMIT, 1, block)
    assert EMPTY_VIEW.with_certificate(final).notarized == block.id
    assert EMPTY_VIEW.notarized is None


def test_of_views_long_left_only_certificates_and_own_votes_stay() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.accept(make_block(driver.state, 1))
    driver.votes(VotePhase.CANCEL, 1)
    assert driver.state.at(1).cancels.votes
    driver.nullify(VIEWS_BEHIND_MAX + 5)
    left = driver.state.at(1)
    assert (left.proposals, left.cancels.votes) == ((), {})
    assert left.null is not None
    assert left.preferred is not None


def test_the_next_epoch_starts_empty() -> None:
    driver, last = Driver.at_the_edge()
    driver.finalize(1, last)
    state = driver.state
    assert (state.epoch, state.views, state.heard) == (1, {}, {})
    assert min(state.electorates) == 2
