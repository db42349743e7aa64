"""R9 and the sync timer: what is said again, asked for, and answered."""

from consensus.certificates import QuorumCertificate
from consensus.core import timing
from consensus.core.effects import (
    BroadcastCertificate,
    CastVote,
    FetchBlock,
    RebroadcastProposal,
    RequestCertificates,
    SendCertificate,
    SetTimer,
    Timer,
    TimerName,
)
from consensus.core.events import CertificatesRequested, Started, TimerFired
from consensus.votes import VotePhase
from genesis.limits import CERTIFICATE_VIEWS_PER_ANSWER
from tests.builders_consensus import GENESIS, START_MS, Driver, make_block, make_state

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL


def test_r9_says_again_what_the_view_rests_on() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    driver.accept(first)
    driver.notarize(1, first)
    second = make_block(driver.state, 2, first)
    driver.now_ms += 500
    driver.accept(second)
    asked = driver.fire(TimerName.RETRY)
    phases = [
        (effect.vote.phase, effect.vote.view) for effect in asked if isinstance(effect, CastVote)
    ]
    expected = [(PREFER, 1), (COMMIT, 1)]
    if driver.state.instance.proposer(2) != driver.state.me:
        expected.append((PREFER, 2))
        assert any(isinstance(effect, RebroadcastProposal) for effect in asked)
    assert phases == expected
    assert BroadcastCertificate(driver.state.at(1).notar) in asked  # type: ignore[arg-type]


def test_r9_repeats_the_latest_final() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.execute(block)
    driver.finalize(1, block)
    asked = driver.fire(TimerName.RETRY)
    assert BroadcastCertificate(driver.state.final_certificate) in asked  # type: ignore[arg-type]
    assert not any(isinstance(effect, CastVote) for effect in asked)  # that view is final


def test_sync_asks_at_once_at_the_start_and_then_only_when_stuck() -> None:
    state = make_state(1)
    asked = Driver(state).feed(Started(START_MS))
    assert RequestCertificates(0, 1, 1) in asked
    driver = Driver.started(state)
    block = make_block(driver.state, 1)
    driver.execute(block)
    driver.finalize(1, block)
    sync = TimerFired(Timer(TimerName.SYNC, 0, 0), driver.now_ms)
    assert not any(isinstance(effect, RequestCertificates) for effect in driver.feed(sync))
    assert RequestCertificates(0, 2, 2) in driver.feed(sync)


def test_sync_sets_itself_again_whatever_the_view() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(30)
    asked = driver.feed(TimerFired(Timer(TimerName.SYNC, 0, 0), driver.now_ms))
    due_ms = driver.now_ms + timing.sync_ms(driver.state.config)
    assert SetTimer(Timer(TimerName.SYNC, 0, 0), due_ms) in asked


def test_sync_asks_from_the_first_gap_on() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.nullify(1)
    driver.nullify(3)
    asked = driver.feed(TimerFired(Timer(TimerName.SYNC, 0, 0), driver.now_ms))
    assert RequestCertificates(0, 2, 4) in asked


def test_sync_asks_again_for_blocks_by_hash() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    assert FetchBlock(block.id) in driver.finalize(1, block)
    sync = TimerFired(Timer(TimerName.SYNC, 0, 0), driver.now_ms)
    for _ in range(2):
        assert FetchBlock(block.id) in driver.feed(sync)


def test_a_block_is_asked_for_once_per_period() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.notarize(1, block)
    assert driver.effects.count(FetchBlock(block.id)) == 1
    driver.finalize(1, block)
    assert driver.effects.count(FetchBlock(block.id)) == 1


def answers(driver: Driver, epoch: int, low: int, high: int) -> list[QuorumCertificate]:
    asked = driver.feed(CertificatesRequested("peer", epoch, low, high, driver.now_ms))
    assert all(isinstance(effect, SendCertificate) and effect.peer == "peer" for effect in asked)
    return [effect.certificate for effect in asked if isinstance(effect, SendCertificate)]


def test_an_answer_holds_the_latest_final_and_the_views_asked_for() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.execute(block)
    driver.finalize(1, block)
    child = make_block(driver.state, 2, block)
    driver.notarize(2, child)
    driver.nullify(2)
    driver.nullify(3)
    held = answers(driver, 0, 1, 99)
    assert [(found.phase, found.view) for found in held] == [
        (COMMIT, 1),
        (PREFER, 2),
        (CANCEL, 2),
        (CANCEL, 3),
    ]
    assert [found.view for found in answers(driver, 0, 3, 3)] == [1, 3]


def test_an_answer_is_bounded() -> None:
    driver = Driver.at_view_1(proposer=False)
    for view in range(1, 60):
        driver.nullify(view)
    assert len(answers(driver, 0, 0, 2**64 - 1)) == CERTIFICATE_VIEWS_PER_ANSWER


def test_who_lags_an_epoch_is_answered_with_its_edge() -> None:
    driver, last = Driver.at_the_edge()
    driver.finalize(1, last)
    assert driver.state.epoch == 1
    (edge,) = answers(driver, 0, 1, 9)
    assert (edge.phase, edge.block_id, edge.epoch) == (COMMIT, last.id, 0)
    assert answers(driver, 1, 1, 9) == []
    assert answers(driver, 7, 1, 9) == []


def test_a_node_far_behind_follows_runs_of_blocks_over_several_edges() -> None:
    """As a syncing shell does: execute a run of blocks, then give the FINAL of its last one."""
    driver = Driver.started(make_state(None, epoch_blocks=2))
    parent = GENESIS
    for epoch in range(4):
        first = make_block(driver.state, 5, parent, parent_view=0)
        last = make_block(driver.state, 9, first)
        driver.execute(first, last)
        driver.finalize(9, last)
        assert driver.state.epoch == epoch + 1
        parent = last
    assert [block.height for block in driver.finalized()] == list(range(1, 9))
