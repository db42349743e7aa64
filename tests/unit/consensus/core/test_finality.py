"""R6 and the end of an instance (R10): what becomes final, and what halts."""

from consensus.core.effects import (
    EnterEpoch,
    FetchBlock,
    Finalize,
    Halt,
    ReportEquivocation,
    SetTimer,
    TimerName,
)
from consensus.core.events import BlockRejected, ElectorateDecided, ProposalAccepted, VoteAccepted
from consensus.memory import changed
from consensus.votes import VotePhase
from tests.builders_consensus import (
    GENESIS,
    Driver,
    make_block,
    make_electorate,
    make_proposal,
    make_state,
    make_vote,
)

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL


def test_r6_a_quorum_of_commits_finalizes_the_block_and_its_ancestors() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    second = make_block(driver.state, 2, first)
    driver.execute(first, second)
    driver.notarize(1, first)
    asked = driver.votes(COMMIT, 2, second)
    (order,) = [effect for effect in asked if isinstance(effect, Finalize)]
    assert order.blocks == (first, second)
    assert (driver.state.final, driver.state.final_view) == (second, 2)
    assert driver.state.views == {}
    assert set(driver.state.blocks) == {second.id}


def test_r6_a_final_waits_for_its_blocks_and_fetches_them() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    second = make_block(driver.state, 2, first)
    assert FetchBlock(second.id) in driver.finalize(2, second)
    driver.execute(first)
    assert driver.state.final == GENESIS
    assert any(isinstance(effect, Finalize) for effect in driver.execute(second))
    assert driver.state.final == second


def test_r6_finality_resets_the_backoff() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.fire(TimerName.CANCEL)
    block = make_block(driver.state, 2)
    driver.execute(block)
    driver.finalize(2, block)
    assert driver.state.fails == 0


def test_conflicting_finality_halts_for_good() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    driver.execute(one)
    driver.finalize(1, one)
    *accusations, halt = driver.finalize(1, other)
    assert halt == Halt("conflicting finality")
    assert all(isinstance(effect, ReportEquivocation) for effect in accusations)
    assert driver.execute(make_block(driver.state, 2, one)) == []
    assert driver.state.halted is not None


def test_a_final_chain_beside_the_final_block_halts() -> None:
    """Also if the block beside ours is unknown: down there blocks are kept no more."""
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    child = make_block(driver.state, 3, other, parent_view=1)
    driver.execute(one)
    driver.finalize(1, one)
    driver.finalize(3, child)
    driver.execute(other)
    assert driver.execute(child) == [Halt("conflicting finality")]


def test_a_later_final_below_the_final_block_halts() -> None:
    driver = Driver.at_view_1(proposer=False)
    one, other = make_block(driver.state, 1), make_block(driver.state, 4, salt=1)
    two = make_block(driver.state, 3, one)
    driver.execute(one, two)
    driver.finalize(3, two)
    assert other.height < driver.state.final.height
    assert Halt("conflicting finality") in driver.finalize(4, other)


def test_a_final_block_that_does_not_execute_halts() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.feed(ProposalAccepted(make_proposal(driver.state, block), driver.now_ms))
    driver.finalize(1, block)
    asked = driver.feed(BlockRejected(block.id, driver.now_ms))
    assert asked == [Halt("a final block does not execute here")]


def test_r10_the_next_instance_begins_only_at_the_final_last_block() -> None:
    driver, last = Driver.at_the_edge()
    assert driver.state.epoch == 0
    asked = driver.finalize(1, last)
    kinds = [type(effect) for effect in asked]
    assert kinds.index(Finalize) < kinds.index(EnterEpoch)
    assert (driver.state.epoch, driver.state.view, driver.state.final_view) == (1, 1, 0)
    assert driver.state.instance.start == last
    assert driver.state.edge_certificate is not None


def test_r10_votes_of_the_instance_before_are_dropped() -> None:
    driver, last = Driver.at_the_edge()
    old = driver.state
    driver.finalize(1, last)
    votes = [make_vote(old, voter, CANCEL, 1) for voter in (1, 2, 3)]
    assert driver.feed(*(VoteAccepted(vote, driver.now_ms) for vote in votes)) == []
    assert driver.state.at(1).cancels.votes == {}


def test_r10_the_edge_waits_for_an_electorate_that_is_late() -> None:
    state = make_state(1, epoch_blocks=1)
    driver = Driver.started(changed(state, electorates={}))
    last = make_block(driver.state, 1)
    driver.execute(last)
    driver.finalize(1, last)
    assert (driver.state.final, driver.state.epoch) == (last, 0)
    driver.feed(ElectorateDecided(make_electorate(epoch=1), driver.now_ms))
    assert driver.state.epoch == 1


def test_r10_a_member_of_the_next_epoch_only_votes_there() -> None:
    state = make_state(4, epoch_blocks=1)
    assert state.me is None
    later = {**state.electorates, 1: make_electorate((1,) * 5, 1)}
    driver = Driver.started(changed(state, electorates=later))
    last = make_block(driver.state, 1)
    driver.execute(last)
    asked = driver.finalize(1, last)
    assert driver.state.me == 4
    assert any(
        isinstance(effect, SetTimer) and effect.timer.name is TimerName.CANCEL for effect in asked
    )
