"""Terms, step by step: they end, close, and go on listening; COMMIT and tips in them."""

from dataclasses import replace

import pytest

from consensus.core import effects as core
from consensus.core.effects import Timer, TimerName
from consensus.core.events import (
    BlockRejected,
    ProposalAccepted,
)
from consensus.instance import BlockRef
from consensus.lanes import Lanes, Status, status_of
from consensus.lanes.checkpoints import checkpoint_ref
from consensus.lanes.effects import (
    CloseTerm,
    ExtendFast,
    FetchBlocks,
    FinalizeHard,
    ForwardCertificate,
    ForwardClose,
    RequestDecision,
    RollBack,
)
from consensus.lanes.events import CoreTimerFired, DecisionReceived
from consensus.lanes.guard import SignedLanes
from consensus.lanes.state import Cause
from consensus.lanes.voters import ballot_name, term_blocks, term_end
from consensus.votes import Vote, VotePhase
from genesis.epochs import epoch_of_height, last_height
from native.hashing import Hash32
from tests.builders_consensus import GENESIS
from tests.builders_lanes import (
    EPOCH_BLOCKS,
    ESCAPE_MS,
    LaneDriver,
    make_certificate,
    make_checkpoint,
    make_child,
    propose_block,
    seat_holder,
)

OTHER = Hash32(b"o" * 32)


# --- terms ----------------------------------------------------------------------------------------


def test_terms_end_at_multiples_and_never_cross_an_epoch() -> None:
    assert [term_end(height, 4, 16) for height in (0, 1, 3, 4, 7, 8)] == [4, 4, 4, 8, 8, 12]
    for start in range(64):
        for blocks in (1, 4, 5, 64):
            end = term_end(start, blocks, EPOCH_BLOCKS)
            assert start < end
            assert (end - 1) // EPOCH_BLOCKS == start // EPOCH_BLOCKS


@pytest.mark.parametrize(
    ("validators", "blocks"), [(4, 1), (20, 1), (21, 2), (40, 2), (41, 4), (100, 8), (1000, 64)]
)
def test_more_validators_decide_less_often(validators: int, blocks: int) -> None:
    assert term_blocks(validators, 20, 256) == blocks


@pytest.mark.parametrize(("epoch_blocks", "blocks"), [(255, 1), (12, 4), (48, 16), (64, 32)])
def test_terms_of_an_epoch_are_equally_long(epoch_blocks: int, blocks: int) -> None:
    assert term_blocks(640, 20, epoch_blocks) == blocks
    assert epoch_blocks % blocks == 0


def test_within_the_lead_nobody_signs_for_a_set_whose_epoch_end_is_not_hard() -> None:
    """The set and the seed of epoch e + 2 are decided by the last block of e."""
    for epoch_blocks in (2, 4, 8, 12):
        for blocks in (1, 2, 4, 8, 12):
            for hard in range(5 * epoch_blocks):
                first_end = term_end(hard, blocks, epoch_blocks)
                for height in range(hard + 1, term_end(first_end, blocks, epoch_blocks) + 1):
                    epoch = epoch_of_height(height, epoch_blocks)
                    assert epoch < 2 or last_height(epoch - 2, epoch_blocks) <= hard


def test_a_term_ends_and_the_next_begins_while_the_hard_lane_decides() -> None:
    driver = LaneDriver.started()
    blocks = driver.grow(4)
    assert [effect.blocks[0] for effect in driver.asked(ExtendFast)] == blocks
    assert [term.number for term in driver.state.terms] == [1, 2]
    assert driver.state.terms[1].instance.start == blocks[-1]
    assert {status_of(driver.state, block) for block in blocks} == {Status.FAST}


def test_nobody_runs_ahead_more_than_two_checkpoints() -> None:
    driver = LaneDriver.started()
    driver.grow(4)
    last = driver.grow(4, at=1)[-1]
    assert [term.number for term in driver.state.terms] == [1, 2]
    driver.effects.clear()
    driver.wait(driver.now_ms + 3 * ESCAPE_MS)
    assert driver.asked(CloseTerm) == []
    assert driver.asked(RequestDecision) != []
    start = driver.state.terms[0].instance.start
    path = driver.state.tree.path(start.id, driver.state.terms[1].instance.start.id)
    assert path is not None
    driver.decide(path[-1])
    assert [term.number for term in driver.state.terms] == [2, 3]
    assert driver.state.terms[1].instance.start == last


def test_a_decision_makes_blocks_hard_and_forgets_the_rest() -> None:
    driver = LaneDriver.started()
    blocks = driver.grow(4)
    asked = driver.decide(blocks[-1])
    final = next(effect for effect in asked if isinstance(effect, FinalizeHard))
    assert (final.checkpoint.number, final.blocks) == (1, tuple(blocks))
    assert driver.state.hard == blocks[-1]
    assert status_of(driver.state, blocks[0]) is Status.HARD
    assert driver.state.number == 2
    assert not any(isinstance(effect, RollBack) for effect in asked)


def test_two_terms_make_an_epoch_and_the_next_one_has_its_own_voters() -> None:
    driver = LaneDriver.started()
    for _ in range(2):
        driver.decide(driver.grow(4)[-1])
    assert driver.state.hard.height == EPOCH_BLOCKS
    assert driver.term.instance.epoch == driver.state.ballot.instance.epoch == 1
    assert driver.term.instance.electorate.epoch == 1


def test_a_follower_without_stake_sees_the_same() -> None:
    driver = LaneDriver.started(200)
    driver.decide(driver.grow(4)[-1])
    assert driver.state.number == 2
    assert driver.asked(CloseTerm) == []


# --- closing --------------------------------------------------------------------------------------


def test_a_stalled_term_closes_after_the_escape_time() -> None:
    driver = seat_holder()
    began = driver.now_ms
    driver.wait(began + ESCAPE_MS - 1)
    assert driver.term.closed is None
    driver.wait(began + ESCAPE_MS)
    assert driver.term.closed is not None
    assert driver.term.closed.cause is Cause.STALL
    record = driver.asked(CloseTerm)[0].record
    assert (record.tip_view, record.tip_id) == (0, GENESIS.id)


def test_only_a_final_that_is_executed_keeps_the_stall_away() -> None:
    driver = seat_holder()
    began = driver.now_ms
    driver.wait(began + ESCAPE_MS // 2)
    driver.certify(VotePhase.COMMIT, 1, make_child(driver.term.instance, GENESIS, 1))
    driver.wait(began + ESCAPE_MS)
    assert driver.term.closed is not None


def test_a_trickle_of_blocks_does_not_save_an_old_term() -> None:
    driver = LaneDriver.started()
    block = driver.grow(1)[0]
    driver.now_ms += ESCAPE_MS - 1_000
    child = make_child(driver.term.instance, block, 2, parent_view=1)
    driver.execute(child)
    driver.certify(VotePhase.COMMIT, 2, child)
    driver.wait(driver.term.began_ms + ESCAPE_MS + 4 * 4 * 500)
    assert driver.term.closed is not None
    assert driver.term.closed.cause is Cause.AGE


def test_seven_seats_take_everybody_with_them() -> None:
    driver = seat_holder()
    asked = driver.close_seats(6)
    forwarded = [effect for effect in asked if isinstance(effect, ForwardClose)]
    assert len(forwarded) == len(driver.term.closes)
    if driver.term.seats_closed == 6:
        assert driver.term.closed is None
    driver.close_seats(7)
    assert driver.term.closed is not None
    assert driver.term.closed.cause is Cause.CONTAGION


def test_fast_ends_where_seven_seats_have_closed() -> None:
    driver = LaneDriver.started()
    block = driver.grow(1)[0]
    assert status_of(driver.state, block) is Status.FAST
    driver.close_seats(7)
    assert status_of(driver.state, block) is Status.PROPOSED


def test_conflicting_finals_close_the_term_but_not_the_node() -> None:
    driver = seat_holder()
    one, other = (make_child(driver.term.instance, GENESIS, 1, salt=salt) for salt in (1, 2))
    driver.execute(one, other)
    driver.certify(VotePhase.COMMIT, 1, one)
    driver.certify(VotePhase.COMMIT, 2, other)
    assert driver.term.closed is not None
    assert driver.term.closed.cause is Cause.CONFLICT
    assert driver.state.halted is None
    assert status_of(driver.state, one) is Status.PROPOSED


def test_a_final_that_does_not_execute_closes_the_term() -> None:
    driver = seat_holder()
    bad = make_child(driver.term.instance, GENESIS, 1)
    driver.certify(VotePhase.COMMIT, 1, bad)
    assert driver.term.closed is None
    driver.feed(BlockRejected(bad.id, driver.now_ms))
    assert driver.term.closed is not None
    assert driver.term.closed.cause is Cause.CONFLICT


def test_a_closed_term_is_silent_but_goes_on_listening() -> None:
    driver = seat_holder()
    signed = propose_block(driver)
    driver.close_seats(7)
    driver.effects.clear()
    driver.feed(ProposalAccepted(signed, driver.now_ms))
    driver.execute(signed.proposal.block)
    for name in TimerName:
        timer = Timer(name, 0, driver.term.core.view)
        driver.feed(CoreTimerFired(driver.term.instance.id, timer, driver.now_ms))
    asked = driver.core_asked(driver.term.instance.id)
    assert not [a for a in asked if isinstance(a, core.CastVote | core.CastProposal)]
    notar = driver.certify(VotePhase.PREFER, 1, signed.proposal.block)
    assert driver.term.tip.notar == notar
    assert ForwardCertificate(notar) in driver.effects
    assert guard_of(driver).closed.keys() == {driver.term.instance.id}


def guard_of(driver: LaneDriver) -> SignedLanes:
    signed = SignedLanes()
    for effect in [driver.term.closed]:
        assert effect is not None
        signed = signed.after(effect.record)
    return signed


def test_the_close_is_said_again_until_the_hard_lane_decides() -> None:
    driver = seat_holder()
    driver.close_seats(7)
    driver.effects.clear()
    driver.wait(driver.now_ms + ESCAPE_MS)
    said = driver.asked(CloseTerm)
    assert len(said) in (3, 4)
    assert len({effect.record for effect in said}) == 1


# --- COMMIT and tips ------------------------------------------------------------------------------


def test_commit_waits_for_the_block_and_may_come_late() -> None:
    driver = seat_holder()
    instance = driver.term.instance
    block = make_child(instance, GENESIS, 1)
    driver.certify(VotePhase.PREFER, 1, block)
    assert driver.term.core.view == 2
    cast = [a for a in driver.core_asked(instance.id) if isinstance(a, core.CastVote)]
    assert VotePhase.COMMIT not in {a.vote.phase for a in cast}
    driver.execute(block)
    cast = [a for a in driver.core_asked(instance.id) if isinstance(a, core.CastVote)]
    assert Vote(instance.id, VotePhase.COMMIT, 1, 1, block.id) in {a.vote for a in cast}


def test_commit_never_follows_cancel() -> None:
    driver = seat_holder()
    instance = driver.term.instance
    driver.feed(CoreTimerFired(instance.id, Timer(TimerName.CANCEL, 0, 1), driver.now_ms))
    block = make_child(instance, GENESIS, 1)
    driver.certify(VotePhase.PREFER, 1, block)
    driver.execute(block)
    cast = [a for a in driver.core_asked(instance.id) if isinstance(a, core.CastVote)]
    assert {a.vote.phase for a in cast} == {VotePhase.CANCEL}


def test_a_tip_is_the_highest_view_that_is_executed() -> None:
    driver = LaneDriver.started()
    instance = driver.term.instance
    low, high = (make_child(instance, GENESIS, view) for view in (1, 5))
    driver.execute(low)
    first = driver.certify(VotePhase.PREFER, 1, low)
    second = driver.certify(VotePhase.PREFER, 5, high)
    assert driver.term.tip.notar == first
    assert FetchBlocks(high.id) in driver.effects
    driver.execute(high)
    assert driver.term.tip.notar == second


def test_a_tip_freezes_one_escape_time_after_closing() -> None:
    driver = LaneDriver.started()
    instance = driver.term.instance
    early, late = (make_child(instance, GENESIS, view) for view in (1, 5))
    driver.execute(early, late)
    driver.close_seats(7)
    driver.certify(VotePhase.PREFER, 1, early)
    driver.wait(driver.now_ms + ESCAPE_MS + 2)
    driver.certify(VotePhase.PREFER, 5, late)
    assert driver.term.frozen is not None
    assert (driver.term.frozen.view, driver.term.tip.view) == (1, 5)


def later_decision(state: Lanes, block: BlockRef, number: int) -> DecisionReceived:
    """Of a ballot that never began here: its parent is known by id alone."""
    checkpoint = replace(make_checkpoint(state, block), number=number, parent_id=OTHER)
    voters = state.epochs[0]
    name = ballot_name(checkpoint, voters, genesis_hash=state.config.core.genesis_hash)
    instance = replace(state.ballot.instance, id=name)
    final = make_certificate(instance, VotePhase.COMMIT, 1, checkpoint_ref(checkpoint))
    return DecisionReceived(checkpoint, final, GENESIS.timestamp_ms + 60_000)


def test_a_later_decision_decides_for_those_between() -> None:
    """Three restarts took the chain to block 3; what decided the first two nobody keeps."""
    driver = LaneDriver.started()
    blocks = driver.grow(3)
    driver.effects.clear()
    driver.feed(later_decision(driver.state, blocks[-1], 3))
    assert driver.state.number == 4
    assert driver.state.hard == blocks[-1]
    (decided,) = driver.asked(FinalizeHard)
    assert decided.blocks == tuple(blocks)
    assert not driver.asked(RollBack)
    assert [term.number for term in driver.state.terms] == [4]
    assert driver.state.terms[0].instance.start == blocks[-1]


def test_a_later_decision_takes_back_what_it_does_not_contain() -> None:
    driver = LaneDriver.started()
    blocks = driver.grow(3)
    driver.effects.clear()
    driver.feed(later_decision(driver.state, blocks[0], 3))
    (undone,) = driver.asked(RollBack)
    assert undone.lost == tuple(blocks[1:])
    assert driver.state.hard == blocks[0]


def test_a_later_decision_is_no_use_before_its_blocks_are_executed_nor_in_another_epoch() -> None:
    driver = LaneDriver.started()
    blocks = driver.grow(3)
    event = later_decision(driver.state, blocks[-1], 3)
    fresh = LaneDriver.started()
    fresh.feed(event)
    assert fresh.state.number == 1
    foreign = replace(event, checkpoint=replace(event.checkpoint, epoch=1))
    driver.feed(foreign)
    assert driver.state.number == 1
