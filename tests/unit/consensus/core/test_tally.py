"""Counting: a quorum is announced once, a second vote is a result."""

from dataclasses import replace

from consensus.core.tally import (
    EMPTY_TALLY,
    Conflict,
    Counted,
    Duplicate,
    Outcome,
    Quorum,
    Tally,
    count,
)
from consensus.votes import SignedVote, VotePhase
from tests.builders_consensus import make_block, make_electorate, make_state, make_vote

STATE = make_state()
ONE, OTHER = make_block(STATE, 1), make_block(STATE, 1, salt=1)


def vote(voter: int, *, other: bool = False) -> SignedVote:
    return make_vote(STATE, voter, VotePhase.PREFER, 1, OTHER if other else ONE)


def count_all(*votes: SignedVote, weights: tuple[int, ...] = (1, 1, 1, 1)) -> list[Outcome]:
    tally, outcomes = EMPTY_TALLY, []
    for signed in votes:
        outcome = count(tally, signed, make_electorate(weights))
        outcomes.append(outcome)
        if isinstance(outcome, Counted | Quorum):
            tally = outcome.tally
    return outcomes


def test_the_quorum_is_announced_once_by_the_vote_that_reaches_it() -> None:
    outcomes = count_all(vote(0), vote(1), vote(2), vote(3))
    assert [type(outcome) for outcome in outcomes] == [Counted, Counted, Quorum, Counted]


def test_the_quorum_holds_only_votes_for_its_block() -> None:
    outcome = count_all(vote(3, other=True), vote(0), vote(1), vote(2))[-1]
    assert isinstance(outcome, Quorum)
    assert sorted(signed.voter_index for signed in outcome.votes) == [0, 1, 2]


def test_a_vote_for_the_block_at_another_height_is_a_vote_for_something_else() -> None:
    """One liar must not make the others take two signatures for three."""
    elsewhere = make_vote(STATE, 3, VotePhase.PREFER, 1, replace(ONE, height=9))
    before = count_all(elsewhere, vote(0), vote(1), vote(2))
    assert [type(outcome) for outcome in before] == [Counted, Counted, Counted, Quorum]
    after = count_all(vote(0), vote(1), elsewhere)
    assert all(isinstance(outcome, Counted) for outcome in after)


def test_split_votes_reach_no_quorum() -> None:
    outcomes = count_all(vote(0), vote(1), vote(2, other=True), vote(3, other=True))
    assert all(isinstance(outcome, Counted) for outcome in outcomes)


def test_weight_decides() -> None:
    assert isinstance(count_all(vote(0), weights=(7, 1, 1, 1))[0], Quorum)
    assert isinstance(count_all(vote(1), vote(2), vote(3), weights=(7, 1, 1, 1))[-1], Counted)


def test_the_same_vote_again_counts_nothing() -> None:
    again = replace(vote(0), signature=b"another valid signature of the same")
    assert isinstance(count_all(vote(0), again)[-1], Duplicate)


def test_another_vote_of_the_same_member_is_a_conflict_and_counts_nothing() -> None:
    first, second = vote(0), vote(0, other=True)
    outcome = count_all(first, second)[-1]
    assert outcome == Conflict(first)


def test_counting_leaves_the_old_tally_as_it_was() -> None:
    tally = Tally()
    count(tally, vote(0), make_electorate())
    assert tally == Tally()
