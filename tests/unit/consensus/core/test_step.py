"""The protocol on one core: start, R3-R5, R7 and who abstains."""

from consensus.core.effects import (
    BroadcastCertificate,
    BuildBlock,
    CastProposal,
    CastVote,
    EnterEpoch,
    PersistCertificate,
    SetTimer,
    Timer,
    TimerName,
)
from consensus.core.events import (
    CertificateAccepted,
    Started,
    TimerFired,
    VoteAccepted,
    VotingAllowed,
)
from consensus.core.step import step
from consensus.memory import changed
from consensus.votes import VotePhase
from tests.builders_consensus import (
    START_MS,
    Driver,
    make_block,
    make_certificate,
    make_state,
    make_vote,
)

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL


def test_nothing_happens_before_the_start() -> None:
    state = make_state()
    vote = VoteAccepted(make_vote(state, 1, CANCEL, 1), START_MS)
    assert step(state, vote) == (state, ())


def test_the_start_names_the_instance_enters_view_1_and_sets_timers() -> None:
    driver = Driver(make_state())
    asked = driver.feed(Started(START_MS))
    assert EnterEpoch(0, driver.state.instance) in asked
    assert driver.state.view == 1
    names = {effect.timer.name for effect in asked if isinstance(effect, SetTimer)}
    assert {TimerName.CANCEL, TimerName.RETRY, TimerName.SYNC} <= names


def test_starting_twice_changes_nothing() -> None:
    driver = Driver.started()
    before = driver.state
    assert driver.feed(Started(START_MS)) == []
    assert driver.state == before


def test_a_node_that_only_follows_sets_no_timer_but_sync() -> None:
    driver = Driver(make_state(None))
    asked = driver.feed(Started(START_MS))
    names = {effect.timer.name for effect in asked if isinstance(effect, SetTimer)}
    assert names == {TimerName.SYNC}


def test_r3_a_quorum_of_prefers_is_committed_to_without_the_body() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    asked = driver.votes(PREFER, 1, block, voters=(0, 1, 2))
    kinds = [type(effect) for effect in asked]
    assert kinds.index(PersistCertificate) < kinds.index(CastVote)
    assert [vote.block_id for vote in driver.cast(COMMIT)] == [block.id]
    assert driver.state.view == 2


def test_r0_only_the_proposers_of_the_next_two_views_tell_all_how_a_view_ended() -> None:
    telling = set()
    for me in range(4):
        driver = Driver.started(make_state(me))
        asked = driver.votes(CANCEL, 1, None, voters=tuple({0, 1, 2, 3} - {me}))
        assert any(isinstance(effect, PersistCertificate) for effect in asked)
        if any(isinstance(effect, BroadcastCertificate) for effect in asked):
            telling.add(me)
    assert telling == {driver.state.instance.proposer(view) for view in (2, 3)}


def test_r0_a_certificate_that_was_sent_to_us_is_not_sent_on() -> None:
    for me in range(4):
        driver = Driver.started(make_state(me))
        asked = driver.nullify(1)
        assert not any(isinstance(effect, BroadcastCertificate) for effect in asked)


def test_r3_no_commit_after_cancel() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.fire(TimerName.CANCEL)
    driver.notarize(1, make_block(driver.state, 1))
    assert driver.cast(COMMIT) == []
    assert driver.state.view == 2


def test_r3_no_commit_to_a_view_left_behind() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(1)
    driver.notarize(1, make_block(driver.state, 1))
    assert driver.cast(COMMIT) == []


def test_r4_the_timer_cancels_once_even_after_prefer() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.accept(make_block(driver.state, 1))
    driver.fire(TimerName.CANCEL)
    driver.fire(TimerName.CANCEL)
    assert [vote.phase for vote in driver.cast()] == [PREFER, CANCEL]
    assert driver.state.fails == 1


def test_r4_a_tip_whose_block_is_not_here_yet_grants_its_child_the_whole_block_time() -> None:
    driver = Driver.at_view_1(proposer=False)
    asked = driver.notarize(1, make_block(driver.state, 1))
    (end_ms,) = [
        effect.at_ms
        for effect in asked
        if isinstance(effect, SetTimer) and effect.timer.name is TimerName.CANCEL
    ]
    assert end_ms == driver.now_ms + 500 + 150


def test_r4_a_timer_of_a_view_left_behind_is_void() -> None:
    driver = Driver.at_view_1(proposer=False)
    old = Timer(TimerName.CANCEL, 0, 1)
    driver.notarize(1, make_block(driver.state, 1))
    assert driver.feed(TimerFired(old, driver.now_ms)) == []
    assert driver.cast(CANCEL) == []


def test_r4_a_silent_proposer_is_skipped_at_once() -> None:
    driver = Driver.at_view_1(proposer=False)
    silent = driver.state.instance.proposer(10)
    others = [index for index in range(4) if index != silent]
    for view in range(1, 10):
        null = make_certificate(driver.state, CANCEL, view, voters=others)
        driver.feed(CertificateAccepted(null, driver.now_ms))
    skipped = [vote.view for vote in driver.cast(CANCEL)]
    if silent == driver.state.me:
        assert skipped == []
    else:
        assert skipped == [10]
        assert driver.state.fails == 0


def test_r5_a_quorum_of_cancels_opens_the_next_view() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.votes(CANCEL, 1, voters=(0, 1, 2))
    assert driver.state.view == 2
    assert driver.state.at(1).null is not None


def test_a_later_certificate_skips_ahead() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(9)
    assert driver.state.view == 10


def test_who_abstains_signs_nothing_and_follows() -> None:
    state = changed(make_state(Driver.at_view_1(proposer=True).state.me), abstain=True)
    driver = Driver.started(state)
    block = make_block(driver.state, 1)
    driver.accept(block)
    driver.fire(TimerName.CANCEL)
    driver.notarize(1, block)
    driver.finalize(1, block)
    assert driver.cast() == []
    assert not any(isinstance(effect, CastProposal | BuildBlock) for effect in driver.effects)
    assert driver.state.final == block


def test_once_allowed_it_votes_from_the_current_view_on() -> None:
    state = changed(make_state(Driver.at_view_1(proposer=False).state.me), abstain=True)
    driver = Driver.started(state)
    driver.accept(make_block(driver.state, 1))
    asked = driver.feed(VotingAllowed(driver.now_ms))
    assert [vote.phase for vote in driver.cast()] == [PREFER]
    assert any(isinstance(effect, SetTimer) for effect in asked)
    assert driver.feed(VotingAllowed(driver.now_ms)) == []
