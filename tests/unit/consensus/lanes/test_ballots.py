"""The ballot on a checkpoint, evidence, crashes, the guard, and what is worth verifying."""

import pytest

from consensus.core import effects as core
from consensus.core.effects import Timer, TimerName
from consensus.core.events import (
    BlockExecuted,
    CertificateAccepted,
    ProposalAccepted,
    Started,
    VoteAccepted,
    VotingAllowed,
)
from consensus.errors import DoubleSign
from consensus.lanes import ballots, filters, guard, restore, step
from consensus.lanes.checkpoints import checkpoint_ref
from consensus.lanes.effects import (
    Accuse,
    CastCheckpoint,
    CloseTerm,
    FetchBlocks,
    FinalizeHard,
    ForwardCertificate,
    Persist,
    RebroadcastCheckpoint,
    RollBack,
    SetWake,
)
from consensus.lanes.events import CheckpointProposed, CloseAccepted, CoreTimerFired
from consensus.lanes.guard import SignedLanes
from consensus.lanes.proofs import BoundaryFinal, CheckpointProof, CommitteeClosed, WaitedOut
from consensus.lanes.records import CheckpointSeen, TermClosed
from consensus.lanes.state import Cause, Lanes
from consensus.lanes.turn import LaneTurn
from consensus.memory import changed
from consensus.proposals import Proposal, SignedProposal
from consensus.records import CertificateSeen, VoteCast
from consensus.votes import SignedVote, Vote, VotePhase
from tests.builders_consensus import GENESIS
from tests.builders_lanes import (
    ESCAPE_MS,
    LaneDriver,
    make_certificate,
    make_checkpoint,
    make_child,
    make_close,
    make_voters,
    propose_block,
    quorum_of,
    seat_holder,
)


def propose_checkpoint(
    driver: LaneDriver, proof: CheckpointProof | None, **fields: object
) -> CheckpointProposed:
    checkpoint = make_checkpoint(driver.state, **fields)  # type: ignore[arg-type]
    ballot = driver.state.ballot.instance
    proposal = Proposal(ballot.id, 1, 0, checkpoint_ref(checkpoint), ballot.proposer(1))
    signed = SignedProposal(proposal, b"signature")
    return CheckpointProposed(signed, checkpoint, proof, driver.now_ms)


def prefers(driver: LaneDriver) -> bool:
    """Whether we gave PREFER in the ballot."""
    asked = driver.core_asked(driver.state.ballot.instance.id)
    return any(isinstance(a, core.CastVote) and a.vote.phase is VotePhase.PREFER for a in asked)


# --- the ballot -----------------------------------------------------------------------------------


def test_the_ballot_is_unarmed_until_there_is_something_to_decide() -> None:
    driver = LaneDriver.started()
    driver.wait(driver.now_ms + ESCAPE_MS // 2)
    assert not driver.state.ballot.armed
    assert driver.core_asked(driver.state.ballot.instance.id) == []
    driver = LaneDriver.started()
    driver.grow(4)
    assert driver.state.ballot.armed
    asked = driver.core_asked(driver.state.ballot.instance.id)
    timers = {effect.timer.name for effect in asked if isinstance(effect, core.SetTimer)}
    assert timers >= {TimerName.CANCEL, TimerName.RETRY, TimerName.SYNC}


def test_the_proposer_of_the_ballot_proposes_the_end_of_the_term_with_its_final() -> None:
    proposer = LaneDriver.started().state.ballot.instance.proposer(1)
    driver = LaneDriver.started(proposer)
    last = driver.grow(4)[-1]
    cast = driver.asked(CastCheckpoint)[0]
    assert cast.checkpoint.block_id == last.id
    assert not cast.checkpoint.is_restart
    assert isinstance(cast.proof, BoundaryFinal)
    seen = next(at for at, effect in enumerate(driver.effects) if isinstance(effect, Persist))
    vote = [type(getattr(each, "effect", None)) for each in driver.effects].index(
        core.CastVote, seen
    )
    assert isinstance(driver.effects[seen].record, CheckpointSeen)  # type: ignore[union-attr]
    assert seen < vote
    assert prefers(driver)


def test_our_checkpoint_is_in_the_log_before_our_proposal_of_it() -> None:
    """A crash between the two left a proposal of nothing, and R9 said it again."""
    proposer = LaneDriver.started().state.ballot.instance.proposer(1)
    driver = LaneDriver.started(proposer)
    driver.grow(4)
    kinds = [type(effect) for effect in driver.effects]
    assert kinds.index(Persist) < kinds.index(CastCheckpoint)


def test_a_proposal_whose_checkpoint_is_forgotten_is_not_said_again() -> None:
    driver = LaneDriver.started(other_than_proposer())
    blocks = driver.grow(4)
    ballot = driver.state.ballot.instance
    block = checkpoint_ref(make_checkpoint(driver.state, blocks[-1]))
    proposal = Proposal(ballot.id, 1, 0, block, ballot.proposer(1))
    core_event = ProposalAccepted(SignedProposal(proposal, b"signature"), driver.now_ms)
    turn = LaneTurn(driver.state, driver.now_ms)
    ballots.feed(turn, core_event)
    driver.state = turn.state
    driver.effects.clear()
    retry = Timer(TimerName.RETRY, 0, driver.state.ballot.core.view)
    driver.feed(CoreTimerFired(ballot.id, retry, driver.now_ms))
    assert driver.asked(RebroadcastCheckpoint) == []
    assert driver.core_asked(ballot.id) != []


def test_rule_a_needs_the_final_of_the_last_block() -> None:
    driver = LaneDriver.started(other_than_proposer())
    blocks = driver.grow(3)
    instance = driver.term.instance
    last = make_child(instance, blocks[-1], 4, parent_view=3)
    final = make_certificate(instance, VotePhase.COMMIT, 4, last)
    driver.feed(propose_checkpoint(driver, BoundaryFinal(final), block=last))
    assert not prefers(driver)
    assert FetchBlocks(last.id) in driver.effects
    driver.execute(last)
    assert prefers(driver)


def other_than_proposer() -> int:
    return (LaneDriver.started().state.ballot.instance.proposer(1) + 1) % 24


def test_rule_b_needs_fourteen_seats_below_the_tip_and_closes_us() -> None:
    driver = LaneDriver.started(other_than_proposer())
    instance = driver.term.instance
    closes = tuple(make_close(instance, index).signed for index in quorum_of(instance))
    short = CommitteeClosed(None, closes[2:])
    driver.feed(propose_checkpoint(driver, short, is_restart=True))
    assert not prefers(driver)
    assert driver.term.closed is None
    driver.feed(propose_checkpoint(driver, CommitteeClosed(None, closes), is_restart=True))
    driver = LaneDriver.started(other_than_proposer())
    driver.feed(propose_checkpoint(driver, CommitteeClosed(None, closes), is_restart=True))
    assert prefers(driver)
    assert driver.term.closed is not None
    assert driver.term.closed.cause is Cause.RESTART


def test_rule_c_waits_and_compares_tips() -> None:
    driver = LaneDriver.started(other_than_proposer())
    began = driver.now_ms
    instance = driver.term.instance
    block = make_child(instance, GENESIS, 1)
    driver.execute(block)
    notar = driver.certify(VotePhase.PREFER, 1, block)
    driver.wait(began + 2 * ESCAPE_MS - 1)
    assert not driver.state.ballot.armed
    driver.wait(began + 2 * ESCAPE_MS)
    assert driver.state.ballot.armed
    driver.effects.clear()
    driver.feed(propose_checkpoint(driver, WaitedOut(None), is_restart=True))
    assert not prefers(driver)
    assert driver.asked(ForwardCertificate) == [ForwardCertificate(notar)]
    driver.feed(propose_checkpoint(driver, WaitedOut(notar), block=block, is_restart=True))
    assert prefers(driver)


def test_a_checkpoint_out_of_place_is_never_preferred() -> None:
    for fields in ({"is_restart": False}, {"is_restart": True, "block": None}):
        driver = LaneDriver.started(other_than_proposer())
        closes = tuple(
            make_close(driver.term.instance, index).signed
            for index in quorum_of(driver.term.instance)
        )
        driver.feed(propose_checkpoint(driver, CommitteeClosed(None, closes), **fields))
        assert prefers(driver) == (fields["is_restart"] is True)


def test_a_restart_rolls_fast_blocks_back_with_an_alarm() -> None:
    driver = LaneDriver.started()
    blocks = driver.grow(2)
    asked = driver.decide(blocks[0], is_restart=True)
    lost = next(effect for effect in asked if isinstance(effect, RollBack))
    assert (lost.number, lost.to, lost.lost) == (1, blocks[0], (blocks[1],))
    assert asked.index(lost) < [type(effect) for effect in asked].index(FinalizeHard)
    assert driver.term.instance.start == blocks[0]
    assert (driver.term.instance.first_height, driver.term.instance.last_height) == (2, 4)
    assert driver.state.number == 2


def test_a_restart_undoes_the_next_term_too_though_it_is_above_the_hard_block() -> None:
    """It began on the end of the term, which is void: the next one begins on the hard block."""
    driver = LaneDriver.started()
    blocks, above = driver.grow(4), driver.grow(2, at=1)
    driver.effects.clear()
    driver.decide(blocks[1], is_restart=True)
    (undone,) = driver.asked(RollBack)
    assert undone.lost == (*blocks[2:], *above)
    assert driver.term.instance.start == blocks[1]


# --- evidence -------------------------------------------------------------------------------------


def test_a_commit_above_the_close_is_reported_whichever_comes_first() -> None:
    for close_first in (True, False):
        driver = LaneDriver.started()
        instance = driver.term.instance
        block = make_child(instance, GENESIS, 1)
        driver.execute(block)
        close = CloseAccepted(make_close(instance, 0), driver.now_ms)
        if close_first:
            driver.feed(close)
        final = make_certificate(instance, VotePhase.COMMIT, 1, block)
        driver.feed(CertificateAccepted(final, driver.now_ms))
        if not close_first:
            driver.feed(close)
        accused = [effect.accusation.offender for effect in driver.asked(Accuse)]
        assert accused == [0]


# --- crashes --------------------------------------------------------------------------------------


def restarted(driver: LaneDriver, *records: object, blocks: tuple[object, ...] = ()) -> LaneDriver:
    voters = {epoch: make_voters(epoch) for epoch in (0, 1)}
    state: Lanes = restore(
        driver.state.config,
        driver.state.checkpoint,
        driver.state.decision,
        driver.state.hard,
        voters,
        records,  # type: ignore[arg-type]
        abstain=False,
    )
    fresh = LaneDriver(state, driver.now_ms + 1_000)
    fresh.feed(*(BlockExecuted(block, fresh.now_ms) for block in blocks))  # type: ignore[arg-type]
    fresh.feed(Started(fresh.now_ms))
    return fresh


def test_after_a_crash_a_closed_term_stays_closed_on_its_tip() -> None:
    driver = seat_holder()
    instance = driver.term.instance
    block = make_child(instance, GENESIS, 1)
    notar = make_certificate(instance, VotePhase.PREFER, 1, block)
    record = TermClosed(instance.id, 0, 1, 1, block.id)
    fresh = restarted(driver, CertificateSeen(notar), record, blocks=(block,))
    assert fresh.term.closed is not None
    assert fresh.term.tip.notar == notar
    fresh.wait(fresh.now_ms + ESCAPE_MS)
    assert fresh.asked(CloseTerm)[0] == CloseTerm(record, notar)
    assert fresh.core_asked(instance.id) == [
        a for a in fresh.core_asked(instance.id) if not isinstance(a, core.CastVote)
    ]


def test_after_a_crash_the_next_term_is_found_again_through_the_final_of_the_first() -> None:
    driver = LaneDriver.started()
    blocks = driver.grow(4)
    final = driver.state.terms[0].boundary
    assert final is not None
    fresh = restarted(driver, CertificateSeen(final), blocks=tuple(blocks))
    assert [term.instance.id for term in fresh.state.terms] == [
        term.instance.id for term in driver.state.terms
    ]


def test_after_a_crash_our_vote_on_a_checkpoint_stands_and_so_does_the_checkpoint() -> None:
    driver = LaneDriver.started(other_than_proposer())
    blocks = driver.grow(4)
    checkpoint = make_checkpoint(driver.state, blocks[-1])
    ballot = driver.state.ballot.instance
    vote = Vote(ballot.id, VotePhase.PREFER, 1, 1, checkpoint.id)
    seen = CheckpointSeen(ballot.id, checkpoint)
    fresh = restarted(driver, seen, VoteCast(vote, 0), blocks=tuple(blocks))
    assert fresh.state.ballot.checkpoints == {checkpoint.id: checkpoint}
    assert fresh.state.ballot.core.at(1).preferred == vote
    other = make_checkpoint(driver.state, blocks[0], is_restart=True)
    proposal = Proposal(ballot.id, 1, 0, checkpoint_ref(other), ballot.proposer(1))
    fresh.feed(CheckpointProposed(SignedProposal(proposal, b""), other, None, fresh.now_ms))
    cast = [a for a in fresh.core_asked(ballot.id) if isinstance(a, core.CastVote)]
    assert {a.vote for a in cast} <= {vote}


def test_nothing_is_signed_by_who_abstains() -> None:
    driver = seat_holder()
    voters = {epoch: make_voters(epoch) for epoch in (0, 1)}
    first = driver.state.checkpoint
    state = restore(driver.state.config, first, None, GENESIS, voters, (), abstain=True)
    quiet = LaneDriver(state)
    quiet.feed(Started(quiet.now_ms))
    signed = propose_block(quiet)
    quiet.feed(ProposalAccepted(signed, quiet.now_ms))
    quiet.execute(signed.proposal.block)
    quiet.wait(quiet.now_ms + ESCAPE_MS // 2)
    name = quiet.term.instance.id
    assert not [a for a in quiet.core_asked(name) if isinstance(a, core.CastVote)]
    quiet.feed(VotingAllowed(quiet.now_ms))
    quiet.wait(quiet.now_ms + ESCAPE_MS)
    assert quiet.asked(CloseTerm) != []


# --- the guard ------------------------------------------------------------------------------------


def test_the_guard_signs_nothing_in_a_closed_term_and_no_close_below_a_commit() -> None:
    instance = LaneDriver.started().term.instance
    block = make_child(instance, GENESIS, 1)
    commit = VoteCast(Vote(instance.id, VotePhase.COMMIT, 3, 1, block.id), 0)
    prefer = VoteCast(Vote(instance.id, VotePhase.PREFER, 4, 1, block.id), 0)
    closed = TermClosed(instance.id, 0, 1, 3, block.id)
    signed = SignedLanes().after(commit)
    guard.may_sign(signed, closed)
    with pytest.raises(DoubleSign):
        guard.may_sign(signed, TermClosed(instance.id, 0, 1, 2, block.id))
    signed = signed.after(closed)
    assert guard.is_repeat(signed, closed)
    guard.may_sign(signed, closed)
    guard.may_sign(signed, commit)
    for wrong in (prefer, TermClosed(instance.id, 0, 1, 4, block.id)):
        with pytest.raises(DoubleSign):
            guard.may_sign(signed, wrong)
    guard.may_sign(signed.without([instance.id]), prefer)


# --- filters --------------------------------------------------------------------------------------


def test_what_belongs_to_no_living_instance_is_not_worth_verifying() -> None:
    driver = LaneDriver.started()
    old = driver.term.instance
    block = make_child(old, GENESIS, 1)
    vote = SignedVote(Vote(old.id, VotePhase.PREFER, 1, 1, block.id), 0, 1, b"")
    final = make_certificate(old, VotePhase.COMMIT, 1, block)
    close = make_close(old, 1).signed
    assert filters.is_wanted(driver.state, vote)
    assert filters.wants_certificate(driver.state, final)
    assert filters.wants_close(driver.state, close)
    driver.decide(driver.grow(4)[-1])
    assert not filters.is_wanted(driver.state, vote)
    assert not filters.wants_certificate(driver.state, final)
    assert not filters.wants_close(driver.state, close)
    before = driver.state
    for event in (VoteAccepted(vote, 0), CertificateAccepted(final, 0)):
        after, effects = step(before, event)
        assert changed(after, wake_ms=before.wake_ms) == before
        assert [type(effect) for effect in effects] in ([], [SetWake])
