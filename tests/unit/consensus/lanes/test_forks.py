"""Two true decisions: when they are of two chains, and which of many shows it first."""

from dataclasses import replace

from consensus.certificates import QuorumCertificate
from consensus.lanes.checkpoints import Checkpoint, first_checkpoint
from consensus.lanes.effects import Halt
from consensus.lanes.events import HardForkProven
from consensus.lanes.forks import are_of_two_chains, first_fork
from consensus.lanes.messages import Decision
from consensus.votes import VotePhase
from native.hashing import ZERO_HASH
from tests.builders_consensus import GENESIS
from tests.builders_lanes import ESCAPE_MS, LaneDriver

FIRST = first_checkpoint(GENESIS, ZERO_HASH)


def after(parent: Checkpoint, *, view: int = 1) -> Checkpoint:
    return replace(FIRST, number=parent.number + 1, parent_id=parent.id, view=view)


def decided(checkpoint: Checkpoint) -> Decision:
    final = QuorumCertificate(
        ZERO_HASH, 0, VotePhase.COMMIT, 1, checkpoint.number, checkpoint.id, b"\x01", (b"",)
    )
    return Decision(checkpoint, final)


ONE = after(FIRST)
TWO = after(ONE)
OTHER_ONE = after(FIRST, view=2)
OTHER_TWO = after(OTHER_ONE)


def test_two_checkpoints_of_one_number_exclude_each_other() -> None:
    assert are_of_two_chains(ONE, OTHER_ONE)
    assert not are_of_two_chains(ONE, ONE)


def test_a_checkpoint_excludes_every_parent_but_its_own() -> None:
    assert are_of_two_chains(OTHER_ONE, TWO)
    assert are_of_two_chains(TWO, OTHER_ONE)
    assert not are_of_two_chains(ONE, TWO)
    assert not are_of_two_chains(TWO, ONE)


def test_checkpoints_further_apart_tell_nothing() -> None:
    assert not are_of_two_chains(FIRST, OTHER_TWO)


def test_the_first_decision_that_excludes_one_of_ours_is_found_across_gaps() -> None:
    ours = [decided(each) for each in (ONE, TWO)]
    theirs = [decided(each) for each in (OTHER_ONE, OTHER_TWO)]
    assert first_fork(ours, theirs) == theirs[0]
    assert first_fork(ours[1:], theirs) == theirs[0]
    assert first_fork(ours, theirs[1:]) == theirs[1]
    assert first_fork(ours[:1], theirs[1:]) == theirs[1]
    assert first_fork(ours, ours) is None
    assert first_fork([], theirs) is None


def test_a_proven_fork_halts_both_lanes_for_good() -> None:
    driver = LaneDriver.started()
    final = decided(OTHER_ONE).certificate
    (halt,) = driver.feed(HardForkProven(final, driver.now_ms))
    assert isinstance(halt, Halt)
    assert halt.certificate is final
    assert driver.wait(driver.now_ms + ESCAPE_MS) == []
