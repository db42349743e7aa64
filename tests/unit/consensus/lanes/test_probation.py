"""When a validator may sign in lanes again whose log is new, or ahead of its chain."""

import pytest

from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.probation import (
    CLOCK_MARGIN_MS,
    head_at,
    is_later,
    is_trusted,
    may_start_signing,
    may_start_signing_after,
    must_abstain,
)
from consensus.lanes.records import CheckpointHard, LaneRecord, TermClosed, settled_number
from consensus.probation import Probation
from consensus.records import SigningAllowed, VoteCast
from consensus.votes import Vote, VotePhase
from native.hashing import Hash32
from tests.builders_lanes import VALIDATORS, make_voters

NAME = Hash32(b"i" * 32)
QUORUM = 17
VOTED = VoteCast(Vote(NAME, VotePhase.PREFER, 1, 1, NAME), 0)


def heard(count: int, number: int, *, own: int = 1) -> Probation:
    """Our own word, and that of `count - 1` others, all of whom wait for checkpoint `number`."""
    probation = Probation(make_voters(0).electorate, {0: head_at(own)})
    for index in range(1, count):
        probation = probation.with_hello(index, head_at(number))
    return probation


def test_a_chain_that_has_just_begun_waits_for_nobody_but_a_quorum() -> None:
    assert not may_start_signing(heard(QUORUM - 1, 1), 1)
    assert may_start_signing(heard(QUORUM, 1), 1)


def test_one_liar_cannot_keep_a_new_chain_from_beginning() -> None:
    probation = heard(2, 10**9)
    for index in range(2, VALIDATORS):
        probation = probation.with_hello(index, head_at(1))
    assert may_start_signing(probation, 1)


@pytest.mark.parametrize(("number", "may"), [(5, False), (7, False), (8, True)])
def test_on_a_living_chain_three_checkpoints_must_go_by(number: int, *, may: bool) -> None:
    """A quorum waits for 5: we may have signed in the ballot on 6, and in the terms 6 and 7."""
    assert may_start_signing(heard(QUORUM, 5), number) is may


def test_an_absurd_number_is_not_waited_for() -> None:
    probation = heard(2, 10**9)
    for index in range(2, VALIDATORS):
        probation = probation.with_hello(index, head_at(5))
    assert not may_start_signing(probation, 7)
    assert may_start_signing(probation, 8)


@pytest.mark.parametrize(
    ("records", "number", "abstains"),
    [
        ((), 1, True),
        ((CheckpointHard(NAME, 4),), 5, True),
        ((TermClosed(NAME, 0, 1, 0, NAME),), 1, True),
        ((VOTED,), 1, False),
        ((SigningAllowed(NAME, 0, 1),), 1, False),
        ((VOTED, CheckpointHard(NAME, 4)), 4, True),
        ((VOTED, CheckpointHard(NAME, 4)), 5, False),
    ],
)
def test_a_log_that_is_new_or_ahead_of_its_chain_means_silence(
    records: tuple[LaneRecord, ...], number: int, *, abstains: bool
) -> None:
    assert must_abstain(records, number) is abstains


def test_the_floor_is_the_highest_checkpoint_that_a_log_knows_decided() -> None:
    assert settled_number(()) == 0
    assert settled_number((CheckpointHard(NAME, 7), VOTED, CheckpointHard(NAME, 3))) == 7
    assert not is_trusted((CheckpointHard(NAME, 7),))


@pytest.mark.parametrize(
    ("after_ms", "later"), [(-1, False), (CLOCK_MARGIN_MS - 1, False), (CLOCK_MARGIN_MS, True)]
)
def test_a_checkpoint_is_later_only_beyond_what_clocks_may_differ(
    after_ms: int, *, later: bool
) -> None:
    started_ms = 1_000_000
    checkpoint = Checkpoint(5, NAME, NAME, 10, False, NAME, 0, 1, 0, started_ms + after_ms)
    assert is_later(checkpoint, started_ms) is later


@pytest.mark.parametrize(("number", "may"), [(6, False), (7, False), (8, True)])
def test_after_the_first_later_checkpoint_two_more_must_go_by(number: int, *, may: bool) -> None:
    """5 is later: we may have signed in the ballot on it, and in the terms 5 and 6."""
    assert may_start_signing_after(5, number) is may
