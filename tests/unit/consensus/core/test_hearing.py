"""Who is there: silence is counted in views, and late votes still break it."""

from consensus.core.events import Started, VoteAccepted
from consensus.core.filters import is_wanted
from consensus.core.hearing import hear, is_silent, would_tell
from consensus.memory import changed
from consensus.votes import VotePhase
from tests.builders_consensus import Driver, make_block, make_state, make_vote

STATE = make_state(0)


def test_silence_is_more_than_eight_views() -> None:
    assert not is_silent(changed(STATE, view=8), 1)
    assert is_silent(changed(STATE, view=9), 1)


def test_we_are_never_silent_to_ourselves() -> None:
    assert not is_silent(changed(STATE, view=900), 0)


def test_one_signature_breaks_the_silence() -> None:
    state = hear(changed(STATE, view=9), (1,), 5)
    assert not is_silent(state, 1)
    assert is_silent(state, 2)


def test_who_is_silent_at_an_edge_is_silent_behind_it_until_it_says_something() -> None:
    driver = Driver.started(make_state(0, epoch_blocks=16))
    parent = driver.state.final
    for view in range(1, 17):
        block = make_block(driver.state, view, parent)
        driver.execute(block)
        driver.finalize(view, block)  # by all but one
        parent = block
    assert driver.state.epoch == 1
    assert [is_silent(driver.state, index) for index in range(4)] == [False, False, False, True]
    block = make_block(driver.state, 1, parent)
    assert is_wanted(driver.state, make_vote(driver.state, 3, VotePhase.PREFER, 1, block))
    driver.feed(VoteAccepted(make_vote(driver.state, 3, VotePhase.PREFER, 1, block), 0))
    assert not is_silent(driver.state, 3)


def test_after_skipping_views_nobody_is_absent() -> None:
    driver = Driver(changed(make_state(0), absent=frozenset((3,))))
    assert is_silent(driver.state, 3)
    driver.feed(Started(driver.now_ms))
    driver.nullify(50)
    assert not is_silent(driver.state, 3)


def test_older_news_does_not_count() -> None:
    state = hear(hear(STATE, (1,), 7), (1,), 5)
    assert state.heard == {1: 7}


def test_after_skipping_views_nobody_is_blamed_for_them() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(50)
    assert not any(is_silent(driver.state, index) for index in range(4))


def test_a_late_vote_is_verified_only_when_its_voter_was_long_unheard() -> None:
    state = changed(STATE, view=6)
    assert would_tell(state, 1, 5)
    assert not would_tell(state, 1, 1)  # old news
    assert not would_tell(hear(state, (1,), 4), 1, 5)


def test_the_slowest_member_is_heard_though_its_votes_come_after_finality() -> None:
    driver = Driver.at_view_1(proposer=False, epoch_blocks=256)
    parent, verified = driver.state.final, 0
    for view in range(1, 20):
        block = make_block(driver.state, view, parent)
        driver.execute(block)
        driver.finalize(view, block)
        late = make_vote(driver.state, 3, VotePhase.COMMIT, view, block)
        if is_wanted(driver.state, late):
            driver.feed(VoteAccepted(late, driver.now_ms))
            verified += 1
        parent = block
    assert driver.state.final_view == 19
    assert not is_silent(driver.state, 3)
    assert 1 <= verified <= 6  # now and then is enough
