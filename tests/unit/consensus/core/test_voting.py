"""R1, R2 and the proposals of R10: what is proposed, and what gets a PREFER."""

from dataclasses import replace

from consensus.core.effects import (
    BuildBlock,
    CastProposal,
    CastVote,
    CheckBlock,
    FetchBlock,
    RequestCertificates,
    SetTimer,
    Timer,
    TimerName,
)
from consensus.core.events import BlockBuilt, BlockRejected, ProposalAccepted, Started
from consensus.instance import BlockRef
from consensus.votes import VotePhase
from tests.builders_consensus import (
    GENESIS,
    START_MS,
    Driver,
    make_block,
    make_proposal,
    make_state,
)

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL


def test_r1_the_proposer_builds_on_the_tip_when_its_time_has_come() -> None:
    state = make_state(Driver.at_view_1(proposer=True).state.me)
    asked = Driver(state).feed(Started(START_MS))
    assert BuildBlock(state.instance.id, 0, 1, GENESIS, 0, START_MS) in asked


def test_r1_too_early_it_waits_for_the_block_time() -> None:
    driver = Driver(make_state(Driver.at_view_1(proposer=True).state.me), now_ms=START_MS - 1)
    asked = driver.feed(Started(START_MS - 1))
    assert SetTimer(Timer(TimerName.PROPOSE, 0, 1), START_MS) in asked
    assert not any(isinstance(effect, BuildBlock) for effect in asked)


def test_r1_after_a_pause_the_stamp_is_half_a_second_behind_the_clock() -> None:
    driver = Driver(make_state(Driver.at_view_1(proposer=True).state.me))
    asked = driver.feed(Started(START_MS + 60_000))
    (order,) = [effect for effect in asked if isinstance(effect, BuildBlock)]
    assert order.timestamp_ms == START_MS + 60_000 - 500


def test_r1_over_a_view_of_unknown_outcome_nothing_is_built() -> None:
    """Nobody could prefer it: the block may rest on one that is final in that view."""
    driver = Driver.started(make_state(make_state().instance.proposer(3)))
    assert not any(isinstance(effect, BuildBlock) for effect in driver.nullify(2))
    assert driver.state.view == 3
    (order,) = [effect for effect in driver.nullify(1) if isinstance(effect, BuildBlock)]
    assert (order.parent, order.parent_view) == (GENESIS, 0)


def test_r1_what_was_built_is_proposed_once() -> None:
    driver = Driver.at_view_1(proposer=True)
    block = make_block(driver.state, 1)
    built = BlockBuilt(driver.state.instance.id, 1, block, driver.now_ms)
    asked = driver.feed(built)
    (order,) = [effect for effect in asked if isinstance(effect, CastProposal)]
    assert (order.proposal.view, order.proposal.justify_view) == (1, 0)
    assert CheckBlock(block) in asked  # our own block, too, must become durable before PREFER
    assert not any(isinstance(effect, CastProposal) for effect in driver.feed(built))


def test_r1_a_block_built_for_another_view_or_tip_is_not_proposed() -> None:
    driver = Driver.at_view_1(proposer=True)
    name = driver.state.instance.id
    stale = make_block(driver.state, 1, parent_view=1)
    elsewhere = replace(make_block(driver.state, 1), parent_id=stale.id)
    for built in (
        BlockBuilt(name, 2, make_block(driver.state, 2), driver.now_ms),
        BlockBuilt(stale.id, 1, make_block(driver.state, 1), driver.now_ms),
        BlockBuilt(name, 1, stale, driver.now_ms),
        BlockBuilt(name, 1, elsewhere, driver.now_ms),
    ):
        assert driver.feed(built) == []


def test_r2_a_good_proposal_is_checked_then_preferred() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    asked = driver.feed(ProposalAccepted(make_proposal(driver.state, block), driver.now_ms))
    assert asked == [CheckBlock(block)]
    (order,) = driver.execute(block)
    assert isinstance(order, CastVote)
    assert (order.vote.phase, order.vote.view, order.vote.block_id) == (PREFER, 1, block.id)


def test_r2_only_one_block_of_a_view_is_preferred() -> None:
    driver = Driver.at_view_1(proposer=False)
    for salt in range(3):
        driver.accept(make_block(driver.state, 1, salt=salt))
    assert len(driver.cast(PREFER)) == 1


def test_r2_nothing_is_preferred_after_cancel() -> None:
    driver = Driver.at_view_1(proposer=False)
    driver.fire(TimerName.CANCEL)
    driver.accept(make_block(driver.state, 1))
    assert driver.cast() == driver.cast(CANCEL)


def is_refused(block: BlockRef, *, proposer_index: int | None = None) -> bool:
    """Whether a proposal of view 1 gets no PREFER even with its block executed."""
    driver = Driver.at_view_1(proposer=False)
    signed = make_proposal(driver.state, block, proposer_index=proposer_index)
    driver.feed(ProposalAccepted(signed, driver.now_ms))
    driver.execute(block)
    return driver.cast(PREFER) == []


def test_r2_what_does_not_fit_its_parent_is_refused() -> None:
    state = make_state()
    wrong_turn = (state.instance.proposer(1) + 1) % 4
    assert not is_refused(make_block(state, 1))
    assert is_refused(make_block(state, 1, height=2))
    assert is_refused(replace(make_block(state, 1), epoch=1))
    assert is_refused(make_block(state, 1, proposer_index=wrong_turn))
    assert is_refused(make_block(state, 1, timestamp_ms=START_MS - 1))
    assert is_refused(make_block(state, 1), proposer_index=wrong_turn)


def test_r2_a_parent_view_that_is_not_the_justification_is_refused() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    driver.accept(first)
    driver.notarize(1, first)
    second = make_block(driver.state, 2, first, parent_view=0)
    driver.accept(second, justify=1)
    assert [vote for vote in driver.cast(PREFER) if vote.view == 2] == []


def test_r2_a_parent_without_notar_is_refused_until_it_has_one() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    driver.execute(first)
    driver.nullify(1)
    second = make_block(driver.state, 2, first)
    asked = driver.accept(second, justify=1)
    assert RequestCertificates(0, 1, 1) in asked
    assert driver.cast(PREFER) == []
    driver.notarize(1, first)
    assert [vote.block_id for vote in driver.cast(PREFER)] == [second.id]


def test_r2_a_skipped_view_without_null_is_refused_until_it_has_one() -> None:
    driver = Driver.at_view_1(proposer=False)
    first, hidden = make_block(driver.state, 1), make_block(driver.state, 1, salt=1)
    second = make_block(driver.state, 2, first)
    driver.execute(first, hidden, second)
    driver.notarize(1, first)
    driver.notarize(2, second)
    third = make_block(driver.state, 3, first, salt=3)  # builds past NOTAR(2) without NULL(2)
    driver.accept(third, justify=1)
    assert driver.cast(PREFER) == []
    driver.nullify(2)
    assert [vote.block_id for vote in driver.cast(PREFER)] == [third.id]


def test_r2_an_unexecuted_parent_is_fetched_first() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    driver.notarize(1, first)
    assert FetchBlock(first.id) in driver.effects
    second = make_block(driver.state, 2, first)
    driver.feed(ProposalAccepted(make_proposal(driver.state, second), driver.now_ms))
    assert CheckBlock(second) not in driver.effects
    driver.now_ms += 500
    assert CheckBlock(second) in driver.execute(first)


def test_r2_an_early_stamp_waits_and_a_far_one_is_not_waited_for() -> None:
    driver = Driver.at_view_1(proposer=False)
    early = make_block(driver.state, 1, timestamp_ms=driver.now_ms + 501)
    asked = driver.feed(ProposalAccepted(make_proposal(driver.state, early), driver.now_ms))
    assert asked == [SetTimer(Timer(TimerName.STAMP, 0, 1), driver.now_ms + 1)]
    driver.now_ms += 1
    assert driver.fire(TimerName.STAMP) == [CheckBlock(early)]
    far = make_block(driver.state, 1, timestamp_ms=driver.now_ms + 10**9)
    asked = driver.feed(ProposalAccepted(make_proposal(driver.state, far), driver.now_ms))
    assert not any(isinstance(effect, SetTimer) for effect in asked)


def test_r2_a_rejected_block_is_never_preferred() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.feed(ProposalAccepted(make_proposal(driver.state, block), driver.now_ms))
    assert driver.feed(BlockRejected(block.id, driver.now_ms)) == []
    assert driver.cast() == []


def test_r3_what_was_refused_is_not_committed_to_whoever_prefers_it() -> None:
    driver = Driver.at_view_1(proposer=False)
    block = make_block(driver.state, 1)
    driver.feed(ProposalAccepted(make_proposal(driver.state, block), driver.now_ms))
    driver.feed(BlockRejected(block.id, driver.now_ms))
    driver.notarize(1, block)
    assert driver.state.view == 2
    assert driver.cast(COMMIT) == []


def test_r10_the_notarized_last_block_is_proposed_again() -> None:
    driver, last = Driver.at_the_edge(proposer=True)
    driver.now_ms = last.timestamp_ms + 500
    (proposal,) = [
        effect.proposal
        for effect in driver.fire(TimerName.PROPOSE)
        if isinstance(effect, CastProposal)
    ]
    assert (proposal.view, proposal.justify_view, proposal.block) == (2, 1, last)
    assert [vote.block_id for vote in driver.cast(PREFER) if vote.view == 2] == [last.id]
    assert not any(isinstance(effect, BuildBlock) for effect in driver.effects)


def test_r10_its_repetition_is_preferred() -> None:
    driver, last = Driver.at_the_edge()
    driver.accept(last, view=2, justify=1)
    assert [vote.block_id for vote in driver.cast(PREFER)] == [last.id]


def test_r10_a_repetition_without_notar_is_refused() -> None:
    driver, last = Driver.at_the_edge()
    other = make_block(driver.state, 1, GENESIS, parent_view=0, salt=9)
    driver.execute(other)
    driver.accept(other, view=2, justify=1)
    driver.accept(last, view=2, justify=0)
    assert driver.cast(PREFER) == []


def test_r10_a_block_past_the_edge_is_refused() -> None:
    driver, last = Driver.at_the_edge()
    past = make_block(driver.state, 2, last, parent_view=1)
    driver.now_ms += 500
    driver.accept(past)
    assert driver.cast(PREFER) == []


def test_r10_below_the_last_height_nothing_is_repeated() -> None:
    driver = Driver.at_view_1(proposer=False)
    first = make_block(driver.state, 1)
    driver.accept(first)
    driver.notarize(1, first)
    driver.accept(first, view=2, justify=1)
    assert [vote.view for vote in driver.cast(PREFER)] == [1]


def test_r10_with_null_another_last_block_is_legal() -> None:
    driver, _ = Driver.at_the_edge()
    driver.nullify(1)
    other = make_block(driver.state, 2, GENESIS, parent_view=0, salt=5)
    driver.accept(other)
    assert [vote.block_id for vote in driver.cast(PREFER)] == [other.id]
